#!/usr/bin/env python3
"""Predictions a second of `leat serve` with the network of 100-70-50-25-1 units, beside the bare floor servers.

The server has one core, the generator the other; both servers are asked in turns and the best of each counts, so that
what else runs on the machine is the same for both. The line on standard error has the server's CPU time of an answer,
which such noise hardly changes.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import serving

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
ROUNDS, SECONDS = int(os.environ.get("ROUNDS", 3)), os.environ.get("SECONDS", "0.7")
ENGINE = os.environ.get("ENGINE")


def row(name, unit, ours, bound=None, **more):
    print(json.dumps({"name": name, "unit": unit, "ours": ours, "bound": bound, **more}), flush=True)


def best(reports):
    return {"rate": max(r["rate"] for r in reports), **{k: min(r[k] for r in reports) for k in ("p50_us", "p99_us", "cpu_us")}}


def in_turns(ours, floor, question, connections):
    """(ours, floor): the best of several rounds."""
    got = [[], []]
    for _ in range(ROUNDS):
        for server, reports in zip((ours, floor), got):
            reports.append(serving.load(BUILD, server, question, connections, "-t", SECONDS, "-w", "0.2"))
    a, b = best(got[0]), best(got[1])
    print(f"# {question.name} c{connections}: {a['rate']:.0f} of {b['rate']:.0f} a second ({a['rate'] / b['rate']:.0%}), CPU {a['cpu_us']:.1f} of {b['cpu_us']:.1f} us ({b['cpu_us'] / a['cpu_us']:.0%})", file=sys.stderr)
    return a, b


def start_times(models, question):
    times = []
    for _ in range(10):
        began = time.perf_counter()
        server = serving.leat(BUILD, models)
        serving.first_answer(server.port, question)
        times.append(time.perf_counter() - began)
        server.stop()
    return min(times)


def main():
    os.sched_setaffinity(0, set(serving.CORES))
    if subprocess.run([str(BUILD / "leat"), "serve", "--help"], capture_output=True).returncode:
        return 0
    with tempfile.TemporaryDirectory() as tmp:
        models, ask = serving.save_model(BUILD, tmp), serving.questions(tmp)
        ours = serving.leat(BUILD, models, *(["--engine", ENGINE] if ENGINE else []))
        http1 = serving.Server([str(BUILD / "bench/floor_http1"), "40"])
        grpc = serving.Server([str(BUILD / "bench/floor_grpc"), "60"]) if (BUILD / "bench/floor_grpc").exists() else None
        serving.first_answer(ours.port, ask["json1"])
        for connections in (1, 16, 64):
            a, b = in_turns(ours, http1, ask["json1"], connections)
            row(f"serve-json1-c{connections}", "req/s", a["rate"], b["rate"])
            if connections == 16:
                row("serve-json1-c16-p50", "us", a["p50_us"], b["p50_us"])
                row("serve-json1-c16-p99", "us", a["p99_us"], b["p99_us"])
        for connections in (16, 64) if grpc else ():
            a, b = in_turns(ours, grpc, ask["grpc1"], connections)
            row(f"serve-grpc1-c{connections}", "req/s", a["rate"], b["rate"])
        for name, question, floor in (("serve-json256", "json256", http1), ("serve-bin256", "bin256", http1), ("serve-grpcbin256", "grpcbin256", grpc)):
            if floor:
                a, b = in_turns(ours, floor, ask[question], 8)
                row(name, "req/s", a["rate"], b["rate"])
        row("serve-rss", "MB", ours.memory("VmHWM"), http1.memory("VmHWM"))
        for server in (ours, http1, grpc):
            if server:
                server.stop()
        row("serve-start", "s", start_times(models, ask["json1"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

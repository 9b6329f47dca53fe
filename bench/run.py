#!/usr/bin/env python3
"""Runs the benchmarks on one pinned core, writes build/bench.json and prints a table.

run.py BUILD [NAME...]: only programs whose name holds one of the words. Peers run where `make peers` has installed them.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
PEERS = BUILD / "peers" / "bin" / "python"
SMALLER_IS_BETTER = ("us", "ms", "s", "MB")


def rows_of(command, given=""):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=ROOT, input=given)
    if done.returncode:
        sys.exit(f"{command[-1]}: {done.stderr.strip()[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def add_peers(rows):
    """Each program of bench/peers is given our rows and prints peers of rows by name."""
    if not PEERS.exists():
        print("peers: not installed (make peers); ours and the bounds alone", file=sys.stderr)
        return
    by_name = {r["name"]: r for r in rows}
    for program, ours in (("mlp.py", "census-mlp"), ("models.py", "model-"), ("gemm.py", "gemm-"), ("census_job.py", "census-job"), ("serve.py", "serve-"), ("flow.py", "flow-f")):
        mine = [r for r in rows if r["name"].startswith(ours)]
        if not mine or not (ROOT / "bench" / "peers" / program).exists():
            continue
        for found in rows_of([PEERS, ROOT / "bench" / "peers" / program], "\n".join(json.dumps(r) for r in mine)):
            if found["name"] in by_name:
                by_name[found["name"]]["peers"].update(found["peers"])


def finish(row):
    smaller = row["unit"] in SMALLER_IS_BETTER
    best = (min if smaller else max)(row["peers"].values()) if row["peers"] else None
    row["vs_best_peer"] = None if best is None else best / row["ours"] if smaller else row["ours"] / best
    row["vs_bound"] = None if row["bound"] is None else row["ours"] / row["bound"] if smaller else row["bound"] / row["ours"]


def table(rows):
    print(f"{'benchmark':34} {'ours':>10} {'unit':6} {'bound':>10} {'x bound':>8} {'x best peer':>12}  peers")
    for r in rows:
        bound = f"{r['bound']:10.4g} {r['vs_bound']:8.2f}" if r["bound"] is not None else f"{'-':>10} {'-':>8}"
        peer = f"{r['vs_best_peer']:12.2f}" if r["vs_best_peer"] else f"{'-':>12}"
        print(f"{r['name']:34} {r['ours']:10.4g} {r['unit']:6} {bound} {peer}  {', '.join(f'{k} {v:.4g}' for k, v in r['peers'].items())}")


def main():
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    wanted, rows = sys.argv[2:], []
    for program in sorted((BUILD / "bench").glob("bench_*")) + sorted((ROOT / "bench").glob("bench_*.py")):
        if program.is_dir() or not (os.access(program, os.X_OK) or program.suffix == ".py"):
            continue
        if wanted and not any(w in program.name for w in wanted):
            continue
        command = [sys.executable, program, BUILD] if program.suffix == ".py" else [program]
        rows += [{"bound": None, "peers": {}, **row} for row in rows_of(command)]
    add_peers(rows)
    for row in rows:
        finish(row)
    (BUILD / "bench.json").write_text(json.dumps(rows, indent=1) + "\n")
    table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())

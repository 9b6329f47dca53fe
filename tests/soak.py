#!/usr/bin/env python3
"""Soak: the server under a steady load for T seconds (600) while versions are swapped and clients are killed.

An open loop asks at LOAD percent (70) of what a closed loop reaches. Every 5 s a new version takes over, every 7 s a second
model is loaded or unloaded, and clients are killed in the middle of requests and answers all the time. It must show: no
failed request but those killed; a 99th percentile within 250 ms of swaps of at most twice that of the quiet time; less
than 1 MB growth of resident memory a minute from minute 3 on (a third of shorter runs); as many descriptors at the end.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import mmap
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests")]
import h2
import serving

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
SECONDS, LOAD = float(os.environ.get("T") or 600), float(os.environ.get("LOAD") or 70) / 100
SWAP, TOGGLE, NEAR = 5, 7, 0.25
CONFIG = 'model_config_list {{ config {{ name: "mlp" base_path: "{0}/mlp" model_platform: "leat" }} config {{ name: "other" base_path: "{0}/other" model_platform: "leat" }} }}\n'


class Marks:
    """Until when times are counted as near a swap; shared with the load generator."""

    def __init__(self, path):
        path.write_bytes(bytes(8))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 8)

    def until(self, seconds):
        self.map[:] = struct.pack("<q", time.monotonic_ns() + int(seconds * 1e9))


def post(port, path):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        answer = b""
        while more := s.recv(65536):
            answer += more
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"{path}: {answer[:300]}")
    return answer


class Operator(threading.Thread):
    """Swaps versions, loads and unloads the other model."""

    def __init__(self, server, models, marks, end):
        super().__init__()
        self.server, self.models, self.marks, self.end = server, models, marks, end
        self.swaps = self.toggles = 0
        self.slowest, self.faults = 0, []

    def swap(self):
        old, new = self.models / "mlp" / str(self.swaps + 1), self.models / "mlp" / str(self.swaps + 2)
        shutil.copytree(old, self.models / "next")
        (self.models / "next").rename(new)
        self.marks.until(60)
        began = time.monotonic()
        post(self.server.port, "/v2/repository/models/mlp/load")
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.marks.until(NEAR)
        self.swaps += 1
        shutil.rmtree(old)

    def toggle(self):
        self.toggles += 1
        post(self.server.port, f"/v2/repository/models/other/{'unload' if self.toggles % 2 else 'load'}")

    def run(self):
        swap, toggle = time.monotonic() + SWAP, time.monotonic() + TOGGLE
        try:
            while (now := time.monotonic()) < self.end - 1:
                if now >= swap:
                    self.swap()
                    swap += SWAP
                if now >= toggle:
                    self.toggle()
                    toggle += TOGGLE
                time.sleep(0.02)
        except Exception as e:
            self.faults.append(f"{type(e).__name__}: {e}")


class Killed(threading.Thread):
    """Clients that go away in the middle: of a head, a body, an answer, a call."""

    def __init__(self, port, question, end):
        super().__init__()
        self.port, self.question, self.end, self.count = port, question, end, 0

    def run(self):
        request = serving.http_request(self.question, self.port)
        r = random.Random(1)
        while time.monotonic() < self.end - 1:
            try:
                s = socket.create_connection(("127.0.0.1", self.port), timeout=10)
                if self.count % 3 == 2:
                    c = h2.Connection(self.port, s)
                    c.start(self.question.path, self.question.body * r.randrange(1, 40))
                else:
                    s.sendall(request[: r.randrange(1, len(request) + 1)])
                if r.random() < 0.5:
                    time.sleep(r.random() * 0.01)
                if r.random() < 0.7:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.close()
            except OSError:
                pass
            self.count += 1
            time.sleep(0.02)


def slope(samples):
    """Least squares, of (x, y)."""
    n = len(samples)
    mx, my = sum(x for x, _ in samples) / n, sum(y for _, y in samples) / n
    return sum((x - mx) * (y - my) for x, y in samples) / (sum((x - mx) ** 2 for x, _ in samples) or 1)


def main():
    os.sched_setaffinity(0, set(serving.CORES))
    failures = []

    def check(name, good, found):
        print(f"# {found}\n{'ok' if good else 'not ok'} {name}", flush=True)
        failures.extend([] if good else [name])

    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        models = tmp / "models"
        for name in ("mlp", "other"):
            (models / name).mkdir(parents=True)
            subprocess.run([str(BUILD / "bench/bench_mlp"), "save", str(models / name / "1")], check=True)
        (tmp / "config").write_text(CONFIG.format(models))
        port = serving.free_port()
        server = serving.Server([str(BUILD / "leat"), "serve", "--model_config_file", str(tmp / "config"), "--listen", f"127.0.0.1:{port}", "--threads", "1", "--file_system_poll_wait_seconds", "-1"], port)
        question = serving.questions(tmp)["json1"]
        serving.first_answer(port, question)
        peak = max(serving.load(BUILD, server, question, 16, "-t", "1")["rate"] for _ in range(3))
        rate = round(peak * LOAD)
        print(f"# {peak:.0f} answers a second at most; asking {rate} a second for {SECONDS:.0f} s", flush=True)
        marks, begin = Marks(tmp / "marks"), time.monotonic()
        end = begin + SECONDS
        operator, killed = Operator(server, models, marks, end), Killed(port, question, end)
        command = [str(BUILD / "bench/load"), "-c", "64", *question.load(), "-r", str(rate), "-t", str(SECONDS), "-m", str(tmp / "marks"), str(port), question.path]
        load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {serving.CORES[-1]}))
        operator.start()
        killed.start()
        memory, descriptors, settle = [], [], min(180, SECONDS / 3)
        while load.poll() is None:
            time.sleep(1)
            if time.monotonic() - begin > settle and server.process.poll() is None:
                memory.append(((time.monotonic() - begin) / 60, server.memory("VmRSS")))
                descriptors.append(len(os.listdir(f"/proc/{server.process.pid}/fd")))
        operator.join()
        killed.join()
        text, errors = load.communicate()
        report = json.loads(text) if text.startswith("{") else {}
        check("the server stays up", server.process.poll() is None, f"exit status {server.process.poll()}")
        check("no request fails", report.get("failed") == 0, f"{report.get('requests')} answers, {report.get('failed')} failed {errors.strip()[:300]}")
        check("versions are swapped, models loaded and unloaded", not operator.faults and operator.swaps >= SECONDS / SWAP - 3, f"{operator.swaps} swaps, the slowest in {operator.slowest * 1e3:.0f} ms, {operator.toggles} loads and unloads, {killed.count} clients killed {operator.faults}")
        near = report.get("near", {})
        check("the 99th percentile near swaps is at most twice the quiet one", near.get("p99_us", 1e9) <= 2 * report.get("p99_us", 0), f"quiet p50 {report.get('p50_us')} p99 {report.get('p99_us')} us; near p50 {near.get('p50_us')} p99 {near.get('p99_us')} us ({near.get('requests')} answers)")
        growth = slope(memory) if len(memory) > 2 else 0
        check("resident memory does not grow", growth < 1, f"{growth:+.3f} MB a minute; {memory[0][1]:.1f} to {memory[-1][1]:.1f} MB" if memory else "no samples")
        half = len(descriptors) // 2
        check("descriptors do not grow", bool(half) and max(descriptors[half:]) <= max(descriptors[:half]) + 8, f"at most {max(descriptors[:half] or [0])}, then {max(descriptors[half:] or [0])}")
        server.stop()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

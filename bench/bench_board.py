#!/usr/bin/env python3
"""The board on large logs, from start to everything served: against a plain scan with both checksums, and real TensorBoard where
`tests/interop/board.py` has installed it (both run here, on the same files). bench_board.py BUILD"""
# SPDX-License-Identifier: Apache-2.0
import http.client
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
TENSORBOARD = BUILD / "interop" / "board" / "bin" / "tensorboard"
LOGS = {  # runs, tags, steps
    "l1": (1, 1, 5_000_000, "scalars"),
    "l2": (200, 20, 2_000, "scalars"),
    "l3": (20, 20, 1_900, "mixed"),
}


def row(name, ours, unit, bound, peers):
    print(json.dumps({"name": name, "ours": ours, "unit": unit, "bound": bound, "peers": peers}), flush=True)


def ask(port, method, path, body=None, headers=None):
    c = http.client.HTTPConnection("localhost", port, timeout=60)
    try:
        c.request(method, path, body, headers or {})
        return c.getresponse().read()
    finally:
        c.close()


def tree(pid):
    """A process and those it started."""
    pids = [pid]
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            if int(re.search(r"^PPid:\s+(\d+)", status.read_text(), re.M)[1]) in pids:
                pids.append(int(status.parent.name))
        except (OSError, TypeError):
            continue
    return pids


def peak_mb(pid):
    total = 0
    for p in tree(pid):
        try:
            total += int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{p}/status").read_text())[1])
        except (OSError, TypeError):
            continue
    return total / 1024


class Server:
    def __init__(self, command, pattern):
        self.log = tempfile.TemporaryFile("w+")
        self.start = time.perf_counter()
        self.process = subprocess.Popen([str(c) for c in command], stdout=self.log, stderr=subprocess.STDOUT)
        found = None
        while not found:
            time.sleep(0.001)
            self.log.seek(0)
            found = re.search(pattern, self.log.read())
            if self.process.poll() is not None:
                sys.exit(f"{command[0]} ended")
        self.port = int(found[1])

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def ours(logs):
    s = Server([BUILD / "leat", "board", "--logdir", logs, "--port", "0"], r"http://localhost:(\d+)/")
    while True:
        state = json.loads(ask(s.port, "GET", "/data/leat/state"))
        if state["loading"]["done"]:
            break
        time.sleep(0.001)
    return s, time.perf_counter() - s.start, state["points"]


def theirs(logs, last_run, tag, last_step):
    s = Server([TENSORBOARD, "--logdir", logs, "--port", "0", "--load_fast", "true", "--reload_interval", "1"], r"http://[^:]+:(\d+)/")
    path = "/data/plugin/scalars/scalars?" + urllib.parse.urlencode({"run": last_run, "tag": tag})
    while True:
        try:
            points = json.loads(ask(s.port, "GET", path))
            if points[-1][1] == last_step:
                break
        except (ValueError, OSError, KeyError, IndexError):
            pass
        time.sleep(0.02)
    return s, time.perf_counter() - s.start


def fastest(port, method, path, body=None, headers=None):
    best = 1e9
    for _ in range(7):
        start = time.perf_counter()
        ask(port, method, path, body, headers)
        best = min(best, time.perf_counter() - start)
    return best * 1000


def requests(port):
    tag = "train/metric_00"
    one = fastest(port, "GET", "/data/plugin/scalars/scalars?" + urllib.parse.urlencode({"run": "run_0007", "tag": tag}))
    form = urllib.parse.urlencode([("tag", tag)] + [("runs", f"run_{i:04d}") for i in range(200)])
    return one, fastest(port, "POST", "/data/plugin/scalars/scalars_multirun", form, {"content-type": "application/x-www-form-urlencoded"})


def measure(name, runs, tags, steps, kind):
    logs = BUILD / "board-logs" / name
    if not logs.exists():
        logs.parent.mkdir(exist_ok=True)
        subprocess.run([BUILD / "bench" / "events_gen", logs, str(runs), str(tags), str(steps), kind], check=True)
    files = sorted(logs.glob("*/*"))
    floor = min(json.loads(subprocess.run([BUILD / "bench" / "floor_events", *files], capture_output=True, check=True).stdout)["seconds"] for _ in range(5))
    best = None
    for _ in range(5):
        s, seconds, points = ours(logs)
        assert points == runs * tags * steps, points
        if best is None or seconds < best[0]:
            best = (seconds, peak_mb(s.process.pid))
        times = requests(s.port) if name == "l2" else None
        s.stop()
    load, memory, peer = {}, {}, None
    if TENSORBOARD.exists():
        s, seconds = theirs(logs, f"run_{runs - 1:04d}", "train/metric_00", steps - 1)
        load["tensorboard fast"], memory["tensorboard fast"] = seconds, peak_mb(s.process.pid)
        peer = requests(s.port) if name == "l2" else None
        s.stop()
    row(f"board-{name}-load", best[0], "s", floor, load)
    row(f"board-{name}-rss", best[1], "MB", None, memory)
    if times:
        row("board-one-tag", times[0], "ms", None, {"tensorboard (sampled)": peer[0]} if peer else {})
        row("board-200-runs", times[1], "ms", None, {"tensorboard (sampled)": peer[1]} if peer else {})


def main():
    for name, log in LOGS.items():
        measure(name, *log)


if __name__ == "__main__":
    main()

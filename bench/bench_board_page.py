#!/usr/bin/env python3
"""The board's first chart on screen: 200 runs x 20 tags x 2,000 points, in Chromium, beside real TensorBoard where it is installed.

Needs Chromium and web/board/node_modules (make e2e); without them no row is printed. TensorBoard: in the peers' environment or
the one in $TENSORBOARD (the program).
"""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1])
RUNS, TAGS, POINTS = 200, 20, 2000
BOUND = 0.5  # seconds


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(address):
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)


def until(ready, seconds=180):
    end = time.time() + seconds
    while time.time() < end:
        try:
            if ready():
                return
        except OSError:
            pass
        time.sleep(0.2)
    sys.exit("a board did not become ready")


def browse(which, address, times):
    done = subprocess.run(["node", ROOT / "bench/board_page.mjs", which, address, str(times)], capture_output=True, text=True)
    if done.returncode:
        print(f"{which}: {done.stderr.strip()[-600:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout)


def leat(logs):
    child = subprocess.Popen([BUILD / "leat", "board", "--logdir", logs, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address = None
        while not address:
            found = re.search(r"http://\S+", child.stdout.readline())
            address = found and found[0]
        until(lambda: ask(f"{address}data/leat/state")["loading"]["done"])
        return browse("leat", address, 7)
    finally:
        child.kill()


def tensorboard(logs):
    beside = BUILD / "interop/board/bin/tensorboard"
    program = os.environ.get("TENSORBOARD") or next((str(p) for p in (BUILD / "peers/bin/tensorboard", beside) if p.exists()), None)
    if not program:
        return None
    port = free_port()
    child = subprocess.Popen([program, "--logdir", logs, "--port", str(port), "--load_fast", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: len(ask(f"http://127.0.0.1:{port}/data/runs")) == RUNS)
        time.sleep(3)  # its last points
        return browse("tensorboard", f"http://127.0.0.1:{port}/", 2)
    finally:
        child.kill()


def main():
    if not (shutil.which("node") and (ROOT / "web/board/node_modules").exists()):
        print("board-first-chart: needs Node, Chromium and web/board/node_modules (make e2e)", file=sys.stderr)
        return
    if hasattr(os, "sched_setaffinity"):  # a browser and a server work side by side
        os.sched_setaffinity(0, range(os.cpu_count()))
    with tempfile.TemporaryDirectory() as tmp:
        logs = f"{tmp}/logs"
        subprocess.run([BUILD / "bench/events_gen", logs, str(RUNS), str(TAGS), str(POINTS)], check=True)
        ours, theirs = leat(logs), tensorboard(logs)
        if ours:
            peers = {"tensorboard": theirs["seconds"]} if theirs else {}
            print(json.dumps({"name": "board-first-chart", "unit": "s", "ours": ours["seconds"], "bound": BOUND, "peers": peers}))
            sizes = {"tensorboard": theirs["bytes"] / 1e6} if theirs else {}
            print(json.dumps({"name": "board-first-chart-sent", "unit": "MB", "ours": ours["bytes"] / 1e6, "peers": sizes}))


if __name__ == "__main__":
    main()

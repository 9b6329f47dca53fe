#!/usr/bin/env python3
"""The board under 200 million points: 1,000 runs of 20 tags of 10,000 points (10 GB): soak_board.py BUILD [RUNS [DIR]]. Makes the logs in DIR (build/soak-board),
and removes them unless KEEP is set. Checks, from a warm page cache: tags within a second, the first tag of ten runs within two, all within ten, below 1.5 GB,
40 curves in 12 charts and a band of 200 runs within 100 ms a chart set, a live point within a second."""
# SPDX-License-Identifier: Apache-2.0
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import board

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
RUNS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
LOGS = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else BUILD / "soak-board"
TAGS, POINTS = 20, 10_000
failed = 0


def check(name, value, limit, unit):
    global failed
    good = value <= limit
    failed |= not good
    print(f"{'ok' if good else 'not ok'} {name}: {value:.3g} {unit} (at most {limit:g})", flush=True)


def ask(port, method, path, body=None):
    c = http.client.HTTPConnection("localhost", port, timeout=60)
    c.request(method, path, json.dumps(body) if body is not None else None)
    raw = c.getresponse().read()
    c.close()
    return raw


def series(port, runs, tag, **more):
    body = {"x": "step", "width": 600, "smooth": {"kind": "ema", "value": 0.6}, "series": [{"run": r, "tag": tag} for r in runs], **more}
    return ask(port, "POST", "/data/leat/series", body)


def tag_name(i):
    return f"{'eval' if i % 2 else 'train'}/metric_{i:02d}"


def fastest(work, times=5):
    best = 1e9
    for _ in range(times):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def charts(port, runs):
    """Twelve charts at once, as the page asks for them."""
    threads = [threading.Thread(target=series, args=(port, runs, tag_name(t))) for t in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def memory_mb(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def main():
    if not LOGS.exists():
        subprocess.run([BUILD / "bench" / "events_gen", LOGS, str(RUNS), str(TAGS), str(POINTS)], check=True)
    files = sorted(LOGS.glob("*/*"))
    floor = json.loads(subprocess.run([BUILD / "bench" / "floor_events", *files], capture_output=True, check=True).stdout)
    print(f"# {len(files)} files, {floor['bytes'] / 1e9:.1f} GB; a plain scan takes {floor['seconds']:.2f} s", flush=True)
    log = tempfile.TemporaryFile("w+")
    start = time.perf_counter()
    p = subprocess.Popen([BUILD / "leat", "board", "--logdir", LOGS, "--port", "0", "--reload_interval", "1"], stdout=log, stderr=subprocess.STDOUT)
    port = None
    while not port:
        log.seek(0)
        found = re.search(r"http://localhost:(\d+)", log.read())
        port = int(found[1]) if found else None
        time.sleep(0.002)
    try:
        while True:
            tags = json.loads(ask(port, "GET", "/data/leat/tags"))
            listed = sum(len(t["runs"]) for t in tags["scalars"])
            if listed == RUNS * TAGS:
                break
            time.sleep(0.01)
        check("tags of all runs are listed", time.perf_counter() - start, 1, "s")
        raw = series(port, range(10), tag_name(0))
        check("the first tag of ten runs is drawn", time.perf_counter() - start, 2, "s")
        assert raw[:4] == b"LTS1"
        progress = []
        while True:
            state = json.loads(ask(port, "GET", "/data/leat/state"))
            progress.append(state["loading"]["bytes_done"])
            if state["loading"]["done"]:
                break
            time.sleep(0.05)
        check("all is loaded", time.perf_counter() - start, 10, "s")
        check("points that are missing", RUNS * TAGS * POINTS - state["points"], 0, "points")
        print(f"# progress was told {len(set(progress))} times")
        check("memory", memory_mb(p.pid), 1536, "MB")
        check("40 runs in 12 charts", fastest(lambda: charts(port, range(40))) * 1000, 100, "ms")
        check("a zoom of them", fastest(lambda: series(port, range(40), tag_name(3), x0=2000, x1=2500)) * 1000, 100, "ms")
        check("a band of 200 runs", fastest(lambda: series(port, range(200), tag_name(1), width=300, band=[list(range(200))])) * 1000, 200, "ms")
        live = sorted(LOGS.glob("*/*"))[RUNS // 2]
        before = state["points"]
        start = time.perf_counter()
        with open(live, "ab") as f:
            f.write(board.scalar(tag_name(0), POINTS, 1.0))
        while json.loads(ask(port, "GET", "/data/leat/state"))["points"] == before and time.perf_counter() - start < 5:
            time.sleep(0.005)
        check("a live point is there", time.perf_counter() - start, 1, "s")
    finally:
        p.terminate()
        p.wait(30)
    if not os.environ.get("KEEP"):
        shutil.rmtree(LOGS)
    return failed


if __name__ == "__main__":
    sys.exit(main())

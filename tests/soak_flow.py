#!/usr/bin/env python3
"""Flows for a day of event time: 432 million events, 5,000 a second, skewed keys, up to 5 s out of order and a part of them late, read from a pipe with
--streaming; memory must not grow. Then 10 million live session keys in less than 2 GB. soak_flow.py BUILD; HOURS=24 (event time), KEYS=10000000.

Growth is by the greatest resident memory of the second half against that of the first after a tenth: 5 % and 4 MB are let pass for the allocator.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
HOURS = float(os.environ.get("HOURS") or 24)
KEYS = int(os.environ.get("KEYS") or 10_000_000)
A_SECOND = 5000
failures = 0

HEAD = "pipeline:\n  type: chain\n  transforms:\n    - {type: ReadFromCsv, config: {path: '-', schema: {ts: int64, key: int64, value: int64}, timestamp: {field: ts, unit: ms, out_of_orderness: 4s}}}\n"
COMBINE = "    - {type: Combine, windowing: %s, config: {group_by: key, combine: {n: count, s: {value: value, fn: sum}}}}\n"
JOBS = {
    "fixed windows, what is late dropped": COMBINE % "{type: fixed, size: 10s}",
    "fixed windows with early and late panes": COMBINE % "{type: fixed, size: 10s, trigger: {after_watermark: {early: {after_count: 1000}, late: {after_count: 1}}}, allowed_lateness: 30s}",
    "sessions": COMBINE % "{type: sessions, gap: 30s}",
    "sliding windows": COMBINE % "{type: sliding, size: 60s, period: 10s}",
    "the ten greatest of each minute, by distinct keys": "    - {type: Distinct, windowing: {type: fixed, size: 60s}, config: {fields: [key, value]}}\n    - {type: Top, config: {n: 10, by: value}}\n",
}


def report(name, good, why=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + (f": {why}" if why else ""), flush=True)


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


def day(name, job, tmp):
    events = int(HOURS * 3600 * A_SECOND)
    file, metrics = tmp / "day.yaml", tmp / "metrics.json"
    file.write_text(HEAD + job + "    - {type: WriteToNull}\n")
    made = subprocess.Popen([BUILD / "bench" / "flow_gen", "events", "/dev/stdout", str(events), "100000"], stdout=subprocess.PIPE)
    begun = time.monotonic()
    flow = subprocess.Popen([BUILD / "leat", "flow", "run", file, "--streaming", "--quiet", "--metrics-file", metrics], stdin=made.stdout)
    made.stdout.close()
    marks = []
    while flow.poll() is None:
        marks.append(resident(flow.pid))
        time.sleep(0.25)
    took = time.monotonic() - begun
    made.wait()
    if flow.returncode:
        return report(name, False, f"exit {flow.returncode}")
    marks = [m for m in marks if m][:-1]
    early, late = max(marks[len(marks) // 10 : len(marks) // 2] or [0]), max(marks[len(marks) // 2 :] or [0])
    stages = {t["name"]: t for t in json.loads(metrics.read_text())["transforms"]}
    dropped = sum(t.get("dropped_late", 0) for t in stages.values())
    text = f"{events / 1e6:.0f} M events in {took:.0f} s, {events / took / 1e6:.1f} M/s; {early:.1f} MB in the first half, {late:.1f} MB in the second; {dropped} rows late"
    report(name, late <= early * 1.05 + 4, text)


def live_keys(tmp):
    file, data = tmp / "keys.yaml", tmp / "keys.csv"
    with open(data, "w") as f:
        f.write("ts,key,value\n")
        for at in range(0, KEYS, 100_000):
            f.write("".join(f"{1_700_000_000_000 + k // 1000},{k},1\n" for k in range(at, min(at + 100_000, KEYS))))
    file.write_text(HEAD.replace("'-'", str(data)) + COMBINE % "{type: sessions, gap: 30s}" + "    - {type: WriteToNull}\n")
    flow = subprocess.Popen([BUILD / "leat", "flow", "run", file, "--streaming", "--quiet", "--threads", "1"])
    most = 0
    while flow.poll() is None:
        most = max(most, resident(flow.pid))
        time.sleep(0.1)
    report(f"{KEYS} live session keys in less than 2 GB", flow.returncode == 0 and most < 2000, f"{most:.0f} MB")


def main():
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        for job, text in JOBS.items():
            day(job, text, tmp)
        live_keys(tmp)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Flows: events a second of windowed sums, words counted, time to run a small pipeline, delay from watermark to result.

One worker on one core, streaming with watermarks, from files, results counted and dropped. The bound of each job is the
same job written by hand for its file alone (floor_flow). Both are run in turns and the best of each counts. EVENTS and
WORD_MB make the data smaller than 10 million events and 500 MB.
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
EVENTS, WORD_MB, ROUNDS = int(os.environ.get("EVENTS", 10000000)), int(os.environ.get("WORD_MB", 500)), int(os.environ.get("ROUNDS", 3))
CORES = sorted(set(range(os.cpu_count())))
DATA = BUILD / "bench" / "data"


def data(name, *args):
    """Made once and kept: the same arguments give the same bytes."""
    file = DATA / name
    if not file.exists():
        DATA.mkdir(parents=True, exist_ok=True)
        subprocess.run([BUILD / "bench/flow_gen", args[0], f"{file}.tmp", *map(str, args[1:])], check=True)
        os.rename(f"{file}.tmp", file)
    return file


def events_pipeline(file, windowing):
    return f"""pipeline:
  type: chain
  transforms:
    - type: ReadFromCsv
      config:
        path: {file}
        schema: {{ts: int64, key: string, value: int64}}
        timestamp: {{field: ts, unit: ms, out_of_orderness: 5s}}
    - type: Combine
      windowing: {windowing}
      config: {{group_by: key, combine: {{sum: {{value: value, fn: sum}}, n: count}}}}
    - type: WriteToNull
"""


def words_pipeline(file):
    return f"""pipeline:
  type: chain
  transforms:
    - type: ReadFromText
      config: {{path: {file}}}
    - type: SplitWords
      config: {{field: line}}
    - type: Combine
      config: {{group_by: word, combine: {{n: count}}}}
    - type: WriteToNull
"""


def run(pipeline, threads=1, cores=1, streaming=True):
    """(seconds, rows that came to the sink)"""
    pin = lambda: os.sched_setaffinity(0, set(CORES[-cores:]))  # noqa: E731
    options = ["--streaming"] if streaming else []
    done = subprocess.run([BUILD / "leat", "flow", "run", pipeline, "--threads", str(threads), "--quiet", "--format", "json", *options],
                          capture_output=True, text=True, check=True, preexec_fn=pin)
    report = json.loads(done.stdout)
    return report["seconds"], next(t["rows_in"] for t in report["transforms"] if t["type"] == "WriteToNull")


def by_hand(job, file):
    pin = lambda: os.sched_setaffinity(0, {CORES[-1]})  # noqa: E731
    seconds, results, _ = subprocess.run([BUILD / "bench/floor_flow", job, file], capture_output=True, text=True, check=True, preexec_fn=pin).stdout.split()
    return float(seconds), int(results)


def row(name, unit, ours, bound=None, **more):
    print(json.dumps({"name": name, "unit": unit, "ours": ours, "bound": bound, **more}), flush=True)


def job(tmp, name, text, hand, file, amount, unit):
    pipeline = pathlib.Path(tmp) / f"{name}.yaml"
    pipeline.write_text(text)
    ours, two, bound = [], [], []
    for _ in range(ROUNDS):
        ours.append(run(pipeline))
        bound.append(by_hand(hand, file))
        if len(CORES) > 1:
            two.append(run(pipeline, 2, 2))
    results = {n for _, n in ours + two + bound}
    if len(results) != 1:
        sys.exit(f"{name}: the results differ in number: {sorted(results)}")
    row(name, unit, amount / min(ours)[0], amount / min(bound)[0], file=str(file), results=results.pop(), amount=amount)
    if two:
        row(f"{name}-two-threads", unit, amount / min(two)[0], 2 * amount / min(ours)[0])


def start_to_end(tmp):
    pipeline = pathlib.Path(tmp) / "tiny.yaml"
    pipeline.write_text("pipeline:\n  type: chain\n  transforms:\n    - type: Create\n      config: {elements: [{k: a, n: 1}, {k: a, n: 2}]}\n"
                        "    - type: Combine\n      config: {group_by: k, combine: {n: sum}}\n    - type: WriteToNull\n")
    times = []
    for _ in range(20):
        began = time.perf_counter()
        run(pipeline, streaming=False)
        times.append(time.perf_counter() - began)
    row("flow-f5", "s", min(times))


# 50 events a millisecond; when the first event behind each window is written goes to a file.
WRITER = """
import os, sys, time
start, log = time.perf_counter(), open(sys.argv[1], "w")
for ms in range(int(sys.argv[2])):
    time.sleep(max(0, start + ms / 1000 - time.perf_counter()))
    if ms % 20 == 0:
        log.write(f"{time.perf_counter()}\\n")
    os.write(1, "".join(f"{1000000 + ms},k{i % 10},1\\n" for i in range(50)).encode())
log.close()
"""


def delays(tmp):
    """From the write that moves the watermark past a window to the last of its ten results being read."""
    pipeline, log = pathlib.Path(tmp) / "delay.yaml", pathlib.Path(tmp) / "sent"
    pipeline.write_text("pipeline:\n  type: chain\n  transforms:\n    - type: ReadFromCsv\n      config: {path: '-', header: false, schema: {ts: int64, key: string, value: int64}, timestamp: {field: ts, unit: ms}}\n"
                        "    - type: Combine\n      windowing: {type: fixed, size: 20ms}\n      config: {group_by: key, combine: {sum: {value: value, fn: sum}}}\n"
                        "    - type: WriteToJson\n      config: {path: '-'}\n")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, log, "5000"], stdout=subprocess.PIPE)
    flow = subprocess.Popen([BUILD / "leat", "flow", "run", pipeline, "--streaming", "--threads", "1", "--quiet"], stdin=writer.stdout, stdout=subprocess.PIPE)
    writer.stdout.close()
    seen = []
    while data := os.read(flow.stdout.fileno(), 1 << 16):
        seen += [time.perf_counter()] * data.count(b"\n")
    if flow.wait() or writer.wait() or len(seen) != 2500:
        sys.exit(f"flow-f6: {len(seen)} results, not 2500")
    sent = [float(line) for line in log.read_text().split()][1:]
    found = sorted((seen[10 * i + 9] - at) * 1e3 for i, at in enumerate(sent))[:-1]
    row("flow-f6-p50", "ms", found[len(found) // 2])
    row("flow-f6-p99", "ms", found[int(len(found) * 0.99)])


def main():
    os.sched_setaffinity(0, set(CORES))
    million = EVENTS / 1e6
    with tempfile.TemporaryDirectory() as tmp:
        few, many = data(f"events-{EVENTS}-1000", "events", EVENTS, 1000), data(f"events-{EVENTS}-100000", "events", EVENTS, 100000)
        job(tmp, "flow-f1", events_pipeline(few, "{type: fixed, size: 10s}"), "fixed", few, million, "M/s")
        job(tmp, "flow-f2-session", events_pipeline(many, "{type: sessions, gap: 30s}"), "sessions", many, million, "M/s")
        job(tmp, "flow-f2-sliding", events_pipeline(many, "{type: sliding, size: 60s, period: 10s}"), "sliding", many, million, "M/s")
        words = data(f"words-{WORD_MB}", "words", WORD_MB * 1000000)
        job(tmp, "flow-f3", words_pipeline(words), "words", words, WORD_MB, "MB/s")
        start_to_end(tmp)
        delays(tmp)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Pipelines over files of random events: the fast and the general path, batch and stream, one worker and several give the same results.

N=200 for more of them (40), SEED=7 for one alone.
"""
# SPDX-License-Identifier: Apache-2.0
import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
failures = 0


def report(name, good, why=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + ("" if good else f" # {why}"))


def windows(kind, size, period, gap, ts):
    """Of a timestamp, as (start, end)."""
    if kind == "global":
        return [("global", "global")]
    if kind == "fixed":
        return [(ts // size * size, ts // size * size + size)]
    if kind == "sliding":
        last = ts // period * period
        return [(s, s + size) for s in range(last, ts - size, -period)]
    return [(ts, ts + gap)]


def expected(rows, kind, size, period, gap):
    """{(key, start, end): [values]} by a slow reading: everything at once, nothing late."""
    found = collections.defaultdict(list)
    if kind != "sessions":
        for ts, key, value in rows:
            for start, end in windows(kind, size, period, gap, ts):
                found[key, start, end].append(value)
        return found
    by_key = collections.defaultdict(list)
    for ts, key, value in rows:
        by_key[key].append((ts, value))
    for key, events in by_key.items():
        start = end = None
        for ts, value in sorted(events):
            if end is None or ts >= end:
                start, end, values = ts, ts + gap, []
                kept = values
                found[key, start] = kept
            found[key, start].append(value)
            end = ts + gap
    return {(key, start, None): values for (key, start), values in found.items()}


def run(file, *options):
    done = subprocess.run([BUILD / "leat", "flow", "run", file, "--quiet", "--format", "json", *options], capture_output=True, text=True, timeout=120)
    if done.returncode:
        return done.stderr.strip()
    return {t["name"]: t for t in json.loads(done.stdout)["transforms"]}


def case(seed):
    r = random.Random(seed)
    kind = r.choice(["fixed", "sliding", "sessions", "global"])
    size, gap = r.choice([1000, 7000, 10000]), r.choice([500, 3000, 20000])
    period = r.choice([p for p in (500, 1000, 2500, 7000, 10000) if p <= size])
    keys = r.choice([3, 50, 5000])
    count, disorder = r.choice([10, 3000, 60000]), r.choice([0, 200, 4000])
    number = r.random() < 0.3
    rows = [(100000 + i * r.choice([0, 1, 3]) + r.randint(0, disorder), r.randint(0, keys) if number else f"k{r.randint(0, keys)}" * r.choice([1, 1, 1, 4]), r.randint(-1000, 1000)) for i in range(count)]
    rows.sort(key=lambda row: row[0] + r.randint(0, disorder))
    latest, worst = -1e18, 0
    for ts, _, _ in rows:
        latest = max(latest, ts)
        worst = max(worst, latest - ts)
    windowing = {"fixed": f"{{type: fixed, size: {size}ms}}", "global": "{type: global}", "sessions": f"{{type: sessions, gap: {gap}ms}}", "sliding": f"{{type: sliding, size: {size}ms, period: {period}ms}}"}[kind]
    fns = r.sample(["s: {value: value, fn: sum}", "n: count", "lo: {value: value, fn: min}", "m: {value: value, fn: mean}", "x: {value: real, fn: sum}"], r.randint(1, 3))
    want = expected(rows, kind, size, period, gap)
    checks = sorted(repr((k[0], k[1], sorted(v))) for k, v in want.items())
    with tempfile.TemporaryDirectory() as tmp:
        csv, out = pathlib.Path(tmp) / "in.csv", pathlib.Path(tmp) / "p.yaml"
        csv.write_text("ts,key,value,real\n" + "".join(f"{ts},{key},{value},{value / 7!r}\n" for ts, key, value in rows))
        head = f"""pipeline:
  type: chain
  transforms:
    - type: ReadFromCsv
      config:
        path: {csv}
        schema: {{ts: int64, key: {'int64' if number else 'string'}, value: int64, real: double}}
        timestamp: {{field: ts, unit: ms, out_of_orderness: {worst + 1}ms}}
    - type: Combine
      windowing: {windowing}
      config: {{group_by: key, combine: {{{', '.join(fns)}}}}}
"""
        results = {}
        for options in ([], ["--streaming"], ["--streaming", "--threads", "2"], ["--threads", "3"], ["--streaming", "--general-path"], ["--streaming", "--threads", "2", "--general-path"]):
            if "--threads" not in options:
                options = [*options, "--threads", "1"]
            sink = pathlib.Path(tmp) / "out"
            out.write_text(head + f"    - type: WriteSorted\n      config: {{path: {sink}}}\n")
            got = run(out, *options)
            if isinstance(got, str):
                return f"seed {seed} {options}: {got}"
            results[" ".join(options)] = sink.read_bytes()
            total = len(checks)
            if len(sink.read_text().splitlines()) != total:
                return f"seed {seed} {kind} {options}: {len(sink.read_text().splitlines())} results, not {total}"
        if len(set(results.values())) != 1:
            one, other = sorted(results)[0], next(o for o in results if results[o] != results[sorted(results)[0]])
            a, b = results[one].splitlines(), results[other].splitlines()
            return f"seed {seed} {kind}: '{one}' differs from '{other}': {[(x, y) for x, y in zip(a, b) if x != y][:2]}"
        if "n: count" in fns:
            at = sorted(repr(len(v)) for v in want.values())
            found = sorted(field.split("=")[1] for line in sink.read_text().splitlines() for field in line.split(" ") if field.startswith("n="))
            if at != found:
                return f"seed {seed} {kind}: other counts than expected"
        if "s: {value: value, fn: sum}" in fns:
            at = sorted(repr(sum(v)) for v in want.values())
            found = sorted(field.split("=")[1] for line in sink.read_text().splitlines() for field in line.split(" ") if field.startswith("s="))
            if at != found:
                return f"seed {seed} {kind}: other sums than expected"
    return None


def main():
    seeds = [int(os.environ["SEED"])] if "SEED" in os.environ else range(1, int(os.environ.get("N") or 40) + 1)
    wrong = [w for w in map(case, seeds) if w]
    report(f"{len(seeds)} pipelines: paths, batch and stream, workers agree", not wrong, "; ".join(wrong[:3]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The flows of examples/flow and docs/flows.md: what they write is what a few lines of Python find, and a model trains on it."""
# SPDX-License-Identifier: Apache-2.0
import collections
import csv
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
EXAMPLES = ROOT / "examples/flow"
failures = 0


def check(name, good, note=""):
    global failures
    failures += not good
    if not good:
        print("# " + str(note)[-600:].replace("\n", "\n# "))
    print(("ok " if good else "not ok ") + name)


def leat(*args, cwd):
    return subprocess.run([BUILD / "leat", *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=120)


def etl(tmp):
    with open(tmp / "adult.data") as f:
        lines = [line for line in f if line.strip() and not line.startswith("|")]
    (tmp / "adult.data").write_text("".join(lines) + "old, Private, 1, HS-grad, 9, x, y, z, w, Male, 0, 0, 40, here, <=50K\n")
    done = leat("flow", "run", EXAMPLES / "etl.yaml", cwd=tmp)
    check("etl.yaml runs", done.returncode == 0, done.stderr)
    want = sum(16 <= int(row[0]) <= 74 for row in csv.reader(lines, skipinitialspace=True) if row)
    data, records, at = (tmp / "train.tfrecord").read_bytes(), 0, 0
    while at < len(data):
        at += 16 + struct.unpack_from("<Q", data, at)[0]
        records += 1
    check(f"etl.yaml writes {want} records", records == want and want > 1000, records)
    errors = [json.loads(line) for line in (tmp / "errors.json").read_text().splitlines()]
    check("a row that does not parse goes to the errors", len(errors) == 1 and "'old' is not int64" in errors[0]["message"], errors)
    done = leat("train", ROOT / "examples/census/census.yaml", "--train-files", "train.tfrecord", "--eval-files", "train.tfrecord", "--job-dir", "job", "--train-steps", "200", "--format", "json", cwd=tmp)
    check("a model trains on its records", done.returncode == 0 and json.loads(done.stdout)["metrics"]["accuracy"] > 0.7, done.stderr or done.stdout)


def views(tmp):
    shutil.copy(EXAMPLES / "views.csv", tmp)
    for options in ([], ["--streaming"], ["--streaming", "--threads", "2"]):
        done = leat("flow", "run", EXAMPLES / "views.yaml", *options, cwd=tmp)
        lines = (tmp / "views.txt").read_text().splitlines()
        last = {re.match(r"page=(\S+) .* \[(\d+),", line).groups(): int(re.search(r"views=(\d+)", line)[1]) for line in sorted(lines, key=lambda x: int(re.search(r"(?:early|on-time|late) (\d+)", x)[1]))}
        want = collections.Counter()
        with open(tmp / "views.csv") as f:
            for row in csv.DictReader(f):
                want[row["page"], row["at"][:16]] += 1
        check(f"views.yaml {' '.join(options)}: the last counts are the full ones", done.returncode == 0 and sorted(last.values()) == sorted(want.values()), (done.stderr, lines))
    check("views.yaml has an early count", any(" early " in line for line in lines), lines)
    events = (EXAMPLES / "views.csv").read_text().splitlines(keepends=True)
    p = subprocess.Popen([BUILD / "leat", "flow", "run", EXAMPLES / "views.yaml", "--streaming", "--set", "path=-"], cwd=tmp, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for i in range(0, len(events), 12):  # as live.sh gives them, but sooner
        p.stdin.writelines(events[i : i + 12])
        p.stdin.flush()
        time.sleep(0.02)
    shown = [line.split("\t") for line in p.communicate(timeout=60)[0].splitlines()]
    check("views.yaml from a pipe: early, full and late counts", p.returncode == 0 and {"early", "on time", "late"} == {row[3] for row in shown}, shown)
    last = {(row[1], row[0][:16].replace(" ", "T")): int(row[2]) for row in shown}
    check("views.yaml from a pipe: the last counts are the full ones", last == want, (last, want))


def visits(tmp):
    """The program in C, on a file and on a pipe."""
    text = "user,at\n" + "".join(f"{u},2026-01-01T0{h}:{m:02}:00Z\n" for u, h, m in [("a", 0, 0), ("b", 0, 5), ("a", 0, 50), ("b", 1, 0), ("a", 1, 30), ("a", 1, 20)])
    (tmp / "views-of-users.csv").write_text(text)
    for source, given in (("views-of-users.csv", None), ("-", text)):
        for old in [*tmp.glob("known-*.json"), *tmp.glob("new-*.json")]:
            old.unlink()
        done = subprocess.run([BUILD / "examples/visits", source, "known.json", "new.json"], cwd=tmp, input=given, capture_output=True, text=True, timeout=60)
        found = [sorted(json.loads(line)["user"] if name == "new" else tuple(json.loads(line).values()) for line in f.read_text().splitlines()) for name in ("known", "new") for f in sorted(tmp.glob(f"{name}-*.json"))]
        want = [[("a", 2, "2026-01-01T00:00:00Z"), ("b", 1, "2026-01-01T00:05:00Z")], [("a", 2, "2026-01-01T01:20:00Z"), ("b", 1, "2026-01-01T01:00:00Z")], ["a", "b"], ["a", "b"]]
        check(f"visits.c: a function with state and a timer, {'a pipe' if given else 'a file'}", found == want, f"{found} {done.stderr}")


def commands(tmp):
    page = (ROOT / "docs/flows.md").read_text()
    shutil.copy(ROOT / "examples/census/census.yaml", tmp)
    listed = re.findall(r"^    leat (flow .*)$", page, re.M)
    check("docs/flows.md has commands", len(listed) == 9, listed)
    for line in listed:
        words = [str(EXAMPLES / w) if w.endswith(".yaml") else w for w in line.split()]
        done = leat(*words, cwd=tmp)
        check(f"leat {line}", done.returncode == 0, done.stderr)
    people = [json.loads(line) for line in (tmp / "predictions.json").read_text().splitlines()]
    right = sum(p["classes"] == [p["income_bracket"]] for p in people)
    check("predict.yaml is right of most rows", len(people) > 1000 and right > 0.7 * len(people), (len(people), right))
    check("features.yaml writes records", (tmp / "features.tfrecord").stat().st_size > 300 * len(people))
    block = re.search(r"## The file\n\n((?:    .*\n)+)", page)[1]
    (tmp / "page.yaml").write_text("\n".join(line[4:] for line in block.splitlines()) + "\n")
    done = leat("flow", "run", "page.yaml", cwd=tmp)
    check("the pipeline of docs/flows.md", done.returncode == 0 and list(tmp.glob("views*.json")), done.stderr)
    done = subprocess.run([BUILD / "leat", "flow", "check", "--portable", EXAMPLES / "views.yaml"], cwd=tmp, capture_output=True)
    check("check --portable prints Beam's message", done.returncode == 0 and b"beam:window_fn:fixed_windows:v1" in done.stdout and b"beam:transform:group_by_key:v1" in done.stdout, done.stderr)
    classes = set(re.findall(r"leat_flow_class leat_flow_\w+ = \{\s*\.type = \"(\w+)\"", "\n".join(f.read_text() for d in ("flow", "train") for f in (ROOT / "src" / d).glob("*.c"))))
    missing = [c for c in classes if c not in page]
    check("docs/flows.md names each transform", not missing and len(classes) > 10, missing)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        real = os.environ.get("LEAT_DATA")
        if real:
            shutil.copy(f"{real}/adult.data", tmp)
        else:
            subprocess.run([BUILD / "examples/synthesize", tmp], check=True)
        etl(tmp)
        views(tmp)
        visits(tmp)
        commands(tmp)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

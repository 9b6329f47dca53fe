#!/usr/bin/env python3
"""The examples on the census data ($LEAT_DATA, else a synthetic set), and their ids against an independent hash."""
# SPDX-License-Identifier: Apache-2.0
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import ops_reference  # noqa: E402  (FarmHash and the combination of fingerprints, written apart from the engine)

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1]).resolve()
CENSUS = ROOT / "examples/census"
COLUMNS = ["age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship", "race", "gender",
           "capital_gain", "capital_loss", "hours_per_week", "native_country", "income_bracket"]
RACES = ["Amer-Indian-Eskimo", "Asian-Pac-Islander", "Black", "Other", "White"]
EDGES = [18, 25, 30, 35, 40, 45, 50, 55, 60, 65]
KEY = 0xDECAFCAFFE  # the hash key of tf.feature_column.crossed_column
failures = 0


def check(name, good, more=""):
    global failures
    failures += not good
    if not good:
        print(f"# {more}")
    print(("ok " if good else "not ok ") + name)


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300)
    return done.stdout if done.returncode == 0 else f"exit {done.returncode}: {done.stderr}"


def train(example, data, job, *more):
    out = run(BUILD / "leat", "train", CENSUS / example, "--train-files", data / "adult.data", "--eval-files", data / "adult.test", "--job-dir", job,
              "--overwrite", "--format", "json", *more)
    return json.loads(out)["metrics"] if out.startswith("{") else out


def rows_of(path):
    for line in path.read_text().splitlines():
        if line and not line.startswith("|"):
            yield dict(zip(COLUMNS, line.split(", ")))


@functools.lru_cache(None)
def fingerprint(text):
    return int(ops_reference.fingerprint64(text.encode()))


@functools.lru_cache(None)
def cross(buckets, *parts):
    h = KEY
    for p in parts:
        h = int(ops_reference.fingerprint_cat(h, p if isinstance(p, int) else fingerprint(p)))
    return h % buckets


def wanted_ids(r):
    bucket = sum(e <= int(r["age"]) for e in EDGES)
    return [fingerprint(r["occupation"]) % 100, fingerprint(r["native_country"]) % 100, cross(10000, r["education"], r["occupation"]),
            cross(1000000, bucket, r["race"], r["occupation"]), cross(10000, r["native_country"], r["occupation"])]


def ids(data):
    names = ["occupation", "native_country", "education_occupation", "age_race_occupation", "country_occupation"]
    total = wrong = 0
    for part in ("adult.data", "adult.test"):
        out = run(BUILD / "tests/feature_ids", CENSUS / "census-wide-deep.yaml", data / part, *names)
        got = [list(map(int, line.split())) for line in out.splitlines() if not line.startswith("exit")]
        want = [wanted_ids(r) for r in rows_of(data / part)]
        total += len(want)
        wrong += abs(len(got) - len(want)) + sum(a != b for a, b in zip(got, want))
    check(f"hash and cross ids of {total} rows are TensorFlow's", total > 40000 and wrong == 0, f"{wrong} differ")


def main():
    real = os.environ.get("LEAT_DATA")
    with tempfile.TemporaryDirectory() as tmp:
        data, tmp = pathlib.Path(real or tmp), pathlib.Path(tmp)
        if not real:
            subprocess.run([BUILD / "examples/synthesize", tmp], check=True)
        ids(data)
        for seed in os.environ.get("SEEDS", "1").split():
            m = train("census-wide-deep.yaml", data, tmp / "wide", "--train.seed", seed)
            print(f"# seed {seed}: {m}")
            least = (0.852, 0.908) if real else (0.8, 0.8)
            check(f"census-wide-deep.yaml, seed {seed}", isinstance(m, dict) and m["accuracy"] >= least[0] and m["auc"] >= least[1], m)
        m = train("hours.yaml", data, tmp / "hours")
        check("hours.yaml", isinstance(m, dict) and m["mean_absolute_error"] < (7.6 if real else 12), m)
        m = train("relationship.yaml", data, tmp / "relation")
        check("relationship.yaml", isinstance(m, dict) and m["accuracy"] > (0.77 if real else 0.6) and (tmp / "relation/export/best").is_dir(), m)
        job = tmp / "residual"
        files = [f"data.train={data}/adult.data", f"data.eval={data}/adult.test"]
        out = run(BUILD / "examples/residual", CENSUS / "residual.yaml", job, *files, "train.steps=400")
        again = run(BUILD / "examples/residual", CENSUS / "residual.yaml", job, *files, "train.steps=800")
        whole = run(BUILD / "examples/residual", CENSUS / "residual.yaml", tmp / "whole", *files, "train.steps=800")
        numbers = dict(line.split() for line in again.splitlines() if line.count(" ") and not line.startswith("exported"))
        check("a custom estimator in C", "exported to" in out and float(numbers.get("accuracy", 0)) > (0.84 if real else 0.79), out + again)
        check("it goes on where it stopped", again.splitlines()[:-1] == whole.splitlines()[:-1] and whole.count("\n") > 5, again + whole)
        done = run(BUILD / "leat", "predict", "--job-dir", job, "--json-instances", CENSUS / "person.json", "--format", "json")
        check("its export predicts", '"probabilities"' in done, done)
        out = run(BUILD / "examples/residual", CENSUS / "residual.yaml", job, "train.stepps=1")
        check("a wrong field has its line", out.startswith("exit 1: residual: ") and "did you mean 'steps'" in out, out)
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The census job as a whole process: read, 5,000 steps of 40, evaluate, export, predict one."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1])


def run(env, *command):
    """(seconds, MB at most) of a process that must succeed."""
    start = time.time()
    child = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    _, how, usage = os.wait4(child.pid, 0)
    if how:
        sys.exit(f"{command[1]} failed")
    return time.time() - start, usage.ru_maxrss / 1024


def job(tmp, data, env):
    train, memory = run(env, BUILD / "leat", "train", ROOT / "examples/census/census.yaml", "--job-dir", f"{tmp}/job", "--overwrite", "--train-files",
                        f"{data}/adult.data", "--eval-files", f"{data}/adult.test")
    predict, _ = run(env, BUILD / "leat", "predict", "--job-dir", f"{tmp}/job", "--json-instances", ROOT / "examples/census/person.json")
    return train + predict, memory


def show(name, unit, ours, **more):
    print(json.dumps({"name": name, "unit": unit, "ours": ours, **more}))


def main():
    if hasattr(os, "sched_setaffinity"):  # a job has the machine: the compiler works beside it
        os.sched_setaffinity(0, range(os.cpu_count()))
    with tempfile.TemporaryDirectory() as tmp:
        data = os.environ.get("LEAT_DATA")
        if not data:
            data = tmp
            subprocess.run([BUILD / "examples/synthesize", tmp], check=True)
        cold = [job(tmp, data, dict(os.environ, LEAT_CACHE_DIR=f"{tmp}/cold{i}")) for i in range(3)]
        warm_env = dict(os.environ, LEAT_CACHE_DIR=f"{tmp}/cold0")
        warm = [job(tmp, data, warm_env) for _ in range(5)]
        interpreted = [job(tmp, data, dict(os.environ, LEAT_ENGINE="interpreter")) for _ in range(2)]
        plain = pathlib.Path(tmp) / "plain.yaml"  # nothing that needs a pass over the data first
        plain.write_text((ROOT / "examples/census/census.yaml").read_text().replace("{normalize: z_score}", "{}").replace("vocabulary: auto", "hash: 20"))
        first, _ = min(run(dict(os.environ, LEAT_ENGINE="interpreter"), BUILD / "leat", "train", plain, "--job-dir", f"{tmp}/first",
                           "--train-files", f"{data}/adult.data", "--train-steps", "1", "--overwrite", "--no-eval") for _ in range(5))
        start = time.time()
        for _ in range(100):
            subprocess.run([BUILD / "leat", "--help"], stdout=subprocess.DEVNULL)
        show("census-job-cold", "s", min(t for t, _ in cold))
        show("census-job-warm", "s", min(t for t, _ in warm))
        show("census-job-interpreter", "s", min(t for t, _ in interpreted))
        show("census-job-memory", "MB", max(m for _, m in warm))
        show("census-first-step", "ms", first * 1000)
        show("leat-help", "ms", (time.time() - start) * 10)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The census job as a whole process: read, 5,000 steps of 40, evaluate, export, predict one."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1])


def main():
    with tempfile.TemporaryDirectory() as tmp:
        data = os.environ.get("LEAT_DATA")
        if not data:
            data = tmp
            subprocess.run([BUILD / "examples/synthesize", tmp], check=True)
        times = []
        for _ in range(3):
            start = time.time()
            subprocess.run([BUILD / "leat", "train", ROOT / "examples/census/census.yaml", "--job-dir", f"{tmp}/job", "--overwrite", "--train-files",
                            f"{data}/adult.data", "--eval-files", f"{data}/adult.test"], check=True, capture_output=True)
            subprocess.run([BUILD / "leat", "predict", "--job-dir", f"{tmp}/job", "--json-instances", ROOT / "examples/census/person.json"], check=True, capture_output=True)
            times.append(time.time() - start)
        start = time.time()
        for _ in range(100):
            subprocess.run([BUILD / "leat", "--help"], stdout=subprocess.DEVNULL)
        print(json.dumps({"name": "census-job-interpreter", "unit": "s", "ours": min(times)}))
        print(json.dumps({"name": "census-job-memory", "unit": "MB", "ours": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}))
        print(json.dumps({"name": "leat-help", "unit": "ms", "ours": (time.time() - start) * 10}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""kill -9 at random moments of a training run: every resume ends in the same weights."""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1]).resolve()
KILLS = int(os.environ.get("KILLS", "8"))
STEPS = os.environ.get("STEPS", "1500")


def train(job, data):
    return [str(BUILD / "leat"), "train", str(ROOT / "examples/census/census.yaml"), "--job-dir", str(job), "--train-files",
            f"{data}/adult.data", "--eval-files", f"{data}/adult.test", "--train-steps", STEPS, "--no-eval",
            "--train.save_checkpoints_steps", "100", "--train.shuffle", "3000"]


def main():
    random.seed(1)
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        data = os.environ.get("LEAT_DATA")
        if not data:
            data = tmp / "data"
            data.mkdir()
            subprocess.run([BUILD / "examples" / "synthesize", data], check=True)
        start = time.time()
        subprocess.run(train(tmp / "whole", data), check=True, capture_output=True)
        whole = time.time() - start
        done, broken, kills = 0, [], 0
        while kills < KILLS:
            shutil.rmtree(tmp / "job", ignore_errors=True)
            for _ in range(5):  # several kills in one run
                p = subprocess.Popen(train(tmp / "job", data), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(random.random() * whole * 0.6)
                if p.poll() is None:
                    p.kill()
                    kills += 1
                p.wait()
            last = subprocess.run(train(tmp / "job", data), capture_output=True, text=True)
            if last.returncode:
                broken.append(last.stderr.strip())
                continue
            diff = subprocess.run([BUILD / "leat", "ckpt", "diff", tmp / "whole" / f"ckpt-{STEPS}", tmp / "job" / f"ckpt-{STEPS}"], capture_output=True, text=True)
            done += diff.returncode == 0
            if diff.returncode:
                broken.append(diff.stdout.strip())
        for b in broken[:5]:
            print("# " + b)
        print(("not ok " if broken else "ok ") + f"{kills} kills, {done} resumed runs with 0 differences")
        return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

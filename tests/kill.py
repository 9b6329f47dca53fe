#!/usr/bin/env python3
"""kill -9 at random moments of a training run, with every format of input: every resume ends in the same weights."""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import convert

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1]).resolve()
KILLS = int(os.environ.get("KILLS", "8"))
STEPS = os.environ.get("STEPS", "1500")
COLUMNS = ("age,workclass,fnlwgt,education,education_num,marital_status,occupation,relationship,race,gender,capital_gain,"
           "capital_loss,hours_per_week,native_country,income_bracket").split(",")


def train(job, file):
    return [str(BUILD / "leat"), "train", str(ROOT / "examples/census/census.yaml"), "--job-dir", str(job), "--train-files", str(file),
            "--train-steps", STEPS, "--no-eval", "--train.save_checkpoints_steps", "100", "--train.shuffle", "3000"]


def sources(tmp):
    """Some thousand rows, so that training passes over them several times, in every format."""
    data = os.environ.get("LEAT_DATA")
    if not data:
        data = tmp / "data"
        data.mkdir()
        subprocess.run([BUILD / "examples" / "synthesize", data], check=True)
    few = tmp / "few.csv"
    few.write_text("".join(open(f"{data}/adult.data").readlines()[:8000]))
    return convert.write_all(convert.read(few, COLUMNS), tmp)


def kill_often(job, file, seconds, kills):
    """A run that is killed several times, then finished; its error, or None."""
    shutil.rmtree(job, ignore_errors=True)
    done = 0
    for _ in range(kills):
        p = subprocess.Popen(train(job, file), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.random() * seconds * 0.6)
        if p.poll() is None:
            p.kill()
            done += 1
        p.wait()
    last = subprocess.run(train(job, file), capture_output=True, text=True)
    return done, last.stderr.strip() if last.returncode else None


def main():
    random.seed(1)
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        files = sources(tmp)
        start = time.time()
        subprocess.run(train(tmp / "whole", files["csv"]), check=True, capture_output=True)
        whole = time.time() - start
        per_run = 5 if KILLS >= 5 * len(files) else 1
        equal, broken, kills, runs = 0, [], 0, 0
        while kills < KILLS or runs < len(files):
            name = list(files)[runs % len(files)]
            killed, problem = kill_often(tmp / "job", files[name], whole, per_run)
            kills, runs = kills + killed, runs + 1
            if not problem:
                diff = subprocess.run([BUILD / "leat", "ckpt", "diff", tmp / "whole" / f"ckpt-{STEPS}", tmp / "job" / f"ckpt-{STEPS}"], capture_output=True, text=True)
                problem = diff.stdout.strip() if diff.returncode else None
            equal += not problem
            broken += [f"{name}: {problem}"] if problem else []
        for b in broken[:5]:
            print("# " + b)
        print(("not ok " if broken else "ok ") + f"{kills} kills, {equal} resumed runs of {len(files)} formats with 0 differences")
        return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

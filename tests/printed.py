#!/usr/bin/env python3
"""Printed C of every example: no warning in gcc and clang, no undefined symbol, clean under UBSan, a tight arena."""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1]).resolve()
LEAT = BUILD / "leat"
FLAGS = "-std=gnu17 -O1 -ffreestanding -fno-math-errno -ffp-contract=off -Wall -Wextra -Werror".split()
ISAS = {"sse2": [], "avx2": ["-mavx2", "-mfma"], "avx512": "-mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma".split()}
SLACK = 1.10  # of the arena over what is alive at once
failures = 0


def check(name, problems):
    global failures
    failures += bool(problems)
    for p in problems:
        print("# " + p[-1500:].replace("\n", "\n# "))
    print(("not ok " if problems else "ok ") + name)


def run(*command, **more):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)


def train(model, job, data, engine, env=None):
    files = ["--train-files", f"{data}/adult.data", "--eval-files", f"{data}/adult.test"] if model.name.startswith("census") else []
    done = run(LEAT, "train", model, "--job-dir", job, *files, "--train-steps", "20", "--eval-steps", "2", "--train.engine", engine, cwd=ROOT, env=env)
    return [] if done.returncode == 0 else [done.stderr]


def compiles(unit, compiler, isa):
    out = unit.with_suffix(f".{compiler}.{isa}.o")
    done = run(compiler, *FLAGS, *ISAS[isa], "-c", unit, "-o", out)
    if done.returncode:
        return [f"{compiler} {isa}: {done.stderr}"]
    undefined = run("nm", "-u", out).stdout.strip()
    return [f"{compiler} {isa} {unit.name}: undefined {undefined}"] if undefined else []


def arena(model, job, name):
    done = run(LEAT, "graph", "show", model, "--job-dir", job, "--func", name, "--stage", "plan", "--size", "40")
    found = re.search(r"arena: (\d+) bytes; alive at once: (\d+)", done.stdout)
    if not found:
        return [done.stderr or done.stdout]
    have, least = int(found[1]), int(found[2])
    return [f"{name}: {have} bytes, {least} alive at once"] if have > SLACK * least else []


def main():
    compilers = [c for c in ("gcc", "clang") if shutil.which(c)]
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        data = os.environ.get("LEAT_DATA")
        if not data:
            data = tmp / "data"
            data.mkdir()
            subprocess.run([BUILD / "examples" / "synthesize", data], check=True)
        for model in sorted((ROOT / "examples" / "census").glob("census*.yaml")):
            job, units = tmp / model.stem, tmp / (model.stem + "-c")
            check(f"{model.stem}: trains", train(model, job, data, "interpreter"))
            done = run(LEAT, "compile", model, "--job-dir", job, "-o", units)
            check(f"{model.stem}: leat compile", [] if done.returncode == 0 else [done.stderr])
            written = sorted(units.glob("*.c"))
            for compiler in compilers:
                isas = ISAS if compiler == "gcc" else ["avx2"]
                check(f"{model.stem}: {compiler} -Wall -Wextra, {', '.join(isas)}, {len(written)} functions",
                      [p for u in written for isa in isas for p in compiles(u, compiler, isa)] if written else ["nothing written"])
            check(f"{model.stem}: arenas within 10 % of what is alive at once", [p for u in written for p in arena(model, job, u.stem)])
            traps = tmp / "cc-ubsan"
            traps.write_text('#!/bin/sh\nexec gcc "$@" -O1 -fsanitize=undefined -fsanitize-undefined-trap-on-error\n')
            traps.chmod(0o755)
            env = dict(os.environ, LEAT_CC=str(traps), LEAT_CACHE_DIR=str(tmp / "cache"), LEAT_ENGINE="native")
            check(f"{model.stem}: trains under UBSan", train(model, tmp / (model.stem + "-ub"), data, "native", env))
            same = run(LEAT, "ckpt", "diff", job / "ckpt-20", tmp / (model.stem + "-ub") / "ckpt-20")
            check(f"{model.stem}: to the same bits", [] if " 0 differences" in same.stdout else [same.stdout + same.stderr])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

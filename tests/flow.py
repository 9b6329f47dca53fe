#!/usr/bin/env python3
"""Flow against Beam's specification: the files of cases in tests/flow."""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
failures = 0


def cases(program, file):
    """Runs a file of cases, whose lines are shown as they are."""
    global failures
    done = subprocess.run([BUILD / "tests" / program, ROOT / "tests/flow" / file], capture_output=True, text=True, timeout=60)
    print(done.stdout, end="")
    good = done.returncode == 0 and "ok " in done.stdout
    failures += not good
    print(("ok " if good else "not ok ") + f"{program} {file}" + ("" if good else " # " + done.stderr.strip()))


cases("flow-coders", "coders.yaml")
sys.exit(1 if failures else 0)

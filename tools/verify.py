#!/usr/bin/env python3
"""The long proofs, by hand: resumable, each logged with the commit it holds for (build/verify.log)."""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
T = os.environ.get("T") or "300"
PYTHON = sys.executable
PROOFS = [(f"fuzz {t} {T} s", ["fuzz/run.sh", t], {"T": T}) for t in ("arrays", "coder", "csv", "event", "example", "graph", "json", "jsonl", "safetensors", "tfrecord", "yaml")] + [
    ("200 kills", [PYTHON, "tests/kill.py", str(BUILD)], {"KILLS": "200", "STEPS": "3000"}),
    ("all f32 inputs", [str(BUILD / "tests/test_engine_math"), "--all"], {}),
    ("ops against numpy, 200 shapes", [PYTHON, "tests/ops_reference.py", str(BUILD)], {"SHAPES": "200"}),
    ("faults, every n", [PYTHON, "tests/fault.py", str(BUILD)], {"FAULTS": "all"}),
    ("20,000 random graphs", [PYTHON, "tests/random_graphs.py", str(BUILD)], {}),
    ("20,000 expressions against SQLite", [PYTHON, "tests/flow_expr.py", str(BUILD)], {"N": "20000", "SEED": "3"}),
    ("expressions in native code", [PYTHON, "tests/flow_expr.py", str(BUILD)], {"N": "2000", "SEED": "4", "LEAT_ENGINE": "native"}),
    ("300 pipelines on every path", [PYTHON, "tests/flow_paths.py", str(BUILD)], {"N": "300"}),
    ("1,000 joins, tops, sorts and samples", [PYTHON, "tests/flow_groups.py", str(BUILD)], {"N": "1000"}),
    ("10,000 sequences of a group", [PYTHON, "tests/flow.py", str(BUILD)], {"N": "10000"}),
    ("numerics matrix", [PYTHON, "tests/numerics.py", str(BUILD)], {}),
]


def main():
    log = BUILD / "verify.log"
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    done = log.read_text() if log.exists() else ""
    failed = 0
    for name, command, env in PROOFS:
        if f"{commit} passed {name}\n" in done:
            print(f"{name}: passed already for {commit}")
            continue
        start = time.time()
        code = subprocess.run(command, cwd=ROOT, env=dict(os.environ, **env)).returncode
        verdict = "passed" if code == 0 else "FAILED"
        failed += code != 0
        print(f"{name}: {verdict} in {time.time() - start:.0f} s")
        with log.open("a") as f:
            f.write(f"{time.strftime('%Y-%m-%d %H:%M')} {commit} {verdict} {name}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

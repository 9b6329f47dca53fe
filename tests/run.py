#!/usr/bin/env python3
"""Runs all tests of a build: programs that print TAP lines, and the scripts beside this file."""
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIMEOUT = 1200  # seconds, of one shelf
NATIVE_GROUPS = ["layers", "losses", "whole_model"]


def shelves(build):
    """(name, command) of everything to run, the slow ones first."""
    python = os.environ.get("PYTHON", sys.executable)
    scripts = [  # the longest first
        "sanitize.py",
        "numerics.py",
        "ops_reference.py",
        "fault.py",
        "kill.py",
        "attacks.py",
        "cli.py",
        "board.py",
        "train.py",
        "examples.py",
        "formats_golden.py",
        "messy.py",
        "pages.py",
        "printed.py",
        "registry.py",
        "flow.py",
        "flow_cli.py",
        "flow_groups.py",
        "flow_models.py",
        "flow_kill.py",
        "flow_paths.py",
        "flow_rules.py",
        "flow_examples.py",
        "flow_expr.py",
        "flow_yaml.py",
        "registry_kill.py",
        "mlengine.py",
        "net.py",
        "serve.py",
    ]
    jobs = [(s, [python, str(ROOT / "tests" / s), str(build)]) for s in scripts if (ROOT / "tests" / s).exists()]
    native = ["env", "LEAT_ENGINE=native"]
    jobs.insert(2, ("ops (native)", [*native, "SHAPES=6", python, str(ROOT / "tests" / "ops_reference.py"), str(build)]))
    jobs += [("lint", [python, str(ROOT / "tools" / "lint.py"), "--tap"])] if (ROOT / "tools" / "lint.py").exists() else []
    golden = build / "tests" / "golden"
    if golden.exists():
        jobs.append(("golden (committed)", [str(golden), "--tap", str(ROOT / "tests" / "golden" / "cases")]))
        where = os.environ.get("LEAT_GOLDEN")
        if where:
            jobs.append(("golden", [str(golden), "--tap", where]))
            jobs.append(("golden (native)", [*native, str(golden), "--tap", where, *NATIVE_GROUPS]))
    for program in sorted((build / "tests").glob("test_*")):
        if program.is_file() and os.access(program, os.X_OK):
            jobs.append((program.name, [str(program)]))
    return jobs


def run(job):
    name, command = job
    start = time.time()
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, cwd=ROOT)
        output, code = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        output, code = (late.stdout or b"").decode(errors="replace"), "timeout"
    return name, output, code, time.time() - start


def read(name, output, code):
    passed, failed, skipped, notes = 0, [], [], []
    for line in output.splitlines():
        if line.startswith("not ok "):
            failed.append(f"{name}: {line[7:]}")
        elif line.startswith("ok "):
            title, _, reason = line[3:].partition(" # SKIP ")
            if reason:
                skipped.append(f"{name}: {title}: {reason}")
            else:
                passed += 1
        else:
            notes.append(line)
    if code not in (0, 1) or (code == 1 and not failed):
        failed.append(f"{name}: ended with {code}")
    return passed, failed, skipped, notes


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
    jobs = shelves(build)
    os.environ.setdefault("LEAT_CACHE_DIR", f"{build}/cache")
    passed, failed, skipped = 0, [], []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for name, output, code, seconds in pool.map(run, jobs):
            p, f, s, notes = read(name, output, code)
            passed, failed, skipped = passed + p, failed + f, skipped + s
            print(f"{name:24} {p:5} passed{f', {len(f)} FAILED' if f else ''}{f', {len(s)} skipped' if s else ''}  {seconds:.1f} s", flush=True)
            if f:
                print("\n".join("    " + n for n in notes[-40:]))
    for line in failed:
        print("FAILED ", line)
    for line in skipped:
        print("skipped", line)
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

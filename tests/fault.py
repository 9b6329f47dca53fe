#!/usr/bin/env python3
"""Each n-th allocation, read, write, fsync, rename fails: one clear line, nothing leaks, nothing is lost. FAULTS=all takes every n."""
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("LEAT_ENGINE", "interpreter")
ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1]).resolve()
LEAT, LIBRARY = str(BUILD / "leat"), str(BUILD / "tests" / "libfault.so")
ALL = os.environ.get("FAULTS") == "all"
SAMPLES = 14  # of each kind and scenario in the short form
STEPS = "30"
KINDS = {"alloc": "alloc", "read": "read", "write": "write", "write+": "write", "short": "write", "shortread": "read", "fsync": "fsync", "rename": "rename"}
TRAIN = ["train", "model.yaml", "--job-dir", "job", "--train-steps", STEPS, "--train.save_checkpoints_steps", "10", "--train.log_steps", "5"]
# name: (what is there before: "" or the job at step 20 or 30, command, whether the job is trained on afterwards)
SCENARIOS = {
    "train": ("", TRAIN),
    "resume": ("part", TRAIN),
    "export": ("whole", ["export", "model.yaml", "--job-dir", "job"]),
    "evaluate": ("whole", ["evaluate", "model.yaml", "--job-dir", "job", "--slice-by", "segment", "--importance"]),
    "predict": ("whole", ["predict", "--job-dir", "job", "--text-instances", "shop.csv", "--delimiter", ";"]),
    "describe": ("", ["data", "describe", "shop.csv", "--covariance"]),
    "schema": ("", ["data", "schema", "shop.csv", "--output", "new.yaml"]),
    "validate": ("", ["data", "validate", "--schema", "schema.yaml", "small.csv"]),
    "diff": ("", ["data", "diff", "shop.csv", "shop.csv"]),
    "init": ("", ["init", "shop.csv", "--output", "new.yaml", "--overwrite"]),
}
failures = 0


def check(name, problems):
    global failures
    failures += bool(problems)
    for p in problems[:6]:
        print("# " + p)
    print(("not ok " if problems else "ok ") + name)


def run(d, command, fault=None):
    env = {k: v for k, v in os.environ.items() if k not in ("FAULT", "FAULT_LOG")}
    if fault is not None:
        env.update(LD_PRELOAD=LIBRARY, FAULT_LOG=str(d / "fault.log"), FAULT=fault)
    return subprocess.run([LEAT, *command], cwd=d, env=env, capture_output=True, text=True, timeout=120)


def counts(d):
    log = d / "fault.log"
    return {k: int(v) for k, v in (line.split() for line in log.read_text().splitlines())} if log.exists() else {}


def printed(done):
    """Standard output, without the seconds that exports are named by."""
    return re.sub(r"\d{9,}", "N", done.stdout)


def weights(d):
    return (d / "job" / f"ckpt-{STEPS}" / "weights.safetensors").read_bytes()


def prepare(base):
    """Directories to copy: without a job, with a job at step 20, with a whole one."""
    for name in ("none", "part", "whole"):
        d = base / name
        d.mkdir()
        shutil.copy(ROOT / "tests" / "messy" / "shop.csv", d)
        subprocess.run([LEAT, "init", "shop.csv"], cwd=d, check=True, capture_output=True)
        subprocess.run([LEAT, "data", "schema", "shop.csv", "--output", "schema.yaml"], cwd=d, check=True, capture_output=True)
        lines = (d / "shop.csv").read_text(encoding="utf-8-sig").splitlines(True)
        (d / "small.csv").write_text(lines[0] + "".join(line for line in lines[1:100] if "unknown" not in line))
        if name != "none":
            steps = "20" if name == "part" else STEPS
            subprocess.run([LEAT, *TRAIN[:5], steps, *TRAIN[6:], "--no-eval"], cwd=d, check=True, capture_output=True)
            subprocess.run([LEAT, "export", "model.yaml", "--job-dir", "job"], cwd=d, check=True, capture_output=True)


def one(base, before, command, fault, allowed, whole, wanted):
    """Problems of one run with a fault, and of the run after it."""
    with tempfile.TemporaryDirectory(dir=base) as tmp:
        d = pathlib.Path(tmp) / "d"
        shutil.copytree(base / (before or "none"), d)
        done = run(d, command, fault)
        problems = []
        if done.returncode not in (0, 1):
            problems.append(f"{fault}: ended with {done.returncode}: {done.stderr[-200:]}")
        if done.returncode == 1:
            lines = [line for line in done.stderr.splitlines() if line.startswith("leat: ")]
            if len(lines) != 1:
                problems.append(f"{fault}: not one clear line: {done.stderr[-300:]}")
        if done.returncode == 0 and printed(done) != wanted:
            problems.append(f"{fault}: said to be good, but printed {printed(done)[-200:]!r}")
        live = counts(d).get("live", 0)
        if done.returncode in (0, 1) and live > allowed:
            problems.append(f"{fault}: {live - allowed} blocks leak: {done.stderr.splitlines()[-1:]}")
        left = [str(p.relative_to(d)) for p in d.rglob(".tmp-*")] + [str(p.relative_to(d)) for p in d.glob("*.tmp*")]
        if left:
            problems.append(f"{fault}: left behind: {left}")
        again = run(d, command)
        if again.returncode != 0:
            problems.append(f"{fault}: the next run fails: {again.stderr[-300:]}")
        elif command[0] == "train" and weights(d) != whole:
            problems.append(f"{fault}: other weights at the end of the next run")
        elif before and run(d, TRAIN).returncode:
            problems.append(f"{fault}: the job cannot be trained on")
        return problems


def numbers(count):
    if ALL or count <= SAMPLES:
        return list(range(1, count + 1))
    return sorted({1 + i * (count - 1) // (SAMPLES - 1) for i in range(SAMPLES)})


def scenario(base, name, whole, pool):
    before, command = SCENARIOS[name]
    with tempfile.TemporaryDirectory(dir=base) as tmp:
        d = pathlib.Path(tmp) / "d"
        shutil.copytree(base / (before or "none"), d)
        done = run(d, command, "")
        total, wanted = counts(d), printed(done)
    if done.returncode or not total.get("alloc"):
        return check(f"{name}: runs under the library", [done.stderr[-300:] or "no counts"])
    for kind, counted in KINDS.items():
        chosen = numbers(total[counted])
        results = pool.map(lambda n: one(base, before, command, f"{kind}:{n}", total["live"], whole, wanted), chosen)
        problems = [p for r in results for p in r]
        if chosen:
            check(f"{name}: {kind}, {len(chosen)} of {total[counted]} calls", problems)


def read_only(base, whole):
    """A job directory that cannot be written: one line, and nothing is lost. Root may write everywhere, so it steps down."""
    d = base / "ro"
    shutil.copytree(base / "part", d)
    down = {}
    if os.getuid() == 0:
        down = {"user": 65534}
        for p in [d, *d.rglob("*")]:
            os.chown(p, 65534, 65534)
        base.chmod(0o711)
    for p in [d / "job", *(d / "job").rglob("*")]:
        p.chmod(0o555 if p.is_dir() else 0o444)
    try:
        done = subprocess.run([LEAT, *TRAIN], cwd=d, capture_output=True, text=True, **down)
    except PermissionError:
        return print("ok a directory that cannot be written # SKIP another user may not run the program here")
    problems = [] if done.returncode == 1 and done.stderr.count("leat: train: ") == 1 else [done.stderr[-300:]]
    for p in [d / "job", *(d / "job").rglob("*")]:
        p.chmod(0o755 if p.is_dir() else 0o644)
    if run(d, TRAIN).returncode or weights(d) != whole:
        problems.append("the job is not usable afterwards")
    check("a directory that cannot be written", problems)


def main():
    only = sys.argv[2:] or list(SCENARIOS)
    with tempfile.TemporaryDirectory() as tmp, concurrent.futures.ThreadPoolExecutor(2) as pool:
        base = pathlib.Path(tmp)
        prepare(base)
        whole = weights(base / "whole")
        for name in only:
            scenario(base, name, whole, pool)
        read_only(base, whole)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The unit tests, golden cases, corpora and a training run under ASan + UBSan, and a threaded one under TSan."""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1]).resolve()
failures = 0


def build(kind, options):
    where = BUILD.parent / f"{BUILD.name}-{kind}"
    if not (where / "build.ninja").exists():
        subprocess.run(["meson", "setup", str(where), *options], cwd=ROOT, check=True, capture_output=True)
    done = subprocess.run(["ninja", "-C", str(where)], capture_output=True, text=True)
    if done.returncode:
        print(f"# {done.stdout[-2000:]}\nnot ok {kind}: builds")
        sys.exit(1)
    return where


def run(name, command, env):
    global failures
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=ROOT, env=dict(os.environ, **env))
    if done.returncode:
        failures += 1
        print("# " + (done.stdout + done.stderr)[-3000:].replace("\n", "\n# "))
    print(("not ok " if done.returncode else "ok ") + name)


def train(where, job, threads):
    data = os.environ.get("LEAT_DATA")
    if not data:
        data = job.parent / "data"
        data.mkdir(exist_ok=True)
        subprocess.run([BUILD / "examples" / "synthesize", data], check=True)
    return [where / "leat", "train", ROOT / "examples/census/census.yaml", "--job-dir", job, "--train-files", f"{data}/adult.data",
            "--eval-files", f"{data}/adult.test", "--train-steps", "40", "--eval-steps", "3", "--train.threads", threads, "--train.batch_size", "2000"]


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        asan = build("asan", ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Doptimization=1"])
        env = {"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1", "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1"}
        for program in sorted((asan / "tests").glob("test_*")):
            if os.access(program, os.X_OK) and program.is_file():
                run(f"asan {program.name}", [program], env)
        for replay in sorted((asan / "fuzz").glob("replay_*")):
            if replay.is_file():
                run(f"asan {replay.name}", [replay, *sorted((ROOT / "fuzz/corpus" / replay.name[7:]).iterdir())], env)
        if os.environ.get("LEAT_GOLDEN"):
            run("asan golden", [asan / "tests/golden", "--tap", os.environ["LEAT_GOLDEN"]], dict(env, ASAN_OPTIONS="detect_leaks=0"))
        run("asan train", train(asan, tmp / "a", "1"), env)
        run("asan predict", ["sh", "-c", f"{asan}/leat predict --job-dir {tmp}/a --json-instances {ROOT}/examples/census/person.json"], env)
        run("asan net", [sys.executable, ROOT / "tests/net.py", asan], env)
        tsan = build("tsan", ["-Db_sanitize=thread", "-Db_lundef=false", "-Doptimization=1"])
        for test in ("runs_each_part_once", "a_loop_within_a_loop_is_done_by_its_caller", "many_threads_share_a_pool"):
            run(f"tsan base_pool {test}", [tsan / "tests/test_base_pool", test], {"TSAN_OPTIONS": "halt_on_error=1"})
        run("tsan serve", [tsan / "tests/test_serve"], {"TSAN_OPTIONS": "halt_on_error=1"})
        run("tsan train with 2 threads", train(tsan, tmp / "t", "2"), {"TSAN_OPTIONS": "halt_on_error=1"})
        run("tsan net", [sys.executable, ROOT / "tests/net.py", tsan], {"TSAN_OPTIONS": "halt_on_error=1"})
        run("tsan board", [sys.executable, ROOT / "tests/board.py", tsan], {"TSAN_OPTIONS": "halt_on_error=1"})
        run("tsan test_net_http", [tsan / "tests/test_net_http"], {"TSAN_OPTIONS": "halt_on_error=1"})
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Random graphs, interpreted and compiled, over compilers and instruction sets: random_graphs.py BUILD [GRAPHS]. Resumable.

Every graph in gcc on this CPU's best instruction set, one in ten in the others, one in fifty on aarch64 under qemu-user.
"""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numerics

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1]).resolve()
GRAPHS = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
CHUNK = 500


def variants(tmp):
    """(name, command, environment, one in how many) of each."""
    native = [str(BUILD / "tests" / "test_engine_native")]
    yield "gcc", native, {"LEAT_CC": "gcc"}, 1
    for cc in ("gcc", "clang"):
        if not shutil.which(cc):
            print(f"ok {cc} # SKIP {cc} is not installed")
            continue
        for isa in ("sse2", "avx2", "avx512"):
            if not numerics.cpu_has(isa):
                print(f"ok {cc} {isa} # SKIP this CPU lacks {isa}")
            else:
                yield f"{cc} {isa}", native, {"LEAT_CC": cc, "LEAT_ISA": isa}, 10
    if not (shutil.which("aarch64-linux-gnu-gcc") and shutil.which("qemu-aarch64")):
        print("ok aarch64 # SKIP gcc-aarch64-linux-gnu or qemu-user is not installed")
        return
    arm = f"{tmp}/arm"
    numerics.build(arm, "aarch64-linux-gnu-gcc", "-O2", x86=False, extra=["-Itests/unit"], tests=("tests/unit/engine_native.c", "tests/unit/random_graph.c"))
    yield "aarch64", ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", arm], {"LEAT_CC": shutil.which("aarch64-linux-gnu-gcc")}, 50


def main():
    log = BUILD / "random_graphs.log"
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    done = set(log.read_text().splitlines()) if log.exists() else set()
    failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        for name, command, env, share in variants(tmp):
            count, bad = GRAPHS // share, 0
            for first in range(1, count + 1, CHUNK):
                size = min(CHUNK, count + 1 - first)
                mark = f"{commit} {name} {first} {size}"
                if mark in done:
                    continue
                cache = f"{tmp}/cache"
                run = subprocess.run([*command, "--graphs", str(size), "--seed", str(first), "random_graphs_have_the_interpreters_bits"], capture_output=True, text=True,
                                     env=dict(os.environ, LEAT_CACHE_DIR=cache, **env))
                shutil.rmtree(cache, ignore_errors=True)
                if run.returncode:
                    bad += 1
                    print("# " + run.stdout[-3000:].replace("\n", "\n# "))
                else:
                    with log.open("a") as f:
                        f.write(mark + "\n")
            failed += bool(bad)
            print(f"{'not ok' if bad else 'ok'} {name}: {count} random graphs", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

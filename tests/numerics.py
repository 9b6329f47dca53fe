#!/usr/bin/env python3
"""The numerics contract across compilers, optimisation, instruction sets, threads, FTZ and machines."""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("LEAT_ENGINE", "interpreter")
ROOT = pathlib.Path(__file__).resolve().parent.parent
FLAGS = "-std=gnu17 -D_GNU_SOURCE -ffp-contract=off -fno-math-errno -Iinclude -Isrc -w".split()
PARTS = ["base", "tensor", "graph", "engine"]
ISAS = {"avx2": ["-mavx2", "-mfma"], "avx512": "-mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma".split()}
DIGESTS = ROOT / "tests" / "numerics.digests"
failures = 0


def build(out, compiler, level, x86=True, extra=(), tests=("tests/numerics_digest.c",)):
    sources = [str(p.relative_to(ROOT)) for d in PARTS for p in sorted((ROOT / "src" / d).glob("*.c")) if "tmpl" not in p.name]
    texts = f"{out}.texts.c"
    subprocess.run([sys.executable, str(ROOT / "tools" / "embed.py"), texts], check=True)
    sources += ["src/formats/number.c", "src/formats/json.c", "src/formats/date.c", *tests, texts]
    objects = []
    isas = {k: v for k, v in ISAS.items() if x86 and cpu_has(k)}  # what cannot run here need not be built
    if x86 and "avx512" not in isas:
        extra = [*extra, "-DLEAT_NO_AVX512"]
    for table, name, flags in [("base", "sse2" if x86 else "neon", [])] + [(k, k, v) for k, v in isas.items()]:
        obj = f"{out}.{table}.o"
        subprocess.run([compiler, *FLAGS, level, *flags, f"-DLEAT_VEC_TABLE=leat__vec_{table}", f'-DLEAT_VEC_NAME="{name}"', "-c", "src/engine/vec_tmpl.c", "-o", obj], cwd=ROOT, check=True)
        objects.append(obj)
    subprocess.run([compiler, *FLAGS, level, *extra, *sources, *objects, "-lm", "-lpthread", "-ldl", "-o", out], cwd=ROOT, check=True)


def lines(command, env=None):
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, **(env or {})))
    return done.stdout.splitlines()


def same(name, want, got):
    global failures
    bad = [f"{w} | {g}" for w, g in zip(want, got) if w != g]
    if not got or len(want) != len(got):
        bad.append(f"{len(got)} lines, expected {len(want)}")
    failures += bool(bad)
    for b in bad[:5]:
        print("# " + b)
    print(("not ok " if bad else "ok ") + f"{name}: {len(got)} digests")


def cpu_has(isa):
    needs = {"avx512": ["avx512f", "avx512vl", "avx512dq", "avx512bw"], "avx2": ["avx2", "fma"]}.get(isa, [isa])
    flags = next((l.split() for l in open("/proc/cpuinfo") if l.startswith("flags")), [])
    return all(n in flags for n in needs)


def recorded(got):
    """The digests that other machines and compilers gave for the same tests; RECORD=1 writes them anew (a new contract number)."""
    if os.environ.get("RECORD"):
        DIGESTS.write_text("\n".join(got) + "\n")
    return DIGESTS.read_text().splitlines()


def main():
    with tempfile.TemporaryDirectory() as tmp:
        first = f"{tmp}/gcc-O2"
        build(first, "gcc", "-O2")
        want = lines([first])
        training = [l for l in want if l.startswith("training")]
        same("as recorded on other machines", recorded(want), want)
        for isa in ("sse2", "avx2", "avx512"):
            if not cpu_has(isa):
                print(f"ok LEAT_ISA={isa} # SKIP this CPU lacks {isa}")
                continue
            same(f"LEAT_ISA={isa}", want, lines([first], {"LEAT_ISA": isa}))
        same("2 threads", want, lines([first, "2"]))
        if os.uname().machine == "x86_64":
            same("under flush-to-zero", training, lines([first], {"FTZ": "1"}))
        build(f"{tmp}/gcc-O0", "gcc", "-O0")
        same("gcc -O0", want, lines([f"{tmp}/gcc-O0"]))
        same("gcc -O0, sse2", want, lines([f"{tmp}/gcc-O0"], {"LEAT_ISA": "sse2"}))
        build(f"{tmp}/gcc-O3", "gcc", "-O3")
        same("gcc -O3", want, lines([f"{tmp}/gcc-O3"]))
        if shutil.which("clang"):
            build(f"{tmp}/clang", "clang", "-O2")
            same("clang -O2", want, lines([f"{tmp}/clang"]))
            same("clang -O2, sse2", want, lines([f"{tmp}/clang"], {"LEAT_ISA": "sse2"}))
        else:
            print("ok clang # SKIP clang is not installed")
        if shutil.which("aarch64-linux-gnu-gcc") and shutil.which("qemu-aarch64"):
            build(f"{tmp}/arm", "aarch64-linux-gnu-gcc", "-O2", x86=False, extra=["-static"])
            same("aarch64 under qemu-user", want, lines(["qemu-aarch64", f"{tmp}/arm"]))
        else:
            print("ok aarch64 # SKIP gcc-aarch64-linux-gnu or qemu-user is not installed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

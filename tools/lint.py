#!/usr/bin/env python3
"""Layering, headers that compile alone, first lines, line lengths, banned functions; clang tools where present."""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FLOORS = "base tensor formats net graph engine model flow features train interop dist registry serve board jobs edge cli".split()
THIRD_PARTY = {"yaml.h": "formats", "zlib.h": "formats", "nghttp2/nghttp2.h": "net", "openssl/ssl.h": "net", "openssl/err.h": "net", "sqlite3.h": "flow"}
BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|strtok|gets)\s*\(")
COLUMNS = 110
TAP = "--tap" in sys.argv
failures = 0


def report(name, problems):
    global failures
    failures += bool(problems)
    for p in problems[:20]:
        print("# " + p)
    print(("not ok " if problems else "ok ") + name)


def sources():
    places = ("src/**/*.[ch]", "include/**/*.h", "tests/**/*.[ch]", "examples/**/*.c", "fuzz/*.c", "bench/*.c")
    return sorted({p for place in places for p in ROOT.glob(place)})


def layering(files):
    problems = []
    for f in files:
        parts = f.relative_to(ROOT).parts
        if parts[0] != "src" or len(parts) < 3:
            continue
        own = FLOORS.index(parts[1])
        for n, line in enumerate(f.read_text().splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+[<"]([^">]+)[">]', line)
            if not m:
                continue
            floor = m[1].split("/")[0]
            if floor in FLOORS and FLOORS.index(floor) > own:
                problems.append(f"{f.relative_to(ROOT)}:{n}: {parts[1]} includes {m[1]}, a floor below it")
            if m[1] in THIRD_PARTY and THIRD_PARTY[m[1]] != parts[1]:
                problems.append(f"{f.relative_to(ROOT)}:{n}: {m[1]} belongs to {THIRD_PARTY[m[1]]}")
    return problems


def headers():
    problems = []
    compiler = shutil.which("cc") or shutil.which("gcc")
    for h in sorted((ROOT / "include" / "leat").glob("*.h")):
        cmd = [compiler, "-std=c17", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-fsyntax-only", "-I", str(ROOT / "include"), "-x", "c", str(h)]
        done = subprocess.run(cmd, capture_output=True, text=True)
        if done.returncode:
            problems.append(f"{h.name}: {done.stderr.strip()[:300]}")
    return problems


def text_rules(files):
    problems = []
    for f in files:
        name, lines = f.relative_to(ROOT), f.read_text().splitlines()
        if not lines or not lines[0].startswith("//") or len(lines) < 2 or "SPDX-License-Identifier: Apache-2.0" not in lines[1]:
            problems.append(f"{name}: the first line says what it is for, the second is the SPDX line")
        for n, line in enumerate(lines, 1):
            if len(line) > COLUMNS:
                problems.append(f"{name}:{n}: {len(line)} columns")
            if BANNED.search(line) and "banned" not in line:
                problems.append(f"{name}:{n}: a banned function")
    return problems


def tables():
    done = subprocess.run([sys.executable, str(ROOT / "tools/fields.py"), "--check"], capture_output=True, text=True)
    return [done.stderr.strip()] if done.returncode else []


def main():
    files = sources()
    report("layering", layering(files))
    report("public headers compile alone", headers())
    report("the table of model.yaml's fields", tables())
    report("first lines, columns, banned functions", text_rules(files))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Makes a C file of text files: embed.py OUT NAME=FILE... (no pairs: the texts of printed C)"""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

ENGINE = pathlib.Path(__file__).resolve().parent.parent / "src" / "engine"
FILES = ("prelude.inc", "math.inc", "dot.h", "native.inc")
TEXTS = [f"leat__text_{name.split('.')[0]}={ENGINE / name}" for name in FILES]

with open(sys.argv[1], "w") as out:
    out.write("// Texts that the program carries.\n// SPDX-License-Identifier: Apache-2.0\n")
    for pair in sys.argv[2:] or TEXTS:
        name, path = pair.split("=", 1)
        data = open(path, "rb").read() + b"\0"
        rows = (", ".join(str(b) for b in data[i:i + 32]) for i in range(0, len(data), 32))
        out.write(f"extern const char {name}[];\nconst char {name}[] = {{\n" + ",\n".join(rows) + "};\n")

#!/usr/bin/env python3
"""Makes a C file of a page's files, as board/page.h declares them: embed_page.py OUT DIR FILE..."""
# SPDX-License-Identifier: Apache-2.0
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
         ".png": "image/png", ".json": "application/json", ".ico": "image/x-icon", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8"}
root, files = pathlib.Path(sys.argv[2]), sorted(map(pathlib.Path, sys.argv[3:]))
with open(sys.argv[1], "w") as out:
    out.write('// The files of the web page.\n// SPDX-License-Identifier: Apache-2.0\n#include "board/page.h"\n')
    for i, path in enumerate(files):
        data = path.read_bytes()
        rows = (", ".join(map(str, data[at:at + 32])) for at in range(0, len(data), 32))
        out.write(f"static const unsigned char file_{i}[] = {{\n" + ",\n".join(rows) + "};\n")
    out.write("const leat_page_file leat__page[] = {\n")
    for i, path in enumerate(files):
        tag = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        name = "/" + path.resolve().relative_to(root.resolve()).as_posix()
        out.write(f'    {{"{name}", "{TYPES.get(path.suffix, "application/octet-stream")}", "\\"{tag}\\"", file_{i}, sizeof file_{i}}},\n')
    out.write("    {0}};\n")

#!/usr/bin/env python3
"""Makes a C file of a page's files, as board/page.h declares them: embed_page.py OUT DIR. Without DIR the page is empty. An OUT that says it already stays."""
# SPDX-License-Identifier: Apache-2.0
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
         ".png": "image/png", ".json": "application/json", ".ico": "image/x-icon", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8"}
out, root = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
files = sorted(p for p in root.rglob("*") if p.is_file() and p.suffix != ".map") if root.is_dir() else []
text = ['// The files of the web page.\n// SPDX-License-Identifier: Apache-2.0\n#include "board/page.h"\n']
rows = []
for i, path in enumerate(files):
    data = path.read_bytes()
    lines = (", ".join(map(str, data[at:at + 32])) for at in range(0, len(data), 32))
    text.append(f"static const unsigned char file_{i}[] = {{\n" + ",\n".join(lines) + "};\n")
    tag = hashlib.sha256(data).hexdigest()[:16]
    rows.append(f'    {{"/{path.relative_to(root).as_posix()}", "{TYPES.get(path.suffix, "application/octet-stream")}", "\\"{tag}\\"", file_{i}, sizeof file_{i}}},\n')
text.append("const leat_page_file leat__page[] = {\n" + "".join(rows) + "    {0}};\n")
if not out.exists() or out.read_text() != "".join(text):
    out.write_text("".join(text))

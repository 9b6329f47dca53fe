#!/usr/bin/env python3
"""Writes the table of docs/model-yaml.md from the table of fields in src/train/config.c; --check only compares."""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOC = ROOT / "docs/model-yaml.md"
TEXT = r'"((?:[^"\\]|\\.)*)"'


def fields():
    source = (ROOT / "src/train/config.c").read_text()
    source = source[source.index("leat_config_fields[] = {") :]
    source = source[: source.index("{NULL,")]
    source = re.sub(r'"\s*\n\s*"', "", source)  # joined literals
    for row in re.finditer(r"\{" + r",\s*".join([TEXT] * 4) + r"\}", source):
        yield [cell.replace('\\"', '"').replace("\\\\", "\\").replace("|", "\\|") for cell in row.groups()]


def table():
    lines = ["| field | kind | default | meaning |", "| --- | --- | --- | --- |"]
    for path, kind, default, meaning in fields():
        lines.append(f"| `{path}` | {kind} | {f'`{default}`' if default else ''} | {meaning} |")
    return "\n".join(lines) + "\n"


def main():
    text = DOC.read_text()
    start = text.index("| field | kind |")
    end = text.index("\n\n", start) + 1
    now = text[:start] + table() + text[end:]
    if "--check" in sys.argv[1:]:
        return 0 if now == text else "docs/model-yaml.md is not what src/train/config.c says; tools/fields.py writes it"
    DOC.write_text(now)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Writes rows of a CSV file in every format that training reads: `convert.py IN.csv COLUMNS OUT_DIR`."""
# SPDX-License-Identifier: Apache-2.0
#
# All by hand and by numpy: nothing of Leat, so that its readers are tested against something else.
import gzip
import json
import pathlib
import struct
import sys
import zlib

import numpy as np

TABLE = []
for i in range(256):
    crc = i
    for _ in range(8):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    TABLE.append(crc)


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data):
    length = struct.pack("<Q", len(data))
    return length + masked_crc(length) + data + masked_crc(data)


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n >= 128:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def feature(values):
    """Of a list: all float, all int, or text."""
    if values and all(isinstance(v, int) for v in values):
        return field(3, field(1, b"".join(varint(v) for v in values)))
    if values and all(isinstance(v, float) for v in values):
        return field(2, field(1, struct.pack(f"<{len(values)}f", *values)))
    return field(1, b"".join(field(1, str(v).encode()) for v in values))


def example(row):
    return field(1, b"".join(field(1, field(1, k.encode()) + field(2, feature(v if isinstance(v, list) else [v]))) for k, v in row.items()))


def typed(text):
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def read(path, columns):
    """Rows as dictionaries: numbers where the whole column is numbers."""
    lines = [line.strip() for line in open(path) if line.strip() and not line.startswith("|")]
    rows = [[f.strip() for f in line.split(",")] for line in lines]
    out = {}
    for i, name in enumerate(columns):
        column = [typed(r[i]) for r in rows]
        kinds = {type(v) for v in column}
        out[name] = [r[i] for r in rows] if str in kinds else [float(v) for v in column] if float in kinds else column
    return [dict(zip(out, values)) for values in zip(*out.values())]


def write_all(rows, folder):
    """{name: path}; every format, and the compressed ones."""
    folder = pathlib.Path(folder)
    csv = "".join(",".join(str(v) for v in r.values()) + "\n" for r in rows).encode()
    lines = "".join(json.dumps(r) + "\n" for r in rows).encode()
    records = b"".join(record(example(r)) for r in rows)
    files = {"csv": ("rows.csv", csv), "csv.gz": ("rows.csv.gz", gzip.compress(csv, 6)), "jsonl": ("rows.jsonl", lines),
             "jsonl.gz": ("rows.jsonl.gz", gzip.compress(lines, 6)), "tfrecord": ("rows.tfrecord", records),
             "tfrecord.gz": ("rows.tfrecord.gz", gzip.compress(records, 6)), "tfrecord.zlib": ("rows.tfrecord.zlib", zlib.compress(records))}
    out = {}
    for name, (file, data) in files.items():
        (folder / file).write_bytes(data)
        out[name] = folder / file
    out["npz"] = folder / "rows.npz"
    np.savez_compressed(out["npz"], **{k: np.array([r[k] for r in rows]) for k in rows[0]})
    return out


if __name__ == "__main__":
    for name, path in write_all(read(sys.argv[1], sys.argv[2].split(",")), sys.argv[3]).items():
        print(name, path)

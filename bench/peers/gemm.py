#!/usr/bin/env python3
"""The shapes of bench/gemm.c in PyTorch (oneDNN, MKL) and numpy (OpenBLAS), one thread."""
# SPDX-License-Identifier: Apache-2.0
import json
import sys

from models import RNG, best, np, torch


def main():
    for line in sys.stdin:
        name = json.loads(line)["name"]
        _, shape, *how = name.split("-")
        m, n, k = (int(v) for v in shape.split("x"))
        a = RNG.random((k, m) if "at" in how else (m, k), np.float32)
        b = RNG.random((n, k) if "bt" in how else (k, n), np.float32)
        a, b = a.T if "at" in how else a, b.T if "bt" in how else b
        out = np.zeros((m, n), np.float32)
        peers = {"numpy (OpenBLAS)": 2e-3 * m * n * k / best(lambda: np.matmul(a, b, out=out), rounds=5, seconds=0.03)}
        if torch:
            ta, tb, to = torch.from_numpy(a), torch.from_numpy(b), torch.zeros(m, n)
            peers["pytorch"] = 2e-3 * m * n * k / best(lambda: torch.mm(ta, tb, out=to), rounds=5, seconds=0.03)
        print(json.dumps({"name": name, "peers": peers}), flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Runs the benchmarks on one pinned core, writes build/bench.json and prints a table."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()


def main():
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
    rows = []
    for program in sorted((BUILD / "bench").glob("bench_*")) + sorted((ROOT / "bench").glob("bench_*.py")):
        if program.is_dir() or not (os.access(program, os.X_OK) or program.suffix == ".py"):
            continue
        command = [sys.executable, str(program), str(BUILD)] if program.suffix == ".py" else [str(program)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            print(f"{program.name}: {done.stderr.strip()}", file=sys.stderr)
            return 1
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                row = {"bound": None, "peers": {}, **json.loads(line)}
                best = min(row["peers"].values()) if row["peers"] else None
                faster = row["unit"] in ("us", "ms", "s")  # smaller is better
                row["vs_best_peer"] = None if best is None else best / row["ours"] if faster else row["ours"] / best
                row["vs_bound"] = None if row["bound"] is None else row["ours"] / row["bound"] if faster else row["bound"] / row["ours"]
                rows.append(row)
    (BUILD / "bench.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{'benchmark':34} {'ours':>10} {'unit':6} {'bound':>10} {'x bound':>8} {'x best peer':>12}")
    for r in rows:
        bound = f"{r['bound']:10.4g} {r['vs_bound']:8.2f}" if r["bound"] is not None else f"{'-':>10} {'-':>8}"
        peer = f"{r['vs_best_peer']:12.2f}" if r["vs_best_peer"] else f"{'-':>12}"
        print(f"{r['name']:34} {r['ours']:10.4g} {r['unit']:6} {bound} {peer}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

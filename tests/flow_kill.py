#!/usr/bin/env python3
"""kill -9 at random moments of flows that write: under its final name a file is whole or not there. KILLS=200 for more of them (20 a format)."""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
KILLS = int(os.environ.get("KILLS", "20"))
ROWS = 300_000
failures = 0


def report(name, good, why=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + ("" if good else f" # {why}"))


def pipeline(tmp, sink, extension):
    return f"""pipeline:
  type: chain
  transforms:
    - {{type: ReadFromCsv, config: {{path: {tmp}/in.csv, timestamp: {{field: t, unit: s}}}}}}
    - {{type: WindowInto, config: {{windowing: {{type: fixed, size: 1000s}}}}}}
    - {{type: {sink}, config: {{path: {tmp}/{extension}/part.{extension}}}}}
"""


def files(folder):
    return {f.name: f.read_bytes() for f in folder.iterdir() if not f.name.startswith(".")}


def case(tmp, sink, extension):
    folder, file = tmp / extension, tmp / "p.yaml"
    folder.mkdir()
    file.write_text(pipeline(tmp, sink, extension))
    run = [BUILD / "leat", "flow", "run", file, "--quiet", "--streaming", "--threads", "1"]
    start = time.monotonic()
    subprocess.run(run, check=True)
    seconds, whole = time.monotonic() - start, files(folder)
    killed, broken = 0, []
    for _ in range(KILLS):
        for f in folder.iterdir():
            f.unlink()
        flow = subprocess.Popen(run)
        time.sleep(random.random() * seconds)
        killed += flow.poll() is None
        flow.kill()
        flow.wait()
        broken += [name for name, text in files(folder).items() if whole.get(name) != text]
    subprocess.run(run, check=True)
    report(f"{sink}: {len(whole)} files, {killed} kills of {KILLS}", not broken and killed > KILLS / 4 and files(folder) == whole and len(whole) == 30, broken[:3])


def main():
    random.seed(1)
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        (tmp / "in.csv").write_text("t,name\n" + "".join(f"{i // 10},row number {i}\n" for i in range(ROWS)))
        for sink, extension in (("WriteToCsv", "csv"), ("WriteToJson", "json"), ("WriteToTFRecord", "tfrecord")):
            case(tmp, sink, extension)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

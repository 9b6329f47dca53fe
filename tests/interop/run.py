#!/usr/bin/env python3
"""Real TensorFlow and TensorBoard, and real clients of prediction servers, against Leat: `make interop`. Installs them from PyPI into build/interop
on first use. SHORT=1: without the large ones."""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
PACKAGES = ["tensorflow-cpu==2.15.1", "tensorflow-cpu"]  # the first that installs; tensorboard comes along


def environment():
    home = BUILD / "interop" / "venv"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
    for package in PACKAGES:
        if subprocess.run([python, "-c", "import tensorflow, tensorboard"], capture_output=True).returncode == 0:
            return python
        print(f"# installing {package}", flush=True)
        subprocess.run([python, "-m", "pip", "install", "-q", package], check=package == PACKAGES[-1])
    return python


def main():
    if os.environ.get("SHORT"):  # the clients that install in seconds
        return subprocess.run([sys.executable, HERE / "serving.py", BUILD]).returncode | subprocess.run([sys.executable, HERE / "board.py", BUILD]).returncode
    python, failed = environment(), 0
    env = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", PYTHONPATH=str(HERE.parent))
    for script in sorted(HERE.glob("test_*.py")):
        failed |= subprocess.run([python, script, BUILD], env=env).returncode
    failed |= subprocess.run([sys.executable, HERE / "serving.py", BUILD]).returncode
    failed |= subprocess.run([sys.executable, HERE / "board.py", BUILD]).returncode
    failed |= subprocess.run([sys.executable, HERE / "flow.py", BUILD]).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())

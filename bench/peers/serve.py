"""Triton with its Python back end (PyPI nvidia-pytriton), which answers what `leat serve` is asked in bench_serve.py.

One core for it, the other for the generator, as there. Its model is the same network in NumPy.
"""
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import serving

BUILD = pathlib.Path(sys.prefix).parent
PACKAGE = importlib.util.find_spec("pytriton")

CONFIG = """name: "mlp"
backend: "python"
max_batch_size: 0
input [ { name: "x" data_type: TYPE_FP32 dims: [ -1, 100 ] } ]
output [ { name: "probability" data_type: TYPE_FP32 dims: [ -1, 1 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""

MODEL = """
import numpy as np
import triton_python_backend_utils as pb

class TritonPythonModel:
    def initialize(self, args):
        r, widths = np.random.default_rng(1), [100, 100, 70, 50, 25, 1]
        self.layers = [(r.standard_normal((a, b)).astype(np.float32), np.zeros(b, np.float32)) for a, b in zip(widths, widths[1:])]

    def run(self, x):
        for i, (w, b) in enumerate(self.layers):
            x = x @ w + b
            if i + 1 < len(self.layers):
                x = np.maximum(x, 0)
        return 1 / (1 + np.exp(-x))

    def execute(self, requests):
        inputs = [pb.get_input_tensor_by_name(r, "x").as_numpy() for r in requests]
        return [pb.InferenceResponse([pb.Tensor("probability", self.run(x))]) for x in inputs]
"""


class Triton(serving.Server):
    def __init__(self, where):
        package = pathlib.Path(PACKAGE.origin).parent / "tritonserver"
        model, python = where / "models" / "mlp", f"{sys.version_info[0]}.{sys.version_info[1]}"
        (model / "1").mkdir(parents=True)
        (model / "config.pbtxt").write_text(CONFIG)
        (model / "1" / "model.py").write_text(MODEL)
        shutil.copytree(package / "backends", where / "backends")
        stub = where / "backends" / "python" / "triton_python_backend_stub"
        shutil.copy(package / "python_backend_stubs" / python / stub.name, stub)
        stub.chmod(0o755)
        os.environ["LD_LIBRARY_PATH"] = str(package.parents[1] / "nvidia_pytriton.libs")
        os.environ["PYTHONPATH"] = ":".join(p for p in sys.path if p.endswith("site-packages"))
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        port, self.grpc_port = serving.free_port(), serving.free_port()
        super().__init__([str(package / "bin" / "tritonserver"), f"--model-repository={where}/models", f"--backend-directory={where}/backends", f"--http-port={port}", f"--grpc-port={self.grpc_port}", "--allow-metrics=false", "--log-verbose=0"], port)


def main():
    if not PACKAGE:
        return
    os.sched_setaffinity(0, set(serving.CORES))
    rows = [json.loads(line) for line in sys.stdin]
    with tempfile.TemporaryDirectory() as tmp:
        where = pathlib.Path(tmp)
        ask = serving.questions(where)
        tensor = {"name": "x", "shape": [1, 100], "datatype": "FP32", "data": serving.rows(1)[0]}
        json1 = serving.Question(where, "v2json1", "http1", "/v2/models/mlp/infer", json.dumps({"inputs": [tensor]}).encode())
        tensor = {**tensor, "shape": [256, 100], "data": [v for row in serving.rows(256) for v in row]}
        json256 = serving.Question(where, "v2json256", "http1", "/v2/models/mlp/infer", json.dumps({"inputs": [tensor]}).encode())
        began = time.perf_counter()
        server = Triton(where)
        try:
            serving.first_answer(server.port, json1, 20)
            found = {"serve-start": time.perf_counter() - began}
            for name, question, connections in (("json1-c1", json1, 1), ("json1-c16", json1, 16), ("json1-c64", json1, 64), ("json256", json256, 8), ("bin256", ask["bin256"], 8), ("grpc1-c16", ask["grpc1"], 16), ("grpc1-c64", ask["grpc1"], 64), ("grpcbin256", ask["grpcbin256"], 8)):
                http, server.port = server.port, server.grpc_port if question.protocol == "grpc" else server.port
                reports = [serving.load(BUILD, server, question, connections, "-t", "1") for _ in range(2)]
                server.port = http
                found[f"serve-{name}"] = max(r["rate"] for r in reports)
                if name == "json1-c16":
                    found["serve-json1-c16-p50"] = min(r["p50_us"] for r in reports)
                    found["serve-json1-c16-p99"] = min(r["p99_us"] for r in reports)
            found["serve-rss"] = server.memory("VmHWM")
        finally:
            server.stop()
    for row in rows:
        if row["name"] in found:
            print(json.dumps({"name": row["name"], "peers": {"Triton (Python)": found[row["name"]]}}), flush=True)


if __name__ == "__main__":
    main()

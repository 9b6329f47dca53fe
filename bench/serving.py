"""A server of the benchmark's model and what is asked of it; shared by the benchmark and the soak."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import random
import socket
import struct
import subprocess
import time


def all_cores():
    """Of this process, also where the benchmarks' runner has pinned it to one."""
    os.sched_setaffinity(0, set(range(os.cpu_count())))
    return sorted(os.sched_getaffinity(0))


CORES = all_cores()


def varint(n):
    out = bytearray()
    while n >= 128:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def chunk(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def rows(count, inputs=100):
    r = random.Random(count)
    return [[round(r.uniform(-1, 1), 4) for _ in range(inputs)] for _ in range(count)]


class Question:
    """A body and how it is sent: `load` gives the generator's arguments."""

    def __init__(self, where, name, protocol, path, body, kind="application/json", fields=()):
        self.file = pathlib.Path(where) / name
        self.file.write_bytes(body)
        self.name, self.protocol, self.path, self.kind, self.fields, self.body = name, protocol, path, kind, fields, body

    def load(self):
        extra = [a for f in self.fields for a in ("-H", f)]
        return ["-p", self.protocol, "-b", str(self.file), "-T", self.kind, *extra]


def questions(where, model="mlp"):
    def v2(count, binary):
        values = rows(count)
        flat = struct.pack(f"<{count * 100}f", *(v for row in values for v in row))
        tensor = {"name": "x", "shape": [count, 100], "datatype": "FP32"}
        if not binary:
            return values, flat
        tensor["parameters"] = {"binary_data_size": len(flat)}
        head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}, separators=(",", ":")).encode()
        return head, head + flat

    def grpc(count):
        _, flat = v2(count, False)
        tensor = chunk(1, b"x") + chunk(2, b"FP32") + chunk(3, varint(count) + varint(100))
        return chunk(1, model.encode()) + chunk(5, tensor) + chunk(7, flat)

    def instances(count):
        return json.dumps({"instances": rows(count)}, separators=(",", ":")).encode()

    predict, infer, call = f"/v1/models/{model}:predict", f"/v2/models/{model}/infer", "/inference.GRPCInferenceService/ModelInfer"
    head, binary = v2(256, True)
    return {
        "json1": Question(where, "json1", "http1", predict, instances(1)),
        "grpc1": Question(where, "grpc1", "grpc", call, grpc(1)),
        "json256": Question(where, "json256", "http1", predict, instances(256)),
        "bin256": Question(where, "bin256", "http1", infer, binary, "application/octet-stream", [f"Inference-Header-Content-Length: {len(head)}"]),
        "grpcbin256": Question(where, "grpcbin256", "grpc", call, grpc(256)),
    }


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def http_request(question, port):
    lines = [f"POST {question.path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Type: {question.kind}", f"Content-Length: {len(question.body)}", *question.fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + question.body


def first_answer(port, question, patience=20):
    """Asks until the server is there; the answer's bytes."""
    request, end = http_request(question, port), time.time() + patience
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
                s.sendall(request)
                answer = s.recv(1 << 16)
            if answer.startswith(b"HTTP/1.1 200"):
                return answer
        except OSError:
            pass
        if time.time() > end:
            raise RuntimeError(f"no answer at port {port}")
        time.sleep(0.0005)


class Server:
    def __init__(self, command, port=None, core=None):
        core = CORES[0] if core is None else core
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.port = port or int(self.process.stdout.readline())

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, what):
        """Megabytes: what is "VmHWM" (the most so far) or "VmRSS"."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


def leat(build, models, *options):
    port = free_port()
    command = [str(build / "leat"), "serve", "--model_base_path", str(models), "--model_name", "mlp", "--listen", f"127.0.0.1:{port}", "--threads", "1", *options]
    return Server(command, port)


def save_model(build, where):
    """The network of 100-70-50-25-1 units as version 1; the directory to serve."""
    models = pathlib.Path(where) / "models"
    models.mkdir()
    subprocess.run([str(build / "bench/bench_mlp"), "save", str(models / "1")], check=True)
    return models


def load(build, server, question, connections, *options):
    """Runs the generator on the other core; its report, with the server's CPU time of an answer."""
    core = CORES[-1]
    before = server.cpu_seconds()
    command = [str(build / "bench/load"), "-c", str(connections), *question.load(), *options, str(server.port), question.path]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    if not done.stdout.startswith("{"):
        raise RuntimeError(f"load {question.name}: {done.stderr.strip()}")
    report = json.loads(done.stdout)
    if report["failed"]:
        raise RuntimeError(f"load {question.name}: {report['failed']} failed: {done.stderr.strip()[:300]}")
    report["cpu_us"] = (server.cpu_seconds() - before) * 1e6 / max(report["requests"], 1)
    return report

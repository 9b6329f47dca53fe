#!/usr/bin/env python3
"""`leat serve` asked by every API it has: the same bits by each, errors word for word, versions that come and go."""
# SPDX-License-Identifier: Apache-2.0
import base64
import concurrent.futures
import gzip
import http.client
import json
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import h2
from cli import MODEL, rows

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
LEAT = str(BUILD / "leat")
failures = 0
PERSON = {"a": 4.5, "b": 2.0, "c": "q", "d": "w7"}
PEOPLE = [{"a": i % 17 + 0.5, "b": float(i % 5), "c": "pqr"[i % 3], "d": f"w{i % 11}"} for i in range(1024)]


def check(name, good, *notes):
    global failures
    if not good:
        failures += 1
        print("# " + "\n# ".join(str(n)[:700] for n in notes))
    print(("ok " if good else "not ok ") + name, flush=True)
    return good


# --- Models ---------------------------------------------------------------------------------------
def save(where, function, symbols="symbol batch", weights=()):
    """A saved model from the text of its function `predict`."""
    where = pathlib.Path(where)
    where.parent.mkdir(parents=True, exist_ok=True)
    made = where.with_name(where.name + ".tmp")
    made.mkdir()
    (made / "graph.leat").write_text(f"leat graph 1\nnumerics 1\n{symbols}\n{function}\n")
    head = json.dumps({"__metadata__": {"format": "leat"}}).encode()
    (made / "weights.safetensors").write_bytes(struct.pack("<Q", len(head)) + head)
    (made / "signature.json").write_text('{"format": 1, "signature": "serving_default", "function": "predict"}')
    made.rename(where)
    return where


def half_plus(n):
    """y = x / 2 + n, as TensorFlow Serving's own demonstration."""
    return f"""func predict(x: f32[batch]) {{
  %1 = const() value=f32[] {{0.5}} : f32[]
  %2 = broadcast(%1) dims=[batch] axes=[] : f32[batch]
  %3 = mul(%0, %2) : f32[batch]
  %4 = const() value=f32[] {{{float(n)}}} : f32[]
  %5 = broadcast(%4) dims=[batch] axes=[] : f32[batch]
  %6 = add(%3, %5) : f32[batch]
  return y=%6
}}"""


KINDS = """func predict(flag: bool[batch], n: i64[batch], small: i32[batch, 2], text: string[batch], wide: f64[batch]) {
  return flag=%0, n=%1, small=%2, text=%3, text_bytes=%3, wide=%4
}"""
RECIPROCAL = """func predict(x: f32[batch]) {
  %1 = const() value=f32[] {1.0} : f32[]
  %2 = broadcast(%1) dims=[batch] axes=[] : f32[batch]
  %3 = div(%2, %0) : f32[batch]
  return y=%3
}"""
PICKY = """func predict(x: string[batch]) {
  %1 = host_call(%0) name="string_to_number" params=["f32", "0"] : f32[batch]
  return y=%1
}"""


# --- Servers and requests -------------------------------------------------------------------------
class Server:
    def __init__(self, *options, ready=True):
        self.process = subprocess.Popen([LEAT, "serve", "--listen", "127.0.0.1:0", *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port = int(line.rsplit(":", 1)[1]) if ":" in line else 0
        self.notes = []
        self.reader = threading.Thread(target=lambda: self.notes.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def ask(self, method, path, body=None, headers={}):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        data = json.dumps(body).encode() if body is not None and not isinstance(body, (bytes, str)) else body
        c.request(method, path, data, headers)
        answer = c.getresponse()
        got = answer.read()
        c.close()
        return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), got

    def json(self, method, path, body=None, headers={}):
        status, _, data = self.ask(method, path, body, headers)
        return status, json.loads(data) if data.strip() else None

    def error(self, method, path, body=None, headers={}):
        status, data = self.json(method, path, body, headers)
        return status, data.get("error") if isinstance(data, dict) else data

    def grpc(self, path, message, extra=()):
        """(grpc-status, message or bytes)"""
        c = h2.Connection(self.port, timeout=20)
        status, text, answer = c.call(path, h2.message(message), extra)
        c.close()
        return int(status), answer[5:] if status == "0" else urllib.parse.unquote(text or "")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        self.reader.join(timeout=5)
        return code


# --- Protocol buffers ------------------------------------------------------------------------------
def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n >= 128:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def chunk(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def number(field, n):
    return varint(field << 3) + varint(n)


def parse(data):
    """[(field, value)] of a message."""
    at, out = 0, []

    def take():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = take()
        kind = tag & 7
        if kind == 0:
            value = take()
        elif kind == 2:
            size = take()
            value, at = data[at:at + size], at + size
        else:
            size = 4 if kind == 5 else 8
            value, at = data[at:at + size], at + size
        out.append((tag >> 3, value))
    return out


def all_of(data, field):
    return [v for f, v in parse(data) if f == field]


def tensor_proto(values):
    shape = chunk(2, chunk(2, number(1, len(values))))
    if isinstance(values[0], str):
        return number(1, 7) + shape + b"".join(chunk(8, v) for v in values)
    return number(1, 1) + shape + chunk(5, struct.pack(f"<{len(values)}f", *values))


def columns(people):
    return {k: [p[k] for p in people] for k in people[0]}


def predict_request(people, model="m", more=b""):
    entries = b"".join(chunk(2, chunk(1, k) + chunk(2, tensor_proto(v))) for k, v in columns(people).items())
    return chunk(1, chunk(1, model) + more) + entries


def strings(values):
    return b"".join(struct.pack("<I", len(v.encode())) + v.encode() for v in values)


def infer_request(people, raw, model="m"):
    tensors, raws = b"", b""
    for k, v in columns(people).items():
        text = isinstance(v[0], str)
        packed = strings(v) if text else struct.pack(f"<{len(v)}f", *v)
        typed = b"".join(chunk(8, s) for s in v) if text else chunk(6, packed)
        tensors += chunk(5, chunk(1, k) + chunk(2, "BYTES" if text else "FP32") + chunk(3, varint(len(v))) + (b"" if raw else chunk(5, typed)))
        raws += chunk(7, packed)
    return chunk(1, model) + tensors + (raws if raw else b"")


def v2_request(people, binary=False):
    inputs, data = [], b""
    for k, v in columns(people).items():
        text = isinstance(v[0], str)
        tensor = {"name": k, "shape": [len(v)], "datatype": "BYTES" if text else "FP32"}
        if binary:
            packed = strings(v) if text else struct.pack(f"<{len(v)}f", *v)
            tensor["parameters"] = {"binary_data_size": len(packed)}
            data += packed
        else:
            tensor["data"] = v
        inputs.append(tensor)
    head = json.dumps({"inputs": inputs, **({"parameters": {"binary_data_output": True}} if binary else {})}).encode()
    return head, data


def v2_binary_answer(headers, data):
    size = int(headers["inference-header-content-length"])
    head, at, out = json.loads(data[:size]), size, {}
    for t in head["outputs"]:
        n = t["parameters"]["binary_data_size"]
        out[t["name"]] = data[at:at + n]
        at += n
    return out


# --- The same bits by every way ----------------------------------------------------------------------
def bits(values):
    return struct.pack(f"<{len(values)}f", *values)


def ways(s, people):
    """Name of a way -> bits of the probabilities of these people."""
    out = {}
    answer = s.json("POST", "/v1/models/m:predict", {"instances": people})[1]
    out["TensorFlow Serving, rows"] = bits([x for p in answer["predictions"] for x in p["probabilities"]])
    answer = s.json("POST", "/v1/models/m:predict", {"inputs": columns(people)})[1]
    out["TensorFlow Serving, columns"] = bits([x for p in answer["outputs"]["probabilities"] for x in p])
    answer = s.json("POST", "/v2/models/m/infer", v2_request(people)[0])[1]
    out["V2 in JSON"] = bits(next(t["data"] for t in answer["outputs"] if t["name"] == "probabilities"))
    head, data = v2_request(people, True)
    _, headers, got = s.ask("POST", "/v2/models/m/infer", head + data, {"Inference-Header-Content-Length": str(len(head))})
    out["V2, binary"] = v2_binary_answer(headers, got)["probabilities"]
    status, got = s.grpc("/tensorflow.serving.PredictionService/Predict", predict_request(people))
    for entry in all_of(got, 1):
        if all_of(entry, 1)[0] == b"probabilities":
            out["TensorFlow Serving, gRPC"] = all_of(all_of(entry, 2)[0], 5)[0]
    for raw in (True, False):
        status, got = s.grpc("/inference.GRPCInferenceService/ModelInfer", infer_request(people, raw))
        names = [all_of(t, 1)[0] for t in all_of(got, 5)]
        at = names.index(b"probabilities")
        out[f"V2, gRPC, {'bytes' if raw else 'typed'}"] = all_of(got, 6)[at] if raw else all_of(all_of(all_of(got, 5)[at], 5)[0], 6)[0]
    examples = [{**p} for p in people]
    answer = s.json("POST", "/v1/models/m:classify", {"examples": examples})[1]
    out["TensorFlow Serving, classify"] = bits([score for row in answer["results"] for _, score in row])
    return out


def same_bits(d, s, export):
    done = subprocess.run([LEAT, "predict", "--model-dir", export, "--format", "json"], input="".join(json.dumps(p) + "\n" for p in PEOPLE), capture_output=True, text=True)
    wanted = [json.loads(line)["probabilities"] for line in done.stdout.splitlines()]
    for people, name in ((PEOPLE[:1], "alone"), (PEOPLE, "in a batch of 1,024")):
        expected = bits([x for p in wanted[:len(people)] for x in p])
        for way, got in ways(s, people).items():
            check(f"the same bits as leat predict, {name}: {way}", got == expected, got[:40], expected[:40])
    alone = b"".join(ways(s, [p])["V2, binary"] for p in PEOPLE[:8])
    check("each of a batch has the bits it has alone", alone == bits([x for p in wanted[:8] for x in p]))


# --- TensorFlow Serving's REST API ---------------------------------------------------------------------
def tfs(s):
    status, answer = s.json("GET", "/v1/models/half")
    check("status of a model", status == 200 and answer["model_version_status"] == [{"version": "3", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}], answer)
    check("KServe finds name and ready", answer["name"] == "half" and answer["ready"] is True)
    check("status of a version", s.json("GET", "/v1/models/half/versions/3")[0] == 200)
    status, answer = s.json("GET", "/v1/models/half/metadata")
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    check("metadata", answer["model_spec"] == {"name": "half", "signature_name": "", "version": "3"} and signature["inputs"]["x"] == {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}, "name": "x:0"}, answer)
    check("the demonstration", s.json("POST", "/v1/models/half:predict", {"instances": [1.0, 2.0, 5.0]})[1] == {"predictions": [2.5, 3.0, 4.5]})
    check("a named signature and a version", s.json("POST", "/v1/models/half/versions/3:predict", {"signature_name": "serving_default", "instances": [{"x": 4}]})[1] == {"predictions": [4.0]})
    check("columns: one input needs no name, one output has none", s.json("POST", "/v1/models/half:predict", {"inputs": [4.0]})[1] == {"outputs": [4.0]})
    check("paths match in any case", s.json("POST", "/V1/Models/half:PREDICT".replace("PREDICT", "predict"), {"inputs": [4.0]})[0] == 200)
    packed = s.ask("POST", "/v1/models/half:predict", gzip.compress(json.dumps({"instances": [2] * 2000}).encode()), {"Content-Encoding": "GZip", "Accept-Encoding": "br, GZIP"})
    check("codings are named in any case", packed[0] == 200 and packed[1].get("content-encoding") == "gzip" and len(json.loads(gzip.decompress(packed[2]))["predictions"]) == 2000, packed[:2])
    check("fields too large are refused in JSON", s.json("GET", "/v1/models/" + "a" * 20000) == (431, {"error": "the fields of the request are too large"}))
    check("a packed body", s.json("POST", "/v1/models/half:predict", gzip.compress(b'{"instances": [2]}'), {"Content-Encoding": "gzip"})[1] == {"predictions": [3.0]})
    check("NaN and Infinity both ways", s.ask("POST", "/v1/models/half:predict", b'{"instances": [NaN, Infinity, -Infinity, 1]}')[2].strip() == b'{"predictions": [NaN, Infinity, -Infinity, 2.5]}', s.ask("POST", "/v1/models/half:predict", b'{"instances": [NaN]}')[2])
    text = base64.b64encode(b"\x00\xffraw").decode()
    row = {"flag": True, "n": 1 << 62, "small": [1, -2], "text": "h\u00e9", "wide": 0.1}
    status, answer = s.json("POST", "/v1/models/kinds:predict", {"instances": [row, {**row, "text": {"b64": base64.b64encode(b"xyz").decode()}}]})
    first, second = answer["predictions"] if status == 200 else ({}, {})
    check("every kind of value", first == {"flag": True, "n": 1 << 62, "small": [1, -2], "text": "h\u00e9", "text_bytes": {"b64": base64.b64encode("h\u00e9".encode()).decode()}, "wide": 0.1} and second["text"] == "xyz", answer)
    status, answer = s.json("POST", "/v1/models/kinds:predict", {"inputs": {"flag": [False], "n": [0], "small": [[1, 2]], "text": [{"b64": text}], "wide": [1e300]}})
    check("bytes by base64", status == 200 and answer["outputs"]["text_bytes"] == [{"b64": text}] and answer["outputs"]["text"] == ["\0\ufffdraw"], answer)


def tfs_errors(s):
    predict = "/v1/models/half:predict"
    element = "Failed to process element: 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: "
    for name, path, body, status, message in [
            ("a model that is not there", "/v1/models/none:predict", {"instances": [1]}, 404, "Servable not found for request: Latest(none)"),
            ("a version that is not there", "/v1/models/half/versions/9:predict", {"instances": [1]}, 404, "Servable not found for request: Specific(half, 9)"),
            ("a label that is not there", "/v1/models/half/labels/new:predict", {"instances": [1]}, 400, "Unrecognized servable version label: new"),
            ("no body", predict, b"", 400, "JSON Parse error: The document is empty"),
            ("a cut body", predict, b'{"instances": [1', 400, "JSON Parse error: Missing a comma or ] after an array element. at offset: 16"),
            ("no JSON", predict, b'{"instances": x}', 400, "JSON Parse error: Invalid value. at offset: 14"),
            ("bad syntax behind a bad value counts first", predict, b'{"instances": ["a"], }', 400, "JSON Parse error: Missing a name for object member. at offset: 21"),
            ("not an object", predict, b"[1]", 400, "JSON Value: [\n    1\n] Is not object"),
            ("neither instances nor inputs", predict, {}, 400, "Missing 'inputs' or 'instances' key"),
            ("both", predict, {"instances": [1], "inputs": [1]}, 400, 'JSON Value: {\n    "instances": [\n        1\n    ],\n    "inputs": [\n        1\n    ]\n} Not formatted correctly expecting only one of \'inputs\' or \'instances\' keys to exist '),
            ("no instances", predict, {"instances": []}, 400, "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
            ("instances that are no list", predict, {"instances": 3}, 400, "JSON Value: {\n    \"instances\": 3\n} Excepting 'instances' to be an list/array"),
            ("a text for a number", predict, {"instances": [{"x": "a"}]}, 400, element + 'JSON Value: "a" Type: String is not of expected type: float'),
            ("the same in a plain list", predict, {"instances": [1, "a"]}, 400, "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"a\" Type: String is not of expected type: float"),
            ("null", predict, {"instances": [{"x": None}]}, 400, element + "JSON Value: null Type: Null is not of expected type: float"),
            ("a number that is too large", predict, b'{"instances": [{"x": 1e999}]}', 400, element + "Cannot convert JSON value: 1e999 to float without loss of precision."),
            ("an unknown name", predict, {"instances": [{"z": 1}]}, 400, "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: z"),
            ("a missing key", "/v1/models/kinds:predict", {"instances": [{"n": 1}]}, 400, "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"n\": 1\n} keys must be equal to: flag,n,small,text,wide"),
            ("a plain list for several inputs", "/v1/models/kinds:predict", {"instances": [1]}, 400, "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map"),
            ("objects and values mixed", predict, {"instances": [{"x": 1}, 2]}, 400, "Expecting object but got list at item 1 of input list"),
            ("values and objects mixed", predict, {"instances": [1, {"x": 1}]}, 400, "Expecting value/list but got object at item 1 of input list"),
            ("rows of two sizes", predict, {"instances": [[1, 2], [3]]}, 400, "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 1"),
            ("rows of two shapes", predict, {"instances": [[[1, 2]], [[1], [2]]]}, 400, "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [1,2] but got: [2,1]"),
            ("a ragged list", predict, {"instances": [[[1, 2], [3]]]}, 400, "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
            ("a value beside lists", predict, {"instances": [[[1], 2]]}, 400, "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
            ("a list beside values", predict, {"instances": [[1, [2]]]}, 400, "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: Encountered list at unexpected level: 1 expected < 1"),
            ("a shape that the model does not take", predict, {"instances": [[1, 2]]}, 400, "input 'x' is f32[1, 2], expected f32[batch]"),
            ("a fraction for a whole number", "/v1/models/kinds:predict", {"inputs": {"flag": [True], "n": [1.5], "small": [[1, 2]], "text": ["a"], "wide": [1]}}, 400, "JSON Value: 1.5 Type: Number is not of expected type: int64"),
            ("a missing column", "/v1/models/kinds:predict", {"inputs": {"n": [1]}}, 400, "Missing named input: flag in 'inputs' object."),
            ("bad base64", "/v1/models/kinds:predict", {"inputs": {"flag": [True], "n": [1], "small": [[1, 2]], "text": [{"b64": "!"}], "wide": [1]}}, 400, "Unable to base64 decode"),
            ("an object that is not base64", "/v1/models/kinds:predict", {"inputs": {"flag": [True], "n": [1], "small": [[1, 2]], "text": [{"b": 1}], "wide": [1]}}, 400, 'JSON Value: {\n    "b": 1\n} not formatted correctly for base64 data'),
            ("a signature that is not there", predict, {"signature_name": "foo", "instances": [1]}, 400, 'Serving signature name: "foo" not found in signature def'),
            ("an unknown verb", "/v1/models/half:explain", {}, 400, "Malformed request: POST /v1/models/half:explain"),
            ("no examples", "/v1/models/half:classify", {"examples": []}, 400, "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"),
            ("a feature that is missing", "/v1/models/half:regress", {"examples": [{"z": 1.5}]}, 400, "Name: <unknown>, Feature: x (data type: float) is required but could not be found."),
            ("a list in a list as a feature", "/v1/models/half:regress", {"examples": [{"x": [[1]]}]}, 400, "Feature: x has element with unexpected JSON type: Array"),
            ("a feature of two kinds", "/v1/models/half:regress", {"examples": [{"x": [1.5, "a"]}]}, 400, "Unexpected element type in feature: x expecting type: float")]:
        got = s.error("POST", path, body)
        check("TensorFlow Serving: " + name, got == (status, message), got, message)
    got = s.error("GET", "/v1/models/none")
    check("TensorFlow Serving: status of a model that is not there", got == (404, "Could not find any versions of model none"), got)
    got = s.error("DELETE", "/v1/models/half")
    check("TensorFlow Serving: an unknown method", got == (405, "Malformed request: DELETE /v1/models/half"), got)
    deep = b'{"instances": ' + b"[" * 100000
    check("JSON 100,000 levels deep", s.error("POST", predict, deep)[0] == 400)


def tfs_examples(s):
    answer = s.json("POST", "/v1/models/half:regress", {"examples": [{"x": 2.0}, {"x": [4]}]})
    check("regress", answer == (200, {"results": [3.0, 4.0]}), answer)
    answer = s.json("POST", "/v1/models/half:regress", {"context": {"x": 2.0}, "examples": [{}, {"x": 6.5}]})
    check("a context gives what examples lack", answer == (200, {"results": [3.0, 5.25]}), answer)
    status, answer = s.json("POST", "/v1/models/m:classify", {"examples": [PERSON]})
    check("classify tells the label's names", status == 200 and [label for label, _ in answer["results"][0]] == ["no", "yes"], answer)


# --- Open Inference Protocol ---------------------------------------------------------------------------
def v2(s):
    check("live", s.json("GET", "/v2/health/live") == (200, {"live": True}))
    check("ready", s.json("GET", "/v2/health/ready") == (200, {"ready": True}))
    check("the server", s.json("GET", "/v2")[1]["name"] == "leat")
    status, answer = s.json("GET", "/v2/models/half")
    check("a model", answer == {"name": "half", "versions": ["3"], "platform": "leat_graph", "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1]}], "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}]}, answer)
    check("a model's readiness", s.json("GET", "/v2/models/half/versions/3/ready") == (200, {"name": "half", "ready": True}))
    body = {"id": "a\"b", "inputs": [{"name": "x", "shape": [2], "datatype": "FP32", "data": [[1], [2]]}], "outputs": [{"name": "y"}]}
    check("an inference", s.json("POST", "/v2/models/half/infer", body) == (200, {"model_name": "half", "model_version": "3", "id": "a\"b", "outputs": [{"name": "y", "datatype": "FP32", "shape": [2], "data": [2.5, 3.0]}]}))
    late = b'{"inputs": [{"data": [1, 2], "shape": [2], "datatype": "FP32", "name": "x"}]}'
    check("data before its description", s.json("POST", "/v2/models/half/infer", late)[1]["outputs"][0]["data"] == [2.5, 3.0])
    status, headers, data = s.ask("POST", "/v2/models/half/infer", struct.pack("<2f", 1, 2), {"Inference-Header-Content-Length": "0"})
    check("a raw body", status == 200 and v2_binary_answer(headers, data)["y"] == struct.pack("<2f", 2.5, 3))
    stats = s.json("GET", "/v2/models/half/stats")[1]["model_stats"][0]
    check("statistics", stats["name"] == "half" and stats["inference_stats"]["success"]["count"] > 0 and stats["inference_count"] >= stats["execution_count"] > 0, stats)
    check("the index", {"name": "half", "version": "3", "state": "READY", "reason": ""} in s.json("POST", "/v2/repository/index", {})[1])


def v2_errors(s):
    infer = "/v2/models/half/infer"
    x = {"name": "x", "shape": [1], "datatype": "FP32", "data": [1]}
    for name, path, body, status, message in [
            ("a model that is not there", "/v2/models/none/infer", {"inputs": [x]}, 404, "Request for unknown model: 'none' is not found"),
            ("a version that is not there", "/v2/models/half/versions/8/infer", {"inputs": [x]}, 404, "Request for unknown model: 'half' version 8 is not found"),
            ("no inputs", infer, {}, 400, "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"),
            ("too few inputs", infer, {"inputs": []}, 400, "expected 1 inputs but got 0 inputs for model 'half'"),
            ("an unknown input", infer, {"inputs": [{**x, "name": "z"}]}, 400, "unexpected inference input 'z' for model 'half'"),
            ("an input twice", infer, {"inputs": [x, x]}, 400, "input 'x' already exists in request"),
            ("a wrong type", infer, {"inputs": [{**x, "datatype": "INT64"}]}, 400, "inference input 'x' data-type is 'INT64', but model 'half' expects 'FP32'"),
            ("a wrong rank", infer, {"inputs": [{**x, "shape": [1, 1]}]}, 400, "unexpected shape for input 'x' for model 'half'. Expected [-1], got [1,1]"),
            ("too few values", infer, {"inputs": [{**x, "shape": [3]}]}, 400, "unexpected total byte size 4 for input 'x', expecting 12"),
            ("a shape that claims too much", infer, {"inputs": [{**x, "shape": [1 << 62]}]}, 400, None),
            ("an unknown output", infer, {"inputs": [x], "outputs": [{"name": "z"}]}, 400, "unexpected inference output 'z' for model 'half'"),
            ("no JSON", infer, b"{", 400, None),
            ("a result that JSON cannot say", "/v2/models/reciprocal/infer", {"inputs": [{**x, "data": [0]}]}, 400, "output 'y' is not finite, which JSON cannot say; ask for binary data")]:
        got = s.error("POST", path, body)
        check("V2: " + name, got[0] == status and (message is None or got[1] == message), got, message)
    head = json.dumps({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]}).encode()
    got = s.error("POST", infer, head + b"\0" * 4, {"Inference-Header-Content-Length": str(len(head))})
    check("V2: bytes that are not there", got[0] == 400, got)
    got = s.error("POST", infer, head, {"Inference-Header-Content-Length": "99999"})
    check("V2: a header longer than the body", got == (400, "Unable to parse Inference-Header-Content-Length"), got)
    got = s.error("POST", "/v2/repository/models/none/load", {})
    check("V2: loading a model that is not known", got == (404, "failed to load 'none', no such model in the repository"), got)
    check("an unknown path", s.error("GET", "/nowhere") == (404, "Malformed request: GET /nowhere"))


# --- gRPC ---------------------------------------------------------------------------------------------
def grpc(s):
    service, model = "/tensorflow.serving.PredictionService/", "/tensorflow.serving.ModelService/"
    got = s.grpc(service + "Predict", predict_request([{"x": 3.0}], "half"))
    spec = all_of(got[1], 2)[0]
    check("Predict tells its model, version and signature", all_of(spec, 1) == [b"half"] and all_of(all_of(spec, 2)[0], 1) == [3] and all_of(spec, 3) == [b"serving_default"], got)
    example = chunk(1, chunk(1, chunk(1, "x") + chunk(2, chunk(2, chunk(1, struct.pack("<f", 4))))))
    both = chunk(1, chunk(1, chunk(1, "half")) + chunk(2, "tensorflow/serving/regress")) + chunk(2, chunk(1, chunk(1, example)))
    status, got = s.grpc(service + "MultiInference", both)
    check("MultiInference", status == 0 and struct.unpack("<f", all_of(all_of(all_of(all_of(got, 1)[0], 3)[0], 1)[0], 1)[0])[0] == 4.0, status, got)
    status, got = s.grpc(service + "GetModelMetadata", chunk(1, chunk(1, "half")) + chunk(2, "signature_def"))
    check("GetModelMetadata", status == 0 and b"type.googleapis.com/tensorflow.serving.SignatureDefMap" in got, got)
    status, got = s.grpc(model + "GetModelStatus", chunk(1, chunk(1, "half")))
    check("GetModelStatus", status == 0 and parse(all_of(got, 1)[0])[:2] == [(1, 3), (2, 30)], got)
    check("health", s.grpc("/grpc.health.v1.Health/Check", b"") == (0, number(1, 1)))
    check("health of a service", s.grpc("/grpc.health.v1.Health/Check", chunk(1, "inference.GRPCInferenceService")) == (0, number(1, 1)))
    check("live, ready", all(s.grpc("/inference.GRPCInferenceService/" + m, chunk(1, "half")) == (0, number(1, 1)) for m in ("ServerLive", "ServerReady", "ModelReady")))
    for name, asked in (("model", chunk(1, "none")), ("version", chunk(1, "half") + chunk(2, "9"))):
        status, got = s.grpc("/inference.GRPCInferenceService/ModelReady", asked)
        check(f"an unknown {name} is not ready", status == 0 and all_of(got, 1) in ([], [0]), status, got)
    status, got = s.grpc("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", chunk(7, "*"))
    names = [all_of(x, 1)[0] for x in all_of(all_of(got, 6)[0], 1)]
    check("reflection lists services", b"tensorflow.serving.PredictionService" in names, names)
    status, got = s.grpc("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", chunk(4, "inference.ModelInferRequest"))
    check("reflection describes a message", b"raw_input_contents" in got and b"proto3" in got, got[:200])
    for name, path, message, status, text in [
            ("a model that is not there", service + "Predict", predict_request([{"x": 1.0}], "none"), 5, "Servable not found for request: Latest(none)"),
            ("no model", service + "Predict", b"", 3, "Missing ModelSpec"),
            ("an empty name", service + "Predict", chunk(1, b""), 3, "ModelSpec has no name specified."),
            ("a label that is not there", service + "Predict", predict_request([{"x": 1.0}], "half", chunk(4, "new")), 3, "Unrecognized servable version label: new"),
            ("a signature that is not there", service + "Predict", predict_request([{"x": 1.0}], "half", chunk(3, "foo")), 9, 'Serving signature key "foo" not found.'),
            ("an input too many", service + "Predict", predict_request([{"x": 1.0, "z": 1.0}], "half"), 3, "input size does not match signature: 2!=1 len({x,z}) != len({x}). Sent extra: {z}. Missing but required: {}."),
            ("an unknown input", service + "Predict", predict_request([{"z": 1.0}], "half"), 3, "input tensor alias not found in signature: z. Inputs expected to be in the set {x}."),
            ("a wrong type", service + "Predict", predict_request([{"x": "a"}], "half"), 3, "Expects arg[0] to be float but string is provided"),
            ("an unknown output", service + "Predict", predict_request([{"x": 1.0}], "half") + chunk(3, "z"), 3, "output tensor alias not found in signature: z Outputs expected to be in the set {y}."),
            ("no metadata field", service + "GetModelMetadata", chunk(1, chunk(1, "half")), 3, "GetModelMetadataRequest must specify at least one metadata_field"),
            ("an unknown metadata field", service + "GetModelMetadata", chunk(1, chunk(1, "half")) + chunk(2, "z"), 3, "Metadata field z is not supported"),
            ("status of a model that is not there", model + "GetModelStatus", chunk(1, chunk(1, "none")), 5, "Could not find any versions of model none"),
            ("no tasks", service + "MultiInference", b"", 3, "Inference request must contain at least one task."),
            ("an unknown method", service + "Foo", b"", 12, "unknown method Foo for service tensorflow.serving.PredictionService"),
            ("an unknown service", "/a.B/C", b"", 12, "unknown service a.B"),
            ("a damaged message", service + "Predict", b"\x0a\xff", 13, "the request message does not parse"),
            ("V2: a model that is not there", "/inference.GRPCInferenceService/ModelInfer", chunk(1, "none"), 5, "Request for unknown model: 'none' is not found"),
            ("V2: too few inputs", "/inference.GRPCInferenceService/ModelInfer", chunk(1, "half"), 3, "expected 1 inputs but got 0 inputs for model 'half'"),
            ("V2: classification", "/inference.GRPCInferenceService/ModelInfer", chunk(1, "half") + chunk(6, chunk(1, "y") + chunk(2, chunk(1, "classification") + chunk(2, number(2, 1)))), 3, "the classification extension is not supported"),
            ("V2: shared memory", "/inference.GRPCInferenceService/ModelInfer", chunk(1, "half") + chunk(5, chunk(1, "x") + chunk(2, "FP32") + number(3, 1) + chunk(4, chunk(1, "shared_memory_region") + chunk(2, chunk(3, "r")))), 3, "shared memory is not supported"),
            ("health of an unknown service", "/grpc.health.v1.Health/Check", chunk(1, "z"), 5, "unknown service")]:
        got = s.grpc(path, message)
        check("gRPC: " + name, got == (status, text), got, text)
    c = h2.Connection(s.port, timeout=5)
    stream = c.stream()  # as a client with a stream of requests, which has sent none yet
    c.send(h2.frame(h2.HEADERS, h2.END_HEADERS, stream, h2.request("/inference.GRPCInferenceService/ModelStreamInfer", extra=[("te", "trailers"), ("content-type", "application/grpc")])))
    got = c.answers([stream])[stream]
    check("gRPC: an unknown method is refused before its messages come", (got[2] or got[0]).get("grpc-status") == "12", got)
    c.close()


# --- Versions -------------------------------------------------------------------------------------------
def wait_for(question, patience=10):
    end = time.time() + patience
    while time.time() < end:
        if question():
            return True
        time.sleep(0.02)
    return False


def polling(d):
    base = d / "polled"
    save(base / "1", half_plus(1))
    s = Server("--model_base_path", base, "--model_name", "p", "--file_system_poll_wait_seconds", "1")
    ask = lambda: s.json("POST", "/v1/models/p:predict", {"instances": [0]})
    check("the only version", ask() == (200, {"predictions": [1.0]}))
    failed, stop = [], threading.Event()

    def keep_asking():
        while not stop.is_set():
            got = ask()
            if got[0] != 200 or got[1]["predictions"] not in ([1.0], [7.0]):
                failed.append(got)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(keep_asking)
        save(base / "7", half_plus(7))
        came = wait_for(lambda: ask() == (200, {"predictions": [7.0]}))
        stop.set()
    check("the newest version takes over", came)
    check("and no request fails meanwhile", not failed, failed[:3])
    states = {v["version"]: v["state"] for v in s.json("GET", "/v1/models/p")[1]["model_version_status"]}
    check("the old one has ended", wait_for(lambda: s.json("GET", "/v1/models/p")[1]["model_version_status"][1]["state"] == "END"), states)
    bad = base / "9.tmp"
    bad.mkdir()
    (bad / "signature.json").write_text("{")
    bad.rename(base / "9")
    seen = lambda: {v["version"]: v for v in s.json("GET", "/v1/models/p")[1]["model_version_status"]}.get("9")
    check("a version that cannot be loaded tells why", wait_for(lambda: seen() and seen()["status"]["error_message"]), seen())
    check("and the last good one serves on", ask() == (200, {"predictions": [7.0]}))
    check("ends at a signal", s.stop() == 0)


def config_list(d):
    for n in (1, 2, 3):
        save(d / "listed" / str(n), half_plus(n))
    save(d / "other" / "1", half_plus(100))
    text = 'model_config_list { # two models\n  config { name: "a" base_path: "%s" model_platform: "tensorflow" model_version_policy { specific { versions: 1 versions: 3 } } version_labels { key: "stable" value: 1 } version_labels: {key: "canary" value: 3} }\n config: < name: "b", base_path: \'%s\' >\n}\n'
    file = d / "models.config"
    file.write_text(text % (d / "listed", d / "other"))
    s = Server("--model_config_file", file, "--model_config_file_poll_wait_seconds", "1")
    ask = lambda path: s.json("POST", f"/v1/models/{path}:predict", {"instances": [0]})[1]
    check("two models of a list", (ask("a"), ask("b")) == ({"predictions": [3.0]}, {"predictions": [100.0]}))
    check("labels", (ask("a/labels/stable"), ask("a/labels/canary")) == ({"predictions": [1.0]}, {"predictions": [3.0]}))
    check("labels as versions of V2", s.json("GET", "/v2/models/a/versions/stable/ready")[0] == 200)
    check("KServe's list", s.json("GET", "/v1/models") == (200, {"models": ["a", "b"]}))
    config = lambda name, path: chunk(1, chunk(1, name) + chunk(2, str(path)))
    reload = lambda *models: s.grpc("/tensorflow.serving.ModelService/HandleReloadConfigRequest", chunk(1, chunk(1, b"".join(models))))
    check("a new list by request", reload(config("c", d / "other"))[0] == 0 and ask("c") == {"predictions": [100.0]})
    check("it is the whole truth", ask("a") == {"error": "Servable not found for request: Latest(a)"})
    got = reload(config("d", d / "nowhere"))
    check("a list with a path that is not there is told", got[0] == 5 and "nowhere" in got[1], got)
    file.write_text(text.replace('name: "b"', 'name: "e"') % (d / "listed", d / "other"))
    check("a changed file is read again", wait_for(lambda: ask("e") == {"predictions": [100.0]}))
    s.stop()
    file.write_text("model_config_list {\n  config { nam: 1 }\n}")
    done = subprocess.run([LEAT, "serve", "--model_config_file", str(file)], capture_output=True, text=True, timeout=20)
    check("a list that does not parse names its place", done.returncode == 1 and f"{file}:2:15: no field 'nam'" in done.stderr, done.stderr)


def warm_up(d):
    base = d / "warmed"
    save(base / "1", half_plus(1))
    records = base / "1" / "assets.extra"
    records.mkdir()
    crc = lambda data: mask(crc32c(data))

    def record(data):
        size = struct.pack("<Q", len(data))
        return size + struct.pack("<I", crc(size)) + data + struct.pack("<I", crc(data))

    log = lambda request: record(chunk(6, chunk(1, request)))
    (records / "tf_serving_warmup_requests").write_bytes(log(predict_request([{"x": 1.0}], "w")) * 3)
    s = Server("--model_base_path", base, "--model_name", "w")
    text = s.ask("GET", "/metrics")[2].decode()
    check("the warm-up file was run", 'leat_runs_total{model="w",version="1"} 3' in text, text[:500])
    s.stop()
    (records / "tf_serving_warmup_requests").write_bytes(log(predict_request([{"z": 1.0}], "w")))
    done = subprocess.run([LEAT, "serve", "--model_base_path", str(base), "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=20)
    check("a warm-up that fails is the version's failure", done.returncode == 1 and "tf_serving_warmup_requests: record 0" in done.stderr, done.stderr)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def mask(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def repository(s):
    check("unload by request", s.json("POST", "/v2/repository/models/half/unload", {})[0] == 200 and s.error("GET", "/v2/models/half")[0] == 404)
    check("it is known still", {"name": "half", "version": "", "state": "UNAVAILABLE", "reason": "unloaded"} in s.json("POST", "/v2/repository/index", {})[1])
    check("load by request", s.json("POST", "/v2/repository/models/half/load", {})[0] == 200 and s.json("GET", "/v2/models/half")[0] == 200)


# --- Batches ---------------------------------------------------------------------------------------------
def batching(d):
    base = d / "picky"
    save(base / "1", PICKY)
    s = Server("--model_base_path", base, "--model_name", "m", "--max-batch-size", "64", "--batch-timeout-micros", "20000")
    texts = [str(i) if i % 16 else "bad" for i in range(64)]
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        got = list(pool.map(lambda t: s.json("POST", "/v1/models/m:predict", {"instances": [t]}), texts))
    good = all(g == (200, {"predictions": [float(t)]}) for g, t in zip(got, texts) if t != "bad")
    check("one bad instance of a batch never fails the others", good and all(g[0] == 400 for g, t in zip(got, texts) if t == "bad"), got[:4])
    stats = s.json("GET", "/v2/models/m/stats")[1]["model_stats"][0]
    s.stop()
    s = Server("--model_base_path", d / "half", "--model_name", "m", "--max-batch-size", "8", "--batch-timeout-micros", "100000", "--max-queue-size", "8")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda i: s.json("POST", "/v1/models/m:predict", {"instances": [i, i]}), range(64)))
    right = all(g[1] == {"predictions": [i / 2 + 3, i / 2 + 3]} for i, g in enumerate(got) if g[0] == 200)
    stats = s.json("GET", "/v2/models/m/stats")[1]["model_stats"][0]
    check("rows of several requests are joined, and each gets its own", right and stats["inference_count"] > stats["execution_count"], stats)
    file = d / "batching.txt"
    file.write_text("max_batch_size { value: 8 } batch_timeout_micros { value: 100000 } max_enqueued_batches { value: 1 } num_batch_threads { value: 2 }")
    s.stop()
    s = Server("--model_base_path", d / "half", "--model_name", "m", "--batching_parameters_file", file)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: s.json("POST", "/v1/models/m:predict", {"instances": [i, i]}), range(32)))
    stats = s.json("GET", "/v2/models/m/stats")[1]["model_stats"][0]
    check("a batching_parameters_file does the same", stats["inference_count"] > stats["execution_count"], stats)
    s.stop()
    file.write_text("max_batch_size: 8")
    done = subprocess.run([LEAT, "serve", "--model_base_path", str(d / "half"), "--batching_parameters_file", str(file)], capture_output=True, text=True, timeout=20)
    check("one that does not parse names its place", done.returncode == 1 and f"{file}:1:17: '{{' was expected behind 'max_batch_size'" in done.stderr, done.stderr)
    s = Server("--model_base_path", d / "half", "--model_name", "m", "--max-batch-size", "64", "--batch-timeout-micros", "700000", "--max-queue-size", "8")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:  # rows wait for a batch that 16 clients cannot fill
        got = list(pool.map(lambda i: s.json("POST", "/v1/models/m:predict", {"instances": [i, i]}), range(16)))
    right = all(g[1] == {"predictions": [i / 2 + 3, i / 2 + 3]} for i, g in enumerate(got) if g[0] == 200)
    check("a full queue sheds with 429", right and {g[0] for g in got} == {200, 429}, [g[0] for g in got])
    s.stop()


def left_streams(d):
    """Who leaves a stream before its end, or before its first message, keeps nothing alive: the server ends at once."""
    extra = [("te", "trailers"), ("content-type", "application/grpc")]
    for service, message in (("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", chunk(7, "*")), ("grpc.health.v1.Health/Watch", b"")):
        for what in ("a message", "nothing"):
            s = Server("--model_base_path", d / "half", "--model_name", "half")
            c = h2.Connection(s.port, timeout=20)
            for end in (h2.RST_STREAM, None):  # the stream alone, then the connection
                stream = c.stream()
                c.send(h2.frame(h2.HEADERS, h2.END_HEADERS, stream, h2.request("/" + service, extra=extra)))
                if what == "a message":
                    c.send(h2.frame(h2.DATA, 0, stream, h2.message(message)))
                    while c.read()[0] != h2.DATA:
                        pass
                else:
                    s.ask("GET", "/v2/health/live")
                if end is not None:
                    c.send(h2.frame(end, 0, stream, h2.CANCEL.to_bytes(4, "big")))
                    s.ask("GET", "/v2/health/live")
            c.close()
            s.ask("GET", "/v2/health/live")
            start = time.time()
            try:
                code = s.stop()
            except subprocess.TimeoutExpired:
                s.process.kill()
                code = "killed"
            check(f"{service.split('/')[1]} left after {what}: the server ends", code == 0 and time.time() - start < 5, code, time.time() - start)


# --- Operation ---------------------------------------------------------------------------------------------
def access(d):
    tokens, log = d / "tokens", d / "access.log"
    tokens.write_text("# who may\nsecret-a admin\nsecret-p predictor\n")
    s = Server("--model_base_path", d / "half", "--model_name", "half", "--token-file", tokens, "--access-log", log, "--cors-origin", "https://page.example")
    ask = lambda token, path="/v1/models/half:predict", body={"instances": [1]}: s.error("POST", path, body, {"Authorization": f"Bearer {token}"} if token else {})
    check("no token", ask(None) == (401, "a valid bearer token is needed"))
    check("a wrong token", ask("secret-x")[0] == 401 and ask("secret-")[0] == 401)
    check("a predictor predicts", ask("secret-p")[0] == 200)
    check("a predictor does not unload", ask("secret-p", "/v2/repository/models/half/unload", {}) == (403, "the token does not allow this"))
    check("an admin does", ask("secret-a", "/v2/repository/models/half/unload", {})[0] == 200 and ask("secret-a", "/v2/repository/models/half/load", {})[0] == 200)
    check("health needs none", s.json("GET", "/v2/health/ready")[0] == 200 and s.json("GET", "/")[1] == {"status": "alive"} and s.grpc("/grpc.health.v1.Health/Check", b"")[0] == 0)
    check("metrics want one", s.ask("GET", "/metrics")[0] == 401)
    check("gRPC asks, too", s.grpc("/inference.GRPCInferenceService/ServerMetadata", b"") == (16, "a valid bearer token is needed") and s.grpc("/inference.GRPCInferenceService/ServerMetadata", b"", [("authorization", "Bearer secret-p")])[0] == 0)
    status, headers, _ = s.ask("OPTIONS", "/v1/models/half:predict", None, {"Origin": "https://page.example"})
    check("pages may ask first", status == 204 and headers["access-control-allow-origin"] == "https://page.example" and "POST" in headers["access-control-allow-methods"])
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    _, headers, _ = s.ask("GET", "/v2/health/live", None, {"X-Request-Id": "id-7", "Traceparent": trace})
    check("request id and trace come back", headers["x-request-id"] == "id-7" and headers["traceparent"] == trace)
    s.stop()
    text = log.read_text()
    check("a line a request", '"POST /v1/models/half:predict HTTP/1.1" 401' in text and '"GET /v2/health/live HTTP/1.1" 200' in text and " id-7\n" in text, text[:300])
    for name, line, wanted in (("a role that is none", "x boss\n", ":1: a token, a space, and 'admin' or 'predictor' were expected"), ("no tokens at all", "#\n", "no tokens in it")):
        tokens.write_text(line)
        done = subprocess.run([LEAT, "serve", "--model_base_path", str(d / "half"), "--token-file", str(tokens)], capture_output=True, text=True, timeout=20)
        check("a token file with " + name, done.returncode == 1 and wanted in done.stderr, done.stderr)


def starting(d):
    def fails(name, code, wanted, *options):
        done = subprocess.run([LEAT, "serve", *map(str, options)], capture_output=True, text=True, timeout=20)
        check("leat serve: " + name, done.returncode == code and wanted in done.stderr and done.stderr.count("\n") == 1, done.stderr)

    fails("nothing to serve", 2, "one of --registry, --model_base_path and --model_config_file is needed")
    fails("a path that is not there", 1, "/nowhere: cannot list", "--model_base_path", "/nowhere")
    (d / "empty").mkdir()
    fails("a path without versions", 1, f"No versions of servable default found under base path {d / 'empty'}", "--model_base_path", d / "empty")
    fails("beyond this machine without tokens", 1, "wants tokens", "--model_base_path", d / "half", "--listen", "0.0.0.0:0")
    fails("a name that begins like a loopback address", 1, "wants tokens", "--model_base_path", d / "half", "--listen", "127.example.org:0")
    fails("a number that is none", 2, "--max-body: 'much' is not a number", "--model_base_path", d / "half", "--max-body", "much")
    s = Server("--model_base_path", d / "half")
    done = subprocess.run([LEAT, "serve", "--model_base_path", str(d / "half"), "--listen", f"127.0.0.1:{s.port}"], capture_output=True, text=True, timeout=20)
    check("leat serve: a port that is taken", done.returncode == 1 and str(s.port) in done.stderr, done.stderr)
    body = b'{"instances": [' + b" " * 200000 + b"1]}"
    check("a body below the limit", s.json("POST", "/v1/models/default:predict", body)[0] == 200)
    s.stop()
    s = Server("--model_base_path", d / "half", "--max-body", "100K")
    check("a body above it", s.error("POST", "/v1/models/default:predict", body)[0] == 413)
    s.stop()
    s = Server("--model_base_path", d / "kinds", "--model_name", "kinds", "--max-memory", "2M", "--engine", "interpreter")
    many = 300000  # numbers of 2 bytes each in a body that is allowed, and of 8 as a tensor
    body = b'{"signature_name": "", "inputs": {"n": [' + b"1," * many + b"1]}}"
    check("tensors of bodies count: JSON", s.error("POST", "/v1/models/kinds:predict", body) == (503, "the server is out of memory for requests"))
    strings = b'{"inputs": {"text": [' + b'"",' * 200000 + b'""]}}'
    check("tensors of bodies count: strings", s.error("POST", "/v1/models/kinds:predict", strings)[0] == 503)
    tensor = chunk(2, chunk(1, b"n") + chunk(2, number(1, 9) + chunk(2, chunk(2, number(1, 1 << 20)))))
    check("tensors of bodies count: a shape that claims much", (got := s.grpc("/tensorflow.serving.PredictionService/Predict", chunk(1, chunk(1, b"kinds")) + tensor)) == (8, "the server is out of memory for requests"), got)
    tensor = chunk(2, chunk(1, b"text") + chunk(2, number(1, 7) + chunk(2, chunk(2, number(1, 1 << 20))) + chunk(8, b"x" * 1000)))
    check("tensors of bodies count: a string that stands for many", s.grpc("/tensorflow.serving.PredictionService/Predict", chunk(1, chunk(1, b"kinds")) + tensor) == (3, "input 'text': TensorProto: the shape repeats too long a string too often"))
    row = {"flag": True, "n": 1, "small": [1, 2], "text": "a", "wide": 1.5}
    check("and are given back", all(s.json("POST", "/v1/models/kinds:predict", {"instances": [row]})[0] == 200 for _ in range(50)) and float(next(line.split()[1] for line in s.ask("GET", "/metrics")[2].decode().splitlines() if line.startswith("leat_buffer_bytes "))) < 100000)
    s.stop()
    s = Server("--model_base_path", d / "half" / "3", "--no-warmup")
    check("a saved model itself is version 1", s.json("GET", "/v1/models/default/versions/1")[0] == 200)
    s.stop()


def documents(s):
    status, document = s.json("GET", "/openapi.json")
    used = set(json.dumps(document).split('"#/components/schemas/')[1:])
    names = {u.split('"')[0] for u in used}
    check("the OpenAPI document holds together", status == 200 and names <= set(document["components"]["schemas"]) and "/v1/models/{model}:predict" in document["paths"])
    text = s.ask("GET", "/metrics")[2].decode()
    families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    check("metrics: each family once", len(families) == len(set(families)) and "leat_requests_total" in families, families)
    good = True
    for line in text.splitlines():
        if line and not line.startswith("#"):
            float(line.rsplit(" ", 1)[1])
            good &= line.split("{")[0].split(" ")[0].startswith(("leat_", "process_", ":tensorflow:"))
    check("metrics: each sample has a name and a number", good)
    check("a page for people", s.ask("GET", "/", None, {"Accept": "text/html"})[1]["content-type"].startswith("text/html"))


def main():
    with tempfile.TemporaryDirectory() as tmp:
        d = pathlib.Path(tmp)
        (d / "model.yaml").write_text(MODEL)
        (d / "train.csv").write_text(rows(400))
        done = subprocess.run([LEAT, "train", "model.yaml", "--job-dir", "job"], cwd=d, capture_output=True, text=True, timeout=120)
        export = next((d / "job" / "export" / "estimator").iterdir()) if done.returncode == 0 else None
        if not check("a model is trained", export, done.stderr):
            return 1
        save(d / "half" / "3", half_plus(2))
        save(d / "kinds" / "1", KINDS)
        save(d / "reciprocal" / "1", RECIPROCAL)
        names = {"half": d / "half", "kinds": d / "kinds", "reciprocal": d / "reciprocal", "m": export.parent}
        (d / "all.config").write_text("model_config_list {" + "".join(f'config {{ name: "{n}" base_path: "{p}" }}' for n, p in names.items()) + "}")
        s = Server("--model_config_file", d / "all.config")
        same_bits(d, s, export)
        for part in (tfs, tfs_errors, tfs_examples, v2, v2_errors, grpc, documents, repository):
            part(s)
        check("the server ends at a signal", s.stop() == 0, s.notes)
        save(d / "half3" / "3", half_plus(3))
        shutil.rmtree(d / "half")
        (d / "half3").rename(d / "half")
        for part in (polling, config_list, warm_up, batching, left_streams, access, starting):
            part(d)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

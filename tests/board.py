#!/usr/bin/env python3
"""The board, from outside: logs of all kinds, logs that grow, break, go and come back, and who may ask."""
# SPDX-License-Identifier: Apache-2.0
import gzip
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
LEAT = BUILD / "leat"
GOLDEN = os.environ.get("LEAT_GOLDEN")
failed = 0


# --- Event files, written by hand ---------------------------------------------------------------------------
TABLE = []
for i in range(256):
    crc = i
    for _ in range(8):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    TABLE.append(crc)


def masked(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def record(event):
    length = struct.pack("<Q", len(event))
    return length + struct.pack("<I", masked(length)) + event + struct.pack("<I", masked(event))


def event(step, body, wall=1.7e9):
    return record(b"\x09" + struct.pack("<d", wall) + (b"\x10" + varint(step) if step else b"") + body)


def scalar(tag, step, value, wall=None):
    return event(step, field(5, field(1, field(1, tag.encode()) + b"\x15" + struct.pack("<f", value))), 1.7e9 + step if wall is None else wall)


def tensor_of(strings):
    shape = field(2, field(2, b"\x08" + varint(len(strings))))
    return b"\x08\x07" + shape + b"".join(field(8, s) for s in strings)


def value(tag, plugin, tensor, description=b"", content=b""):
    metadata = field(1, field(1, plugin.encode()) + field(2, content)) + field(3, description)
    return field(5, field(1, field(1, tag.encode()) + field(8, tensor) + field(9, metadata)))


VERSION = event(0, field(3, b"brain.Event:2"))


def put(path, *records, name="events.out.tfevents.1700000000.host", mode="wb"):
    path.mkdir(parents=True, exist_ok=True)
    with open(path / name, mode) as f:
        f.write(b"".join(records))
    return path / name


# --- The board ----------------------------------------------------------------------------------------------
class Board:
    def __init__(self, folder, *options, spec=None):
        logs = ["--logdir_spec", spec] if spec else ["--logdir", str(folder)]
        self.process = subprocess.Popen([LEAT, "board", *logs, "--port", "0", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://[^:]+:(\d+)(\S*)", line)
        if not found:
            raise RuntimeError(line + self.process.stderr.read())
        self.port, self.url = int(found[1]), found[2]
        self.wait(lambda: self.state()["loading"]["done"]) if "token" not in self.url and "--path_prefix" not in options else None

    def ask(self, method, path, body=None, **headers):
        c = http.client.HTTPConnection("localhost", self.port, timeout=20)
        c.request(method, path, body, headers)
        answer = c.getresponse()
        raw = answer.read()
        c.close()
        return answer.status, raw, dict((k.lower(), v) for k, v in answer.getheaders())

    def get(self, path, **query):
        status, raw, _ = self.ask("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))
        if status != 200:
            raise RuntimeError(f"{path}: {status} {raw[:300]}")
        return json.loads(raw)

    def state(self):
        return self.get("/data/leat/state")

    def points(self, run, tag):
        try:
            return self.get("/data/plugin/scalars/scalars", run=run, tag=tag)
        except RuntimeError:
            return None

    def wait(self, good, seconds=10):
        end = time.time() + seconds
        while time.time() < end:
            if good():
                return True
            time.sleep(0.02)
        return False

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(15)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        self.process.stdout.close()
        self.process.stderr.close()


def check(name, good, detail=""):
    global failed
    if not good:
        failed = 1
        print(f"# {str(detail)[:1500]}")
    print(f"{'ok' if good else 'not ok'} {name}", flush=True)


def series(board, **body):
    status, raw, _ = board.ask("POST", "/data/leat/series", json.dumps(body))
    assert status == 200, raw
    magic, count = struct.unpack_from("<II", raw)
    assert magic == 0x3153544C
    at, out = 8, []
    for _ in range(count):
        at = (at + 7) // 8 * 8
        index, n, x, last, smooth, total = struct.unpack_from("<IIdffQ", raw, at)
        at += 32
        xs = struct.unpack_from(f"<{n}d", raw, at)
        at += 8 * n
        columns = 3 if index >> 31 else 2
        values = [struct.unpack_from(f"<{n}f", raw, at + 4 * n * k) for k in range(columns)]
        at += 4 * n * columns
        out.append(dict(index=index, last=(x, last, smooth), total=total, x=xs, values=values))
    return out


# --- Golden logs --------------------------------------------------------------------------------------------
def golden():
    if not GOLDEN:
        print("ok golden logs # SKIP LEAT_GOLDEN is not set")
        return
    folder = pathlib.Path(GOLDEN) / "formats" / "events"
    index = json.loads((folder / "index.json").read_text())["runs"]
    with Board(folder) as b:
        check("golden: runs", sorted(b.get("/data/runs")) == sorted(index), b.get("/data/runs"))
        bad = []
        for run, want in index.items():
            for tag, points in want["scalars"].items():
                ours = [[w, s, v if isinstance(v, float) else v.lower()] for w, s, v in b.points(run, tag)]
                if ours != points:
                    bad.append((run, tag, ours[:3], points[:3]))
        check("golden: every point of every scalar, to the bit", not bad, bad)
        kinds = {k: sum(len(w["tags"][k]) for w in index.values()) for k in ("histograms", "images", "audio")}
        ours = {k: sum(map(len, b.get(f"/data/plugin/{k}/tags").values())) for k in kinds}
        check("golden: histograms, images and sounds are listed", all(ours[k] >= kinds[k] for k in kinds), (ours, kinds))


# --- The API ------------------------------------------------------------------------------------------------
def curves(tmp):
    n = 5000
    values = [((i * 7919) % 1000) / 1000 for i in range(n)]
    put(tmp / "a", VERSION, *[scalar("loss", i, values[i]) for i in range(n)])
    put(tmp / "b", VERSION, *[scalar("loss", i * 10, 1.0) for i in range(100)], *[scalar("odd", s, float(s)) for s in (5, 3, 9, 3)])
    with Board(tmp) as b:
        tags = b.get("/data/leat/tags")
        ids = {r["name"]: i for i, r in enumerate(tags["runs"])}
        one = dict(run=ids["a"], tag="loss")
        got = series(b, x="step", width=100, x0=None, x1=None, smooth={"kind": "none"}, series=[one])[0]
        check("series: extremes of each column stay", got["total"] == n and len(got["x"]) <= 600 and min(got["values"][0]) == min(struct.unpack(f"<{n}f", struct.pack(f"<{n}f", *values)))
              and got["x"][0] == 0 and got["x"][-1] == n - 1, (len(got["x"]), got["total"]))
        got = series(b, x="step", width=100, x0=1000, x1=1100, smooth={"kind": "none"}, series=[one])[0]
        check("series: a narrow range shows every point and its neighbours", list(got["x"]) == list(range(999, 1102)), got["x"])
        got = series(b, x="step", width=10000, smooth={"kind": "ema", "value": 0.9}, series=[one])[0]
        last, past, want = 0.0, 1.0, []
        for v in struct.unpack(f"<{n}f", struct.pack(f"<{n}f", *values)):
            last, past = last * 0.9 + (1 - 0.9) * v, past * 0.9
            want.append(last / (1 - past))
        check("series: the EMA is TensorBoard's, over all points", max(abs(a - w) for a, w in zip(got["values"][1], want)) < 1e-6 and len(got["x"]) == n)
        wide = series(b, x="step", width=50, smooth={"kind": "ema", "value": 0.9}, series=[one])[0]
        check("series: smoothing does not depend on the width", abs(wide["last"][2] - got["last"][2]) == 0 and
              all(abs(got["values"][1][int(x)] - s) == 0 for x, s in zip(wide["x"], wide["values"][1])))
        got = series(b, x="step", width=10000, smooth={"kind": "mean", "value": 10}, series=[one])[0]
        check("series: the mean of the last ten", abs(got["values"][1][500] - sum(values[491:501]) / 10) < 1e-6)
        got = series(b, x="step", width=1000, smooth={"kind": "ema", "value": 0.6}, series=[dict(run=ids["b"], tag="loss"), dict(run=ids["b"], tag="odd"), dict(run=99, tag="x"), dict(run=0, tag="no")])
        check("series: a constant stays what it is", set(got[0]["values"][1]) == {1.0})
        check("series: steps that go back are drawn in order", list(got[1]["x"]) == [3, 3, 5, 9], got[1])
        check("series: unknown runs and tags are empty", [len(g["x"]) for g in got[2:]] == [0, 0])
        got = series(b, x="step", width=1000, x0=0, x1=990, smooth={"kind": "none"}, band=[[ids["a"], ids["b"]]], series=[one, dict(group=0, tag="loss"), dict(run=ids["b"], tag="loss"), dict(group=1, tag="loss")])
        band = got[1]
        check("series: curves and bands come in the order they were asked for", [g["index"] for g in got] == [0, 1 << 31 | 1, 2, 1 << 31 | 3] and not got[3]["x"], got)
        check("series: a band holds its curves", all(lo <= m <= hi for lo, m, hi in zip(*band["values"])) and max(band["values"][2][:50]) == 1.0, band["index"])
        got = series(b, x="relative", width=1000, smooth={"kind": "none"}, series=[one])[0]
        check("series: relative time starts at nothing", got["x"][0] == 0)
        for body in (b"", b"{", b"[]", b'{"series":3}', b'{"series":[{}],"smooth":{"kind":"ema","value":1}}', b'{"series":[],"width":-5}'):
            status, raw, _ = b.ask("POST", "/data/leat/series", body)
            if status not in (200, 400):
                check(f"series: {body}", False, (status, raw))
        p = b.get("/data/leat/point", run=ids["a"], tag="loss", x=17.4, mode="step")
        check("point: the nearest, exactly", p["step"] == 17 and p["value"] == struct.unpack("<f", struct.pack("<f", values[17]))[0], p)
        csv = b.ask("GET", f"/data/leat/download?run={ids['a']}&tag=loss&format=csv")[1].decode().split("\r\n")
        check("download: every point, as CSV", len(csv) == n + 2 and csv[0] == "Wall time,Step,Value" and csv[2].startswith("1700000001.0,1,"), csv[:3])
        check("points of a run go by its name, too", len(b.points("a", "loss")) == n)
        status, raw, head = b.ask("GET", "/data/plugin/scalars/scalars?run=a&tag=loss", **{"accept-encoding": "gzip"})
        check("answers are packed where the client takes that", head.get("content-encoding") == "gzip" and len(json.loads(gzip.decompress(raw))) == n)
    with Board(tmp, "--samples_per_plugin", "scalars=100") as b:
        got = b.points("a", "loss")
        check("--samples_per_plugin: as many as were asked for, with the last", len(got) == 100 and got[-1][1] == n - 1 and got[0][1] == 0)
        check("--samples_per_plugin: curves keep all", series(b, x="step", width=10, smooth={"kind": "none"}, series=[dict(run=0, tag="loss")])[0]["total"] == n)


# --- Logs that change ---------------------------------------------------------------------------------------
def following(tmp):
    path = put(tmp / "run", VERSION, scalar("loss", 0, 1.0))
    with Board(tmp, "--reload_interval", "0.3") as b:
        start = time.time()
        put(tmp / "run", scalar("loss", 1, 2.0), mode="ab")
        seen = b.wait(lambda: len(b.points("run", "loss")) == 2)
        check("a new point is there within a second", seen and time.time() - start < 1, time.time() - start)
        whole = scalar("loss", 2, 3.0)
        put(tmp / "run", whole[:20], mode="ab")
        time.sleep(0.2)
        half = len(b.points("run", "loss"))
        put(tmp / "run", whole[20:], mode="ab")
        check("a record that is written by halves", half == 2 and b.wait(lambda: len(b.points("run", "loss")) == 3) and not b.state()["notices"])
        put(tmp / "run", scalar("loss", 2, 9.0), name="events.out.tfevents.1700000001.host")
        check("a further file of a run", b.wait(lambda: len(b.points("run", "loss")) == 4))
        put(tmp / "new" / "deep", VERSION, scalar("acc", 5, 0.5))
        check("a new run in a new directory", b.wait(lambda: b.points("new/deep", "acc") is not None))
        put(tmp / "run", event(1, field(7, b"\x08\x01")), scalar("loss", 1, 7.0), name="events.out.tfevents.1700000002.host")
        check("a restart makes later steps void", b.wait(lambda: [p[2] for p in b.points("run", "loss")] == [1.0, 7.0]), b.points("run", "loss"))
        other = tmp / "other"
        other.write_bytes(VERSION + scalar("loss", 0, 5.0))
        os.replace(other, path)
        for name in ("events.out.tfevents.1700000001.host", "events.out.tfevents.1700000002.host"):
            (tmp / "run" / name).unlink()
        check("a replaced file is read again", b.wait(lambda: [p[2] for p in b.points("run", "loss") or []] == [5.0]), b.points("run", "loss"))
        path.write_bytes(VERSION)
        check("a file that was cut is read again", b.wait(lambda: not b.points("run", "loss")), b.points("run", "loss"))
        shutil.rmtree(tmp / "new")
        check("a run that was deleted goes", b.wait(lambda: "new/deep" not in b.get("/data/runs")))
        put(tmp / "new" / "deep", VERSION, scalar("acc", 5, 0.75))
        check("and may come back", b.wait(lambda: (b.points("new/deep", "acc") or [[0, 0, 0]])[0][2] == 0.75))
        c = http.client.HTTPConnection("localhost", b.port, timeout=10)
        c.request("GET", "/data/leat/events")
        stream = c.getresponse()
        for _ in range(6):
            if stream.readline().startswith(b"data:"):
                break
        start = time.time()
        put(tmp / "new" / "deep", scalar("acc", 6, 0.5), mode="ab")
        lines = [stream.readline() for _ in range(3)]
        told = json.loads(next(line for line in lines if line.startswith(b"data:"))[5:])
        run = [r["name"] for r in b.get("/data/leat/tags")["runs"]].index("new/deep")
        check("the stream tells what changed, within a second", run in told["runs"] and time.time() - start < 1 and not told["tags_changed"], (told, time.time() - start))
        check("Ctrl-C ends it, with a stream open", b.stop() == 0)
        c.close()


def broken(tmp):
    good = [scalar("loss", i, float(i)) for i in range(10)]
    bad = bytearray(good[4])
    bad[20] ^= 1
    put(tmp / "data", VERSION, *good[:4], bytes(bad), *good[5:])
    length = bytearray(good[4])
    length[0] ^= 1
    put(tmp / "length", VERSION, *good[:4], bytes(length), *good[5:])
    put(tmp / "tail", VERSION, *good[:5], good[5][:-3])
    put(tmp / "text", b"this is no event file at all, but its name says so\n" * 3)
    put(tmp / "empty")
    put(tmp / "huge", struct.pack("<QI", 1 << 60, masked(struct.pack("<Q", 1 << 60))), *good)
    put(tmp / "proto", VERSION, record(b"\x09\x01"), record(b"\xff" * 30), record(b"\x2a\x05\x0a\x7f\x0a\x01a"), scalar("loss", 1, 1.0))
    put(tmp / "zeros", VERSION, good[0], bytes(5000))
    with Board(tmp) as b:
        for run, count in (("data", 9), ("length", 9), ("tail", 5), ("huge", 10), ("proto", 1), ("zeros", 1)):
            check(f"damaged '{run}': what is good is read", len(b.points(run, "loss") or []) == count, b.points(run, "loss"))
        notices = {pathlib.Path(n["path"]).parent.name: n["text"] for n in b.state()["notices"]}
        check("notices name file and byte", set(notices) == {"data", "length", "text", "huge", "proto", "zeros"} and all("byte" in t for t in notices.values()), notices)
        check("runs that have nothing are runs all the same", {"empty", "text"} <= set(b.get("/data/runs")))


def trees(tmp):
    put(tmp / "logs" / "a", VERSION, scalar("loss", 0, 1.0))
    (tmp / "logs" / "a" / "loop").symlink_to(tmp / "logs")
    (tmp / "logs" / "self").symlink_to(tmp / "logs" / "self")
    (tmp / "logs" / "nowhere").symlink_to(tmp / "missing")
    (tmp / "logs" / "b").symlink_to(tmp / "elsewhere")
    put(tmp / "elsewhere", VERSION, scalar("loss", 0, 2.0))
    (tmp / "logs" / "notes.txt").write_text("no event file")
    locked = tmp / "logs" / "locked"
    locked.mkdir()
    locked.chmod(0)
    (tmp / "logs" / "a" / "projector_config.pbtxt").write_text("")
    with Board(tmp / "logs") as b:
        check("what is not shown is listed", [t["tag"] for t in b.get("/data/leat/tags")["other"]["projector"]] == ["projector_config.pbtxt"])
        check("links are followed, loops are not", sorted(b.get("/data/runs")) == ["a", "b"], b.get("/data/runs"))
        if os.getuid():
            check("a directory that cannot be read is told of", any("locked" in n["path"] for n in b.state()["notices"]), b.state()["notices"])
    locked.chmod(0o755)
    with Board(None, spec=f"one:{tmp / 'logs' / 'a'},two:{tmp / 'elsewhere'}") as b:
        check("--logdir_spec names directories", {"one", "two"} <= set(b.get("/data/runs")) and b.points("two", "loss")[0][2] == 2.0, b.get("/data/runs"))
    many = tmp / "many"
    data = VERSION + scalar("loss", 0, 1.0)
    for i in range(10000):
        folder = many / f"{i // 100:03d}"
        if i % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"events.out.tfevents.{i:010d}.host").write_bytes(data)
    start = time.time()
    with Board(many) as b:
        seconds = time.time() - start
        check("10,000 files", b.state()["points"] == 10000 and len(b.get("/data/runs")) == 100 and seconds < 10, (b.state(), seconds))


def nothing(tmp):
    (tmp / "empty").mkdir()
    for name in ("empty", "missing"):
        with Board(tmp / name, "--reload_interval", "0.3") as b:
            status, raw, _ = b.ask("GET", "/")
            check(f"an {name} log directory is no failure", status == 200 and b.get("/data/runs") == [])
            put(tmp / name / "r", VERSION, scalar("loss", 0, 1.0))
            check(f"and what comes into the {name} one is seen", b.wait(lambda: b.points("r", "loss") is not None, 8))
            b.stop()
            check(f"what to do is said for the {name} one", "event files" in b.process.stderr.read())
    for args, words in (([], "--logdir"), (["--logdir", ".", "--port", "x"], "--port"), (["--logdir", ".", "--path_prefix", "a"], "/"),
                        (["--logdir", ".", "--samples_per_plugin", "images"], "NAME=NUMBER"), (["--logdir", ".", "--host", "localhost", "--bind_all"], "bind_all"),
                        (["--logdir_spec", ","], "NAME:DIR")):
        done = subprocess.run([LEAT, "board", *args], capture_output=True, text=True, timeout=20)
        check(f"wrong usage is told: {' '.join(args)}", done.returncode in (1, 2) and words in done.stderr, done.stderr)
    put(tmp / "once", VERSION, scalar("loss", 0, 1.0))
    with Board(tmp / "once", "--reload_interval", "0") as b:
        put(tmp / "once", scalar("loss", 1, 2.0), mode="ab")
        before = b.cpu()
        time.sleep(0.5)
        check("--reload_interval 0 reads once, and rests", len(b.points("once", "loss") or b.points(".", "loss")) == 1 and b.cpu() - before < 0.2, b.cpu() - before)
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port = taken.getsockname()[1]
    done = subprocess.run([LEAT, "board", "--logdir", tmp, "--port", str(port)], capture_output=True, text=True, timeout=20)
    check("a port in use is named, and a free one offered", done.returncode == 1 and str(port) in done.stderr and re.search(r"--port \d+", done.stderr), done.stderr)
    taken.close()


# --- Who may ask, and what text may do ----------------------------------------------------------------------
def models(tmp):
    rows = "".join(f"{i % 7},{'red' if i % 2 else 'blue'},{i % 2}\n" for i in range(200))
    (tmp / "data.csv").write_text("size,colour,label\n" + rows)
    for args in (["init", "data.csv", "--label", "label", "--eval", "data.csv", "--output", "m.yaml"], ["train", "m.yaml", "--job-dir", "job", "--train-files", "data.csv", "--train-steps", "20"],
                 ["models", "create", "m", "--registry", "reg"], ["versions", "create", "v1", "--model", "m", "--origin", "job", "--registry", "reg"]):
        done = subprocess.run([LEAT, *args], cwd=tmp, capture_output=True, text=True, timeout=300)
        if done.returncode:
            check("a model to show", False, (args, done.stderr[-500:]))
            return
    with Board(tmp / "job", "--registry", str(tmp / "reg")) as b:
        listed = b.get("/data/leat/models")["models"]
        check("the registry's models are listed", [m["name"] for m in listed] == ["m"] and listed[0]["default"] == "v1" and listed[0]["versions"][0]["state"] == "READY", listed)
        about = b.get("/data/leat/models/m/v1")
        names = {i["name"]: i for i in about["inputs"]}
        check("what a model takes", set(names) == {"size", "colour"} and names["colour"]["dtype"] == "string" and names["colour"]["shape"][0] is None, about)
        status, raw, _ = b.ask("POST", "/data/leat/predict", json.dumps({"model": "m", "version": "v1", "instances": [{"size": 3, "colour": "red"}]}))
        check("a prediction", status == 200 and "probabilities" in json.loads(raw)["predictions"][0], raw)
        check("no such model", b.ask("POST", "/data/leat/predict", b'{"model":"x","instances":[]}')[0] == 404 and b.ask("GET", "/data/leat/models/x/v1")[0] == 404
              and b.ask("POST", "/data/leat/predict", b"{")[0] == 400)
        tags = b.get("/data/leat/tags")
        scalars, histograms = {t["tag"] for t in tags["scalars"]}, {t["tag"] for t in tags["histograms"]}
        check("what training writes: curves, weights, gradients, hyperparameters, its graph", {"loss", "gradients/norm"} <= scalars and histograms and tags["hparams"] and tags["graphs"][0]["graph"], tags)
        curves = b.get("/data/plugin/pr_curves/tags")
        run = next(iter(curves), None)
        curve = b.get("/data/plugin/pr_curves/pr_curves", run=run, tag="pr_curve")[run][0] if run else {}
        check("and a PR curve from evaluation", curve and curve["true_positives"][0] + curve["false_negatives"][0] == 100 and curve["recall"][0] == 1, curve)
        nodes = b.get("/data/leat/graph", run=tags["graphs"][0]["run"])["nodes"]
        check("the graph has shapes", len(nodes) > 20 and any(n["shapes"] for n in nodes), nodes[:2])
    with Board(tmp / "job") as b:
        check("without a registry there are no models", b.ask("GET", "/data/leat/models")[0] == 404)


def runs(tmp):
    put(tmp / "a", VERSION, *[scalar("loss", i, 1.0 / (i + 1)) for i in range(10)], scalar("acc", 9, 0.5))
    put(tmp / "b" / "c", VERSION, *[scalar("loss", i, 2.0) for i in range(4)])
    def table(*args):
        return subprocess.run([LEAT, "runs", "--logdir", str(tmp), *args], capture_output=True, text=True, timeout=20)
    rows = json.loads(table("--format", "json", "--sort", "~loss").stdout)
    check("leat runs: JSON, sorted", [r["name"] for r in rows] == ["b/c", "a"] and rows[1]["scalars"] == {"acc": 0.5, "loss": 0.1} and rows[0]["steps"] == 3, rows)
    lines = table("--format", "csv", "--tags", "^loss$", "--value", "max").stdout.splitlines()
    check("leat runs: CSV of chosen tags", lines[0] == "name,start,steps,points,loss" and lines[1].startswith("a,") and lines[1].endswith(",1.0"), lines)
    text = table().stdout.splitlines()
    check("leat runs: a table", len(text) == 3 and "acc" in text[0] and text[2].split() == ["b/c", "3", "-", "2"], text)
    for args, words in ((["--sort", "los"], "did you mean 'loss'"), (["--tags", "("], "regular expression"), (["--format", "xml"], "csv"), (["--value", "x"], "mean")):
        done = table(*args)
        check(f"leat runs: {' '.join(args)}", done.returncode == 2 and words in done.stderr, done.stderr)
    done = subprocess.run([LEAT, "runs", "--logdir", str(tmp / "none")], capture_output=True, text=True, timeout=20)
    check("leat runs: no such directory", done.returncode == 1 and "no such directory" in done.stderr, done.stderr)


def safety(tmp):
    hostile = b"<script>alert(1)</script> [x](javascript:alert(1)) [y](JAVASCRIPT:alert(1)) [z](https://example.org) ![i](http://example.org/p.png) <img src=x onerror=alert(1)> " \
              b"[d](data:text/html,x) <a href='javascript:1'>q</a> [e](java&#115;cript:1) **bold**"
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    put(tmp / "r", VERSION, event(1, value("note", "text", tensor_of([hostile]), description=hostile)),
        event(1, value("pic", "images", tensor_of([b"1", b"1", svg]))), event(1, value("<b>tag", "scalars", b"\x08\x01\x2a\x04\x00\x00\x80\x3f", description=hostile)),
        event(1, value("table", "text", tensor_of([b"| a | b |\n|---|---|\n| 1 | 2 |"]))))
    with Board(tmp) as b:
        html = b.get("/data/plugin/text/text", run="r", tag="note")[0]["text"]
        description = b.get("/data/plugin/scalars/tags")["r"]["<b>tag"]["description"]
        for what, text in (("text", html), ("a description", description)):
            attributes = re.findall(r"<[a-z]+[^>]*>", text)
            check(f"Markdown of {what}: no script, no link but to the web", not re.search(r"<script|<img[^>]*(src|onerror)|href=\"(?!https?:|mailto:)", text)
                  and not any("javascript" in a.lower() or "onerror" in a for a in attributes), text)
        check("Markdown: bold is bold, or said as it is", "<strong>bold</strong>" in html or "**bold**" in html, html)
        check("images are counted", b.get("/data/leat/tags")["images"][0]["samples"] == 1)
        query = b.get("/data/plugin/images/images", run="r", tag="pic", sample=0)[0]["query"]
        status, raw, head = b.ask("GET", "/data/plugin/images/individualImage?" + query)
        check("an image with scripts is no image", raw == svg and head["content-type"] == "application/octet-stream" and head["x-content-type-options"] == "nosniff", head)
        for key in ("0.0.0.0", "0.0.99999999999999999999.0", "9.9.9.9", "../../etc/passwd", "0.0", "", "-1.0.0.0", "0.0.12.99"):
            status, raw, _ = b.ask("GET", "/data/plugin/images/individualImage?" + urllib.parse.urlencode({"blob_key": key}))
            if status not in (400, 404):
                check(f"key '{key}'", False, (status, raw[:100]))
        for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/data/../../etc/passwd", "//etc/passwd", "/data/leat/download?run=../../../etc&tag=passwd"):
            status, raw, _ = b.ask("GET", path)
            check(f"nothing at {path}", status in (400, 404) and b"root:" not in raw, (status, raw[:100]))
        policy = b.ask("GET", "/")[2]["content-security-policy"]
        check("scripts come from the board alone", "script-src 'self'" in policy and "unsafe" not in policy, policy)
        for host, want in (("evil.example", 403), ("localhost.evil.example", 403), ("localhost:6006", 200), ("127.0.0.1", 200), ("[::1]:5", 200), ("a.localhost", 200)):
            status, _, _ = b.ask("GET", "/data/runs", host=host)
            check(f"Host {host}: {want}", status == want, status)
        check("a method that does not fit", b.ask("DELETE", "/data/runs")[0] == 405 and b.ask("GET", "/no/such")[0] == 404)
    (tmp / "token").write_text("a;b\n")
    done = subprocess.run([LEAT, "board", "--logdir", tmp, "--token-file", tmp / "token"], capture_output=True, text=True, timeout=20)
    check("a token that no cookie could hold", done.returncode == 2 and "letters" in done.stderr, done.stderr)
    (tmp / "token").write_text("s3cret\n")
    with Board(tmp, "--token-file", str(tmp / "token")) as b:
        check("a token: asked for", b.ask("GET", "/data/runs")[0] == 401 and b.ask("GET", "/")[0] == 401 and b.ask("GET", "/data/runs?token=wrong")[0] == 401)
        status, _, head = b.ask("GET", "/?token=s3cret")
        check("a token: in the address, with a cookie for later", status == 200 and "HttpOnly" in head["set-cookie"])
        check("a token: the cookie, the header, another Host", b.ask("GET", "/data/runs", cookie=head["set-cookie"].split(";")[0])[0] == 200 and
              b.ask("GET", "/data/runs", authorization="Bearer s3cret", host="box.example")[0] == 200)
    with Board(tmp, "--bind_all") as b:
        token = re.search(r"token=(\w{32})", b.url)
        check("beyond this machine a token is made up", token and b.ask("GET", "/data/runs")[0] == 401 and b.ask("GET", f"/data/runs?token={token[1]}")[0] == 200, b.url)
    with Board(tmp, "--path_prefix", "/my/board/", "--window_title", "Mine") as b:
        check("--path_prefix", b.ask("GET", "/data/runs")[0] == 404 and b.ask("GET", "/my/board/data/runs")[0] == 200 and b.ask("GET", "/my/board")[0] == 301
              and json.loads(b.ask("GET", "/my/board/data/environment")[1])["window_title"] == "Mine")


def main():
    for part in (golden, curves, following, broken, trees, nothing, safety, models, runs):
        with tempfile.TemporaryDirectory() as tmp:
            part(*[pathlib.Path(tmp)][: part.__code__.co_argcount])
    return failed


if __name__ == "__main__":
    sys.exit(main())

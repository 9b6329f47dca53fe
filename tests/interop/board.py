#!/usr/bin/env python3
"""The board's data API against real TensorBoard's, endpoint by endpoint: board.py BUILD [LOGDIR...].

Both of TensorBoard's loaders are asked; each answer of ours must be that of one of them. Where ours keeps more values of a tag, theirs must be among
them. Logs: the golden ones of TensorFlow, PyTorch and tensorboardX, and what Leat's own writers make. Installs tensorboard from PyPI on first use.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import venv

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
HOME = BUILD / "interop" / "board"
LEAT = BUILD / "leat"
STATUSES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
failures, checks = [], 0


def tensorboard():
    program = HOME / "bin" / "tensorboard"
    if not program.exists():
        print("# installing tensorboard", flush=True)
        venv.create(HOME, with_pip=True)
        subprocess.run([HOME / "bin" / "python", "-m", "pip", "install", "-q", "tensorboard", "tensorboardX", "setuptools<81"], check=True)
    return program


def fetch(base, path, form=None, body=None):
    data = urllib.parse.urlencode(form, doseq=True).encode() if form is not None else json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(base + path, data)
    if body is not None:
        request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            raw = answer.read()
            return answer.status, json.loads(raw) if "json" in answer.headers.get("content-type", "") else raw
    except urllib.error.HTTPError as e:
        return e.code, None


class Server:
    def __init__(self, command, pattern):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([str(c) for c in command], stdout=self.log, stderr=subprocess.STDOUT)
        for _ in range(600):
            self.log.seek(0)
            found = re.search(pattern, self.log.read())
            if found:
                break
            if self.process.poll() is not None:
                self.log.seek(0)
                raise RuntimeError(f"{command[0]} ended: {self.log.read()[-2000:]}")
            time.sleep(0.1)
        self.base = f"http://localhost:{found[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)


def settled(base, path="/data/plugin/timeseries/tags"):
    """The answer once it stays the same: TensorBoard serves while it loads."""
    before = None
    for _ in range(60):
        now = json.dumps([fetch(base, "/data/runs"), fetch(base, path)])
        if now == before and len(now) > 60:
            return
        before = now
        time.sleep(1)


# --- Comparing ----------------------------------------------------------------------------------------------
def text_of(html):
    """What a page shows: Markdown dialects differ in the white space around their tags, and links get attributes."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)).strip()


def plain(value, key=None):
    if key in ("description", "text") and isinstance(value, str):
        return text_of(value)
    if key == "tagDescriptions":
        return {k: text_of(v) for k, v in value.items()}
    if key in ("query", "imageId", "blob_key"):  # opaque: what they lead to is compared
        return None
    if isinstance(value, dict):
        return {k: plain(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def close(a, b):
    if isinstance(a, float) or isinstance(b, float):
        return isinstance(a, (int, float)) and isinstance(b, (int, float)) and abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1e-30)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(close, a, b))
    return a == b


def among(theirs, ours):
    """Each of their values stands in ours, in the same order."""
    rest = iter(ours)
    return all(any(close(t, o) for o in rest) for t in theirs)


def good(theirs, ours):
    if close(theirs, ours):
        return True
    if isinstance(theirs, list) and isinstance(ours, list) and len(ours) > len(theirs) > 0:
        return among(theirs, ours)
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys():
        return all(good(theirs[k], ours[k]) for k in theirs)
    return False


def check(name, judges, ours):
    global checks
    checks += 1
    if all(status == 500 for status, _ in judges):  # TensorBoard itself fails
        return
    if any(status == ours[0] and good(plain(answer), plain(ours[1])) for status, answer in judges):
        return
    failures.append(name)
    print(f"not ok {name}\n# ours   {str(ours)[:600]}")
    for status, answer in judges:
        print(f"# theirs {str((status, answer))[:600]}")


# --- Endpoints ----------------------------------------------------------------------------------------------
def quoted(**named):
    return urllib.parse.urlencode(named, doseq=True)


class Compare:
    def __init__(self, name, ours, judges):
        self.name, self.ours, self.judges = name, ours, judges

    def get(self, path, form=None, body=None, change=lambda a: a):
        answers = [fetch(j, path, form, body) for j in self.judges]
        check(f"{self.name} {path}{' ' + json.dumps(form or body) if form or body else ''}", [(s, change(a)) for s, a in answers],
              [(s, change(a)) for s, a in [fetch(self.ours, path, form, body)]][0])
        return answers

    def tags(self, plugin):
        merged = {}
        for base in [self.ours, *self.judges]:
            for run, tags in (fetch(base, f"/data/plugin/{plugin}/tags")[1] or {}).items():
                merged.setdefault(run, {}).update({t: None for t in tags})
        return [(run, tag) for run in sorted(merged) for tag in sorted(merged[run])]

    def all(self):
        self.get("/data/runs", change=sorted)
        self.get("/data/experiments")
        self.get("/data/plugins_listing", change=lambda a: {k: v["enabled"] for k, v in a.items() if k in
                                                            ("scalars", "images", "audio", "histograms", "distributions", "text", "pr_curves", "graphs", "hparams", "timeseries")})
        for plugin in ("scalars", "histograms", "distributions", "images", "audio", "text", "pr_curves", "timeseries"):
            self.get(f"/data/plugin/{plugin}/tags")
        for plugin, path in (("scalars", "scalars"), ("histograms", "histograms"), ("distributions", "distributions"), ("text", "text")):
            for run, tag in self.tags(plugin):
                self.get(f"/data/plugin/{plugin}/{path}?" + quoted(run=run, tag=tag))
        for run, tag in self.tags("scalars"):
            self.get("/data/plugin/scalars/scalars?" + quoted(run=run, tag=tag, format="csv"), change=lambda a: sorted((a or b"").decode().split()))
            self.get("/data/plugin/scalars/scalars_multirun", form={"tag": tag, "runs": [run, "no such run"]})
            self.get("/data/plugin/timeseries/timeSeries", form={"requests": json.dumps([{"plugin": "scalars", "tag": tag}, {"plugin": "scalars"}])})
        for run, tag in self.tags("histograms"):
            self.get("/data/plugin/timeseries/timeSeries", form={"requests": json.dumps([{"plugin": "histograms", "tag": tag, "run": run}, {"plugin": "histograms", "tag": tag}])})
        self.media("images", "images", "individualImage")
        self.media("audio", "audio", "individualAudio")
        for run, tag in self.tags("pr_curves"):
            self.get("/data/plugin/pr_curves/pr_curves?" + quoted(tag=tag, run=run))
        for path in ("scalars/scalars?run=none&tag=none", "histograms/histograms?run=none&tag=none", "images/images?run=none&tag=none", "text/text?run=none&tag=none"):
            self.get(f"/data/plugin/{path}")
        self.get("/data/plugin/custom_scalars/layout")
        for run in sorted({run for run, _ in self.tags("scalars")}):
            self.get("/data/plugin/custom_scalars/scalars?" + quoted(run=run, tag="(loss|final.*)$"))
        self.graphs()
        self.hparams()

    def media(self, plugin, path, one):
        for run, tag in self.tags(plugin):
            for sample in (0, 1):
                where = f"/data/plugin/{plugin}/{path}?" + quoted(run=run, tag=tag, sample=sample)
                answers = [fetch(j, where)[1] for j in self.judges]
                ours = fetch(self.ours, where)
                if any(answers):  # TensorBoard fails for a sound that is not there
                    self.get(where)
                lists = [(j, a) for j, a in zip(self.judges, answers) if a]
                if lists and ours[1]:
                    judge, theirs = lists[0]
                    bytes_of = {(i["step"], i["wall_time"]): fetch(self.ours, f"/data/plugin/{plugin}/{one}?{i['query']}") for i in ours[1]}
                    for i in theirs:
                        check(f"{self.name} bytes of {run} {tag} {sample} at {i['step']}", [fetch(judge, f"/data/plugin/{plugin}/{one}?{i['query']}")],
                              bytes_of.get((i["step"], i["wall_time"]), (0, None)))

    def graphs(self):
        infos = [fetch(b, "/data/plugin/graphs/info") for b in (self.ours, *self.judges)]
        self.get("/data/plugin/graphs/info")
        for run, info in (infos[0][1] or {}).items():
            if info["run_graph"]:
                self.proto("/data/plugin/graphs/graph?" + quoted(run=run), "GraphDef")
                self.proto("/data/plugin/graphs/graph?" + quoted(run=run, limit_attr_size=40, large_attrs_key="_too_large_attrs"), "GraphDef")
            for tag, has in info["tags"].items():
                if has["profile"]:
                    self.proto("/data/plugin/graphs/run_metadata?" + quoted(run=run, tag=tag), "RunMetadata")
                if has["op_graph"]:
                    self.proto("/data/plugin/graphs/graph?" + quoted(run=run, tag=tag), "GraphDef")
                if has["conceptual_graph"]:
                    self.proto("/data/plugin/graphs/graph?" + quoted(run=run, tag=tag, conceptual="true"), "GraphDef")

    def proto(self, path, kind):
        """Text of a message: equal when it parses to the same, whatever the order of its maps."""
        answers = [fetch(b, path) for b in (self.ours, *self.judges)]
        script = ("import sys, json\nfrom google.protobuf import text_format\nfrom tensorboard.compat.proto import graph_pb2, config_pb2\n"
                  "kind = {'GraphDef': graph_pb2.GraphDef, 'RunMetadata': config_pb2.RunMetadata}[sys.argv[1]]\n"
                  "print(json.dumps([text_format.Parse(t, kind()).SerializeToString(deterministic=True).hex() for t in json.load(sys.stdin)]))")
        texts = [a[1].decode() if isinstance(a[1], bytes) else "" for a in answers]
        done = subprocess.run([HOME / "bin" / "python", "-c", script, kind], input=json.dumps(texts), capture_output=True, text=True)
        parsed = json.loads(done.stdout) if not done.returncode else [t for t in texts]
        check(f"{self.name} {path}", [(a[0], p) for a, p in zip(answers[1:], parsed[1:])], (answers[0][0], parsed[0]))
        if done.returncode:
            print("# " + done.stderr.strip().splitlines()[-1])

    def hparams(self):
        def tidy(a):
            for info in (a or {}).get("hparamInfos", []):
                if "domainDiscrete" in info:
                    info["domainDiscrete"].sort(key=str)
            if a and "hparamInfos" in a:
                a["hparamInfos"].sort(key=lambda i: i["name"])
            return a
        self.get("/data/plugin/hparams/experiment", body={}, change=tidy)
        answers = self.get("/data/plugin/hparams/session_groups", body={"sliceSize": 100, "startIndex": 0, "allowedStatuses": STATUSES})
        metrics = {(m["name"]["group"], m["name"]["tag"]) for _, a in answers for g in (a or {}).get("sessionGroups", []) for m in g.get("metricValues", [])}
        for group, tag in sorted(metrics):
            for order in ("ORDER_ASC", "ORDER_DESC"):
                self.get("/data/plugin/hparams/session_groups", body={"sliceSize": 100, "startIndex": 0, "allowedStatuses": STATUSES, "aggregationType": "AGGREGATION_MAX",
                                                                      "aggregationMetric": {"group": group, "tag": tag},
                                                                      "colParams": [{"metric": {"group": group, "tag": tag}, "order": order}]})
        for _, a in answers[:1]:
            for g in (a or {}).get("sessionGroups", []):
                for group, tag in sorted(metrics):
                    self.get("/data/plugin/hparams/metric_evals", body={"sessionName": g["sessions"][0]["name"], "metricName": {"group": group, "tag": tag}})


# --- Logs ---------------------------------------------------------------------------------------------------
def write_more(folder):
    """Logs with what the golden ones lack: several runs with hyperparameters, batches of images, tables of text, descriptions that differ."""
    script = """
import sys, numpy as np
from tensorboardX import SummaryWriter
for i, lr in enumerate((0.1, 0.01, 0.001)):
    with SummaryWriter(sys.argv[1] + f'/trial_{i}') as w:
        r = np.random.RandomState(i)
        for step in range(30):
            w.add_scalar('loss', float(np.exp(-step * lr)), step, walltime=1.6e9 + i * 1000 + step)
            if step % 10 == 0:
                w.add_histogram('w', r.randn(500), step, walltime=1.6e9 + i * 1000 + step)
                w.add_image('im', r.randint(0, 255, (3, 8, 8)).astype(np.uint8), step, walltime=1.6e9 + i * 1000 + step)
        w.add_text('note', '# Title\\n\\n* one\\n* **two**\\n\\n| a | b |\\n|---|---|\\n| 1 | 2 |', 3)
        w.add_text('bad', '<script>alert(1)</script> and <b>bold</b>', 4)
        w.add_pr_curve('pr', r.randint(2, size=100), r.rand(100), 5)
        w.add_custom_scalars({'Losses': {'both': ['Multiline', ['loss', 'final/.*']]}, f'Own {i}': {'band': ['Margin', ['loss', 'loss', 'loss']]}})
        w.add_hparams({'lr': lr, 'layers': 2 + i, 'name': f'm{i % 2}', 'deep': bool(i)}, {'final/loss': lr * 2, 'final/acc': 1 - lr}, name='hp')
"""
    done = subprocess.run([HOME / "bin" / "python", "-c", script, folder], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"writing logs: {done.stderr[-2000:]}")


def write_own(folder):
    census = os.environ.get("LEAT_DATA")
    if census and pathlib.Path(census).is_dir():
        done = subprocess.run([LEAT, "train", pathlib.Path(__file__).resolve().parents[2] / "examples/census/census.yaml", "--job-dir", f"{folder}/job", "--train-steps", "60",
                               "--train-files", f"{census}/adult.data", "--eval-files", f"{census}/adult.test", "--eval-steps", "2"], capture_output=True, text=True)
        if done.returncode:
            print("# leat train: " + done.stderr.strip()[-300:])


def compare(name, folder):
    program = tensorboard()
    ours = [LEAT, "board", "--logdir", folder, "--port", "0"]
    fast = [program, "--logdir", folder, "--port", "0", "--load_fast", "true", "--samples_per_plugin", "images=100,histograms=1000,text=100,audio=100,pr_curves=100"]
    slow = [program, "--logdir", folder, "--port", "0", "--load_fast", "false", "--samples_per_plugin", "images=100,histograms=1000,text=100,audio=100,pr_curves=100"]
    theirs = r"TensorBoard [\d.]+ at http://[^:]+:(\d+)/"
    with Server(ours, r"http://localhost:(\d+)/") as o, Server(fast, theirs) as f, Server(slow, theirs) as s:
        for base in (f.base, s.base, o.base):
            settled(base)
        Compare(name, o.base, [f.base, s.base]).all()


def main():
    given = sys.argv[2:]
    golden = os.environ.get("LEAT_GOLDEN")
    with tempfile.TemporaryDirectory() as more, tempfile.TemporaryDirectory() as own:
        logs = [(pathlib.Path(g).name, g) for g in given]
        if not given:
            tensorboard()
            if golden:
                logs.append(("golden", f"{golden}/formats/events"))
            write_more(more)
            logs.append(("tensorboardX", more))
            if not os.environ.get("SHORT"):
                write_own(own)
                logs.append(("leat", own))
        for name, folder in logs:
            compare(name, folder)
    print(f"{'not ok' if failures else 'ok'} board: {checks} answers of the data API, {len(failures)} differ from both loaders'")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

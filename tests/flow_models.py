#!/usr/bin/env python3
"""Models and features in flows: the bits of training, of `leat predict` and of a server, on any threads, in batch and stream."""
# SPDX-License-Identifier: Apache-2.0
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
COLUMNS = "age: int64, workclass: string, fnlwgt: int64, education: string, education_num: int64, marital_status: string, occupation: string, relationship: string, race: string, gender: string, capital_gain: int64, capital_loss: int64, hours_per_week: int64, native_country: string, income_bracket: string"
WAYS = (["--threads", "1"], ["--threads", "2"], ["--threads", "1", "--streaming"], ["--threads", "2", "--streaming"])
failures = 0


def check(name, good, note=""):
    global failures
    failures += not good
    if not good:
        print("# " + str(note)[-900:].replace("\n", "\n# "))
    print(("ok " if good else "not ok ") + name)


def leat(*args, stdin=None):
    return subprocess.run([BUILD / "leat", *map(str, args)], cwd=tmp, capture_output=True, text=True, timeout=120, input=stdin)


def flow(transforms, *options):
    (tmp / "flow.yaml").write_text("pipeline:\n  type: chain\n  transforms:\n" + "".join(f"    - {t}\n" for t in transforms))
    return leat("flow", "run", "flow.yaml", "--quiet", *options)


READ = "{type: ReadFromCsv, config: {path: rows.csv, schema: {id: int64, " + COLUMNS + "}}}"
PERSON = "{type: Create, config: {elements: [{age: 39, workclass: Private, education: HS-grad, education_num: 9, marital_status: Divorced, occupation: Sales, relationship: Husband, race: White, gender: Male, capital_gain: 0, capital_loss: 0, hours: 40, native_country: Cuba}]}}"


def inference():
    want = leat("predict", "--job-dir", "job", "--text-instances", "rows.csv", "--format", "json").stdout.splitlines()
    check("leat predict has an answer for each row", len(want) == rows and rows > 1000, (len(want), rows))
    pick = "{type: MapToFields, config: {fields: {" + ", ".join(f"{k}: {k}" for k in json.loads(want[0])) + "}}}"
    for way in WAYS:
        done = flow([READ, "{type: RunInference, config: {model: job}}", pick, "{type: WriteToJson, config: {path: out.json}}"], *way)
        got = (tmp / "out.json").read_text().splitlines() if done.returncode == 0 else []
        same = got == want if way[1] == "1" else sorted(got) == sorted(want)
        check(f"RunInference {' '.join(way)}: the text of leat predict", same, done.stderr or got[:1])
    one = json.loads(want[0])
    row = json.dumps({k: v for k, v in one.items()})
    done = flow([READ, "{type: RunInference, config: {inference_tag: p, model_handler: {type: Leat, config: {model: job, signature: predict}}}}", "{type: MapToFields, config: {language: sql, fields: {p: p}}}", "{type: WriteToJson, config: {path: out.json}}"], "--threads", "1")
    check("inference_tag, model_handler, signature", done.returncode == 0 and (tmp / "out.json").read_text().splitlines()[0] == '{"p": ' + row + "}", done.stderr)


def served(lines):
    """The server's answers over HTTP are those of RunInference, number by number."""
    done = flow([READ, "{type: RunInference, config: {model: job}}", "{type: MapToFields, config: {fields: {logits: logits, probabilities: probabilities}}}", "{type: WriteToJson, config: {path: out.json}}"], "--threads", "1")
    want = [json.loads(line) for line in (tmp / "out.json").read_text().splitlines()] if done.returncode == 0 else []
    names = [c.split(":") for c in COLUMNS.split(", ")]
    instances = [{name: int(x) if "int" in kind else x for (name, kind), x in zip(names, line.split(","))} for line in lines]
    for person in instances:
        del person["fnlwgt"], person["income_bracket"]
    server = subprocess.Popen([BUILD / "leat", "serve", "--model_base_path", "job/export/census", "--model_name", "census", "--listen", "127.0.0.1:0", "--port", "0"], cwd=tmp, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    got = []
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(server.stdout.readline().rsplit(":", 1)[1]), timeout=60)
        for at in range(0, rows, 4000):
            connection.request("POST", "/v1/models/census:predict", json.dumps({"instances": instances[at : at + 4000]}))
            got += [{k: p[k] for k in ("logits", "probabilities")} for p in json.loads(connection.getresponse().read())["predictions"]]
    finally:
        server.terminate()
        server.wait(timeout=20)
    check(f"RunInference: what a server answers, {rows} rows", got == want, (done.stderr, got[:1], want[:1]))


def features():
    done = subprocess.run([BUILD / "tests/flow-features", ROOT / "examples/census/census.yaml", "job", "rows.csv", COLUMNS, "adult.data", "adult.test"], cwd=tmp, capture_output=True, text=True, timeout=120)
    print(done.stdout, end="")
    check("features in a flow, in training and in the saved model", done.returncode == 0 and done.stdout.count("\nok") == 5 and f"# {rows} rows of " in done.stdout, done.stderr)
    (tmp / "small.yaml").write_text("estimator: LinearRegressor\nlabel: {column: y}\nfeatures:\n  n: {numeric: {normalize: min_max, min: 0, max: 4}}\n  c: {vocabulary: [a, b]}\n  h: {column: c, vocabulary: [a, b], embedding: 2}\ndata: {train: none.jsonl, eval: none.jsonl}\n")
    rows_of = "{type: Create, config: {elements: [{m: 1, c: b}, {m: 3, c: z}, {m: 4, c: a}]}}"

    def gives(name, config, *want):
        flow([rows_of, "{type: Features, config: {model: small.yaml, fields: {n: m}, " + config + "}}", "{type: WriteToJson, config: {path: out.json}}"], "--threads", "1")
        got = [json.loads(line) for line in (tmp / "out.json").read_text().splitlines()]
        check("Features: " + name, got == list(want), got)

    gives("numbers, one-hot categories, ids of what has an embedding", "keep: m", {"m": 1, "n": 0.25, "c": [0, 1], "h": 1}, {"m": 3, "n": 0.75, "c": [0, 0], "h": -1}, {"m": 4, "n": 1, "c": [1, 0], "h": 0})
    gives("some, as ids, as one field", "features: [c], categories: ids, output: f", {"f": {"c": 1}}, {"f": {"c": -1}}, {"f": {"c": 0}})
    told = flow([rows_of, "{type: Features, config: {model: small.yaml, fields: {n: m}, keep: c}}"])
    check("Features: a name that is taken", told.returncode == 1 and "there is a field 'c' already" in told.stderr, told.stderr)
    for name, config, wanted in (
        ("no model", "job_dir: job", "expected model: MODEL.yaml"),
        ("a model that is not there", "model: none.yaml", "none.yaml"),
        ("a feature that is not there", "model: small.yaml, fields: {n: m}, features: [d]", "the model has no feature 'd'"),
        ("categories", "model: small.yaml, fields: {n: m}, categories: one", "expected one_hot or ids"),
        ("no job directory", f"model: {ROOT}/examples/census/census.yaml", "expected job_dir: DIR"),
        ("nothing in the job directory", f"model: {ROOT}/examples/census/census.yaml, job_dir: .", "no analysis.json"),
        ("a column that is not there", "model: small.yaml", "no field 'n'"),
        ("a column of another type", "model: small.yaml, fields: {n: c}", "takes numbers"),
    ):
        told = flow([rows_of, "{type: Features, config: {" + config + "}}"])
        check(f"Features: {name}", told.returncode == 1 and wanted in told.stderr, told.stderr or "it ran")


def analysis():
    want = (tmp / "job/analysis.json").read_bytes()
    train = sum(1 for line in (tmp / "adult.data").read_text().splitlines() if line.strip() and not line.startswith("|"))
    for way in WAYS:
        done = flow([READ, "{type: Filter, config: {language: sql, keep: id < " + str(train) + "}}", "{type: AnalyzeFeatures, config: {model: " + str(ROOT / "examples/census/census.yaml") + ", job_dir: found}}"], *way)
        check(f"AnalyzeFeatures {' '.join(way)}: the bytes of leat train", done.returncode == 0 and (tmp / "found/analysis.json").read_bytes() == want, done.stderr)
    done = leat("train", ROOT / "examples/census/census.yaml", "--train-files", "adult.data", "--eval-files", "adult.test", "--job-dir", "found", "--train-steps", "50")
    weights = [next((tmp / job).glob("ckpt-50")) / "weights.safetensors" for job in ("job", "found")] if done.returncode == 0 else []
    check("a job that starts from a flow's analysis has the same weights", len(weights) == 2 and weights[0].read_bytes() == weights[1].read_bytes(), done.stderr)
    told = flow([PERSON, "{type: AnalyzeFeatures, config: {model: " + str(ROOT / "examples/census/census.yaml") + "}}"])
    check("AnalyzeFeatures: no job directory", told.returncode == 1 and "expected job_dir: DIR" in told.stderr, told.stderr)


def bad_rows():
    text = "pipeline:\n  transforms:\n" + "".join(
        f"    - {t}\n"
        for t in (
            "{type: Create, name: C, config: {elements: [{n: 1, x: [1.5, 2]}, {n: 2, x: [1]}, {n: 3, x: [3, 4]}, {n: 4, x: []}]}}",
            "{type: RunInference, name: R, input: C, config: {model: pair, error_handling: {output: bad}}}",
            "{type: MapToFields, name: M, input: R.bad, config: {language: sql, fields: {n: element.n, msg: msg}}}",
            "{type: WriteToJson, name: W, input: M, config: {path: bad.json}}",
            "{type: MapToFields, name: G, input: R, config: {fields: {n: n}}}",
            "{type: AssertEqual, name: A, input: G, config: {elements: [{n: 1}, {n: 3}]}}",
        )
    )
    (tmp / "pair.jsonl").write_text('{"x": [1, 2], "y": 3}\n{"x": [2, 2], "y": 4}\n')
    (tmp / "pair.yaml").write_text("estimator: LinearRegressor\nlabel: {column: y}\nfeatures:\n  x: {numeric: {values: 2}}\ndata: {train: pair.jsonl, eval: pair.jsonl}\ntrain: {steps: 2, batch_size: 2}\n")
    done = leat("train", "pair.yaml", "--job-dir", "pair")
    check("a model of two numbers", done.returncode == 0, done.stderr)
    (tmp / "flow.yaml").write_text(text)
    done = leat("flow", "run", "flow.yaml", "--quiet")
    bad = [json.loads(line) for line in (tmp / "bad.json").read_text().splitlines()] if done.returncode == 0 else []
    check("rows that a model refuses go to the errors", [b["n"] for b in bad] == [2, 4] and "1 values, expected 2" in bad[0]["msg"] and "lacks 'x'" in bad[1]["msg"], done.stderr or bad)


def refused():
    def says(name, config, *wanted, person=PERSON, type="RunInference"):
        done = flow([person, "{type: " + type + ", config: " + config + "}"])
        check(name, done.returncode == 1 and all(w in done.stderr for w in wanted), done.stderr or "it ran")

    says("no model", "{}", "flow.yaml:5", "expected model: DIR")
    says("a model that is not there", "{model: nowhere}", "nowhere: no such directory")
    says("a field that is not there", "{model: job}", "no field 'hours_per_week'")
    says("a field of another name that is not there", "{model: job, fields: {hours_per_week: hour}}", "no field 'hour'; did you mean 'hours'?")
    says("an input that is not there", "{model: job, fields: {hours_per_weak: hours}}", "no input 'hours_per_weak'; did you mean 'hours_per_week'?")
    says("a field of another type", "{model: job, fields: {hours_per_week: race}}", "field 'race' is a string, the model's 'hours_per_week' takes numbers (f32)")
    says("another signature", "{model: job, signature: serve}", "the model has no signature 'serve', it has")
    says("another setting of the handler", "{model_handler: {type: Leat, config: {modle: x}}}", "no setting of the handler 'modle'; did you mean 'model'?")
    says("another handler", "{model_handler: {type: SklearnNumpy}}", "expected model_handler: {type: Leat")
    says("a field of its config", "{modal: job}", "did you mean 'model'?")
    shutil.copytree(tmp / "job", tmp / "job [1]")
    done = flow([PERSON, "{type: RunInference, config: {model: 'job [1]', fields: {hours_per_week: hours}}}", "{type: WriteToNull}"])
    check("a directory with brackets in its name", done.returncode == 0, done.stderr)
    done = flow([PERSON, "{type: RunInference, config: {model: rows.csv}}"])
    check("a model that is a file", done.returncode == 1 and "rows.csv: not a saved model" in done.stderr, done.stderr)
    done = flow([PERSON, "{type: RunInference, config: {model: job, fields: {hours_per_week: hours}}}", "{type: MapToFields, config: {fields: {c: classes}}}", "{type: WriteToJson, config: {path: out.json}}"])
    check("a field of another name", done.returncode == 0 and "50K" in (tmp / "out.json").read_text(), done.stderr)
    done = flow([PERSON, "{type: MapToFields, config: {language: sql, append: true, drop: [age], fields: {classes: 1, age: \"CASE WHEN hours > 0 THEN NULL ELSE 1 END\"}}}", "{type: RunInference, config: {model: job, fields: {hours_per_week: hours}}}"])
    check("a result whose name is taken", done.returncode == 1 and "there is a field 'classes' already" in done.stderr, done.stderr)


def main():
    global rows
    source = os.environ.get("LEAT_DATA")
    if source:
        for name in ("adult.data", "adult.test"):
            shutil.copy(f"{source}/{name}", tmp)
    else:
        subprocess.run([BUILD / "examples/synthesize", tmp], check=True)
    lines = [line for name in ("adult.data", "adult.test") for line in (tmp / name).read_text().splitlines() if line.strip() and not line.startswith("|")]
    rows = len(lines)
    (tmp / "rows.csv").write_text("id," + ",".join(c.split(":")[0] for c in COLUMNS.split(", ")) + "\n" + "".join(f"{i},{line}\n" for i, line in enumerate(lines)))
    done = leat("train", ROOT / "examples/census/census.yaml", "--train-files", "adult.data", "--eval-files", "adult.test", "--job-dir", "job", "--train-steps", "50")
    check("a model to start with", done.returncode == 0, done.stderr)
    inference()
    served(lines)
    bad_rows()
    features()
    analysis()
    refused()
    return 1 if failures else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        tmp = pathlib.Path(scratch)
        sys.exit(main())

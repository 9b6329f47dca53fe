#!/usr/bin/env python3
"""A new user's way: from an unknown CSV by `leat init` to predictions of the exported model; data commands and their bad input."""
# SPDX-License-Identifier: Apache-2.0
import gzip
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LEAT = str(pathlib.Path(sys.argv[1]).resolve() / "leat")
# file: (options of init, what init says, least accuracy or greatest loss on the rows kept apart, options of predict, label)
SETS = {
    "shop": ([], [r"unbalanced classes: the rarest has 73 of 600", "customer_id: left out", "note: left out, the same", "age: 10 values are no numbers"],
             ("auc", 0.65), ["--delimiter", ";"], ("yes", "no")),
    "sensors": ([], [r"label: the last column, column_6", "unbalanced classes: the rarest has 11 of 800"], ("accuracy", 0.93), None, ("fault", "ok", "warn")),
    "houses": (["--label", "score"], ["Listing: left out"], ("average_loss", -0.5), ["--comment", "#"], None),
}
failures = 0


def leat(*args, cwd, stdin=None):
    return subprocess.run([LEAT, *map(str, args)], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=120)


def check(name, good, done=None):
    global failures
    failures += not good
    if not good and done:
        print(f"# exit {done.returncode}\n# stdout: {done.stdout[-600:]}\n# stderr: {done.stderr[-400:]}")
    print(("ok " if good else "not ok ") + name)


def from_init_to_prediction(name, d):
    options, notes, (metric, bound), predict, labels = SETS[name]
    shutil.copy(ROOT / "tests" / "messy" / f"{name}.csv", d)
    done = leat("init", f"{name}.csv", "--output", f"{name}.yaml", *options, cwd=d)
    check(f"{name}: init", done.returncode == 0 and all(re.search(n, done.stderr) for n in notes), done)
    done = leat("train", f"{name}.yaml", "--job-dir", name, "--format", "json", cwd=d)
    value = json.loads(done.stdout)["metrics"][metric] if done.returncode == 0 else None
    check(f"{name}: the model trains at once, {metric} {value}", value is not None and (value >= bound if bound > 0 else value <= -bound), done)
    if predict is None:  # no header: name the columns, as a request does
        rows = [line.split(",") for line in (d / f"{name}.csv").read_text().splitlines()[:50]]
        keys = ["column_1", "column_2", "column_3", "column_4", "column_5"]
        text = "".join(json.dumps({k: float(v) if k == "column_2" else v.strip() for k, v in zip(keys, row)}) + "\n" for row in rows)
        done = leat("predict", "--job-dir", name, "--format", "json", cwd=d, stdin=text)
        wanted = [row[-1].strip() for row in rows]
    else:
        done = leat("predict", "--job-dir", name, "--text-instances", f"{name}.csv", "--format", "json", *predict, cwd=d)
        wanted = None
    out = [json.loads(line) for line in done.stdout.splitlines()]
    if wanted:
        right = sum(p["classes"] == [w] for p, w in zip(out, wanted))
        check(f"{name}: {right} of {len(wanted)} predictions are right", right >= 0.95 * len(wanted), done)
    elif labels:
        check(f"{name}: {len(out)} predictions, both classes", {p["classes"][0] for p in out} == set(labels), done)
    else:
        numbers = [p["predictions"][0] for p in out]
        check(f"{name}: {len(out)} numbers", len(numbers) == 500 and max(numbers) - min(numbers) > 4, done)
    missing = {"shop": '{"signup": "", "age": "?", "income": null, "segment": "", "country": "XX"}',
               "sensors": '{"column_1": "soon", "column_2": 20, "column_3": "-", "column_4": "", "column_5": ""}',
               "houses": '{"sold_on": null, "rooms": null, "area_m2": null, "garden": "", "remarks": ""}'}[name]
    done = leat("predict", "--job-dir", name, "--format", "json", cwd=d, stdin=missing)
    check(f"{name}: a row of missing values has a finite prediction", done.returncode == 0 and "NaN" not in done.stdout and "Inf" not in done.stdout, done)


def describe(d):
    done = leat("data", "describe", "shop.csv", "--format", "json", "--covariance", cwd=d)
    columns = {c["name"]: c for c in json.loads(done.stdout)["columns"]} if done.returncode == 0 else {}
    good = columns and columns["signup"]["type"] == "date" and columns["age"]["type"] == "int" and columns["income"]["type"] == "float"
    check("describe: types of the messy shop", bool(good), done)
    lines = [line.split(";") for line in (d / "shop.csv").read_text(encoding="utf-8-sig").splitlines()[1:]]
    income = [float(row[3]) for row in lines if len(row) == 8 and row[3]]
    check("describe: minimum and maximum as by hand", good and abs(columns["income"]["min"] - min(income)) < 1e-6 and
          columns["income"]["max"] >= max(income) and sum(columns["income"]["histogram"]["counts"]) == columns["income"]["rows"] - columns["income"]["missing"], done)
    done = leat("data", "describe", "shop.csv", cwd=d)
    check("describe: a table without colours when it is no terminal", done.returncode == 0 and "\033" not in done.stdout and "histogram" in done.stdout and done.stderr == "", done)


def schemas(d):
    done = leat("data", "schema", "shop.csv", "--output", "schema.yaml", cwd=d)
    check("schema: written", done.returncode == 0 and "segment" in (d / "schema.yaml").read_text(), done)
    done = leat("data", "validate", "--schema", "schema.yaml", "shop.csv", cwd=d)
    # 10 texts in `age` are no numbers: they are anomalies of the very file the schema came from.
    check("validate: the file itself has its wrong values only", done.returncode == 1 and "wrong_type age: 'unknown'" in done.stdout and len(done.stdout.splitlines()) == 1, done)
    text = (d / "shop.csv").read_text(encoding="utf-8-sig").splitlines(True)
    (d / "next.csv").write_text(text[0] + "".join(line.replace("plus", "premium") for line in text[1:400]))
    done = leat("data", "validate", "--schema", "schema.yaml", "next.csv", cwd=d)
    first = next(i for i, line in enumerate(text[1:], 2) if "plus" in line)
    check("validate: an unknown value has its place", done.returncode == 1 and f"next.csv:{first}:5: unknown_value segment: 'premium'" in done.stdout, done)
    done = leat("data", "diff", "shop.csv", "next.csv", "--format", "json", "--numeric-threshold", "0.2", cwd=d)
    drifts = {x["column"]: x for x in json.loads(done.stdout)}
    check("diff: the new word drifts", done.returncode == 1 and drifts["segment"]["differs"] and not drifts["income"]["differs"] and not drifts["note"]["differs"], done)
    check("diff: a set does not differ from itself", leat("data", "diff", "shop.csv", "shop.csv", cwd=d).returncode == 0)


def evaluate(d):
    done = leat("evaluate", "shop.yaml", "--job-dir", "shop", "--slice-by", "segment", "--importance", "--format", "json", cwd=d)
    out = json.loads(done.stdout) if done.returncode == 0 else {}
    metrics = out.get("metrics", {})
    matrix = out.get("confusion", [[0, 0], [0, 0]])
    rows = sum(map(sum, matrix))
    check("evaluate: the confusion matrix gives accuracy and recall", 100 < rows < 150 and abs((matrix[0][0] + matrix[1][1]) / rows - metrics["accuracy"]) < 1e-6 and
          abs(matrix[1][1] / sum(matrix[1]) - metrics["recall"]) < 1e-6, done)
    slices = {s["value"]: s for s in out.get("slices", [])}
    check("evaluate: the slices add up to the whole", set(slices) == {"Basic", "basic", "plus", "pro"} and sum(s["rows"] for s in slices.values()) == rows and
          abs(sum(s["rows"] * s["loss"] for s in slices.values()) / rows - metrics["average_loss"]) < 1e-5, done)
    bins = out.get("calibration", [])
    check("evaluate: calibration has all rows and the mean prediction", sum(b["rows"] for b in bins) == rows and
          abs(sum(b["rows"] * b["predicted"] for b in bins) / rows - metrics["prediction/mean"]) < 1e-5, done)
    importance = {i["column"]: i["loss"] for i in out.get("importance", [])}
    check("evaluate: the columns that made the label matter most", importance and max(importance, key=importance.get) == "signup" and importance["signup"] > 2 * importance["country"], done)
    done = leat("evaluate", "shop.yaml", "--job-dir", "shop", "--slice-by", "note", cwd=d)
    check("evaluate: slices by a column that is no feature", done.returncode == 0 and re.search(rf"^same +{rows} ", done.stdout, re.M), done)
    done = leat("evaluate", "shop.yaml", "--job-dir", "shop", "--slice-by", "segmnt", cwd=d)
    check("evaluate: no such column", done.returncode == 1 and "no column 'segmnt'; did you mean 'segment'?" in done.stderr, done)
    done = leat("evaluate", "houses.yaml", "--job-dir", "houses", "--slice-by", "rooms", cwd=d)
    check("evaluate: slices of a regression", done.returncode == 0 and re.search(r"^all +(7|8|9|10|11|12)\d ", done.stdout, re.M), done)


def documents(d):
    """The commands of docs/data.md, in order, as they stand there."""
    here = d / "docs"
    here.mkdir()
    shutil.copy(ROOT / "tests" / "messy" / "shop.csv", here)
    lines = [line.strip() for line in (ROOT / "docs" / "data.md").read_text().splitlines() if line.startswith("    leat ")]
    failed = []
    for line in lines:
        done = leat(*shlex.split(line)[1:], cwd=here)
        wanted = 1 if "validate" in line else 0  # ten ages are no numbers
        if done.returncode != wanted or not (done.stdout or "--output" in line):
            failed.append(f"{line}: {done.stderr}")
    for f in failed:
        print("# " + f)
    check(f"docs/data.md: its {len(lines)} commands", len(lines) >= 8 and not failed)


def bad_input(d):
    (d / "quote.csv").write_text('a,b\n1,"x\n')
    (d / "one.csv").write_text("x,y\n" + "1,a\n" * 30)
    (d / "twice.csv").write_text("x,x\n1,2\n")
    (d / "empty.csv").write_text("")
    (d / "nolabel.csv").write_text("x,y\n" + "1,a\n2,b\n3,\n" * 20)
    (d / "x.tfrecord").write_text("")
    with gzip.open(d / "packed.csv.gz", "wb") as f:
        f.write((d / "shop.csv").read_bytes())
    plain, packed = (leat("data", "describe", n, cwd=d) for n in ("shop.csv", "packed.csv.gz"))
    check("describe: a gzip file is read as it is", packed.stdout.splitlines()[2:] == plain.stdout.splitlines()[2:] and packed.returncode == 0, packed)
    (d / "bad.yaml").write_text("columns: {a: {typ: int}}\n")
    cases = [("a quote that does not close", ["data", "describe", "quote.csv"], 1, r"quote\.csv:2:2: a quote"),
             ("two columns of one name", ["data", "describe", "twice.csv", "--header", "yes"], 1, r"twice\.csv:1:2: two columns are named 'x'"),
             ("an empty file", ["data", "describe", "empty.csv"], 1, r"empty\.csv: no rows"),
             ("a missing file", ["data", "describe", "none.csv"], 1, r"none\.csv: no such file"),
             ("not CSV", ["data", "describe", "x.tfrecord"], 1, r"x\.tfrecord: a table is CSV, not tfrecord"),
             ("no schema", ["data", "validate", "shop.csv"], 1, "--schema FILE is needed"),
             ("a wrong field of a schema", ["data", "validate", "--schema", "bad.yaml", "shop.csv"], 1, r"bad\.yaml:1:15: no field 'typ'; did you mean 'type'"),
             ("a wrong delimiter", ["data", "describe", "--delimiter", "ab", "shop.csv"], 1, "--delimiter is one character"),
             ("no verb", ["data", "shop.csv"], 2, "usage: leat data"),
             ("init: one class only", ["init", "one.csv", "--output", "x.yaml"], 1, r"one\.csv: the label 'y' has one value only"),
             ("init: missing labels", ["init", "nolabel.csv", "--output", "x.yaml"], 1, r"the label 'y' is missing in 20 of 60 rows"),
             ("init: no such label", ["init", "shop.csv", "--label", "churn", "--output", "x.yaml"], 1, r"no column 'churn'; did you mean 'churned'"),
             ("init: the file exists", ["init", "shop.csv", "--output", "shop.yaml"], 1, r"shop\.yaml exists"),
             ("init: no such directory", ["init", "shop.csv", "--output", "no/where.yaml"], 1, r"no/where\.yaml")]
    for name, args, code, message in cases:
        done = leat(*args, cwd=d)
        check("bad input: " + name, done.returncode == code and re.search(message, done.stderr) and len(done.stderr.strip().splitlines()) == 1, done)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        d = pathlib.Path(tmp)
        for name in SETS:
            from_init_to_prediction(name, d)
        describe(d)
        schemas(d)
        evaluate(d)
        documents(d)
        bad_input(d)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

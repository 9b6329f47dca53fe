#!/usr/bin/env python3
"""Training jobs: every head, weights, penalties, accumulation, warm start, early stopping, the split, their wrong input."""
# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(sys.argv[1]).resolve()
LEAT = str(BUILD / "leat")
failures = 0
COLUMNS = ["a", "c", "y", "real", "count", "share", "kind", "tags", "w", "t0", "t1"]
BASE = {
    "features": "{a: {numeric: {}}, c: {vocabulary: [p, q, r]}}",
    "data": "{csv: {columns: [" + ", ".join(COLUMNS) + "]}, train: d.csv, eval: d.csv}",
}


def write_rows(path, n=2000, seed=1):
    rng = random.Random(seed)
    with open(path, "w") as f:
        for _ in range(n):
            a, c = rng.gauss(0, 1), rng.choice("pqr")
            z = a + (c == "p") + rng.gauss(0, 0.3)
            kind = "xyz"[min(2, max(0, int(z + 1)))]
            tags = "|".join(t for t, on in (("up", z > 0.5), ("p", c == "p"), ("odd", rng.random() < 0.1)) if on)
            row = [f"{a:.4f}", c, int(z > 0.3), f"{z:.4f}", min(9, int(2.7 ** max(z, 0))), f"{min(max(z / 4 + 0.5, 0), 1):.3f}",
                   kind, tags, f"{rng.random():.2f}", int(z > 1), int(c == "q")]
            f.write(",".join(map(str, row)) + "\n")


def model(d, **fields):
    fields = {**BASE, "estimator": "DNNClassifier", **fields}
    if fields["estimator"].startswith("DNN"):
        fields.setdefault("hidden_units", "[8]")
    (d / "m.yaml").write_text("".join(f"{k}: {v}\n" for k, v in fields.items() if v is not None))


def leat(d, *args):
    return subprocess.run([LEAT, *map(str, args)], cwd=d, capture_output=True, text=True, timeout=120)


def check(name, good, more=""):
    global failures
    failures += not good
    if not good:
        print(f"# {more}")
    print(("ok " if good else "not ok ") + name)


def train(d, *args, job="job", fresh=True, **fields):
    """Metrics of a run, or the error's text."""
    model(d, **fields)
    if fresh:
        shutil.rmtree(d / job, ignore_errors=True)
    done = leat(d, "train", "m.yaml", "--job-dir", job, "--format", "json", *args)
    if done.returncode:
        return f"{done.returncode}: {done.stderr}"
    out = json.loads(done.stdout)
    return {**out["metrics"], "export_dir": out["export_dir"], "stderr": done.stderr}


def predict(d, result, row='{"a": 2, "c": "p"}'):
    done = subprocess.run([LEAT, "predict", "--model-dir", result["export_dir"], "--format", "json"], cwd=d, input=row + "\n", capture_output=True, text=True)
    return json.loads(done.stdout)


def weights(d, job="job"):
    newest = max((d / job).glob("ckpt-*"), key=lambda p: int(p.name[5:]))
    return hashlib.sha256((newest / "weights.safetensors").read_bytes()).hexdigest()


def tensors(d, job="job"):
    newest = max((d / job).glob("ckpt-*"), key=lambda p: int(p.name[5:]))
    raw = (newest / "weights.safetensors").read_bytes()
    size = int.from_bytes(raw[:8], "little")
    head = json.loads(raw[8 : 8 + size])
    return {k: raw[8 + size + v["data_offsets"][0] : 8 + size + v["data_offsets"][1]] for k, v in head.items() if k != "__metadata__"}


TRAIN = "{steps: 300, batch_size: 32}"


def heads(d):
    base = {"accuracy", "average_loss", "loss", "global_step"}
    r = train(d, label="{column: y, n_classes: 2}", train=TRAIN)
    check("binary, integer labels", r["accuracy"] > 0.85 and r["auc"] > 0.9, r)
    p = predict(d, r)
    check("its predictions", p["classes"] == ["1"] and p["class_ids"] == [1] and abs(sum(p["probabilities"]) - 1) < 1e-5, p)
    r = train(d, label="{column: kind, vocabulary: [x, y, z]}", train=TRAIN, eval="{metrics: [top_2_accuracy, mean_iou, mean_per_class_accuracy]}")
    check("multi-class by its vocabulary", r["accuracy"] > 0.7 and r["top_2_accuracy"] > r["accuracy"] and 0 < r["mean_iou"] < r["mean_per_class_accuracy"], r)
    check("its keys are TensorFlow's", set(r) - {"export_dir", "stderr"} == base | {"top_2_accuracy", "mean_iou", "mean_per_class_accuracy"}, r)
    r = train(d, label="{column: count, n_classes: 10}", train=TRAIN)
    check("multi-class, integer labels", r["accuracy"] > 0.5, r)
    r = train(d, label="{column: tags, split: '|', vocabulary: [up, p, odd]}", train=TRAIN, eval="{style: keras, thresholds: [0.5]}")
    check("multi-label in one column", r["auc"] > 0.9 and r["accuracy/positive_threshold_0.5"] > 0.85, r)
    p = predict(d, r)["probabilities"]
    check("its predictions", p[0] > 0.7 and p[1] > 0.7 and p[2] < 0.3, p)
    r = train(d, label="{columns: [t0, t1]}", train=TRAIN)
    check("multi-label in several columns", r["auc"] > 0.9, r)
    r = train(d, estimator="DNNRegressor", label="{columns: [real, share]}", train=TRAIN, eval="{metrics: [root_mean_squared_error]}")
    check("regression of two numbers", r["average_loss"] < 0.2 and abs(r["root_mean_squared_error"] ** 2 - r["average_loss"]) < 1e-6, r)
    check("its predictions", abs(predict(d, r)["predictions"][0] - 3) < 0.5, predict(d, r))
    for loss in ("absolute", "{huber: {delta: 0.5}}", "log_cosh"):
        r = train(d, estimator="LinearRegressor", label="{column: real}", loss=loss, train=TRAIN)
        check(f"regression, loss {loss}", isinstance(r, dict) and r["average_loss"] < 0.3, r)
    r = train(d, estimator="DNNRegressor", head="logistic", label="{column: share}", train=TRAIN)
    check("logistic regression", 0 < r["prediction/mean"] < 1 and abs(r["prediction/mean"] - r["label/mean"]) < 0.05, r)
    r = train(d, estimator="DNNRegressor", head="poisson", label="{column: count}", train=TRAIN)
    check("poisson regression", abs(r["prediction/mean"] - r["label/mean"]) < 0.5 and predict(d, r)["predictions"][0] > 3, predict(d, r))


def training(d):
    label = "{column: y, n_classes: 2}"
    plain = train(d, label=label, train=TRAIN)
    r = train(d, label=label, train=TRAIN, weight_column="w")
    check("weights of rows enter metrics", r["label/mean"] != plain["label/mean"], r)
    r = train(d, label=label, train=TRAIN, class_weights="[1, 5]")
    check("class weights push towards the class", r["recall"] > plain["recall"] and r["label/mean"] == plain["label/mean"], r)
    r = train(d, label=label, train=TRAIN, regularization="{l2: 0.5}")
    check("a penalty is part of the loss", r["regularization_loss"] > 0 and r["average_loss"] > plain["average_loss"], r)
    for norm in ("layer_norm", "batch_norm"):
        r = train(d, label=label, train=TRAIN, **{norm: "true"})
        check(norm, r["auc"] > 0.9 and any(norm.replace("_", "") in k for k in tensors(d)), r)
    # The mean gradient of 4 batches of 8 is that of a batch of 32, save for rounding.
    one = {"label": label, "loss_reduction": "mean", "optimizer": "{sgd: {learning_rate: 0.1}}"}
    whole = train(d, **one, train="{steps: 50, batch_size: 32, shuffle: 0}")
    parts = train(d, **one, train="{steps: 50, batch_size: 8, shuffle: 0, accumulate_steps: 4}")
    check("accumulated gradients", abs(whole["average_loss"] - parts["average_loss"]) < 1e-5 and parts["global_step"] == 50, (whole, parts))
    r = train(d, label=label, train=TRAIN, optimizer="{adam: {learning_rate: 0.01, clip_norm: 0.1}}")
    check("clipped gradients", r["auc"] > 0.9, r)


def watched(d):
    label, rows = "{column: y, n_classes: 2}", "{csv: {columns: [" + ", ".join(COLUMNS) + "]}, train: d.csv, split: 0.25}"
    fields = dict(label=label, data=rows, eval="{every_steps: 20}", export="{best: auc, keep: 2}")
    long = "{steps: 2000, batch_size: 32, early_stopping: {metric: loss, patience: 3, min_delta: 0.01}, save_checkpoints_steps: 70}"
    r = train(d, **fields, train=long)
    check("stops early", r["global_step"] < 2000 and r["global_step"] % 20 == 0 and "stopped early" in r["stderr"], r)
    check("keeps the best", 1 <= len(list((d / "job/export/best").iterdir())) <= 2)
    again = train(d, fresh=False, **fields, train=long)
    check("a job that stopped stays stopped", again["global_step"] == r["global_step"], again)
    bits, seen = weights(d), json.loads(next((d / "job").glob(f"ckpt-{r['global_step']}")).joinpath("state.json").read_text())
    for stop in range(30, r["global_step"], 30):
        out = train(d, "--train-steps", stop, fresh=stop == 30, job="parts", **fields, train=long)
    train(d, fresh=False, job="parts", **fields, train=long)
    newest = max((d / "parts").glob("ckpt-*"), key=lambda p: int(p.name[5:]))
    check("the pieces of a job end with its bits", weights(d, "parts") == bits, (newest, r["global_step"]))
    check("what was watched is the same", json.loads((newest / "state.json").read_text())["stop_best"] == seen["stop_best"])
    # The split depends on the rows alone: in another order, the same rows evaluate.
    lines = (d / "d.csv").read_text().splitlines(keepends=True)
    random.Random(5).shuffle(lines)
    (d / "e.csv").write_text("".join(lines))
    r = train(d, label=label, data=rows, train="{steps: 1}", job="split")
    s = train(d, label=label, data=rows.replace("d.csv", "e.csv"), train="{steps: 1}", job="split")
    check("the split is by row", r["label/mean"] == s["label/mean"] and 0 < r["label/mean"] < 1, (r, s))


def killed(d):
    """kill -9 while gradients are accumulated, rows split, metrics watched and models exported: the same final bits."""
    rows = "{csv: {columns: [" + ", ".join(COLUMNS) + "]}, train: d.csv, split: 0.25}"
    fields = dict(label="{column: kind, vocabulary: [x, y, z]}", data=rows, eval="{every_steps: 25}", export="{best: accuracy}", dropout="0.2",
                  batch_norm="true", train="{steps: 600, batch_size: 16, accumulate_steps: 2, shuffle: 300, save_checkpoints_steps: 20, "
                                           "early_stopping: {metric: loss, patience: 50}}")
    train(d, job="whole", **fields)
    rng, kills = random.Random(3), 0
    shutil.rmtree(d / "job", ignore_errors=True)
    for _ in range(12):
        p = subprocess.Popen([LEAT, "train", "m.yaml", "--job-dir", "job"], cwd=d, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * 0.3)
        kills += p.poll() is None
        p.kill()
        p.wait()
    train(d, fresh=False, **fields)
    newest = max((d / "job").glob("ckpt-*"), key=lambda p: int(p.name[5:]))
    same = all((newest / f).read_bytes() == (d / "whole" / newest.name / f).read_bytes() for f in ("weights.safetensors", "state.json"))
    check(f"{kills} kills end with the same bits", same and kills > 0, newest)


def fields_of(message):
    """(number, value) of a protobuf message: ints, or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(key & 7) or varint()
        yield key >> 3, message[at : at + size]
        at += size


def events(d):
    r = train(d, label="{column: y, n_classes: 2}", train="{steps: 20, log_steps: 10}")
    raw, at, scalars, histograms, graph = next((d / "job").glob("events*")).read_bytes(), 0, {}, {}, []
    while at < len(raw):
        (size,) = struct.unpack_from("<Q", raw, at)
        event = dict(fields_of(raw[at + 12 : at + 12 + size]))
        at += 16 + size
        graph += [node for k, node in fields_of(event.get(4, b"")) if k == 1]
        for _, value in fields_of(event.get(5, b"")):
            v = dict(fields_of(value))
            if 2 in v:
                scalars[v[1].decode(), event[2]] = struct.unpack("<f", v[2])[0]
            if 5 in v:
                histograms[v[1].decode(), event[2]] = dict(fields_of(v[5]))
    check("scalars by TensorFlow's names", {("loss", 10), ("average_loss", 20), ("dnn/hiddenlayer_0/fraction_of_zero_values", 10)} <= set(scalars), scalars)
    kernel = histograms.get(("dnn/hiddenlayer_0/kernel", 20), {})
    values = struct.unpack("<32f", tensors(d)["dnn/hiddenlayer_0/kernel"])
    low, high, count, total = (struct.unpack("<d", kernel.get(i, bytes(8)))[0] for i in (1, 2, 3, 4))
    check("a histogram is of the weights", (low, high, count) == (min(values), max(values), 32) and abs(total - sum(values)) < 1e-6, kernel)
    limits, sizes = (struct.unpack(f"<{len(kernel[i]) // 8}d", kernel[i]) for i in (6, 7))
    below = [sum(x < limit for x in values) for limit in limits]
    check("its buckets count what is below their limits", [sum(sizes[: i + 1]) for i in range(len(sizes))] == below, (limits, sizes))
    nodes = [list(fields_of(n)) for n in graph]
    names = {v for n in nodes for k, v in n if k == 1}
    inputs = {v.split(b":")[0] for n in nodes for k, v in n if k == 3}
    check("the graph holds together", len(names) == len(nodes) > 20 and inputs <= names and any(b"hiddenlayer_0" in n for n in names), r)


def warm(d):
    label = "{column: y, n_classes: 2}"
    fields = dict(estimator="LinearClassifier", label=label, train=TRAIN)
    train(d, job="old", **fields)
    r = train(d, "--train-steps", 0, job="new", warm_start_from="old", **fields)
    check("a warm start is the old model", tensors(d, "new")["linear/linear_model/a/weights"] == tensors(d, "old")["linear/linear_model/a/weights"], r)
    old = tensors(d, "old")["linear/linear_model/c/weights"]
    moved = "{a: {numeric: {}}, c: {vocabulary: [s, r, p]}}"
    train(d, "--train-steps", 0, job="new", **{**fields, "features": moved}, warm_start_from="old")
    new = tensors(d, "new")["linear/linear_model/c/weights"]
    check("rows move by their words", new == bytes(4) + old[8:12] + old[0:4], (old, new))
    train(d, "--train-steps", 0, job="new", **fields, warm_start_from="{checkpoint: old/ckpt-300, variables: ['.*/bias']}")
    now = tensors(d, "new")
    check("variables by expression", now["linear/linear_model/bias_weights"] != bytes(4) and now["linear/linear_model/a/weights"] == bytes(4))
    renamed = "{checkpoint: old, variables: [linear/linear_model/a], rename: {linear/linear_model/a/weights: linear/linear_model/bias_weights}}"
    r = train(d, job="new", **fields, warm_start_from=renamed)
    check("variables by another name, of another shape", "linear/linear_model/a/weights" in r and r.startswith("1: "), r)
    r = train(d, job="new", **{**fields, "warm_start_from": "nothing"})
    check("no such checkpoint", "nothing: no checkpoint" in r, r)
    r = train(d, job="new", **{**fields, "warm_start_from": "{checkpoint: old, variables: ['(']}"})
    check("a broken expression", "warm_start_from.variables: '('" in r, r)
    deep = {**fields, "estimator": "DNNClassifier"}
    train(d, job="old", **deep)
    r = train(d, job="new", **{**deep, "features": "{a: {numeric: {}}, c: {vocabulary: [r, q, p]}}"}, warm_start_from="old")
    check("indicators of other words are refused", "order of the words of feature 'c'" in r, r)


def wrong(d):
    label = "{column: y, n_classes: 2}"
    cases = [
        ("label outside of its classes", r"d\.csv:\d+: count: class \d is not in \[0, 3\)", dict(label="{column: count, n_classes: 3}")),
        ("label outside of its vocabulary", r"d\.csv:\d+: kind: 'z' is not in the label's vocabulary", dict(label="{column: kind, vocabulary: [x, y]}")),
        ("word of several outside", r"d\.csv:\d+: tags: 'odd' is not in", dict(label="{column: tags, split: '|', vocabulary: [up, p]}")),
        ("logistic label above 1", r"d\.csv:\d+: count: the label is \d: a logistic label", dict(estimator="DNNRegressor", head="logistic", label="{column: count}")),
        ("negative count", r"d\.csv:\d+: real: the label is -.*: a count is not negative", dict(estimator="DNNRegressor", head="poisson", label="{column: real}")),
        ("negative weight", r"d\.csv:\d+: real: the weight is -", dict(label=label, weight_column="real")),
        ("class listed twice", r"m\.yaml:\d+:\d+: class 'x' is listed twice", dict(label="{column: kind, vocabulary: [x, y, x]}")),
        ("head of the other kind", r"a classifier has no head 'poisson'", dict(label=label, head="poisson")),
        ("class weights of another number", r"3 weights for 2 classes", dict(label=label, class_weights="[1, 2, 3]")),
        ("negative class weight", r"weight of a class is -1", dict(label=label, class_weights="[1, -1]")),
        ("no classes", r"'vocabulary' of at least two classes, or 'n_classes'", dict(label="{column: y}")),
        ("threshold out of range", r"a threshold is 2", dict(label=label, eval="{thresholds: [2]}")),
        ("metric of another head", r"a binary head has no metric 'mean_absolute_error'", dict(label=label, eval="{metrics: [mean_absolute_error]}")),
        ("metric listed twice", r"metric 'mean_iou' is listed twice", dict(label=label, eval="{metrics: [mean_iou, mean_iou]}")),
        ("thresholds not ascending", r"thresholds are not ascending", dict(label=label, eval="{thresholds: [0.5, 0.25]}")),
        ("watched metric that is not there", r"no metric 'acuracy'; did you mean 'accuracy'", dict(label=label, eval="{every_steps: 5}", export="{best: acuracy}")),
        ("early stopping without evaluation", r"early stopping needs eval\.every_steps", dict(label=label, train="{early_stopping: {}}")),
        ("split and eval", r"'eval' or 'split', not both", dict(label=label, data=BASE["data"][:-1] + ", split: 0.1}")),
        ("label is a feature", r"the label 'c' is a feature too", dict(label="{column: c, vocabulary: [p, q, r]}")),
        ("boundaries not ascending", r"m\.yaml:\d+:\d+:.*ascend", dict(label=label, features="{a: {buckets: [3, 1]}}")),
        ("vocabulary with duplicates", r"m\.yaml:\d+:\d+:.*'p'.*twice", dict(label=label, features="{c: {vocabulary: [p, q, p]}}")),
        ("more buckets than memory", r"more buckets than \d+", dict(label=label, features="{c: {hash: 4000000000000}}")),
        ("more weights than memory", r"variables need \d+ GB.*'linear/linear_model/c/weights'", dict(label="{column: y, n_classes: 100}", estimator="LinearClassifier", features="{c: {hash: 2000000000}}")),
        ("a model_fn that is not here", r"leat_train_and_evaluate", dict(label=label, estimator="CustomClassifier")),
        ("column that is not there", r"no column 'b'", dict(label=label, features="{b: {numeric: {}}}")),
        ("column named twice", r"m\.yaml:\d+:\d+: column 'a' is named twice", dict(label=label, data="{csv: {columns: [a, c, y, a, e, f, g, h, i, j, k]}, train: d.csv}")),
    ]
    for name, want, fields in cases:
        r = train(d, **fields)
        check(name, isinstance(r, str) and r.startswith("1: ") and len(r.strip().splitlines()) == 1 and re.search(want, r) is not None, r)
    (d / "one.csv").write_text("".join(f"{i},p,1,0,0,0,x,,1,0,0\n" for i in range(50)))
    r = train(d, label=label, data=BASE["data"].replace("d.csv", "one.csv"), train="{steps: 5}")
    check("one class only: the documented numbers", isinstance(r, dict) and r["label/mean"] == 1 and r["accuracy_baseline"] == 1 and r["auc"] < 1e-3, r)
    (d / "none.csv").write_text("".join(f",p,{i % 2},0,0,0,x,,1,0,0\n" for i in range(50)))
    r = train(d, label=label, data=BASE["data"].replace("d.csv", "none.csv"), features="{a: {numeric: {normalize: z_score, impute: mean}}}", train="{steps: 5}")
    check("all values missing is an error", isinstance(r, str) and "feature 'a': no value in the training data" in r, r)


def reports(d):
    """leat evaluate tells what it can of every head, on the rows that the split keeps apart."""
    split = BASE["data"].replace("eval: d.csv", "split: 0.2")
    heads = [  # name, fields, whether it has slices, whether their loss is the training's
        ("words", dict(label="{column: kind, vocabulary: [x, y, z]}"), True, True),
        ("integers", dict(label="{column: y, n_classes: 2}"), True, True),
        ("many labels", dict(label='{column: tags, vocabulary: [up, p, odd], split: "|"}'), False, False),
        ("counts", dict(estimator="DNNRegressor", head="poisson", label="{column: count}"), True, False),
        ("shares", dict(estimator="DNNRegressor", head="logistic", label="{column: share}"), True, False),
        ("a number", dict(estimator="DNNRegressor", label="{column: real}"), True, True),
        ("two numbers", dict(estimator="DNNRegressor", label="{columns: [real, share]}"), False, False),
    ]
    for name, fields, sliced, same_loss in heads:
        r = train(d, data=split, train="{batch_size: 50, steps: 40}", **fields)
        done = leat(d, "evaluate", "m.yaml", "--job-dir", "job", "--format", "json")
        out = json.loads(done.stdout) if done.returncode == 0 else {}
        check(f"evaluate, {name}: the metrics of training", out.get("metrics", {}).get("average_loss") == r["average_loss"], done.stderr)
        done = leat(d, "evaluate", "m.yaml", "--job-dir", "job", "--slice-by", "c", "--format", "json")
        if not sliced:
            why = "are for one label of one class or one number"
            check(f"evaluate, {name}: no slices, and why", done.returncode == 1 and why in done.stderr, done.stderr)
            continue
        slices = json.loads(done.stdout)["slices"] if done.returncode == 0 else []
        rows, loss = sum(s["rows"] for s in slices), sum(s["rows"] * s["loss"] for s in slices)
        good = len(slices) == 3 and 300 < rows < 500 and (not same_loss or abs(loss / rows - r["average_loss"]) < 1e-5)
        check(f"evaluate, {name}: the slices add up", good, (slices, r, done.stderr))


with tempfile.TemporaryDirectory() as folder:
    where = pathlib.Path(folder)
    write_rows(where / "d.csv")
    for part in (heads, reports, training, watched, killed, events, warm, wrong):
        part(where)
sys.exit(failures > 0)

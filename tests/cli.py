#!/usr/bin/env python3
"""Commands and what they must print: good runs, wrong input, wrong usage."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import convert

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1]).resolve()
LEAT = str(BUILD / "leat")
failures = 0
MODEL = """estimator: DNNClassifier
hidden_units: [8, 4]
optimizer: {adagrad: {learning_rate: 0.1}}
label: {column: y, vocabulary: ["no", "yes"]}
features:
  a: {numeric: {normalize: z_score}}
  b: {buckets: [1, 2, 3]}
  c: {vocabulary: auto}
  d: {hash: 20, embedding: 3}
data:
  csv: {columns: [a, b, c, d, y]}
  train: train.csv
  eval: train.csv
train: {batch_size: 16, steps: 60, shuffle: 50, log_steps: 10}
"""


def rows(n):
    return "".join(f"{i % 17}.5,{i % 5},{'pqr'[i % 3]},w{i % 11},{'yes' if (i % 17) > 8 else 'no'}\n" for i in range(n))


def leat(*args, cwd, stdin=None):
    return subprocess.run([LEAT, *map(str, args)], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=120)


def check(name, done, code, *wanted, where="stderr"):
    global failures
    text = getattr(done, where)
    missing = [w for w in wanted if not re.search(w, text)]
    good = done.returncode == code and not missing
    if not good:
        failures += 1
        print(f"# exit {done.returncode}, expected {code}; missing {missing}\n# stdout: {done.stdout[-400:]}\n# stderr: {done.stderr[-400:]}")
    print(("ok " if good else "not ok ") + name)
    return good


def good_runs(d):
    done = leat("train", "model.yaml", "--job-dir", "job", cwd=d)
    check("train prints metrics", done, 0, r"accuracy +[01]", r"exported to job/export/estimator/\d+", where="stdout")
    check("train prints TensorFlow's line", done, 0, r"Saving dict for global step 60: accuracy = .*, global_step = 60, label/mean = ")
    done = leat("train", "model.yaml", "--job-dir", "job", "--train-steps", "80", "--format", "json", cwd=d)
    check("train continues a job", done, 0, r"continuing job at step 60")
    out = json.loads(done.stdout)
    check("json has metrics, job_dir, export_dir, seconds", done, 0 if {"metrics", "job_dir", "export_dir", "seconds"} <= set(out) else 9)
    check("reached already", leat("train", "model.yaml", "--job-dir", "job", "--train-steps", "80", cwd=d), 0, "reached already")
    line = '{"a": 3, "b": 2, "c": " p ", "d": "w1"}\n'
    done = leat("predict", "--job-dir", "job", "--format", "json", cwd=d, stdin=line * 3)
    check("predict: one prediction a line", done, 0 if len(done.stdout.splitlines()) == 3 else 9, r'^\{"class_ids": \[\d\], "classes": \["', where="stdout")
    check("predict: table", leat("predict", "--job-dir", "job", cwd=d, stdin=line), 0, "CLASS_IDS +CLASSES +LOGISTIC +LOGITS +PROBABILITIES", where="stdout")
    (d / "p.csv").write_text("d,a,b,c,extra\nw1,3,2,p,9\n")
    csv = leat("predict", "--job-dir", "job", "--text-instances", "p.csv", "--format", "json", cwd=d)
    check("predict: CSV gives the same bits as JSON", csv, 0 if csv.stdout == done.stdout.splitlines(True)[0] else 9)
    check("evaluate", leat("evaluate", "model.yaml", "--job-dir", "job", cwd=d), 0, r"auc +", where="stdout")
    check("export", leat("export", "model.yaml", "--job-dir", "job", cwd=d), 0, r"job/export/estimator/\d+", where="stdout")
    newest = sorted((d / "job/export/estimator").iterdir())[-1]
    check("graph show", leat("graph", "show", newest, cwd=d), 0, r"^leat graph 1\nnumerics 1\n", r"func predict\(", where="stdout")
    (d / "g.leat").write_text(leat("graph", "show", newest, cwd=d).stdout)
    check("graph check", leat("graph", "check", "g.leat", cwd=d), 0, "good: 1 functions", where="stdout")
    check("ckpt show", leat("ckpt", "show", "job/ckpt-80", cwd=d), 0, r"dnn/hiddenlayer_0/kernel +f32\[", where="stdout")
    check("ckpt diff", leat("ckpt", "diff", "job/ckpt-80", "job/ckpt-60", cwd=d), 1, r"\d+ tensors, \d+ differences", where="stdout")
    check("version", leat("version", cwd=d), 0, r"leat \d+\.\d+\.\d+, numerics 1", where="stdout")
    check("help", leat("--help", cwd=d), 0, "train", "predict", "exit status|Exit status", where="stdout")
    check("train --help lists fields", leat("train", "--help", cwd=d), 0, r"--train\.batch_size int", where="stdout")


def row_invariance(d):
    lines = [json.dumps({"a": i % 23 - 3.25, "b": i % 6, "c": "pqrz"[i % 4], "d": f"w{i % 40}"}) for i in range(1024)]
    outs = []
    for size in (1, 7, 40, 1024):
        text = ""
        for i in range(0, 1024 if size > 1 else 64, size):
            text += leat("predict", "--job-dir", "job", "--format", "json", cwd=d, stdin="\n".join(lines[i:i + size]) + "\n").stdout
        outs.append(text.splitlines())
    same = all(o == outs[3][:len(o)] for o in outs)
    check("predictions alone and in groups of 7, 40, 1,024: the same bits", leat("version", cwd=d), 0 if same else 9)


def same_seed_same_bits(d):
    for name, extra in (("one", []), ("two", ["--train.threads", "2"]), ("isa", [])):
        env = dict(os.environ, LEAT_ISA="sse2") if name == "isa" else None
        subprocess.run([LEAT, "train", "model.yaml", "--job-dir", name, "--no-eval", *extra], cwd=d, env=env, capture_output=True)
    check("1 thread = 2 threads", leat("ckpt", "diff", "one/ckpt-60", "two/ckpt-60", cwd=d), 0, " 0 differences", where="stdout")
    cache = dict(os.environ, LEAT_CACHE_DIR=str(d / "cache"))
    for _ in range(2):  # built, then found in the cache
        done = subprocess.run([LEAT, "train", "model.yaml", "--job-dir", "native", "--overwrite", "--train.engine", "native"], cwd=d, env=cache, capture_output=True, text=True)
        check("trains in native code", done, 0, "accuracy", where="stdout")
        check("native = interpreter", leat("ckpt", "diff", "one/ckpt-60", "native/ckpt-60", cwd=d), 0, " 0 differences", where="stdout")
    done = subprocess.run([LEAT, "train", "model.yaml", "--job-dir", "fallback", "--train.engine", "native"], cwd=d, env=dict(cache, LEAT_CC="/bin/false", LEAT_CACHE_DIR=str(d / "empty")), capture_output=True, text=True)
    check("a compiler that fails: the interpreter goes on", done, 0, "training in the interpreter: /bin/false failed")
    check("its bits", leat("ckpt", "diff", "one/ckpt-60", "fallback/ckpt-60", cwd=d), 0, " 0 differences", where="stdout")
    check("graph show --stage fuse", leat("graph", "show", next((d / "native/export/estimator").iterdir()), "--stage", "fuse", cwd=d), 0, r"group \d+ dot: ", where="stdout")
    check("graph show --stage c", leat("graph", "show", next((d / "native/export/estimator").iterdir()), "--stage", "c", cwd=d), 0, r"leat_dot_run\(v, ", where="stdout")
    odd_names(d)
    profiled(d)
    built_ahead(d)
    check("the best kernels = the base kernels", leat("ckpt", "diff", "one/ckpt-60", "isa/ckpt-60", cwd=d), 0, " 0 differences", where="stdout")


def odd_names(d):
    """Functions may be called anything; their files stay in the folder."""
    (d / "odd.graph").write_text("leat graph 1\nnumerics 1\n" + "".join(f"func {n}(x: f32[3]) {{\n  %1 = add(%0, %0) : f32[3]\n  return y=%1\n}}\n" for n in ("../out", "a/b", "a_b")))
    check("leat compile of odd names", leat("compile", "odd.graph", "-o", "units/in", cwd=d), 0, where="stdout")
    there = sorted(str(p.relative_to(d / "units")) for p in (d / "units").rglob("*.c"))
    check("their files are inside", leat("version", cwd=d), 0 if there == ["in/___out.0.c", "in/a_b.1.c", "in/a_b.c"] else 9)
    check("no such function to compile", leat("compile", "odd.graph", "-o", "none", "--func", "c", cwd=d), 1, "no function 'c'; there are: ")
    check("--size is a number", leat("graph", "show", "odd.graph", "--stage", "plan", "--size", "many", cwd=d), 1, "--size is a whole number")
    check("an unknown stage", leat("graph", "show", "odd.graph", "--stage", "asm", cwd=d), 1, "--stage is fuse, plan or c, not 'asm'")
    check("a model.yaml without its job", leat("graph", "show", "model.yaml", cwd=d), 1, "--job-dir is needed")


def profiled(d):
    """Where the time goes, in both engines; the bits stay."""
    for engine, group in (("native", "dot"), ("interpreter", "node")):
        job = d / f"profile-{engine}"
        done = leat("train", "model.yaml", "--job-dir", job, "--no-eval", "--profile", "--train.engine", engine, cwd=d)
        check(f"--profile, {engine}", done, 0, rf"(?s)us/call.* {group} .*60 runs, [\d.]+ us each", where="stdout")
        events = json.loads((job / "profile" / "train.trace.json").read_text())["traceEvents"]
        ordered = all(a["ts"] <= b["ts"] for a, b in zip(events, events[1:]))
        good = len(events) > 100 and ordered and all(e["ph"] == "X" and e["dur"] >= 0 for e in events) and any(e["args"]["flops"] > 0 for e in events)
        check(f"its trace, {engine}: {len(events)} events", leat("version", cwd=d), 0 if good else 9)
        check(f"its bits, {engine}", leat("ckpt", "diff", "one/ckpt-60", job / "ckpt-60", cwd=d), 0, " 0 differences", where="stdout")


def built_ahead(d):
    """Native code inside a saved model runs where it is trusted, without a compiler; else nothing of it is touched."""
    done = leat("export", "model.yaml", "--job-dir", "one", "--aot", "native", "sse2", cwd=d)
    check("leat export --aot", done, 0, where="stdout")
    model = pathlib.Path(done.stdout.strip())
    objects = sorted((d / model / "native").glob("*/*.so"))
    check("objects of two instruction sets", leat("version", cwd=d), 0 if len({o.parent.name for o in objects}) == 2 else 9)
    line = json.dumps({"a": 1.5, "b": 2, "c": "p", "d": "w1"}) + "\n"
    env = dict(os.environ, LEAT_CC="/bin/false", LEAT_CACHE_DIR=str(d / "none"), LD_DEBUG="files")
    for name, *trust in (("not asked for",), ("trusted", "--trust-native-code")):
        maps = subprocess.run([LEAT, "predict", "--model-dir", model, "--json-instances", "/dev/stdin", "--format", "json", *trust], cwd=d, input=line, env=env, capture_output=True, text=True)
        check(f"predicts, {name}", maps, 0, where="stdout")
        line_of = maps.stdout if name == "not asked for" else line_of
        check(f"loaded or not, {name}", leat("version", cwd=d), 0 if ("/native/" in maps.stderr) == (name == "trusted") else 9)
        check(f"the same bits, {name}", leat("version", cwd=d), 0 if maps.stdout == line_of else 9)
    for o in objects:
        o.write_bytes(o.read_bytes()[:-30])
    done = subprocess.run([LEAT, "predict", "--model-dir", model, "--json-instances", "/dev/stdin", "--format", "json", "--trust-native-code"], cwd=d, input=line, env=env, capture_output=True, text=True)
    check("a cut object is not run", done, 0, where="stdout")
    check("the same bits, cut", leat("version", cwd=d), 0 if done.stdout == line_of else 9)
    check("--aot of an unknown instruction set", leat("export", "model.yaml", "--job-dir", "one", "--aot", "avx3", cwd=d), 1, "not 'avx3'")


def every_format(d):
    """The same rows in every format: the same weights, evaluation and predictions as from CSV."""
    columns = "a b c d y".split()
    folder = d / "formats"
    folder.mkdir()
    data = [dict(zip(columns, line.split(","))) for line in (d / "train.csv").read_text().split()]
    files = convert.write_all([dict(r, a=float(r["a"]), b=int(r["b"])) for r in data], folder)
    leat("train", "model.yaml", "--job-dir", "job-csv", "--overwrite", cwd=d)
    want = leat("evaluate", "model.yaml", "--job-dir", "job-csv", cwd=d).stdout
    (d / "open.yaml").write_text(re.sub("  csv: .*\n", "", MODEL))
    for name, file in files.items():
        model = "model.yaml" if "csv" in name else "open.yaml"
        leat("train", model, "--job-dir", "job-f", "--overwrite", "--train-files", file, "--no-eval", cwd=d)
        check(f"train from {name}: the same weights", leat("ckpt", "diff", "job-csv/ckpt-60", "job-f/ckpt-60", cwd=d), 0, " 0 differences", where="stdout")
        done = leat("evaluate", model, "--job-dir", "job-f", "--eval-files", file, cwd=d)
        check(f"evaluate from {name}: the same metrics", done, 0 if done.stdout == want else 9)
    leat("train", "open.yaml", "--job-dir", "job-f", "--overwrite", "--train-files", files["jsonl"], "--no-eval", "--train.prefetch", "false", cwd=d)
    check("without reading ahead: the same weights", leat("ckpt", "diff", "job-csv/ckpt-60", "job-f/ckpt-60", cwd=d), 0, " 0 differences", where="stdout")
    ours = {name: leat("predict", "--job-dir", "job", flag, file, "--format", "json", cwd=d) for name, flag, file in (
        ("JSON lines", "--json-instances", files["jsonl"]), ("TFRecords", "--tfrecord-instances", files["tfrecord.gz"]))}
    for name, done in ours.items():
        check(f"predict from {name}", done, 0 if len(done.stdout.splitlines()) == 400 and done.stdout == ours["JSON lines"].stdout else 9)
    (d / "tags.yaml").write_text(MODEL.replace("d: {hash: 20, embedding: 3}", "d: {hash: 20, embedding: 3, values: any}\n  e: {identity: 9}").replace("  csv: {columns: [a, b, c, d, y]}\n", ""))
    lists = folder / "lists.jsonl"
    lists.write_text("".join(json.dumps(dict(a=i % 9, b=i % 5, c="pq"[i % 2], d=[f"w{k}" for k in range(i % 4)], e=i % 9, y=["no", "yes"][i % 9 > 4])) + "\n" for i in range(200)))
    check("lists of values and integers", leat("train", "tags.yaml", "--job-dir", "job-tags", "--train-files", lists, "--eval-files", lists, cwd=d), 0, "accuracy +", where="stdout")
    done = leat("predict", "--job-dir", "job-tags", "--json-instances", lists, "--format", "json", cwd=d)
    check("predict from lists", done, 0 if len(done.stdout.splitlines()) == 200 else 9)
    wrong = folder / "rows.tfrecord"
    wrong.write_bytes(convert.record(convert.example({"a": "x", "b": 1, "c": "p", "d": "w", "y": "no"})))
    check("a feature of the wrong kind", leat("train", "open.yaml", "--job-dir", "x", "--train-files", wrong, cwd=d), 1, r"rows\.tfrecord: record 0: a: a bytes_list stands where f32 was expected")
    wrong.write_bytes(convert.record(b"\x0a\x05")[:-1] + b"!")
    check("a damaged record", leat("train", "open.yaml", "--job-dir", "x", "--train-files", wrong, cwd=d), 1, r"rows\.tfrecord: record 0 at byte 0: the checksum is wrong")
    (folder / "cut.csv.gz").write_bytes((folder / "rows.csv.gz").read_bytes()[:-9])
    check("a cut gzip file", leat("train", "model.yaml", "--job-dir", "x", "--train-files", folder / "cut.csv.gz", cwd=d), 1, r"cut\.csv\.gz: the compressed data are cut")
    (folder / "x.jsonl").write_text('{"a": 1, "b": 2, "c": "p", "d": "w", "y": "no"}\n{"a": "1", "b": 2}\n')
    check("JSON lines: text for a number", leat("train", "open.yaml", "--job-dir", "x", "--train-files", folder / "x.jsonl", cwd=d), 1, r"x\.jsonl:2:\d+: 'a' is a number")
    check("CSV without its columns' names", leat("train", "open.yaml", "--job-dir", "x", cwd=d), 1, "data.csv.columns: the names of the columns were expected")
    check("a format that is none", leat("train", "model.yaml", "--job-dir", "x", "--data.format", "jsonn", cwd=d), 1, "did you mean 'json")


def bad_rows(d):
    lines = rows(400).splitlines(True)
    (d / "good.csv").write_text("".join(lines))
    for at, line in ((11, "x,1,p,w1,yes\n"), (200, '1,2,"p,w1,yes\n'), (300, "1,2\n")):
        lines.insert(at, line)
    (d / "messy.csv").write_text("".join(lines))
    leat("train", "model.yaml", "--job-dir", "job-good", "--train-files", "good.csv", "--no-eval", cwd=d)
    done = leat("train", "model.yaml", "--job-dir", "job-messy", "--train-files", "messy.csv", "--no-eval", "--max-errors", "3", cwd=d)
    check("bad rows are skipped, told of with their places", done, 0, r"skipped: messy\.csv:12:1: a: 'x' is not a number", r"messy\.csv:201:3: a quote", r"messy\.csv:301: 2 fields")
    check("what is left is the good rows", leat("ckpt", "diff", "job-good/ckpt-60", "job-messy/ckpt-60", cwd=d), 0, " 0 differences", where="stdout")
    done = leat("train", "model.yaml", "--job-dir", "x", "--train-files", "messy.csv", "--max-errors", "2", cwd=d)
    check("more bad rows than allowed", done, 1, r"messy\.csv:301: 2 fields, expected 5 \(2 bad rows")
    (d / "comma.csv").write_bytes(b"\xef\xbb\xbf" + b"y;a;b;c;d\r\n" + b"".join(
        ";".join([f[4], f[0].replace(".", ","), *f[1:4]]).encode() + b"\r\n" for f in (line.strip().split(",") for line in rows(400).splitlines())))
    env = dict(os.environ, LC_ALL="de_DE.UTF-8")
    subprocess.run([LEAT, "train", "open.yaml", "--job-dir", "job-comma", "--train-files", "comma.csv", "--no-eval", "--data.csv.header", "true", "--data.csv.decimal", "','"], cwd=d, env=env, capture_output=True)
    check("decimal comma, byte order mark, CRLF, header in another order", leat("ckpt", "diff", "job-good/ckpt-60", "job-comma/ckpt-60", cwd=d), 0, " 0 differences", where="stdout")


def other_models(d):
    for kind in ("adam", "sgd", "momentum", "ftrl"):
        check(f"optimizer {kind}", leat("train", "model.yaml", "--job-dir", "job-" + kind, "--optimizer", kind, "--overwrite", cwd=d), 0, r"accuracy +", where="stdout")
    check("LinearClassifier", leat("train", "linear.yaml", "--job-dir", "linear", cwd=d), 0, r"auc +", where="stdout")
    check("DNNRegressor", leat("train", "regress.yaml", "--job-dir", "regress", cwd=d), 0, r"average_loss +", where="stdout")
    check("three classes", leat("train", "multi.yaml", "--job-dir", "multi", cwd=d), 0, r"accuracy +", where="stdout")


def bad_input(d):
    def broken(name, text, *wanted, model="model.yaml", code=1, extra=()):
        (d / "bad.csv").write_text(text)
        check(name, leat("train", model, "--job-dir", "bad", "--overwrite", "--train-files", "bad.csv", *extra, cwd=d), code, *wanted)
    lines = rows(13000).splitlines(True)
    lines[12344] = "x,1,p,w1,yes\n"
    broken("wrong type in row 12,345", "".join(lines), r"bad\.csv:12345:1: a: 'x' is not a number")
    broken("missing label", rows(20) + "1,1,p,w1,\n", r"bad\.csv:21: y: the label is missing")
    broken("label outside the vocabulary", rows(20) + "1,1,p,w1,maybe\n", r"bad\.csv:21: y: 'maybe' is not in the label's vocabulary")
    broken("empty file", "", r"bad\.csv: no rows")
    broken("too few fields", "1,2,p\n", r"bad\.csv:1: 3 fields, expected 5")
    broken("too many fields", "1,2,p,w,yes,9\n", r"bad\.csv:1:6: more than 5 fields")
    broken("header mismatch", "a,b,c,z,y\n" + rows(3), r"bad\.csv:1: the header has no column 'd'", extra=("--data.csv.header", "true"))
    broken("unclosed quote", '1,2,"p,w,yes\n', r"bad\.csv:1:3: a quote")
    broken("empty number", ",2,p,w,yes\n", r"bad\.csv:1:1: a: the field is empty")
    big = "".join(f"{i}e30,1,p,w1,{'yes' if i % 2 else 'no'}\n" for i in range(1, 40))
    (d / "nan.yaml").write_text(MODEL.replace("{numeric: {normalize: z_score}}", "{numeric: {}}").replace("adagrad: {learning_rate: 0.1}", "sgd: {learning_rate: 1e30}"))
    broken("a loss that is not finite names step, node and rows", big, r"step \d+: the loss is not finite: .*(NaN|infinity) at element \d+ of .* batch of 16 rows from bad\.csv:\d+ to bad\.csv:\d+", model="nan.yaml")
    broken("--check-numerics names the first value, its node and line", big, r"step \d+ \(batch from bad\.csv:\d+.*\): .*(NaN|infinity) at element \d+ of .* line \d+ of the graph's text", model="nan.yaml", extra=("--check-numerics",))
    (d / "far.yaml").write_text(MODEL.replace("adagrad: {learning_rate: 0.1}", "sgd: {learning_rate: 1e30}"))
    done = leat("train", "far.yaml", "--job-dir", "far", "--no-eval", "--check-numerics", "--train.save_checkpoints_steps", "1", cwd=d)
    found = re.search(r"at element \d+ of (%\d+ \w+).* line (\d+) of the graph's text", done.stderr)
    text = leat("graph", "show", "far.yaml", "--job-dir", "far", cwd=d).stdout.splitlines()
    line = text[int(found[2]) - 1].strip() if found and int(found[2]) <= len(text) else ""
    check("the line of the graph's text is that of the node", done, 1 if found and line.startswith(found[1].replace(" ", " = ") + "(") else 9, "at element")
    check("missing file", leat("train", "model.yaml", "--job-dir", "x", "--train-files", "none.csv", cwd=d), 1, r"none\.csv: no such file")
    for field, want in (("train.batch_sise", "'batch_sise' in train; did you mean 'batch_size'"), ("estimater", "")):
        (d / "typo.yaml").write_text(MODEL + "") if False else None
    (d / "typo.yaml").write_text(MODEL.replace("hidden_units", "hiden_units"))
    check("unknown field: place and nearest name", leat("train", "typo.yaml", "--job-dir", "x", cwd=d), 1, r"typo\.yaml:2:1: no field 'hiden_units'; did you mean 'hidden_units'\?")
    check("unknown field by option", leat("train", "model.yaml", "--job-dir", "x", "--train.batch_sise", "4", cwd=d), 1, "batch_sise", "did you mean 'batch_size'")
    (d / "column.yaml").write_text(MODEL.replace("  a: {numeric", "  aa: {numeric"))
    check("unknown column", leat("train", "column.yaml", "--job-dir", "x", cwd=d), 1, r"column\.yaml:6:3: the data have no column 'aa'; did you mean 'a'")
    (d / "broken.yaml").write_text("estimator: [")
    check("not YAML", leat("train", "broken.yaml", "--job-dir", "x", cwd=d), 1, r"broken\.yaml:\d+:\d+: ")
    (d / "other.yaml").write_text(MODEL.replace("[8, 4]", "[9, 4]"))
    check("checkpoint of another model", leat("train", "other.yaml", "--job-dir", "job", "--train-steps", "99", cwd=d), 1, "is of another model", "dnn/hiddenlayer_0/kernel")
    check("unknown option", leat("train", "model.yaml", "--job-dri", "x", cwd=d), 2, "did you mean --job-dir")
    check("unknown command", leat("trian", cwd=d), 2, "did you mean 'train'")
    check("predict: a missing feature", leat("predict", "--job-dir", "job", cwd=d, stdin='{"a": 1}'), 1, "instance 0 lacks 'b'")
    check("predict: a wrong type", leat("predict", "--job-dir", "job", cwd=d, stdin='{"a": "x", "b": 1, "c": "", "d": ""}'), 1, "'a' is a number")
    check("predict: not JSON", leat("predict", "--job-dir", "job", cwd=d, stdin="{"), 1, r"standard input:1:2: ")
    check("evaluate: not a job", leat("evaluate", "model.yaml", "--job-dir", "nowhere", cwd=d), 1, "nowhere")


def full_disk(d):
    """A file system of 200 KiB in a private mount namespace, where that is allowed."""
    mount = d / "small"
    mount.mkdir()
    script = f"mount -t tmpfs -o size=200k none {mount} && cd {d} && {LEAT} train model.yaml --job-dir {mount}/job --train.save_checkpoints_steps 2 --train.keep_checkpoint_max 99; code=$?; ls {mount}/job; for c in {mount}/job/ckpt-*; do {LEAT} ckpt show $c >/dev/null || exit 77; done; exit $code"
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        print("ok a full disk # SKIP no private mounts here")
        return
    check("a full disk: one clear line, every checkpoint whole", done, 1, "No space left on device")


def interrupt(d):
    p = subprocess.Popen([LEAT, "train", "model.yaml", "--job-dir", "stop", "--train-steps", "100000000"], cwd=d, stderr=subprocess.PIPE, text=True)
    time.sleep(0.7)
    p.send_signal(signal.SIGINT)
    err = p.communicate()[1]
    good = p.returncode == 130 and "saved at step" in err and list((d / "stop").glob("ckpt-*"))
    check("Ctrl-C saves and says how to go on", leat("version", cwd=d), 0 if good else 9)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        d = pathlib.Path(tmp)
        (d / "model.yaml").write_text(MODEL)
        (d / "linear.yaml").write_text(MODEL.replace("DNNClassifier", "LinearClassifier").replace("hidden_units: [8, 4]\n", "").replace("optimizer: {adagrad: {learning_rate: 0.1}}\n", ""))
        (d / "regress.yaml").write_text(MODEL.replace("DNNClassifier", "DNNRegressor").replace('{column: y, vocabulary: ["no", "yes"]}', "{column: a}").replace("  a: {numeric: {normalize: z_score}}\n", ""))
        (d / "multi.yaml").write_text(MODEL.replace('{column: y, vocabulary: ["no", "yes"]}', "{column: c, vocabulary: [p, q, r]}").replace("  c: {vocabulary: auto}\n", ""))
        (d / "train.csv").write_text(rows(400))
        good_runs(d)
        row_invariance(d)
        same_seed_same_bits(d)
        every_format(d)
        bad_rows(d)
        other_models(d)
        bad_input(d)
        full_disk(d)
        interrupt(d)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

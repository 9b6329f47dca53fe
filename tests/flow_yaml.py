#!/usr/bin/env python3
"""Pipelines of pipeline.yaml, end to end: each transform by what AssertEqual finds, and errors by what they say."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
LEAT = BUILD / "leat"
failures = 0


def report(name, good, why=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + ("" if good else f" # {why}"))


def run(text, *options, cwd=None, stdin=None):
    file = pathlib.Path(cwd or scratch) / "pipeline.yaml"
    file.write_text(text)
    return subprocess.run([LEAT, "flow", "run", str(file), "--quiet", *options], capture_output=True, text=True, cwd=cwd or scratch, timeout=60, input=stdin)


def chain(*transforms):
    """A chain out of YAML flow mappings, one a line."""
    return "pipeline:\n  type: chain\n  transforms:\n" + "".join(f"    - {t}\n" for t in transforms)


def holds(name, *transforms, expect, threads=("1", "2"), **more):
    text = chain(*transforms, "{type: AssertEqual, config: {elements: " + json.dumps(expect, ensure_ascii=False) + "}}")
    for n in threads:
        done = run(text, "--threads", n, **more)
        if done.returncode:
            return report(name, False, f"{n} threads: {done.stderr.strip()}")
    report(name, True)


def refused(name, text, *wanted):
    done = run(text)
    report(name, done.returncode == 1 and all(w in done.stderr for w in wanted), done.stderr.strip() or "it ran")


PEOPLE = "{type: Create, config: {elements: [{name: ann, age: 31, tags: [a, b], more: [1, 2]}, {name: bob, age: 17, tags: [], more: [3]}, {name: cy, age: null, tags: [c], more: [4, 5]}]}}"


def maps():
    holds("MapToFields: names and literals", PEOPLE, "{type: MapToFields, config: {fields: {who: name, one: 1, text: \"'x'\"}}}", expect=[{"who": n, "one": 1, "text": "x"} for n in ("ann", "bob", "cy")])
    holds("MapToFields: sql", PEOPLE, "{type: MapToFields, config: {language: sql, fields: {who: UPPER(name), next: age + 1}}}", expect=[{"who": "ANN", "next": 32}, {"who": "BOB", "next": 18}, {"who": "CY", "next": None}])
    holds("MapToFields: append and drop", PEOPLE, "{type: MapToFields, config: {language: sql, append: true, drop: [tags, more], fields: {n: LENGTH(name)}}}", expect=[{"name": "ann", "age": 31, "n": 3}, {"name": "bob", "age": 17, "n": 3}, {"name": "cy", "age": None, "n": 2}])
    holds("MapToFields: output_type", PEOPLE, "{type: MapToFields, config: {language: sql, fields: {a: {expression: age, output_type: string}}}}", expect=[{"a": "31"}, {"a": "17"}, {"a": None}])
    holds("Filter: generic", PEOPLE, "{type: Filter, config: {keep: age > 18}}", "{type: MapToFields, config: {fields: {name: name}}}", expect=[{"name": "ann"}])
    holds("Filter: sql", PEOPLE, "{type: Filter, config: {language: sql, keep: \"age IS NULL OR name LIKE 'b%'\"}}", "{type: MapToFields, config: {fields: {name: name}}}", expect=[{"name": "bob"}, {"name": "cy"}])
    holds("Explode: one field", PEOPLE, "{type: Explode, config: {fields: tags}}", "{type: MapToFields, config: {fields: {name: name, tags: tags}}}", expect=[{"name": "ann", "tags": "a"}, {"name": "ann", "tags": "b"}, {"name": "cy", "tags": "c"}])
    holds("Explode: each with each", PEOPLE, "{type: Explode, config: {fields: [tags, more], cross_product: true}}", "{type: MapToFields, config: {fields: {t: tags, m: more}}}", expect=[{"t": "a", "m": 1}, {"t": "a", "m": 2}, {"t": "b", "m": 1}, {"t": "b", "m": 2}, {"t": "c", "m": 4}, {"t": "c", "m": 5}])
    holds("Explode: item by item", PEOPLE, "{type: Explode, config: {fields: [tags, more], cross_product: false}}", "{type: MapToFields, config: {fields: {t: tags, m: more}}}", expect=[{"t": "a", "m": 1}, {"t": "b", "m": 2}, {"t": None, "m": 3}, {"t": "c", "m": 4}, {"t": None, "m": 5}])
    holds("SPLIT makes a list", "{type: Create, config: {elements: [{s: 'a b a'}]}}", "{type: MapToFields, config: {language: sql, fields: {w: \"SPLIT(s, ' ')\"}}}", "{type: Explode, config: {fields: w}}", "{type: Filter, config: {keep: \"w == 'a'\"}}", expect=[{"w": "a"}, {"w": "a"}])
    holds("fields inside of rows", "{type: Create, config: {elements: [{p: {x: 1, q: {y: a}}}]}}", "{type: MapToFields, config: {language: sql, fields: {x: p.x + 1, y: p.q.y, q: p.q}}}", expect=[{"x": 2, "y": "a", "q": {"y": "a"}}])
    many = "{type: Create, config: {elements: [" + ", ".join(f"{{n: {i}}}" for i in range(5000)) + "]}}"
    holds("more rows than a batch", many, "{type: Filter, config: {language: sql, keep: n % 1000 = 7}}", "{type: MapToFields, config: {language: sql, fields: {n: n / 1000, s: \"'<' || CAST(n AS STRING) || '>'\"}}}", expect=[{"n": i, "s": f"<{i * 1000 + 7}>"} for i in range(5)])


TREE = """
pipeline:
  type: composite
  transforms:
    - {type: Create, name: In, config: {elements: [{k: a, n: 4, d: 2}, {k: b, n: 5, d: 0}, {k: c, n: 6, d: 3}]}}
"""


def trees():
    def tree(*rest):
        return TREE + "".join(f"    - {t}\n" for t in rest)

    done = run(tree("{type: MapToFields, name: M, input: In, config: {language: sql, fields: {q: n / d}, error_handling: {output: bad}}}", "{type: AssertEqual, name: A, input: M, config: {elements: [{q: 2}, {q: 2}]}}", "{type: MapToFields, name: E, input: M.bad, config: {language: sql, fields: {k: element.k, msg: msg}}}", "{type: AssertEqual, name: B, input: E, config: {elements: [{k: b, msg: division by zero}]}}", "{type: StripErrorMetadata, name: S, input: M.bad}", "{type: AssertEqual, name: C, input: S, config: {elements: [{k: b, n: 5, d: 0}]}}"))
    report("rows that fail go to the error output", done.returncode == 0, done.stderr)
    done = run(tree("{type: Filter, name: F, input: In, config: {language: sql, keep: n / d > 1, error_handling: {output: bad}}}", "{type: AssertEqual, name: A, input: F, config: {elements: [{k: a, n: 4, d: 2}, {k: c, n: 6, d: 3}]}}", "{type: StripErrorMetadata, name: S, input: F.bad}", "{type: AssertEqual, name: C, input: S, config: {elements: [{k: b, n: 5, d: 0}]}}"))
    report("Filter: rows that fail", done.returncode == 0, done.stderr)
    done = run(tree("{type: Partition, name: P, input: In, config: {by: k, outputs: [a, b], unknown_output: rest}}", "{type: AssertEqual, name: A, input: P.a, config: {elements: [{k: a, n: 4, d: 2}]}}", "{type: AssertEqual, name: B, input: P.b, config: {elements: [{k: b, n: 5, d: 0}]}}", "{type: AssertEqual, name: C, input: P.rest, config: {elements: [{k: c, n: 6, d: 3}]}}"))
    report("Partition", done.returncode == 0, done.stderr)
    done = run(tree("{type: Partition, name: P, input: In, config: {by: \"CASE WHEN n > 4 THEN 'big' ELSE 'small' END\", language: sql, outputs: [big, small]}}", "{type: AssertEqual, name: A, input: P.small, config: {elements: [{k: a, n: 4, d: 2}]}}"))
    report("Partition by an expression", done.returncode == 0, done.stderr)
    refused("Partition: unknown", tree("{type: Partition, name: P, input: In, config: {by: k, outputs: [a, b]}}"), "'c' is none of the outputs")
    refused("a row that fails ends the run", tree("{type: MapToFields, name: M, input: In, config: {language: sql, fields: {q: n / d}}}"), "M: division by zero in row", '"k": "b"', "error_handling")
    refused("AssertEqual: other rows", tree("{type: AssertEqual, input: In, config: {elements: [{k: a, n: 4, d: 2}, {k: x}]}}"), "1 missing, such as {k: x}", "2 not expected")


def times():
    rows = "{type: Create, config: {elements: [{t: 5, v: 1}, {t: 12, v: 2}, {t: 17, v: 4}]}}"
    holds("AssignTimestamps, windows, times as fields", rows, "{type: AssignTimestamps, config: {timestamp: t}}", "{type: WindowInto, config: {windowing: {type: fixed, size: 10s}}}", "{type: ExtractWindowingInfo, config: {fields: [timestamp, window_start, window_string]}}", "{type: MapToFields, config: {language: sql, fields: {v: v, at: UNIX_MILLIS(timestamp), s: UNIX_SECONDS(window_start), w: window_string}}}", expect=[{"v": 1, "at": 5000, "s": 0, "w": "[0.000, 10.000)"}, {"v": 2, "at": 12000, "s": 10, "w": "[10.000, 20.000)"}, {"v": 4, "at": 17000, "s": 10, "w": "[10.000, 20.000)"}])
    holds("WindowInto as Beam YAML has it", rows, "{type: AssignTimestamps, config: {timestamp: t}}", "{type: WindowInto, windowing: {type: fixed, size: 10s}}", "{type: Combine, config: {combine: {v: sum}}}", expect=[{"v": 1}, {"v": 6}])
    holds("sums by window", rows, "{type: AssignTimestamps, config: {timestamp: t}}", "{type: WindowInto, config: {windowing: {type: fixed, size: 10s}}}", "{type: Combine, config: {combine: {v: sum}}}", expect=[{"v": 1}, {"v": 6}])
    holds("windowing of a WindowInto itself", rows, "{type: AssignTimestamps, config: {timestamp: t}}", "{type: WindowInto, windowing: {type: fixed, size: 10s}}", "{type: Combine, config: {combine: {v: sum}}}", expect=[{"v": 1}, {"v": 6}])
    holds("sliding windows: a row each", rows, "{type: AssignTimestamps, config: {timestamp: t}}", "{type: WindowInto, config: {windowing: {type: sliding, size: 20s, period: 10s}}}", "{type: ExtractWindowingInfo, config: {fields: {w: window_end}}}", "{type: MapToFields, config: {language: sql, fields: {v: v, w: UNIX_SECONDS(w)}}}", expect=[{"v": 1, "w": 20}, {"v": 1, "w": 10}, {"v": 2, "w": 30}, {"v": 2, "w": 20}, {"v": 4, "w": 30}, {"v": 4, "w": 20}])
    holds("times as text", "{type: Create, config: {elements: [{t: '2020-01-01 00:00:01'}]}}", "{type: AssignTimestamps, config: {timestamp: t}}", "{type: ExtractWindowingInfo, config: {fields: {at: timestamp}}}", expect=[{"t": "2020-01-01 00:00:01", "at": "2020-01-01T00:00:01Z"}])
    holds("windows stay where times change", rows, "{type: AssignTimestamps, config: {timestamp: t}}", "{type: WindowInto, config: {windowing: {type: fixed, size: 10s}}}", "{type: AssignTimestamps, config: {language: sql, timestamp: t + 100}}", "{type: ExtractWindowingInfo, config: {fields: {w: window_start}}}", "{type: MapToFields, config: {language: sql, fields: {w: UNIX_SECONDS(w)}}}", expect=[{"w": 0}, {"w": 10}, {"w": 10}])


def pipes():
    read = "{type: ReadFromCsv, config: {path: '-', schema: {a: int64, b: string}}}"
    holds("CSV of standard input", read, expect=[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], stdin="a,b\n1,x\n2,y\n")
    done = run(chain(read, "{type: WriteToNull}"), stdin="a,c\n1,x\n")
    report("CSV of standard input: other names", done.returncode == 1 and "column 2 is named 'c', the schema's field 2 'b'" in done.stderr, done.stderr)


def jsons():
    def read(text, config="", name="in.json"):
        (pathlib.Path(scratch) / name).write_text(text, encoding="utf-8")
        return f"{{type: ReadFromJson, name: Read, config: {{path: {name}{config}}}}}"

    mixed = '{"a": 1, "s": "x\\u00e9\\ud83d\\ude00", "l": [1, 2.5], "r": {"p": true}}\n\n{"r": {"p": null, "q": "z"}, "l": [], "a": null, "s": "y"}\r\n{"s": "", "a": 3}'
    holds("ReadFromJson: types are found", read(mixed), "{type: MapToFields, config: {language: sql, append: true, fields: {n: CARDINALITY(l), q: r.q}, drop: [l, r]}}", expect=[{"a": 1, "s": "xé😀", "n": 2, "q": None}, {"a": None, "s": "y", "n": 0, "q": "z"}, {"a": 3, "s": "", "n": None, "q": None}])
    holds("ReadFromJson: schema", read('{"b": "2020-01-01T00:00:01Z", "x": {"deep": [1, {}]}, "a": 5}\n{"a": 6}\n', ", schema: {a: int64, b: 'timestamp?', c: '[int64]?'}"), "{type: MapToFields, config: {language: sql, fields: {a: a, b: UNIX_SECONDS(b), c: CARDINALITY(c)}}}", expect=[{"a": 5, "b": 1577836801, "c": None}, {"a": 6, "b": None, "c": None}])
    holds("ReadFromJson: lists that are all empty", read('{"a": 1, "l": []}\n{"a": 2, "l": []}\n'), "{type: MapToFields, config: {language: sql, fields: {a: a, n: CARDINALITY(l)}}}", expect=[{"a": 1, "n": 0}, {"a": 2, "n": 0}])
    many = "".join(json.dumps({"n": i, "text": "v" * (i % 700)}) + "\n" for i in range(12000))
    holds("ReadFromJson: several blocks and batches", read(many), "{type: Combine, config: {combine: {n: sum, c: {value: n, fn: count}}}}", expect=[{"n": 12000 * 11999 // 2, "c": 12000}])
    holds("ReadFromJson: time and windows", read('{"at": 5, "v": 1}\n{"at": 17, "v": 2}\n{"at": 12, "v": 4}\n', ", timestamp: {field: at, unit: s, out_of_orderness: 10s}"), "{type: Combine, windowing: {type: fixed, size: 10s}, config: {combine: {v: sum}}}", expect=[{"v": 1}, {"v": 6}])
    holds("ReadFromJson: standard input", "{type: ReadFromJson, config: {path: '-', schema: {a: int64}}}", expect=[{"a": 1}, {"a": 2}], stdin='{"a": 1}\n{"a": 2}\n')
    bad = '{"a": 1}\n{"a": "x"}\n[1]\n{"a": 2\n{"b": 3}\n{"a": 4} 5\n{"a": 6}\n'
    lines = bad.splitlines()
    for threads in ("1", "2"):
        text = "pipeline:\n  type: composite\n  transforms:\n    - " + read(bad, ", schema: {a: int64}, error_handling: {output: bad}") + "\n"
        text += "    - {type: AssertEqual, name: A, input: Read, config: {elements: [{a: 1}, {a: 6}]}}\n    - {type: WriteToJson, name: E, input: Read.bad, config: {path: bad.json}}\n"
        done = run(text, "--threads", threads)
        report(f"ReadFromJson: dead letters, {threads} threads", done.returncode == 0, done.stderr)
        rows = [json.loads(line) for line in (pathlib.Path(scratch) / "bad.json").read_text().splitlines()]
        wanted = [(bad.index(lines[i]), lines[i], why) for i, why in ((1, "field 'a': 'x' is not int64"), (2, "expected an object"), (3, "JSON:1:"), (4, "field 'a' is missing"), (5, "JSON:1:"))]
        good = len(rows) == len(wanted) and all(r["source"] == "in.json" and (r["offset"], r["record"]) == w[:2] and w[2] in r["message"] for r, w in zip(rows, wanted))
        report(f"ReadFromJson: their source, offset and reason, {threads} threads", good, rows)
    refused("ReadFromJson: a bad row ends the run", chain(read('{"a": 1}\n{"a": x}\n', ", schema: {a: int64}"), "{type: WriteToNull}"), "in.json: byte 9: ", "error_handling: {output: errors}")
    refused("ReadFromJson: two types", chain(read('{"a": 1}\n{"a": "x"}\n'), "{type: WriteToNull}"), "in.json, row 2:", "field 'a' is string here and int64 before", "schema:")
    refused("ReadFromJson: no objects", chain(read("1\n"), "{type: WriteToNull}"), "in.json has no objects")
    refused("ReadFromJson: a type that is none", chain(read("", ", schema: {a: strng}"), "{type: WriteToNull}"), "pipeline.yaml:4:", "strng")
    refused("idle_timeout: none", chain(read('{"a": 1}\n', ", timestamp: {field: a, idle_timeout: 0}"), "{type: WriteToNull}"), "expected idle_timeout: a duration over 0")
    refused("ReadFromJson: no such file", chain("{type: ReadFromJson, config: {path: none.json}}", "{type: WriteToNull}"), "none.json")


def records():
    write = "{type: WriteToTFRecord, config: {path: out.tfrecord}}"
    rows = "{type: Create, config: {elements: [{s: é, n: 1, x: 0.5, b: true, l: [1, 2], m: [a]}, {s: b, n: null, x: -2.5, b: false, l: [], m: [b, '']}, {s: '', n: -7, x: 1e30, b: true, l: [3], m: []}]}}"
    done = run(chain(rows, write))
    report("WriteToTFRecord", done.returncode == 0, done.stderr)

    def read(more="", path="out.tfrecord"):
        return f"{{type: ReadFromTFRecord, name: Read, config: {{path: {path}{more}}}}}"

    typed = read(", schema: {s: string, n: 'int64?', x: double, b: bool, l: '[int64]', m: '[string]', none: 'float?'}")
    holds("ReadFromTFRecord: tf.Examples", typed, "{type: MapToFields, config: {language: sql, fields: {s: s, n: n, x: x, b: b, l: CARDINALITY(l), m: CARDINALITY(m), none: none}}}", expect=[{"s": "é", "n": 1, "x": 0.5, "b": True, "l": 2, "m": 1, "none": None}, {"s": "b", "n": None, "x": -2.5, "b": False, "l": 0, "m": 2, "none": None}, {"s": "", "n": -7, "x": 1.0000000150474662e30, "b": True, "l": 1, "m": 0, "none": None}])
    data = (pathlib.Path(scratch) / "out.tfrecord").read_bytes()
    for n in ("1", "2"):
        done = run(chain(read(), "{type: WriteToTFRecord, config: {path: again.tfrecord}}"), "--threads", n)
        report(f"ReadFromTFRecord: bytes, {n} threads", done.returncode == 0 and (pathlib.Path(scratch) / "again.tfrecord").read_bytes() == data, done.stderr)
    first = 16 + int.from_bytes(data[:8], "little")
    bad = bytearray(data)
    bad[first + 12] ^= 1  # in the second record
    (pathlib.Path(scratch) / "bad1.tfrecord").write_bytes(bad)
    (pathlib.Path(scratch) / "bad2.tfrecord").write_bytes(data[:first] + b"\0" * 20 + data[first:])
    (pathlib.Path(scratch) / "bad3.tfrecord").write_bytes(data[:-3])
    for n in ("1", "2"):
        text = "pipeline:\n  type: composite\n  transforms:\n    - " + read(", schema: {s: string, n: int64}, error_handling: {output: bad}", "'bad?.tfrecord'") + "\n"
        text += "    - {type: AssertEqual, name: A, input: Read, config: {elements: [{s: é, n: 1}, {s: '', n: -7}, {s: é, n: 1}, {s: é, n: 1}]}}\n    - {type: WriteToJson, name: E, input: Read.bad, config: {path: bad.json}}\n"
        done = run(text, "--threads", n)
        report(f"ReadFromTFRecord: dead letters, {n} threads", done.returncode == 0, done.stderr)
        found = sorted((r["source"], r["offset"], r["message"]) for r in map(json.loads, (pathlib.Path(scratch) / "bad.json").read_text().splitlines()))
        second = first + 16 + int.from_bytes(data[first : first + 8], "little")
        wanted = [("bad1.tfrecord", first, "the checksum is wrong"), ("bad2.tfrecord", first, "the length's checksum is wrong; the rest is not read"), ("bad3.tfrecord", first, "field 'n': the feature is missing"), ("bad3.tfrecord", second, "the file ends inside the record")]
        report(f"ReadFromTFRecord: their source, offset and reason, {n} threads", len(found) == 4 and all(f[:2] == w[:2] and w[2] in f[2] for f, w in zip(found, wanted)), found)
    refused("ReadFromTFRecord: damage ends the run", chain(read(path="bad1.tfrecord"), "{type: WriteToNull}"), f"bad1.tfrecord: byte {first}:", "the checksum is wrong", "error_handling")
    refused("ReadFromTFRecord: several values", chain(read(", schema: {l: int64}"), "{type: WriteToNull}"), "field 'l': the feature has several values; its type may be a list")
    refused("ReadFromTFRecord: another kind", chain(read(", schema: {s: int64}"), "{type: WriteToNull}"), "field 's': the feature has bytes")
    refused("ReadFromTFRecord: rows of rows", chain(read(", schema: {s: '{a: int64}'}"), "{type: WriteToNull}"), "a tf.Example has numbers, texts and lists of them")


def sequences():
    holds("GenerateSequence", "{type: GenerateSequence, config: {start: 3, stop: 10003}}", "{type: Combine, config: {combine: {value: sum, n: {value: value, fn: count}}}}", expect=[{"value": sum(range(3, 10003)), "n": 10000}])
    holds("GenerateSequence: timestamps", "{type: GenerateSequence, config: {stop: 5, timestamp: {start: '2020-01-01', every: 4s}}}", "{type: Combine, windowing: {type: fixed, size: 10s}, config: {combine: {value: group}}}", "{type: MapToFields, config: {language: sql, fields: {n: CARDINALITY(value)}}}", expect=[{"n": 3}, {"n": 2}], threads=("1",))
    started = time.monotonic()
    done = run(chain("{type: GenerateSequence, config: {stop: 31, rate: 100}}", "{type: WriteToNull}"))
    took = time.monotonic() - started
    report("GenerateSequence: its rate", done.returncode == 0 and 0.3 <= took < 3, f"{took} s {done.stderr}")
    windows = chain("{type: GenerateSequence, config: {rate: 200}}", "{type: Combine, windowing: {type: fixed, size: 0.1s}, config: {combine: {n: {value: value, fn: count}}}}", "{type: WriteToJson, config: {path: '-'}}")
    (pathlib.Path(scratch) / "pipeline.yaml").write_text(windows)
    child = subprocess.Popen([LEAT, "flow", "run", "pipeline.yaml", "--quiet", "--streaming"], cwd=scratch, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    seen = [json.loads(child.stdout.readline()) for _ in range(3)]
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=20)
    report("GenerateSequence: windows close while it runs, Ctrl-C drains", child.returncode == 0 and all(0 < row["n"] <= 40 for row in seen), f"{child.returncode} {seen}")
    refused("GenerateSequence: stop before start", chain("{type: GenerateSequence, config: {start: 3, stop: 2}}", "{type: WriteToNull}"), "stop 2 lies before start 3")
    refused("GenerateSequence: no rate", chain("{type: GenerateSequence, config: {stop: 2, rate: 0}}", "{type: WriteToNull}"), "expected rate: rows a second")
    refused("GenerateSequence: half a timestamp", chain("{type: GenerateSequence, config: {stop: 2, timestamp: {start: '2020-01-01'}}}", "{type: WriteToNull}"), "expected timestamp: {start: DATE, every: DURATION}")


def idle():
    for source, row in (("Csv", "1577836800000,5\n"), ("Json", '{"at": 1577836800000, "v": 5}\n')):
        read = f"{{type: ReadFrom{source}, config: {{path: '-', schema: {{at: int64, v: int64}}, timestamp: {{field: at, out_of_orderness: 1s, idle_timeout: 0.2s}}}}}}".replace("schema", "header: false, schema" if source == "Csv" else "schema")
        text = chain(read, "{type: Combine, windowing: {type: fixed, size: 10s}, config: {combine: {v: sum}}}", "{type: WriteToJson, config: {path: '-'}}")
        (pathlib.Path(scratch) / "pipeline.yaml").write_text(text)
        for timeout in (True, False):
            if not timeout:
                (pathlib.Path(scratch) / "pipeline.yaml").write_text(text.replace(", idle_timeout: 0.2s", ""))
            child = subprocess.Popen([LEAT, "flow", "run", "pipeline.yaml", "--quiet", "--streaming", "--threads", "2"], cwd=scratch, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            child.stdin.write(row)
            child.stdin.flush()
            told = bool(select.select([child.stdout], [], [], 10 if timeout else 0.6)[0])
            out = child.communicate(timeout=20)[0]
            report(f"idle_timeout: {source}, a pipe without rows {'lets its windows close' if timeout else 'holds them without it'}", told == timeout and json.loads(out) == {"v": 5} and child.returncode == 0, f"{told} {out}")


def databases():
    try:
        import sqlite3
    except ImportError:
        return report("SQLite # SKIP: no sqlite3 in this Python", True)
    base = pathlib.Path(scratch) / "base.db"
    db = sqlite3.connect(base)
    db.executescript("CREATE TABLE views (at INTEGER, page TEXT, x REAL, raw BLOB); CREATE TABLE none (a REAL)")
    db.executemany("INSERT INTO views VALUES (?, ?, ?, ?)", [(i * 1000, f"p{i % 3}", i / 2 if i else None, bytes([i % 256])) for i in range(9000)])
    db.execute("INSERT INTO views VALUES ('soon', 'é', 1, NULL)")
    db.commit()

    def read(query, more=""):
        return f"{{type: ReadFromSqlite, name: Read, config: {{path: base.db, query: \"{query}\"{more}}}}}"

    holds("ReadFromSqlite", read("SELECT page, COUNT(*) AS n, SUM(x) AS x FROM views WHERE typeof(at) = 'integer' GROUP BY page"), expect=[{"page": f"p{r}", "n": 3000, "x": sum(i / 2 for i in range(r, 9000, 3))} for r in range(3)])
    holds("ReadFromSqlite: nulls, and no rows", read("SELECT x FROM views WHERE rowid = 1"), expect=[{"x": None}])
    holds("ReadFromSqlite: no rows", read("SELECT a FROM none"), expect=[])
    holds("ReadFromSqlite: times", read("SELECT at, x FROM views WHERE rowid BETWEEN 2 AND 13", ", schema: {at: timestamp, x: double}, timestamp: at"), "{type: Combine, windowing: {type: fixed, size: 10s}, config: {combine: {x: sum}}}", expect=[{"x": 22.5}, {"x": 16.5}])
    tree = "pipeline:\n  type: composite\n  transforms:\n    - " + read("SELECT at FROM views WHERE at = 'soon' OR at < 2000", ", schema: {at: int64}, error_handling: {output: bad}") + "\n"
    done = run(tree + "    - {type: AssertEqual, name: A, input: Read, config: {elements: [{at: 0}, {at: 1000}]}}\n    - {type: MapToFields, name: M, input: Read.bad, config: {fields: {source: source, offset: offset, message: message}}}\n    - {type: AssertEqual, name: B, input: M, config: {elements: [{source: base.db, offset: 2, message: \"field 'at': no whole number\"}]}}\n")
    report("ReadFromSqlite: dead letters", done.returncode == 0, done.stderr)
    null = chain("{type: WriteToNull}")
    refused("ReadFromSqlite: a query's error has its place", null.replace("    - ", "    - " + read("SELECT nme FROM views") + "\n    - ", 1), "pipeline.yaml:4:", "base.db: no such column: nme")
    refused("ReadFromSqlite: nothing is written", null.replace("    - ", "    - " + read("DELETE FROM views") + "\n    - ", 1), "pipeline.yaml:4:", "attempt to write a readonly database")
    refused("ReadFromSqlite: a column that is not there", null.replace("    - ", "    - " + read("SELECT at FROM views", ", schema: {page: string}") + "\n    - ", 1), "the query has no column 'page'")
    refused("ReadFromSqlite: two types", null.replace("    - ", "    - " + read("SELECT at FROM views ORDER BY rowid DESC") + "\n    - ", 1), "column 'at' has string and int64", "schema:")
    refused("ReadFromSqlite: a row ends the run", null.replace("    - ", "    - " + read("SELECT at FROM views") + "\n    - ", 1), "base.db: row 9000: field 'at': no whole number")

    rows = "{type: Create, config: {elements: [{i: 1, d: 0.5, s: 'it''s', b: true, l: [1, 2], t: '2020-01-01'}, {i: null, d: -1, s: é, b: false, l: [], t: '2020-01-02'}], schema: {t: timestamp}}}"

    def write(mode, table='t \"x'):
        quoted = table.replace('"', '\\"') if '\\' not in table else table
        return f"{{type: WriteToSqlite, config: {{path: out.db, table: '{quoted}', mode: {mode}}}}}".replace('\\"', '"')

    def there():
        return sqlite3.connect(pathlib.Path(scratch) / "out.db").execute('SELECT * FROM "t ""x" ORDER BY rowid').fetchall()

    two = [(1, 0.5, "it's", 1, "[1, 2]", "2020-01-01T00:00:00Z"), (None, -1.0, "é", 0, "[]", "2020-01-02T00:00:00Z")]
    for mode, times in (("append", 1), ("append", 2), ("replace", 1)):
        done = run(chain(rows, write(mode)), "--threads", "2")
        found = there() if done.returncode == 0 else []
        report(f"WriteToSqlite: {mode}, {times * 2} rows", sorted(found, key=str) == sorted(two * times, key=str), f"{found} {done.stderr}")
    failing = chain(rows, "{type: MapToFields, config: {language: sql, append: true, drop: [i], fields: {i: 1 / (i - 1)}}}", write("append"))
    done = run(failing)
    report("WriteToSqlite: a flow that fails writes nothing", done.returncode == 1 and len(there()) == 2, f"{done.stderr} {there()}")
    refused("WriteToSqlite: other columns", chain("{type: Create, config: {elements: [{other: 1}]}}", write("append")), "WriteToSqlite: ", "other")
    refused("WriteToSqlite: a mode", chain(rows, write("upsert")), "expected mode: append or replace")
    refused("WriteToSqlite: no table", chain(rows, "{type: WriteToSqlite, config: {path: out.db}}"), "expected table: NAME")
    refused("two WriteToSqlite of one file", TREE + "".join(f"    - {{type: WriteToSqlite, name: {n}, input: In, config: {{path: two.db, table: {n}}}}}\n" for n in "AB"), "'A' writes to that file already")


def arriving():
    """Files are renamed to where they are looked for while the flow runs; each is read once, by one thread, and windows close meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        read = f"{{type: ReadFromCsv, config: {{path: '{tmp}/in-*.csv', schema: {{t: int64, k: string}}, timestamp: {{field: t, unit: s}}, watch: {{every: 50ms}}}}}}"
        text = chain(read, "{type: Combine, windowing: {type: fixed, size: 10s}, config: {group_by: k, combine: {n: count}}}", f"{{type: WriteToJson, config: {{path: {tmp}/out.json}}}}")
        (tmp / "p.yaml").write_text(text)
        flow = subprocess.Popen([LEAT, "flow", "run", tmp / "p.yaml", "--quiet", "--threads", "2"], stderr=subprocess.PIPE, text=True)
        for i in (1, 2, 3):
            time.sleep(0.2)
            (tmp / ".new").write_text(f"t,k\n{i}1,a\n{i}2,a\n{i}3,b\n")
            (tmp / ".new").rename(tmp / f"in-{i}.csv")
        end = time.monotonic() + 20
        while len(list(tmp.glob("out-*"))) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        early = len(list(tmp.glob("out-*")))
        flow.send_signal(signal.SIGINT)
        _, err = flow.communicate(timeout=20)
        found = [sorted(f.read_text().splitlines()) for f in sorted(tmp.glob("out-*"))]
        report("files that keep arriving, until Ctrl-C", flow.returncode == 0 and early == 2 and found == [['{"k": "a", "n": 2}', '{"k": "b", "n": 1}']] * 3, f"{early} {found} {err}")
        for old in tmp.glob("out-*"):
            old.unlink()
        (tmp / "p.yaml").write_text(text.replace("unit: s", "unit: s, idle_timeout: 0.2s"))
        flow = subprocess.Popen([LEAT, "flow", "run", tmp / "p.yaml", "--quiet", "--threads", "1"])
        end = time.monotonic() + 20
        while len(list(tmp.glob("out-*"))) < 3 and time.monotonic() < end:
            time.sleep(0.02)
        report("files that keep arriving: without rows for so long windows close", len(list(tmp.glob("out-*"))) == 3 and flow.poll() is None, list(tmp.glob("out-*")))
        flow.send_signal(signal.SIGINT)
        flow.wait(timeout=20)
        (tmp / "in.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
        holds("no new file for so long: the end", f"{{type: ReadFromJson, config: {{path: {tmp}/in.jsonl, watch: {{every: 20ms, until: 100ms}}}}}}", expect=[{"a": 1}, {"a": 2}])
        refused("arriving files: not there yet, and no schema", chain(f"{{type: ReadFromCsv, config: {{path: '{tmp}/no-*.csv', watch: 1s}}}}"), "no file is there yet: say schema")
        refused("arriving files: what is no duration", chain(f"{{type: ReadFromText, config: {{path: {tmp}/in.jsonl, watch: {{every: 0s}}}}}}"), "a millisecond or more")
        refused("arriving files: another setting", chain(f"{{type: ReadFromText, config: {{path: {tmp}/in.jsonl, watch: {{evry: 1s}}}}}}"), "no setting of watch 'evry'; did you mean 'every'?")
        refused("arriving files: not of a pipe", chain("{type: ReadFromText, config: {path: '-', watch: 1s}}"), "standard input cannot")


def files():
    rows = "{type: TestStream, config: {schema: '{t: int64, v: int64}', events: [{elements: [{at: 1000, row: {t: 1, v: 1}}, {at: 12000, row: {t: 12, v: 2}}]}, {watermark: 11000}, {elements: [{at: 2000, row: {t: 2, v: 3}}, {at: 13000, row: {t: 13, v: 4}}]}]}}"
    with tempfile.TemporaryDirectory() as tmp:
        done = run(chain(rows, "{type: WindowInto, config: {windowing: {type: fixed, size: 10s}}}", f"{{type: WriteToCsv, config: {{path: {tmp}/out.csv}}}}"), "--format", "json")
        names = sorted(os.listdir(tmp))
        texts = [(pathlib.Path(tmp) / n).read_text() for n in names]
        report("a file a window; what is late does not write it anew", names == ["out-1970-01-01T00:00:00Z-1970-01-01T00:00:10Z.csv", "out-1970-01-01T00:00:10Z-1970-01-01T00:00:20Z.csv"] and texts == ["t,v\n1,1\n", "t,v\n12,2\n13,4\n"], f"{names} {texts} {done.stderr}")
        dropped = [t["dropped_late"] for t in json.loads(done.stdout)["transforms"] if t["name"] == "WriteToCsv"] if done.returncode == 0 else None
        report("late rows of a sink are counted", dropped == [1], dropped)
    tree = TREE + "    - {type: WriteToJson, name: One, input: In, config: {path: out.json}}\n    - {type: WriteToCsv, name: Two, input: In, config: {path: out.json}}\n"
    refused("two sinks of one file", tree, "'One' writes to that file already")


def groups():
    odd = "{type: Create, config: {elements: [{d: 1.5, s: b}, {d: -0.0, s: a}, {d: 0.0, s: ab}, {d: null, s: b}, {d: -7.25, s: ''}, {d: 1e300, s: \"a\\0z\"}]}}"
    holds("Sort: numbers and nulls", odd, "{type: Sort, config: {by: d}}", "{type: Combine, config: {combine: {d: group}}}", "{type: MapToFields, config: {fields: {d: d}}}", expect=[{"d": [-7.25, -0.0, 0.0, 1.5, 1e300, None]}])
    holds("Sort: texts, falling", odd, "{type: Sort, config: {by: s desc}}", "{type: Combine, config: {combine: {s: group}}}", expect=[{"s": ["b", "b", "ab", "a\0z", "a", ""]}])
    holds("Top: the least", odd, "{type: Top, config: {n: 2, by: d, smallest: true}}", "{type: MapToFields, config: {fields: {s: s}}}", expect=[{"s": ""}, {"s": "a"}])
    holds("Distinct: all fields", "{type: Create, config: {elements: [{a: 1, b: x}, {a: 1, b: x}, {a: 1, b: y}]}}", "{type: Distinct}", expect=[{"a": 1, "b": "x"}, {"a": 1, "b": "y"}])
    holds("Reshuffle", PEOPLE, "{type: Reshuffle}", "{type: MapToFields, config: {fields: {n: name}}}", expect=[{"n": n} for n in ("ann", "bob", "cy")])
    many = "{type: Create, config: {elements: [" + ", ".join(f"{{n: {i * 7919 % 10007}}}" for i in range(10007)) + "]}}"
    holds("Sort: more rows than a batch", many, "{type: Sort, config: {by: n}}", "{type: Combine, config: {combine: {n: group}}}", "{type: MapToFields, config: {language: sql, fields: {c: CARDINALITY(n)}}}", expect=[{"c": 10007}])
    refused("Top: without n", chain(PEOPLE, "{type: Top, config: {by: age}}"), "expected n: how many")
    refused("Top: n of 0", chain(PEOPLE, "{type: Top, config: {n: 0, by: age}}"), "pipeline.yaml:5", "expected 1 to 2147483647")
    refused("Sort: by a list", chain(PEOPLE, "{type: Sort, config: {by: tags}}"), "field 'tags' is a list, which has no order")
    refused("Sort: by what is not there", chain(PEOPLE, "{type: Sort, config: {by: agee desc}}"), "no field 'agee'; did you mean 'age'?")
    refused("Combine: settings of a function that has none", chain(PEOPLE, "{type: Combine, config: {combine: {n: {value: age, fn: {type: sum, config: {n: 3}}}}}}"), "sum has no settings")
    refused("Combine: quantiles of texts", chain(PEOPLE, "{type: Combine, config: {combine: {n: {value: name, fn: {type: quantiles, config: {n: 3}}}}}}"), "no quantiles of string")
    refused("Combine: python", chain(PEOPLE, "{type: Combine, config: {language: python, combine: {n: count}}}"), "language: python cannot be run here")
    refused("Combine: falling fractions", chain(PEOPLE, "{type: Combine, config: {combine: {n: {value: age, fn: {type: quantiles, config: {fractions: [0.5, 0.1]}}}}}}"), "expected fractions of 0 to 1, rising")

    def join(config, more="{A: A, B: B}"):
        return TREE.replace("name: In", "name: A") + "    - {type: Create, name: B, config: {elements: [{k: a, n: 1.5}]}}\n" + f"    - {{type: Join, name: J, input: {more}, config: {config}}}\n"

    done = run(join("{equalities: k, type: inner}") + "    - {type: AssertEqual, input: J, config: {elements: [{k: a, n: 4, d: 2, k0: a, n0: 1.5}]}}\n")
    report("Join: names that are there already get a number", done.returncode == 0, done.stderr)
    refused("Join: an unknown input", join("{equalities: [{A: k, C: k}], type: inner}"), "no input 'C'")
    refused("Join: an unknown field", join("{equalities: [{A: k, B: m}], type: inner}"), "no field 'm'")
    refused("Join: keys of other types", join("{equalities: n, type: inner}"), "the key 'n' is a int64, 'n' a double; cast one of them")
    refused("Join: no type", join("{equalities: k}"), "expected type: inner, left, right, outer")
    refused("Join: a name twice", join("{equalities: k, type: inner, fields: {A: [k], B: [k]}}"), "there is a field 'k' already; rename one of them")
    refused("Join: inputs without names", join("{equalities: k, type: inner}", "[A, B]"), "inputs need names")
    refused("CoGroupByKey: a key is missing", join("{equalities: k, type: inner}").replace("type: Join", "type: CoGroupByKey").replace("{equalities: k, type: inner}", "{group_by: {A: k}}"), "by which field of 'B'?")
    refused("CoGroupByKey: a key of an input that is not there", join("{equalities: k, type: inner}").replace("type: Join", "type: CoGroupByKey").replace("{equalities: k, type: inner}", "{group_by: {A: k, B: k, C: k}}"), "no input 'C'")


def errors():
    refused("an unknown field, with its place", "pipeline:\n  type: chain\n  transforms:\n    - type: Create\n      config: {elements: [{name: a}]}\n    - type: MapToFields\n      config:\n        language: sql\n        fields:\n          x: UPPER(nmae)\n", "pipeline.yaml:10:20", "no field 'nmae'; nearest: 'name'")
    refused("python is refused by name", chain(PEOPLE, "{type: MapToFields, config: {language: python, fields: {x: name}}}"), "language: python cannot be run here; say generic or sql")
    refused("callables are refused", chain(PEOPLE, "{type: MapToFields, config: {fields: {x: {callable: 'lambda r: r.name'}}}}"), "callables of python or javascript")
    refused("an unknown option", chain(PEOPLE, "{type: Filter, config: {kepp: x}}"), "no field of its config 'kepp'; did you mean 'keep'?")
    refused("a filter that is no condition", chain(PEOPLE, "{type: Filter, config: {keep: name}}"), "expected a condition (a bool), this is a string")
    refused("a type of error", chain(PEOPLE, "{type: MapToFields, config: {language: sql, fields: {x: age + name}}}"), "+ of (int64, string)")
    refused("explode what is no list", chain(PEOPLE, "{type: Explode, config: {fields: name}}"), "field 'name' is a string, expected a list")
    refused("explode without cross_product", chain(PEOPLE, "{type: Explode, config: {fields: [tags, more]}}"), "cross_product: true")
    refused("drop without append", chain(PEOPLE, "{type: MapToFields, config: {drop: [tags], fields: {x: name}}}"), "drop needs `append: true`")
    refused("a field twice", chain(PEOPLE, "{type: MapToFields, config: {append: true, fields: {name: age}}}"), "there is a field 'name' already")
    refused("a regular expression", chain(PEOPLE, "{type: Filter, config: {language: sql, keep: \"REGEXP_LIKE(name, '(')\"}}"), "is no regular expression")


with tempfile.TemporaryDirectory() as scratch:
    maps()
    trees()
    times()
    groups()
    files()
    arriving()
    jsons()
    records()
    sequences()
    idle()
    databases()
    pipes()
    errors()
sys.exit(bool(failures))

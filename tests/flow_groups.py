#!/usr/bin/env python3
"""Join, CoGroupByKey, Top, Sort, Sample, Distinct and the sketches over random rows, on every path: joins by SQLite, the rest by Python.

N=200 for more of them (25), SEED=7 for one alone.
"""
# SPDX-License-Identifier: Apache-2.0
import collections
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
PATHS = ([], ["--streaming"], ["--threads", "2"], ["--streaming", "--threads", "3"], ["--general-path"])
failures = 0


def report(name, good, why=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + ("" if good else f" # {why}"))


def cell(value):
    return "" if value is None else str(value)


def source(tmp, name, fields, rows):
    """A CSV file of rows (time first) and the transform that reads it."""
    path = tmp / f"{name}.csv"
    path.write_text(",".join(["t", *fields]) + "\n" + "".join(",".join(map(cell, row)) + "\n" for row in rows))
    types = {"t": "int64", "s": "string"}
    schema = ", ".join(f"{f}: {types.get(f, 'int64?')!r}" for f in ["t", *fields])
    return f"    - {{type: ReadFromCsv, name: {name}, config: {{path: {path}, schema: {{{schema}}}, timestamp: {{field: t, unit: s, out_of_orderness: 1000s}}}}}}\n"


def outputs(tmp, text, options):
    """The rows that a pipeline writes, each as a sorted tuple of its fields; a string is an error."""
    file = tmp / "p.yaml"
    file.write_text("pipeline:\n  type: composite\n  transforms:\n" + text + f"    - {{type: WindowInto, name: All, input: X, config: {{windowing: {{type: global}}}}}}\n    - {{type: WriteToJson, input: All, config: {{path: {tmp}/out.json}}}}\n")
    done = subprocess.run([BUILD / "leat", "flow", "run", file, "--quiet", *(options if "--threads" in options else [*options, "--threads", "1"])], capture_output=True, text=True, timeout=120)
    if done.returncode:
        return done.stderr.strip()
    return [json.loads(line) for line in (tmp / "out.json").read_text().splitlines()]


def frozen(value):
    if isinstance(value, dict):
        return tuple((k, frozen(v)) for k, v in value.items())
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def compare(tmp, what, text, want, ordered=False):
    """What every path gives, against the judge's rows."""
    wanted = list(map(frozen, want)) if ordered else collections.Counter(map(frozen, want))
    for options in PATHS:
        got = outputs(tmp, text, options)
        if isinstance(got, str):
            return f"{what} {options}: {got}"
        found = list(map(frozen, got)) if ordered else collections.Counter(map(frozen, got))
        if found != wanted:
            more = next((x for x in found if x not in wanted), None) if ordered else next(iter(found - wanted), None)
            less = next((x for x in wanted if x not in found), None) if ordered else next(iter(wanted - found), None)
            return f"{what} {options}: not wanted {more}, missing {less}"
    return None


def made(r, keys, count):
    """t, id, other, s: with nulls, and rows that are there twice."""
    rows = [(r.randint(0, 99), r.choice([None, *range(keys)]), r.choice([None, *range(3)]), r.choice(["a", "b", "é", "x y"])) for _ in range(count)]
    return rows + r.choices(rows, k=count // 5) if rows else rows


def windowed(r):
    """WindowInto's config, and the size of fixed windows (None: global)."""
    size = r.choice([None, 10, 60])
    return ("{type: global}" if size is None else f"{{type: fixed, size: {size}s}}"), size


def window_of(size, t):
    return None if size is None else t // size * size


def join_case(r, tmp):
    windowing, size = windowed(r)
    count = r.choice([2, 2, 3])
    tables = {name: made(r, r.choice([1, 5, 40]), r.choice([0, 3, 40, 200] if count == 2 else [0, 3, 30])) for name in "ABC"[:count]}
    kind = r.choice(["inner", "left", "right", "outer"])
    on = r.choice([["id"], ["id", "other"]])
    db = sqlite3.connect(":memory:")
    for name, rows in tables.items():
        db.execute(f"create table {name} (w, t, id, other, s)")
        db.executemany(f"insert into {name} values (?, ?, ?, ?, ?)", [(window_of(size, row[0]) or 0, *row) for row in rows])
    sql = {"inner": "join", "left": "left join", "right": "right join", "outer": "full join"}[kind]
    query = "select " + ", ".join(f"{n}.{f} as {n.lower()}_{f}" for n in tables for f in ("t", "id", "s")) + " from A"
    before = "A"
    for name in list(tables)[1:]:
        # Windows meet as keys do. What a row without a match is in, goes on as its window.
        window = "A.w" if before == "A" else "coalesce(A.w, B.w)"
        query += f" {sql} {name} on {window} = {name}.w and " + " and ".join(f"{before}.{f} = {name}.{f}" for f in on)
        before = name
    want = [dict(zip([f"{n.lower()}_{f}" for n in tables for f in ("t", "id", "s")], row)) for row in db.execute(query)]
    text = "".join(source(tmp, n, ["id", "other", "s"], rows) for n, rows in tables.items())
    pairs = list(zip(tables, list(tables)[1:]))
    equalities = ", ".join(f"{{{a}: {f}, {b}: {f}}}" for a, b in pairs for f in on)
    fields = ", ".join(f"{n}: {{" + ", ".join(f"{n.lower()}_{f}: {f}" for f in ("t", "id", "s")) + "}" for n in tables)
    text += f"    - {{type: Join, name: X, windowing: {windowing}, input: {{{', '.join(f'{n}: {n}' for n in tables)}}}, config: {{equalities: [{equalities}], type: {kind}, fields: {{{fields}}}}}}}\n"
    return compare(tmp, f"{kind} join of {count}, {windowing}", text, want)


def order(value):
    return (value is None, 0 if value is None else value)


def rows_case(r, tmp):
    windowing, size = windowed(r)
    rows = made(r, r.choice([1, 6]), r.choice([0, 1, 30, 5000]))
    head = source(tmp, "A", ["id", "other", "s"], rows)
    named = [dict(zip(("t", "id", "other", "s"), row)) for row in rows]
    groups = collections.defaultdict(list)
    kind = r.choice(["Top", "Sort", "Sample", "Distinct", "CoGroupByKey", "sketch"])
    step = f"    - {{type: {kind}, name: X, windowing: {windowing}, input: A, config: "
    by_key = r.random() < 0.5
    for row in named:
        groups[window_of(size, row["t"]), row["other"] if by_key else None].append(row)
    group_by = "group_by: other, " if by_key else ""

    def sort_key(row):  # id falling, then s; then the rest as it is packed, of no concern: t is made equal
        return (row["id"] is None, -(row["id"] or 0), row["s"].encode())

    if kind in ("Top", "Sort"):
        n = r.choice([1, 3, 100])
        for options in PATHS:
            config = f"{{{group_by}by: [id desc, s asc]" + (f", n: {n}" if kind == "Top" else "") + "}"
            got = outputs(tmp, head + step + config + "}\n", options)
            if isinstance(got, str):
                return f"{kind}: {got}"
            found = collections.defaultdict(list)
            for row in got:
                found[window_of(size, row["t"]), row["other"] if by_key else None].append(row)
            for key, group in groups.items():
                best = sorted(map(sort_key, group))[: n if kind == "Top" else None]
                if list(map(sort_key, found.pop(key))) != best:
                    return f"{kind} {options} {windowing}: other rows in {key}"
            if found or collections.Counter(map(frozen, got)) - collections.Counter(map(frozen, named)):
                return f"{kind} {options}: rows that were not there"
        return None
    if kind == "Distinct":
        want = {(window_of(size, row["t"]), row["id"], row["s"]) for row in named}
        return compare(tmp, kind, head + step + "{fields: [id, s]}}\n", [{"id": i, "s": s} for _, i, s in want])
    if kind == "Sample":
        n, seen = r.choice([1, 7, 1000]), set()
        for options in PATHS:
            got = outputs(tmp, head + step + f"{{{group_by}n: {n}, seed: 5}}}}\n", options)
            if isinstance(got, str):
                return f"{kind}: {got}"
            sizes = collections.Counter((window_of(size, row["t"]), row["other"] if by_key else None) for row in got)
            if any(sizes[k] != min(n, len(v)) for k, v in groups.items()):
                return f"{kind} {options}: {sizes} of each group, not {n}"
            if collections.Counter(map(frozen, got)) - collections.Counter(map(frozen, named)):
                return f"{kind} {options}: rows that were not there"
            seen.add(frozenset(collections.Counter(map(frozen, got)).items()))
        return f"{kind}: paths take other samples" if len(seen) > 1 else None
    if kind == "CoGroupByKey":
        other = made(r, 6, 20)
        text = head + source(tmp, "B", ["id", "other", "s"], other) + f"    - {{type: CoGroupByKey, name: G, windowing: {windowing}, input: {{a: A, b: B}}, config: {{group_by: {{a: id, b: other}}}}}}\n"
        # Lists are in order of arrival: they are counted and summed.
        text += "    - {type: MapToFields, name: X, input: G, config: {language: sql, fields: {id: id, a: CARDINALITY(a), b: CARDINALITY(b)}}}\n"
        found = collections.defaultdict(lambda: [0, 0])
        for row in rows:
            found[window_of(size, row[0]), row[1]][0] += 1
        for row in other:
            found[window_of(size, row[0]), row[2]][1] += 1
        return compare(tmp, kind, text, [{"id": k, "a": a, "b": b} for (_, k), (a, b) in found.items()])
    want = []
    for (_, key), group in groups.items():
        ids = sorted(row["id"] for row in group if row["id"] is not None)
        q = [float(ids[min(len(ids) - 1, int(f * len(ids)))]) for f in (0, 0.5, 1)] if ids else []
        want.append({**({"other": key} if by_key else {}), "d": len(set(ids)), "q": q, "best": ids[::-1][:2]})
    config = f"{{{group_by}combine: {{d: {{value: id, fn: approx_count_distinct}}, q: {{value: id, fn: {{type: quantiles, config: {{n: 3}}}}}}, best: {{value: id, fn: {{type: top, config: {{n: 2}}}}}}}}}}"
    return compare(tmp, kind, head + step.replace("sketch", "Combine") + config + "}\n", want)


def case(seed):
    r = random.Random(seed)
    with tempfile.TemporaryDirectory() as tmp:
        wrong = (join_case if r.random() < 0.5 else rows_case)(r, pathlib.Path(tmp))
    return f"seed {seed}: {wrong}" if wrong else None


def sketches():
    """Within their bounds, over many values."""
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        values = [i * i % 99991 for i in range(100000)]
        text = source(tmp, "A", ["v"], [(0, v) for v in values]) + "    - {type: Combine, name: X, input: A, config: {combine: {d: {value: v, fn: approx_count_distinct}, q: {value: v, fn: {type: quantiles, config: {fractions: [0.01, 0.5, 0.99]}}}}}}\n"
        got = outputs(tmp, text, [])
        true, ordered = len(set(values)), sorted(values)
        if isinstance(got, str):
            return report("sketches", False, got)
        report("approx_count_distinct: within 5 % of 50,000", abs(got[0]["d"] - true) < 0.05 * true, f"{got[0]['d']} of {true}")
        ranks = [sum(v < x for v in ordered) / len(ordered) for x in got[0]["q"]]
        report("quantiles: within 0.5 % of the rank", all(abs(a - b) < 0.005 for a, b in zip(ranks, (0.01, 0.5, 0.99))), str(ranks))


def main():
    seeds = [int(os.environ["SEED"])] if "SEED" in os.environ else range(1, int(os.environ.get("N") or 25) + 1)
    wrong = [w for w in map(case, seeds) if w]
    report(f"{len(seeds)} pipelines: joins, tops, sorts, samples and sketches as their judges say, on every path", not wrong, "; ".join(wrong[:3]))
    sketches()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

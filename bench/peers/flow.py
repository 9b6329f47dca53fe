"""The flow benchmarks' jobs in Polars (streaming engine) and DuckDB, one thread, from the same files.

Rows on standard input carry "file" and "results"; a peer whose number of results differs is an error, not a figure.
"""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import sys
import time

os.environ["POLARS_MAX_THREADS"] = "1"
import duckdb
import polars as pl


def events(file):
    return pl.scan_csv(file, schema={"ts": pl.Int64, "key": pl.String, "value": pl.Int64})


def polars_fixed(file):
    return events(file).group_by(pl.col("ts") // 10000, "key").agg(pl.col("value").sum(), pl.len())


def polars_session(file):
    begins = (pl.col("ts") - pl.col("ts").shift(1) >= 30000).fill_null(True).over("key")
    ordered = events(file).sort("key", "ts").with_columns(session=begins.cum_sum())
    return ordered.group_by("key", "session").agg(pl.col("value").sum(), pl.len())


def polars_sliding(file):
    panes = events(file).group_by((pl.col("ts") // 10000).alias("pane"), "key").agg(pl.col("value").sum(), pl.len().alias("n"))
    windows = panes.with_columns(window=pl.int_ranges(pl.col("pane"), pl.col("pane") + 6)).explode("window")
    return windows.group_by("window", "key").agg(pl.col("value").sum(), pl.col("n").sum())


def polars_words(file):
    lines = pl.scan_csv(file, has_header=False, separator="\n", quote_char=None, schema={"line": pl.String})
    return lines.select(pl.col("line").str.split(" ").alias("word")).explode("word").filter(pl.col("word") != "").group_by("word").agg(pl.len())


CSV = "read_csv('{}', header=true, columns={{'ts': 'BIGINT', 'key': 'VARCHAR', 'value': 'BIGINT'}})"
SQL = {
    "flow-f1": f"SELECT ts // 10000, key, sum(value), count(*) FROM {CSV} GROUP BY ALL",
    "flow-f2-session": f"""SELECT key, session, sum(value), count(*) FROM (SELECT key, value, sum(begins) OVER (PARTITION BY key ORDER BY ts) AS session FROM
        (SELECT *, CASE WHEN ts - lag(ts) OVER (PARTITION BY key ORDER BY ts) < 30000 THEN 0 ELSE 1 END AS begins FROM {CSV})) GROUP BY ALL""",
    "flow-f2-sliding": f"""SELECT pane + i, key, sum(s), sum(n) FROM (SELECT ts // 10000 AS pane, key, sum(value) AS s, count(*) AS n FROM {CSV} GROUP BY ALL), range(6) r(i) GROUP BY ALL""",
    "flow-f3": "SELECT word, count(*) FROM (SELECT unnest(string_split(line, ' ')) AS word FROM read_csv('{}', header=false, delim='\x01', quote='', columns={{'line': 'VARCHAR'}})) WHERE word <> '' GROUP BY ALL",
}
POLARS = {"flow-f1": polars_fixed, "flow-f2-session": polars_session, "flow-f2-sliding": polars_sliding, "flow-f3": polars_words}


def seconds(job, results):
    best = 1e9
    for _ in range(2):
        began = time.perf_counter()
        found = job()
        best = min(best, time.perf_counter() - began)
        if found != results:
            sys.exit(f"{found} results, not {results}")
    return best


def main():
    db = duckdb.connect()
    db.execute("SET threads = 1; SET preserve_insertion_order = false")
    for row in map(json.loads, sys.stdin):
        if row["name"] not in SQL:
            continue
        lazy, sql = POLARS[row["name"]](row["file"]), SQL[row["name"]].format(row["file"])
        times = {
            "Polars": seconds(lambda: lazy.collect(engine="streaming").height, row["results"]),
            "DuckDB": seconds(lambda: db.execute(f"CREATE OR REPLACE TEMP TABLE results AS {sql}").fetchone()[0], row["results"]),
        }
        print(json.dumps({"name": row["name"], "peers": {k: row["amount"] / t for k, t in times.items()}}), flush=True)


if __name__ == "__main__":
    main()

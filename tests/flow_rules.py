#!/usr/bin/env python3
"""The rules of windows, triggers, panes and lateness, one by one: each a TestStream and the panes that it must give after each event.

Rows are KEY@TIME=VALUE, several of them one bundle; "wm N" moves the watermark, "+N" processing time (ms). A pane is
KEY:VALUES start-end TIMING index/nonspeculative t=TIME, with F and L where it is the first and the last.
"""
# SPDX-License-Identifier: Apache-2.0
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
failures = 0

FIXED = "{type: fixed, size: 10ms%s}"
SESSIONS = "{type: sessions, gap: 10ms%s}"
GLOBAL = "{type: global%s}"
EARLY_LATE = ", trigger: {after_watermark: {early: {after_count: 1}, late: {after_count: 1}}}, allowed_lateness: 100ms"
EARLY = ", trigger: {after_watermark: {early: {after_count: 2}}}, allowed_lateness: 0.1s, allow_unsafe_triggers: true"
REPEAT = ", trigger: {repeatedly: %s}, allowed_lateness: 100ms"
ONCE = ", trigger: %s, allowed_lateness: 100ms, allow_unsafe_triggers: true"

# name, windowing, events, the panes after each event (the end of input is an event of its own)
RULES = [
    # --- Windows ---
    ("fixed windows start at a multiple of their size, before 1970, too", FIXED % "", "a@-1=1 a@0=2 a@9=3 a@10=4|wm 50", "|a:1 -10-0 ON 0/0 t=-1 FL; a:2,3 0-10 ON 0/0 t=9 FL; a:4 10-20 ON 0/0 t=19 FL|"),
    ("an offset moves them", FIXED % ", offset: 3ms", "a@2=1 a@3=2|wm 50", "|a:1 -7-3 ON 0/0 t=2 FL; a:2 3-13 ON 0/0 t=12 FL|"),
    ("sliding windows: a row is in each that has its time", "{type: sliding, size: 10ms, period: 5ms}", "a@7=1|wm 10|wm 20", "|a:1 0-10 ON 0/0 t=9 FL|a:1 5-15 ON 0/0 t=14 FL|"),
    ("a period longer than the size leaves rows out", "{type: sliding, size: 3ms, period: 5ms}", "a@1=1 a@4=2|wm 20", "|a:1 0-3 ON 0/0 t=2 FL|"),
    ("sessions that overlap are one, their span", SESSIONS % "", "a@0=1|a@15=3|a@7=2|wm 50", "|||a:1,2,3 0-25 ON 0/0 t=24 FL|"),
    ("sessions that only touch stay two", SESSIONS % "", "a@0=1|a@10=2|wm 50", "||a:1 0-10 ON 0/0 t=9 FL; a:2 10-20 ON 0/0 t=19 FL|"),
    ("sessions merge within a key only", SESSIONS % "", "a@0=1 b@5=2|wm 50", "|a:1 0-10 ON 0/0 t=9 FL; b:2 5-15 ON 0/0 t=14 FL|"),
    # --- The watermark ---
    ("a window is passed when the watermark is at its end, not before", FIXED % "", "a@5=1|wm 9|wm 10", "||a:1 0-10 ON 0/0 t=9 FL|"),
    ("the watermark never goes back", FIXED % "", "a@5=1|wm 10|wm 3|a@5=2", "|a:1 0-10 ON 0/0 t=9 FL|||"),
    ("at the end of input all windows are passed", FIXED % "", "a@5=1", "|a:1 0-10 ON 0/0 t=9 FL"),
    ("a window without a row gives nothing", FIXED % ", on_time_behavior: fire_always, closing_behavior: fire_always", "wm 10|wm 50", "||"),
    # --- Panes ---
    ("early panes, one on time, late ones: indices run on, the others count from the first that is not early", FIXED % EARLY_LATE, "a@1=1|a@2=2|wm 10|a@3=3|a@4=4|wm 200", "a:1 0-10 EARLY 0/-1 t=9 F|a:2 0-10 EARLY 1/-1 t=9|a: 0-10 ON 2/0 t=9|a:3 0-10 LATE 3/1 t=9|a:4 0-10 LATE 4/2 t=9||"),
    ("what is first when its window has passed is late", FIXED % ", allowed_lateness: 100ms", "wm 20|a@5=1|wm 200", "|a:1 0-10 LATE 0/0 t=9 F||"),
    ("keys and windows have panes of their own", FIXED % EARLY_LATE, "a@1=1 b@1=2 a@11=3|wm 10", "a:1 0-10 EARLY 0/-1 t=9 F; b:2 0-10 EARLY 0/-1 t=9 F; a:3 10-20 EARLY 0/-1 t=19 F|a: 0-10 ON 1/0 t=9; b: 0-10 ON 1/0 t=9|a: 10-20 ON 1/0 t=19 L"),
    # --- The default trigger ---
    ("default: at the end of the window, then each late bundle", FIXED % ", allowed_lateness: 100ms", "a@1=1|wm 10|a@2=2 a@3=3|a@4=4|wm 109|wm 110|a@5=5", "|a:1 0-10 ON 0/0 t=9 F|a:2,3 0-10 LATE 1/1 t=9|a:4 0-10 LATE 2/2 t=9||||"),
    # --- AfterWatermark ---
    ("after_watermark without late: once, then the window is closed", FIXED % (ONCE % "{after_watermark: {}}"), "a@1=1|wm 10|a@2=2|wm 200", "|a:1 0-10 ON 0/0 t=9 FL|||"),
    ("early is repeated until the end of the window", FIXED % EARLY, "a@1=1|a@2=2|a@3=3 a@4=4|a@5=5|wm 10", "|a:1,2 0-10 EARLY 0/-1 t=9 F|a:3,4 0-10 EARLY 1/-1 t=9||a:5 0-10 ON 2/0 t=9 L|"),
    ("at the end of the window the pane is on time, though early is ready, too", FIXED % EARLY, "wm 9|a@1=1|wm 10", "||a:1 0-10 ON 0/0 t=9 FL|"),
    ("late begins anew after each pane", FIXED % ", trigger: {after_watermark: {late: {after_count: 2}}}, allowed_lateness: 100ms", "wm 10|a@1=1|a@2=2|a@3=3|a@4=4|wm 300", "|a:1 0-10 LATE 0/0 t=9 F||a:2,3 0-10 LATE 1/1 t=9||a:4 0-10 LATE 2/2 t=9 L|"),
    ("a session that grows beyond the watermark is early again", SESSIONS % EARLY_LATE, "a@0=1|wm 10|a@5=2|wm 15|wm 300", "a:1 0-10 EARLY 0/-1 t=9 F|a: 0-10 ON 1/0 t=9|a:2 0-15 EARLY 0/-1 t=14 F|a: 0-15 ON 1/0 t=14||"),
    # --- AfterCount ---
    ("after_count is asked once a bundle: 3 of a bundle of 5 gives all 5", FIXED % (REPEAT % "{after_count: 3}"), "a@1=1 a@2=2 a@3=3 a@4=4 a@5=5|a@6=6|wm 300", "a:1,2,3,4,5 0-10 EARLY 0/-1 t=9 F||a:6 0-10 ON 1/0 t=9 L|"),
    ("after_count without repeatedly closes the window", FIXED % (ONCE % "{after_count: 2}"), "a@1=1|a@2=2|a@3=3|wm 300", "|a:1,2 0-10 EARLY 0/-1 t=9 FL|||"),
    ("counts of sessions that merge add up", SESSIONS % (REPEAT % "{after_count: 3}"), "a@0=1|a@15=2|a@8=3", "||a:1,2,3 0-25 EARLY 0/-1 t=24 F|a: 0-25 ON 1/0 t=24 L"),
    ("a closed session merges no more", SESSIONS % (ONCE % "{after_count: 2}"), "a@0=1 a@1=2|a@5=3|wm 300", "a:1,2 0-11 EARLY 0/-1 t=10 FL||a:3 5-15 ON 0/0 t=14 FL|"),
    # --- AfterProcessingTime ---
    ("after_processing_time: more than the delay behind the first row", FIXED % (REPEAT % "{after_processing_time: 1s}"), "+100|a@1=1|+900|a@2=2|+100|+1", "|||||a:1,2 0-10 EARLY 0/-1 t=9 F|a: 0-10 ON 1/0 t=9 L"),
    ("its next pane is timed by that pane's first row", FIXED % (REPEAT % "{after_processing_time: 1s}"), "a@1=1|+1001|+5000|a@2=2|+1000|+1", "|a:1 0-10 EARLY 0/-1 t=9 F||||a:2 0-10 EARLY 1/-1 t=9|a: 0-10 ON 2/0 t=9 L"),
    ("align_to rounds the time up", FIXED % (REPEAT % "{after_processing_time: {delay: 10ms, align_to: 100ms}}"), "+5|a@1=1|+90|+5|+1", "||||a:1 0-10 EARLY 0/-1 t=9 F|a: 0-10 ON 1/0 t=9 L"),
    ("sessions that merge: the earlier time", SESSIONS % (REPEAT % "{after_processing_time: 1s}"), "a@0=1|+600|a@8=2|+401", "|||a:1,2 0-18 EARLY 0/-1 t=17 F|a: 0-18 ON 1/0 t=17 L"),
    ("time behind the end of a window's lateness is passed over", FIXED % ", trigger: {repeatedly: {after_processing_time: 1s}}", "a@1=1|wm 10|+2000", "|a:1 0-10 ON 0/0 t=9 FL||"),
    # --- Composites ---
    ("repeatedly begins anew", FIXED % (REPEAT % "{after_count: 2}"), "a@1=1 a@2=2|a@3=3|a@4=4", "a:1,2 0-10 EARLY 0/-1 t=9 F||a:3,4 0-10 EARLY 1/-1 t=9|a: 0-10 ON 2/0 t=9 L"),
    ("or_finally: the main trigger, until the other is ready: then the window is closed", FIXED % (ONCE % "{or_finally: {main: {repeatedly: {after_count: 1}}, finally: {after_count: 3}}}"), "a@1=1|a@2=2|a@3=3|a@4=4|wm 300", "a:1 0-10 EARLY 0/-1 t=9 F|a:2 0-10 EARLY 1/-1 t=9|a:3 0-10 EARLY 2/-1 t=9 L|||"),
    ("after_any: when one is ready, and once", FIXED % (ONCE % "{after_any: [{after_count: 3}, {after_processing_time: 1s}]}"), "a@1=1|+1001|a@2=2|wm 300", "|a:1 0-10 EARLY 0/-1 t=9 FL|||"),
    ("after_all: when all are ready", FIXED % (ONCE % "{after_all: [{after_count: 2}, {after_processing_time: 1s}]}"), "a@1=1|+1001|a@2=2", "||a:1,2 0-10 EARLY 0/-1 t=9 FL|"),
    ("after_each: one after the other, and closed after the last", FIXED % (ONCE % "{after_each: [{after_count: 1}, {after_count: 2}]}"), "a@1=1|a@2=2|a@3=3|a@4=4", "a:1 0-10 EARLY 0/-1 t=9 F||a:2,3 0-10 EARLY 1/-1 t=9 L||"),
    ("never: when the window is thrown away, on time", FIXED % ", trigger: never, allowed_lateness: 100ms", "a@1=1|wm 10|a@2=2|wm 109|wm 110", "||||a:1,2 0-10 ON 0/0 t=9 FL|"),
    ("always: each bundle", FIXED % ", trigger: always, allowed_lateness: 100ms", "a@1=1 a@2=2|a@3=3|wm 10|a@4=4", "a:1,2 0-10 EARLY 0/-1 t=9 F|a:3 0-10 EARLY 1/-1 t=9|a: 0-10 ON 2/0 t=9|a:4 0-10 LATE 3/1 t=9|"),
    # --- Lateness ---
    ("a row is dropped when its window's end is further back than the lateness", FIXED % ", allowed_lateness: 5ms", "a@1=1|wm 14|a@2=2|wm 15|a@3=3", "|a:1 0-10 ON 0/0 t=9 F|a:2 0-10 LATE 1/1 t=9|||"),
    ("without lateness at the end of the window", FIXED % "", "a@1=1|wm 9|a@2=2|wm 10|a@3=3", "|||a:1,2 0-10 ON 0/0 t=9 FL||"),
    ("it is dropped window by window", "{type: sliding, size: 10ms, period: 5ms}", "wm 10|a@7=1|wm 50", "||a:1 5-15 ON 0/0 t=14 FL|"),
    ("a row that is late for itself is kept by a session that it merges with", SESSIONS % "", "a@15=1|wm 14|a@3=2|a@6=3|wm 50", "||||a:1,3 6-25 ON 0/0 t=24 FL|"),
    # --- What is given out ---
    ("an on-time pane though nothing is new", FIXED % (EARLY_LATE + ", on_time_behavior: fire_always"), "a@1=1|wm 10", "a:1 0-10 EARLY 0/-1 t=9 F|a: 0-10 ON 1/0 t=9|"),
    ("none, when asked for", FIXED % (EARLY_LATE + ", on_time_behavior: fire_if_nonempty"), "a@1=1|wm 10|wm 300", "a:1 0-10 EARLY 0/-1 t=9 F|||"),
    ("a last pane when the window is thrown away, when asked for", FIXED % (EARLY_LATE + ", closing_behavior: fire_always"), "a@1=1|wm 10|wm 109|wm 110", "a:1 0-10 EARLY 0/-1 t=9 F|a: 0-10 ON 1/0 t=9||a: 0-10 LATE 2/1 t=9 L|"),
    ("a last pane where something is new", FIXED % ", trigger: {after_watermark: {late: {after_count: 2}}}, allowed_lateness: 100ms", "a@1=1|wm 10|a@2=2|wm 110", "|a:1 0-10 ON 0/0 t=9 F||a:2 0-10 LATE 1/1 t=9 L|"),
    ("accumulating: earlier rows again", FIXED % (EARLY_LATE + ", accumulation_mode: accumulating"), "a@1=1|a@2=2|wm 10|a@3=3", "a:1 0-10 EARLY 0/-1 t=9 F|a:1,2 0-10 EARLY 1/-1 t=9|a:1,2 0-10 ON 2/0 t=9|a:1,2,3 0-10 LATE 3/1 t=9|"),
    ("discarding: each row once", FIXED % (EARLY_LATE + ", accumulation_mode: discarding"), "a@1=1|a@2=2", "a:1 0-10 EARLY 0/-1 t=9 F|a:2 0-10 EARLY 1/-1 t=9|a: 0-10 ON 2/0 t=9 L"),
    ("accumulating sessions that merge: the rows of both", SESSIONS % (EARLY_LATE + ", accumulation_mode: accumulating"), "a@0=1|a@15=2|a@8=3", "a:1 0-10 EARLY 0/-1 t=9 F|a:2 15-25 EARLY 0/-1 t=24 F|a:1,2,3 0-25 EARLY 0/-1 t=24 F|a:1,2,3 0-25 ON 1/0 t=24 L"),
    # --- Times ---
    ("the time of a pane: the end of its window", FIXED % "", "a@3=1 a@5=2|wm 10", "|a:1,2 0-10 ON 0/0 t=9 FL|"),
    ("the earliest", FIXED % ", timestamp_combiner: earliest", "a@5=2 a@3=1|wm 10", "|a:1,2 0-10 ON 0/0 t=3 FL|"),
    ("the latest", FIXED % ", timestamp_combiner: latest", "a@5=2 a@3=1|wm 10", "|a:1,2 0-10 ON 0/0 t=5 FL|"),
    ("of rows that were not late", FIXED % ", timestamp_combiner: earliest, allowed_lateness: 100ms", "wm 4|a@3=1 a@5=2|wm 10", "||a:1,2 0-10 ON 0/0 t=5 F|"),
    ("where all were late the end of the window", FIXED % ", timestamp_combiner: earliest, allowed_lateness: 100ms", "wm 20|a@3=1", "|a:1 0-10 LATE 0/0 t=9 F|"),
]


# Two groupings, one behind the other: what the first gives out the second takes as its trigger says there.
BEHIND = [
    ("after_count(2) goes on as after_count(1)", FIXED % (REPEAT % "{after_count: 2}"), "a@1=1 a@2=2|a@3=3|a@4=4", "a:2 0-10 EARLY 0/-1 t=9 F||a:2 0-10 EARLY 1/-1 t=9|a:0 0-10 EARLY 2/-1 t=9; a: 0-10 ON 3/0 t=9 L"),
    ("the earliest time holds the watermark: what is given out later is not late behind", FIXED % ", timestamp_combiner: earliest, allowed_lateness: 100ms", "a@3=1|wm 10", "|a:1 0-10 ON 0/0 t=3 F|"),
    ("late panes are late behind, too", FIXED % ", allowed_lateness: 100ms", "a@3=1|wm 10|a@4=2", "|a:1 0-10 ON 0/0 t=9 F|a:1 0-10 LATE 1/1 t=9|"),
    ("closed sessions stay as they are", SESSIONS % "", "a@0=1|wm 20|a@25=2|wm 50", "|a:1 0-10 ON 0/0 t=9 FL||a:1 25-35 ON 0/0 t=34 FL|"),
]


def report(name, good, why=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + ("" if good else f" # {why}"))


def event(text):
    if text.startswith("wm "):
        return {"watermark": int(text[3:])}
    if text.startswith("+"):
        return {"advance": int(text[1:])}
    rows = [re.fullmatch(r"(\w+)@(-?\d+)=(-?\d+)", row).groups() for row in text.split()]
    return {"elements": [{"at": int(at), "row": {"k": k, "n": int(n)}} for k, at, n in rows]}


def pipeline(windowing, events, behind=False):
    """Beside the groups marks are printed, one after each event: what stands between two marks is of one event."""
    stream = []
    for i, text in enumerate(events):
        stream += [event(text), {"elements": [{"at": 0, "row": {"k": "#", "n": i}}]}]
    second = "    - {type: Combine, name: More, input: Groups, config: {group_by: k, combine: {v: {value: v, fn: group}}}}\n" if behind else ""
    return f"""pipeline:
  type: composite
  transforms:
    - type: TestStream
      name: In
      config: {{schema: "{{k: string, n: int64}}", events: {json.dumps(stream)}}}
    - {{type: Filter, name: Marks, input: In, config: {{language: sql, keep: "k = '#'"}}}}
    - {{type: LogForTesting, name: Log, input: Marks}}
    - {{type: Filter, name: Rows, input: In, config: {{language: sql, keep: "k <> '#'"}}}}
    - {{type: Combine, name: Groups, input: Rows, windowing: {windowing}, config: {{group_by: k, combine: {{v: {{value: n, fn: {"count" if behind else "group"}}}}}}}}}
{second}    - {{type: ExtractWindowingInfo, name: Info, input: {"More" if behind else "Groups"}, config: {{fields: [timestamp, window_start, window_end, pane_info]}}}}
    - {{type: LogForTesting, input: Info}}
"""


def ms(text):
    when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round((when - EPOCH) / datetime.timedelta(milliseconds=1))


def pane(row):
    p = row["pane_info"]
    marks = ("F" if p["is_first"] else "") + ("L" if p["is_last"] else "")
    timing = {"ON_TIME": "ON"}.get(p["timing"], p["timing"])
    values = ",".join(map(str, sorted(row["v"])))
    return f"{row['k']}:{values} {ms(row['window_start'])}-{ms(row['window_end'])} {timing} {p['index']}/{p['nonspeculative_index']} t={ms(row['timestamp'])}" + (f" {marks}" if marks else "")


def run(windowing, events, behind, *options):
    with tempfile.TemporaryDirectory() as tmp:
        file = pathlib.Path(tmp) / "rule.yaml"
        file.write_text(pipeline(windowing, events, behind))
        done = subprocess.run([BUILD / "leat", "flow", "run", file, "--quiet", *options], capture_output=True, text=True, timeout=60)
    if done.returncode:
        return done.stderr.strip()
    found = [[]]
    for row in map(json.loads, done.stderr.splitlines()):
        if row["k"] == "#":
            found.append([])
        else:
            found[-1].append(pane(row))
    return "|".join("; ".join(sorted(panes)) for panes in found)


def main():
    for name, windowing, events, want, behind in [(*rule, False) for rule in RULES] + [(*rule, True) for rule in BEHIND]:
        events = events.split("|")
        want = "|".join("; ".join(sorted(part.split("; "))) for part in want.split("|"))
        if want.count("|") < len(events):
            want += "|" * (len(events) - want.count("|"))
        for options in ([], ["--general-path"]):
            got = run(windowing, events, behind, *options)
            if got != want:
                report(name, False, f"{options}\n  want {want}\n  got  {got}")
                break
        else:
            report(name, True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

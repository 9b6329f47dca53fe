#!/usr/bin/env python3
"""leat flow as a user runs it: Ctrl-C, metrics while it runs, the live view, pictures, tests, variables, options."""
# SPDX-License-Identifier: Apache-2.0
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import xml.dom.minidom

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
LEAT = str(BUILD / "leat")
failures = 0


def report(name, good, why=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + ("" if good else f" # {str(why)[-600:]}"))


def flow(command, text, *options, stdin=None):
    (scratch / "p.yaml").write_text(text)
    return subprocess.run([LEAT, "flow", command, "p.yaml", *options], capture_output=True, text=True, cwd=scratch, timeout=60, input=stdin)


def chain(*transforms, more=""):
    return "pipeline:\n  type: chain\n  transforms:\n" + "".join(f"    - {t}\n" for t in transforms) + more


PIPE = chain(
    '{type: ReadFromCsv, name: Read, config: {path: "-", header: false, schema: {at: timestamp, k: string}, timestamp: {field: at}, error_handling: {output: bad}}}',
    "{type: Combine, name: Count, windowing: {type: fixed, size: 10s}, config: {group_by: k, combine: {n: count}}}",
    "{type: WriteToJson, name: Out, config: {path: out.json}}",
)


def start(text, *options, **more):
    (scratch / "p.yaml").write_text(text)
    more = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": scratch} | more
    return subprocess.Popen([LEAT, "flow", "run", "p.yaml", "--streaming", *options], **more)


def wait_for(what, seconds=10):
    end = time.time() + seconds
    while time.time() < end:
        try:
            if got := what():
                return got
        except (OSError, ValueError):
            pass
        time.sleep(0.02)
    return None


def files():
    return {f.name: f.read_text() for f in scratch.iterdir() if f.name != "p.yaml"}


def clean():
    for f in scratch.iterdir():
        f.unlink()


# --- Ctrl-C ---
def interrupt(threads):
    clean()
    p = start(PIPE, "--threads", threads, "--metrics-file", "m.json")
    p.stdin.write(b"2026-01-01 00:00:01,a\n2026-01-01 00:00:03,a\n2026-01-01 00:00:15,b\n")
    p.stdin.flush()
    first = "out-2026-01-01T00:00:00Z-2026-01-01T00:00:10Z.json"
    report(f"{threads} threads: a window is written while the pipe stays open", wait_for(lambda: first in files()), files())
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=20)
    got = files()
    report(f"{threads} threads: Ctrl-C drains", p.returncode == 0 and b"draining" in err, (p.returncode, err))
    report(f"{threads} threads: windows close and sinks are whole", got.get(first) == '{"k": "a", "n": 2}\n' and got.get("out-2026-01-01T00:00:10Z-2026-01-01T00:00:20Z.json") == '{"k": "b", "n": 1}\n' and len(got) == 3, got)
    report(f"{threads} threads: the metrics are those of the end", {t["name"]: t["rows_in"] for t in json.loads(got["m.json"])["transforms"]}["Out"] == 2, got["m.json"])


def interrupt_full_pipe():
    """Every whole line that was taken from a pipe comes out."""
    clean()
    text = "pipeline:\n  type: composite\n  transforms:\n"
    text += '    - {type: ReadFromText, name: Read, config: {path: "-"}}\n    - {type: WriteToText, name: File, input: Read, config: {path: file.txt}}\n'
    read, write = os.pipe()
    fcntl.fcntl(read, fcntl.F_SETPIPE_SZ, 1 << 20)
    os.set_blocking(write, False)
    p = start(text, "--threads", "1", stdin=read)
    sent, lines, end = 0, b"".join(b"line number %06d\n" % i for i in range(1000)), time.time() + 0.5
    while time.time() < end:
        try:
            sent += os.write(write, lines[sent % len(lines) :])
        except BlockingIOError:
            pass
    p.send_signal(signal.SIGINT)
    p.wait(timeout=20)
    os.set_blocking(read, False)
    left = 0
    try:
        while more := os.read(read, 1 << 20):
            left += len(more)
    except BlockingIOError:
        pass
    rows = files().get("file.txt", "").count("\n")
    report("Ctrl-C: no whole line that was read is lost", p.returncode == 0 and rows > 1000 and rows == (sent - left) // 19, (p.returncode, rows, (sent - left) / 19))
    os.close(read), os.close(write)


def interrupt_twice():
    """A flow that cannot drain, as nobody takes what it prints."""
    clean()
    text = "pipeline:\n  type: composite\n  transforms:\n"
    text += '    - {type: ReadFromText, name: Read, config: {path: "-"}}\n    - {type: WriteToText, name: File, input: Read, config: {path: file.txt}}\n    - {type: WriteToText, name: Out, input: Read, config: {path: "-"}}\n'
    read, write = os.pipe()
    p = start(text, "--threads", "1", stdout=write)
    os.set_blocking(p.stdin.fileno(), False)
    line, sent, end = b"x" * 999 + b"\n", 0, time.time() + 20
    while time.time() < end and sent < 3_000_000:  # until it takes no more
        try:
            sent += p.stdin.write(line * 60) or 0
        except BlockingIOError:
            pass
        _, ready, _ = select.select([], [p.stdin], [], 1.0)
        if not ready:
            break
    p.send_signal(signal.SIGINT)
    said = os.read(p.stderr.fileno(), 200)
    time.sleep(0.3)
    report("a flow that cannot drain goes on after the first Ctrl-C", p.poll() is None and b"draining" in said, (p.poll(), said))
    p.send_signal(signal.SIGINT)
    report("the second one ends it at once", wait_for(lambda: p.poll() is not None, 5) and p.returncode == -signal.SIGINT, p.returncode)
    report("nothing half-written has a final name", "file.txt" not in files(), list(files()))
    os.close(read), os.close(write)
    p.kill(), p.stdin.detach()


# --- Metrics ---
def parse_prometheus(text):
    """{sample: value}; fails where a line is not of the format or a family has no HELP and TYPE before it."""
    families, found = {}, {}
    for line in text.splitlines():
        if m := re.fullmatch(r"# (HELP|TYPE) ([a-z_]+) (.+)", line):
            families.setdefault(m[2], set()).add(m[1])
            continue
        m = re.fullmatch(r'([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*\})? ([-+]?(?:Inf|[0-9.e+-]+))', line)
        assert m and families.get(m[1]) == {"HELP", "TYPE"}, line
        assert m[1] + (m[2] or "") not in found, line
        found[m[1] + (m[2] or "")] = float(m[3])
    return found


def metrics():
    clean()
    p = start(PIPE, "--metrics-port", "0", "--metrics-file", "m.json")
    said = p.stderr.readline().decode()
    url = re.search(r"http://\S+/metrics", said)
    report("the port of the metrics is told", url, said)
    p.stdin.write(b"2026-01-01 00:00:01,a\n2026-01-01 00:00:03,a\n2026-01-01 00:00:15,b\nsoon,c\n")
    p.stdin.flush()

    def scrape():
        with urllib.request.urlopen(url[0], timeout=5) as r:
            assert r.headers["content-type"].startswith("text/plain; version=0.0.4"), r.headers
            got = parse_prometheus(r.read().decode())
        return got if got.get('leat_flow_rows_in_total{transform="Out"}') else None

    got = wait_for(scrape)
    report("Prometheus' form, while it runs", got, got)
    want = {'leat_flow_rows_out_total{transform="Read"}': 4, 'leat_flow_dead_letters_total{transform="Read"}': 1, 'leat_flow_rows_in_total{transform="Out"}': 1, 'leat_flow_watermark_timestamp_seconds{transform="Read"}': 1767225615}
    report("what Prometheus sees is what was done", got and all(got.get(k) == v for k, v in want.items()), got)
    fresh = wait_for(lambda: {t["name"]: t for t in json.loads((scratch / "m.json").read_text())["transforms"]}["Out"]["rows_in"] == 1)
    report("the file of the metrics is fresh", fresh, files().get("m.json"))
    try:
        urllib.request.urlopen(url[0] + "x", timeout=5)
        report("other pages are not there", False)
    except urllib.error.HTTPError as e:
        report("other pages are not there", e.code == 404, e.code)
    p.communicate(timeout=20)
    report("the end of the pipe ends it", p.returncode == 0, p.returncode)
    done = flow("run", PIPE, "--metrics-port", "70000", stdin="")
    report("a port that is none", done.returncode == 2 and "--metrics-port is a number from 0 to 65535" in done.stderr, done.stderr)


# --- The live view ---
def on_terminal(*argv, columns, rows):
    import fcntl
    import struct
    import termios

    pid, fd = pty.fork()
    if not pid:
        os.chdir(scratch)
        os.environ |= {"TERM": "xterm", "LC_ALL": "C.UTF-8"}
        os.execv(LEAT, [LEAT, *argv])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    out = b""
    while True:
        try:
            if not (got := os.read(fd, 65536)):
                break
            out += got
        except OSError:
            break
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return os.waitstatus_to_exitcode(status), out.decode()


ROWS = "{type: Create, config: {elements: [{at: '2026-01-01 00:00:01', k: a, n: 3}, {at: '2026-01-01 00:00:02', k: b, n: 1}, {at: '2026-01-01 00:01:00', k: a, n: 2}], schema: {at: timestamp}, timestamp: at}}"


def views():
    clean()
    (scratch / "p.yaml").write_text(chain(ROWS, "{type: WriteToJson, name: A sink whose name is rather too long to be shown whole, config: {path: o.json}}"))
    for columns in (50, 80, 120):
        code, out = on_terminal("flow", "run", "p.yaml", columns=columns, rows=24)
        lines = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", out).replace("\r", "").splitlines()
        report(f"the view of {columns} columns", code == 0 and "watermark" in out and any(line.startswith("Create") and " 3 " in line for line in lines) and max(map(len, lines)) < columns, out)
    code, out = on_terminal("flow", "run", "p.yaml", "--quiet", columns=80, rows=24)
    report("--quiet", code == 0 and out == "", out)
    done = flow("run", (scratch / "p.yaml").read_text())
    report("no view where there is no terminal", done.returncode == 0 and done.stderr == "" and done.stdout == "", done.stderr)


def bars():
    text = chain(ROWS, "{type: WindowInto, config: {windowing: {type: fixed, size: 1m}}}", "{type: DrawBars, config: {value: n, label: k, title: Numbers}}")
    done = flow("run", text)
    report("DrawBars: lines", sorted(done.stdout.splitlines()) == ["2026-01-01 00:00:00\ta\t3\t", "2026-01-01 00:00:00\tb\t1\t", "2026-01-01 00:01:00\ta\t2\t"], done.stdout + done.stderr)
    code, out = on_terminal("flow", "run", "p.yaml", columns=60, rows=24)
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", out.replace("\r", ""))
    full = "\u2588" * 33
    report("DrawBars: bars", code == 0 and "Numbers\n2026-01-01 00:00:00 to 2026-01-01 00:01:00" in plain and f"  a  {full} 3\n  b  {full[:11]} 1\n" in plain and f"  a  {full[:22]} 2\n" in plain, plain)
    done = flow("check", chain(ROWS, "{type: DrawBars, config: {value: k}}"))
    report("DrawBars: of texts", done.returncode == 1 and "the value of a bar is a number, not a string" in done.stderr, done.stderr)
    done = flow("check", chain(ROWS, "{type: DrawBars, config: {value: m}}"))
    report("DrawBars: of no field", done.returncode == 1 and "p.yaml:5" in done.stderr and "no field 'm'" in done.stderr, done.stderr)


# --- Pictures ---
def pictures():
    text = "pipeline:\n  type: composite\n  transforms:\n    - {type: Create, name: A <b>, config: {elements: [{k: a, n: 1}]}}\n    - {type: Filter, name: F, input: A <b>, config: {keep: n > 1, error_handling: {output: bad}}}\n    - {type: Combine, name: C, input: F, windowing: {type: sliding, size: 1m, period: 10s}, config: {group_by: k, combine: {n: sum}}}\n    - {type: Flatten, name: Both, input: [A <b>, F]}\n    - {type: WriteToNull, name: N, input: Both}\n    - {type: WriteToNull, name: E, input: F.bad}\n"
    done = flow("graph", text, "--format", "svg")
    try:
        page = xml.dom.minidom.parseString(done.stdout)
        texts = ["".join(n.data for n in t.childNodes if n.nodeType == n.TEXT_NODE) for t in page.getElementsByTagName("text")]
        boxes = [(float(r.getAttribute("x")), float(r.getAttribute("y")), float(r.getAttribute("width"))) for r in page.getElementsByTagName("rect")]
    except Exception as e:
        return report("svg", False, (e, done.stdout, done.stderr))
    report("svg: names, fields and windows", {"A <b>", "Combine", "{k: string, n: int64}", "sliding 1m/10s", "bad: global"} <= set(texts), texts)
    apart = all(a[1] != b[1] or a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] for i, a in enumerate(boxes) for b in boxes[:i])
    report("svg: boxes lie apart, in the picture", len(boxes) == 7 and apart and min(b[0] for b in boxes) >= 0, boxes)
    report("svg: light and dark", "prefers-color-scheme: dark" in done.stdout)
    done = flow("graph", text, "--format", "text")
    report("text: a tree", "A <b>  Create  global  {k: string, n: int64}\n  F  Filter" in done.stdout and "\n    bad -> E  WriteToNull\n" in done.stdout and "Both (above)" in done.stdout, done.stdout)
    done = flow("graph", text)
    report("dot: edges have fields and windows", 't0 -> t1 [label="global\\n{k: string, n: int64}"];' in done.stdout, done.stdout)
    done = flow("graph", text, "--format", "json")
    report("a format that is none", done.returncode == 2 and "dot, svg or text" in done.stderr, done.stderr)


# --- Tests of pipelines ---
TESTED = chain(
    "{type: ReadFromText, name: Read, config: {path: p.yaml}}",
    "{type: SplitWords, name: Words, config: {field: line}}",
    "{type: Combine, name: Count, config: {group_by: word, combine: {n: count}}}",
    "{type: WriteToJson, name: Out, config: {path: never.json}}",
)


def tests():
    clean()

    def test(*tests, format="text"):
        return flow("test", TESTED + "tests:\n" + "".join(f"  - {t}\n" for t in tests), "--format", format)

    words = "{name: counts, mock_outputs: [{name: Read, elements: [{line: a b a}]}], expected_outputs: [{name: Words, elements: [a, b, a]}, {name: Count, elements: [{word: a, n: 2}, {word: b, n: 1}]}]}"
    done = test(words, "{name: sink, mock_inputs: [{name: Count, elements: [{word: x}]}], expected_inputs: [{name: Out, elements: [{word: x, n: 1}]}]}")
    report("mocks and what is expected", done.returncode == 0 and done.stdout == "ok counts\nok sink\n2 tests, 0 failed\n", done.stdout + done.stderr)
    report("sinks that are not asked for are not run", "never.json" not in files())
    done = test(words.replace("n: 1", "n: 3").replace("counts", "wrong"), words)
    report("a test that fails shows the rows", done.returncode == 1 and done.stdout.startswith("not ok wrong\n") and "output of Count" in done.stdout and "\n  + {n: 1, word: b}\n  - {n: 3, word: b}\n" in done.stdout and "ok counts\n2 tests, 1 failed\n" in done.stdout, done.stdout)
    done = test(words.replace("n: 1", "n: 3"), format="json")
    report("the same as JSON", json.loads(done.stdout)[0]["ok"] is False and done.returncode == 1, done.stdout)
    for name, entry, says in [
        ("an unknown transform", "{name: t, expected_outputs: [{name: Cuont, elements: []}]}", "p.yaml:9:41: no transform 'Cuont' here; did you mean Count?"),
        ("no elements", "{name: t, expected_outputs: [{name: Count}]}", "p.yaml:9:34: expected {name: TRANSFORM"),
        ("nothing expected", "{name: t, mock_outputs: [{name: Read, elements: []}]}", "a test without expected_outputs"),
        ("an unknown key", "{name: t, expects: []}", "a test has no 'expects'"),
    ]:
        done = test(entry)
        report(f"tests: {name}", done.returncode == 1 and says in done.stdout, done.stdout + done.stderr)
    done = flow("test", TESTED)
    report("a file without tests", done.returncode == 1 and "has no tests" in done.stderr, done.stderr)


# --- Variables and options ---
def variables():
    clean()
    text = chain("{type: Create, config: {elements: [{a: {{ a }}, b: '{{b | default(\"none\")}}'}]}}", "{type: WriteToJson, config: {path: '-'}}")
    for options, says in ([["--set", "a=1"], '{"a": 1, "b": "none"}\n'], [["--set", "a=1", "b=x=y", "--quiet"], '{"a": 1, "b": "x=y"}\n'], [["--jinja_variables", '{"a": 7, "b": "z"}'], '{"a": 7, "b": "z"}\n']):
        done = flow("run", text, *options)
        report(f"variables: {options[1]}", done.stdout == says, done.stdout + done.stderr)
    for name, text, options, says in [
        ("one that is not set", text, ["--set", "aa=1"], "p.yaml:4:46: no variable 'a'; did you mean aa?; set it by --set a=VALUE"),
        ("a statement", "{% for x in y %}\n" + text, ["--set", "a=1"], "p.yaml:1:1: of Jinja only {{ variables }} are known"),
        ("a filter", text.replace("{{ a }}", "{{ a | upper }}"), ["--set", "a=1"], "no more is known"),
        ("no value", text, ["--set", "a"], "expected NAME=VALUE, not 'a'"),
    ]:
        done = flow("run", text, *options)
        report(f"variables: {name}", done.returncode == 1 and says in done.stderr, done.stderr)
    early = chain(ROWS, "{type: Combine, windowing: {type: fixed, size: 10s}, config: {combine: {n: sum}}}", "{type: WriteToNull}", more="options: {streaming: true, threads: 1, seed: 3, runner: DirectRunner}\n")
    done = flow("run", early, "--format", "json")
    report("options of the file", done.returncode == 0, done.stderr)
    for option, says in (("streming: true", "p.yaml:7:11: no option 'streming'; did you mean streaming?"), ("threads: 99", "threads is a number from 1 to 64"), ("runner: FlinkRunner", "--portable")):
        done = flow("check", chain(ROWS, "{type: WriteToNull}", "{type: WriteToNull}").replace("    - {type: WriteToNull}\n", "    - {type: Distinct}\n", 1) + "options: {" + option + "}\n")
        report(f"options: {option}", done.returncode == 1 and says in done.stderr, done.stderr)


def created():
    for name, create, says in [
        ("a schema that does not fit", "{elements: [{a: x}], schema: {a: int64}}", "p.yaml:4:46: Create (Create): 'a' is not int64"),
        ("an unknown type", "{elements: [{a: x}], schema: {a: in64}}", "in64"),
        ("a timestamp of no field", "{elements: [{a: x}], timestamp: b}", "no field 'b'"),
        ("a unit that is none", "{elements: [{a: 1}], timestamp: {field: a, unit: day}}", "expected unit: s, ms, us or ns"),
    ]:
        done = flow("check", chain("{type: Create, config: " + create + "}", "{type: WriteToNull}"))
        report(f"Create: {name}", done.returncode == 1 and says in done.stderr, done.stderr)
    done = flow("run", chain("{type: Create, config: {elements: [{a: 1.5}, {a: null}], timestamp: {field: a, unit: s}}}", "{type: WriteToNull}"))
    report("Create: a row without a time", done.returncode == 1 and "no time in 'a'" in done.stderr, done.stderr)
    done = flow("run", chain("{type: Create, config: {elements: [{a: 1.5}], schema: {a: 'float', b: 'string?'}, timestamp: {field: a, unit: s}}}".replace("a: 1.5}]", "a: 1.5, t: 1.5}]").replace("field: a", "field: t"), "{type: ExtractWindowingInfo, config: {fields: {at: timestamp}}}", "{type: WriteToJson, config: {path: '-'}}"))
    report("Create: types and times", done.stdout == '{"a": 1.5, "t": 1.5, "b": null, "at": "1970-01-01T00:00:01.500Z"}\n', done.stdout + done.stderr)
    listed = subprocess.run([LEAT, "flow", "transforms", "--format", "json"], capture_output=True, text=True)
    combine = [t for t in json.loads(listed.stdout) if t["type"] == "Combine"]
    report("transforms are listed", len(combine) == 1 and {"group_by", "combine"} <= set(combine[0]["config"]) and combine[0]["help"], listed.stdout + listed.stderr)
    done = flow("check", chain("{type: Sql}"))
    report("an unknown transform tells where they are listed", "p.yaml:4:14: no transform 'Sql'; `leat flow transforms` lists them" in done.stderr, done.stderr)
    done = flow("check", chain("{type: ReadFromText, config: {path: not/there}}"))
    report("a place is told once", done.stderr.count("p.yaml") == 1 and "no such file" in done.stderr, done.stderr)


def main():
    global scratch
    with tempfile.TemporaryDirectory() as tmp:
        scratch = pathlib.Path(tmp)
        interrupt("1")
        interrupt("2")
        interrupt_full_pipe()
        interrupt_twice()
        metrics()
        views()
        bars()
        pictures()
        tests()
        variables()
        created()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

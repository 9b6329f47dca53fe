#!/usr/bin/env python3
"""Help, manual pages and completions made of the command table; graph diff; the progress bar on a terminal only."""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LEAT = str(pathlib.Path(sys.argv[1]).resolve() / "leat")
failures = 0


def leat(*args, cwd=None):
    return subprocess.run([LEAT, *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=120)


def check(name, good, note=""):
    global failures
    failures += not good
    if not good:
        print("# " + str(note)[-600:].replace("\n", "\n# "))
    print(("ok " if good else "not ok ") + name)


def commands():
    listed = leat("help").stdout.split("commands:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines()]


def pages(names):
    check("help lists the commands", {"init", "data", "train", "evaluate", "predict", "completion"} <= set(names), names)
    installed = (ROOT / "tools" / "meson.build").read_text()
    for name in names:
        done, text = leat("help", "--man", name), leat("help", name)
        options = set(re.findall(r"^  (--[a-z._-]+)", text.stdout, re.M))
        plain = done.stdout.replace("\\-", "-")
        good = done.returncode == 0 and plain.startswith(f'.TH "leat-{name}" 1') and all(o in plain for o in options) and len(options) >= 2
        if shutil.which("groff"):
            groff = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=done.stdout, capture_output=True, text=True)
            good = good and groff.returncode == 0 and "warning" not in groff.stderr
        check(f"manual page of {name}: every option, installed", good and f"'{name}'" in installed, done.stdout[:300])
    check("manual page of the program", all(f"leat\\-{n}" in leat("help", "--man").stdout for n in names))
    check("help: no such command", leat("help", "trian").returncode == 2)


def completions(names):
    script = leat("completion", "bash").stdout
    def complete(*words):
        line = " ".join(f"'{w}'" for w in words)
        text = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _leat; echo ${{COMPREPLY[@]}}"
        return subprocess.run(["bash", "-c", text], capture_output=True, text=True).stdout.split()
    check("bash: commands", set(complete("leat", "")) == set(names))
    check("bash: the start of a command", complete("leat", "pred") == ["predict"])
    check("bash: verbs", set(complete("leat", "data", "")) == {"describe", "schema", "validate", "diff"})
    check("bash: options of a command", complete("leat", "evaluate", "m.yaml", "--slice") == ["--slice-by"])
    check("bash: fields of model.yaml", complete("leat", "train", "m.yaml", "--train.st") == ["--train.steps"])
    zsh = leat("completion", "zsh").stdout
    check("zsh: a case for each command", zsh.startswith("#compdef leat\n") and all(f"    {n})\n" in zsh for n in names))
    if shutil.which("zsh"):
        check("zsh: the script parses", subprocess.run(["zsh", "-n"], input=zsh, text=True).returncode == 0)
    check("completion: no such shell", leat("completion", "fish").returncode == 2)


def graphs(d):
    (d / "a.leat").write_text("leat graph 1\nnumerics 1\nfunc f(x: f32[2]) {\n  %1 = exp(%0) : f32[2]\n  %2 = tanh(%1) : f32[2]\n  return y=%2, z=%1\n}\n")
    text = (d / "a.leat").read_text()
    (d / "b.leat").write_text(text.replace("  %2 = tanh(%1)", "  %2 = neg(%1) : f32[2]\n  %3 = tanh(%2)").replace("y=%2", "y=%3"))
    (d / "c.leat").write_text(text.replace("tanh(%1)", "tanh(%0)"))
    done = leat("graph", "diff", "a.leat", "a.leat", cwd=d)
    check("graph diff: a graph and itself", done.returncode == 0 and "no differences" in done.stdout, done)
    done = leat("graph", "diff", "a.leat", "b.leat", cwd=d)
    changed = [line for line in done.stdout.splitlines() if line[:1] in "+-"]
    check("graph diff: one node more is one line", done.returncode == 1 and len(changed) == 1 and changed[0].startswith("+ ") and "neg" in changed[0], done)
    done = leat("graph", "diff", "a.leat", "c.leat", cwd=d)
    check("graph diff: another operand", done.returncode == 1 and "- " in done.stdout and "+   %2 = tanh(%0)" in done.stdout, done)
    done = leat("graph", "diff", "a.leat", "none.leat", cwd=d)
    check("graph diff: a missing file", done.returncode == 1 and "none.leat" in done.stderr, done)


def on_terminal(args, cwd):
    """Standard output and error of a command on a terminal."""
    out, pid_fd = b"", None
    pid, pid_fd = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.environ.update(TERM="xterm", LANG="C.UTF-8")
        os.environ.pop("NO_COLOR", None)
        os.execv(LEAT, [LEAT, *args])
    while True:
        try:
            piece = os.read(pid_fd, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    os.waitpid(pid, 0)
    return out.decode(errors="replace")


def terminals(d):
    shutil.copy(ROOT / "tests" / "messy" / "shop.csv", d)
    leat("init", "shop.csv", cwd=d)
    seen = on_terminal(["train", "model.yaml", "--job-dir", "job"], d)
    check("train draws a bar on a terminal", "[####" in seen and "step 750/750" in seen, seen)
    done = leat("train", "model.yaml", "--job-dir", "job2", cwd=d)
    check("and none elsewhere", "[#" not in done.stderr + done.stdout and "\033" not in done.stderr + done.stdout, done)
    check("describe has colours and blocks on a terminal", "\033[1m" in (s := on_terminal(["data", "describe", "shop.csv"], d)) and "█" in s, s)


def main():
    names = commands()
    pages(names)
    completions(names)
    with tempfile.TemporaryDirectory() as tmp:
        graphs(pathlib.Path(tmp))
        try:
            for fd in pty.openpty():
                os.close(fd)
        except OSError:
            print("ok on a terminal # SKIP no pseudo-terminals here")
        else:
            terminals(pathlib.Path(tmp))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

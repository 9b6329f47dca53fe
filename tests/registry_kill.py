#!/usr/bin/env python3
"""kill -9 at random moments of creations, deletions and new defaults: the registry stays whole. KILLS=200 for the long form."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import cli
import registry

KILLS = int(os.environ.get("KILLS", "20"))
# Commands one after another, each telling when it is done.
WORK = r'''
i=$1
while :; do
  i=$((i + 1))
  "$LEAT" versions create "v$i" --model m --origin job 2>/dev/null && echo "created v$i"
  "$LEAT" versions set-default "v$i" --model m >/dev/null 2>&1 && echo "default v$i"
  [ "$i" -gt 3 ] && old=$((i - 3)) && echo "deleting v$old" && "$LEAT" versions delete "v$old" --model m --quiet 2>/dev/null && echo "deleted v$old"
done
'''


def work_and_die(r, start):
    """What was told as done before the kill, and what had begun."""
    p = subprocess.Popen(["sh", "-c", WORK, "sh", str(start)], cwd=r.dir, env=dict(r.env, LEAT=cli.LEAT), stdout=subprocess.PIPE, text=True, start_new_session=True)
    time.sleep(0.02 + random.random() * 0.25)
    os.killpg(p.pid, 9)
    return p.communicate()[0].splitlines()


def model_of(events, known):
    """Versions that must be there, and the default, after these events. What was being deleted may be there or not."""
    there, default, open_end = set(known["there"]), known["default"], set()
    for e in events:
        what, name = e.split()
        if what == "created":
            there.add(name)
        elif what == "default":
            default = name
        elif what == "deleting":
            there.discard(name)
            open_end.add(name)
        else:
            open_end.discard(name)
    return there, default, open_end


def inspect(r, there, default, maybe):
    """The state after the next start; a list of what is wrong."""
    wrong = []
    listed = r.json("versions", "list", "--model", "m")
    if listed is None:
        return {}, ["versions list fails: " + r("versions", "list", "--model", "m").stderr]
    names = {v["name"].split("/")[-1]: v for v in listed}
    ready = {n for n, v in names.items() if v["state"] == "READY"}
    wrong += [f"{n} is lost" for n in there - ready]
    wrong += [f"{n} is {v['state']}" for n, v in names.items() if v["state"] not in ("READY", "FAILED")]
    numbers = [int(v["versionNumber"]) for v in listed]
    wrong += ["a number twice"] if len(set(numbers)) < len(numbers) else []
    now = r.json("models", "describe", "m").get("defaultVersion", {}).get("name", "").split("/")[-1]
    newest = max(names, key=lambda n: int(n[1:]), default="")
    wrong += [f"the default is {now}, not {default}"] if default and now not in (default, newest) else []
    hashes = {v["contentHash"] for v in listed if v["state"] == "READY"}
    objects = {p.name for p in (r.registry / "objects").iterdir()}
    wrong += [f"orphans {sorted(objects - hashes)}"] if objects - hashes else []
    wrong += [f"lost files {sorted(hashes - objects)}"] if hashes - objects else []
    wrong += ["an operation never ends"] if any(not o.get("done") for o in r.json("operations", "list")) else []
    return {"there": ready, "default": now, "last": max([int(n[1:]) for n in names] or [0]), "numbers": max(numbers or [0])}, wrong


def main():
    random.seed(os.environ.get("SEED", "1"))
    with tempfile.TemporaryDirectory() as tmp:
        d = pathlib.Path(tmp).resolve()
        registry.train(d)
        r = registry.Registry(d)
        r("models", "create", "m")
        known, problems, done, highest = {"there": set(), "default": "", "last": 0}, [], 0, 0
        for kill in range(KILLS):
            # the same content each time would hide lost files: another seed, another hash
            (d / "job" / "export" / "estimator").joinpath(next(iter(os.listdir(d / "job/export/estimator"))), "assets", "n").write_text(str(kill))
            events = work_and_die(r, known["last"])
            done += len(events)
            known, wrong = inspect(r, *model_of(events, known))
            problems += [f"kill {kill}: {w} (after {events[-4:]})" for w in wrong]
            if not known:
                break
            if known["numbers"] and known["numbers"] < highest:
                problems.append(f"kill {kill}: numbers went back from {highest} to {known['numbers']}")
            highest = max(highest, known["numbers"])
        predicted = r("predict", "--model", "m", "--json-instances", "one.json")
        problems += [] if predicted.returncode == 0 else ["the default does not predict: " + predicted.stderr]
        for p in problems[:10]:
            print("# " + p)
        print(("not ok " if problems else "ok ") + f"{KILLS} kills among {done} finished changes: consistent, no version lost, no orphan files")
        return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

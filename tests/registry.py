#!/usr/bin/env python3
"""The verbs on models, versions and operations: what they print, what they refuse, two processes at once, bad directories."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import cli

LEAT = cli.LEAT
failures = 0


class Registry:
    """Commands on one registry directory, or on the server that has it."""

    def __init__(self, d, name="reg", endpoint=None, **env):
        self.dir, self.registry, self.env = d, d / name, dict(os.environ, LEAT_REGISTRY=str(d / name), **env)
        self.endpoint = ["--endpoint", endpoint] if endpoint else []

    def __call__(self, *args, stdin=None):
        remote = self.endpoint if "--job-dir" not in args else []
        return subprocess.run([LEAT, *map(str, args), *remote], cwd=self.dir, input=stdin, env=self.env, capture_output=True, text=True, timeout=120)

    def json(self, *args):
        done = self(*args, "--format", "json")
        return json.loads(done.stdout) if done.returncode == 0 else None


def check(name, good, note=""):
    global failures
    failures += not good
    if not good:
        print("# " + str(note).replace("\n", "\n# ")[:1500])
    print(("ok " if good else "not ok ") + name)


def prints(name, done, code, stdout=None, stderr=None):
    """Whole texts where given; stderr as a regular expression."""
    good = done.returncode == code and (stdout is None or done.stdout == stdout) and (stderr is None or re.search(stderr, done.stderr))
    check(name, good, f"exit {done.returncode}\nstdout: {done.stdout}\nstderr: {done.stderr}")


def train(d):
    (d / "model.yaml").write_text(cli.MODEL)
    (d / "train.csv").write_text(cli.rows(300))
    done = cli.leat("train", "model.yaml", "--job-dir", "job", cwd=d)
    assert done.returncode == 0, done.stderr
    (d / "one.json").write_text('{"a": 3.5, "b": 2, "c": "p", "d": "w1"}\n')


def story(d, r):
    prints("a model is created", r("models", "create", "census"), 0, "", r"^Created ml engine model \[projects/local/models/census\]\.\n$")
    prints("models without versions", r("models", "list"), 0, "NAME    DEFAULT_VERSION_NAME\ncensus\n")
    prints("a version is created", r("versions", "create", "v1", "--model", "census", "--origin", "job"), 0, "",
           r"^Creating version \(this might take a few minutes\)\.+done\.\n$")
    prints("versions are listed", r("versions", "list", "--model", "census"), 0, f"NAME  DEPLOYMENT_URI{' ' * (len(str(d)) + 4 - 14)}  STATE\nv1    {d}/job  READY\n")
    prints("the first version is the default", r("models", "list"), 0, "NAME    DEFAULT_VERSION_NAME\ncensus  v1\n")
    by_name, by_dir = r("predict", "--model", "census", "--json-instances", "one.json"), r("predict", "--job-dir", "job", "--json-instances", "one.json")
    check("the version predicts as the job does", by_name.returncode == 0 and by_name.stdout == by_dir.stdout and "PROBABILITIES" in by_name.stdout, by_name)
    version = r.json("versions", "describe", "v1", "--model", "census")
    check("a version tells its lineage", version["lineage"]["step"] == 60 and version["lineage"]["seed"] == 1 and
          version["lineage"]["data"][0] == {"file": "train.csv", "bytes": (d / "train.csv").stat().st_size}, version)
    files = sorted(p.relative_to(d / "object") for p in (shutil.copytree(r.registry / "objects" / version["contentHash"], d / "object", dirs_exist_ok=True)).rglob("*") if p.is_file())
    listed = subprocess.run(["sha256sum", *map(str, files)], cwd=d / "object", capture_output=True).stdout
    check("its hash is that of sha256sum's list", subprocess.run(["sha256sum"], input=listed, capture_output=True).stdout.split()[0].decode() == version["contentHash"])
    done = r("versions", "describe", "v1", "--model", "census")
    prints("describe prints YAML", done, 0, None)
    check("its keys are in order, its times and numbers are quoted", re.search(r"^contentBytes: '\d+'\ncontentHash: [0-9a-f]{64}\ncreateTime: '20..-..-..T..:..:..Z'\n", done.stdout) and
          "  data:\n  - bytes: " in done.stdout and "isDefault: true\n" in done.stdout, done.stdout)


def more_versions(d, r):
    r("versions", "create", "v2", "--model", "census", "--origin", f"{d}/job/export/estimator", "--description", "the second", "--labels", "team=ads,stage=x")
    (d / "v3.yaml").write_text("description: from a file\nruntimeVersion: '1.4'\nmanualScaling: {nodes: 2}\n")
    prints("a version out of a file", r("versions", "create", "v3", "--model", "census", "--origin", "job", "--config", "v3.yaml", "--framework", "scikit-learn"), 0)
    v3 = r.json("versions", "describe", "v3", "--model", "census")
    check("what the file and the options say", (v3["description"], v3["runtimeVersion"], v3["manualScaling"], v3["framework"]) == ("from a file", "1.4", {"nodes": 2}, "SCIKIT_LEARN"), v3)
    prints("value(), --filter, --sort-by", r("versions", "list", "--model", "census", "--format", "value(name.basename(),versionNumber,labels)", "--filter", "versionNumber>1",
                                             "--sort-by", "~versionNumber"), 0, "v3\t3\t\nv2\t2\tteam=ads;stage=x\n")
    prints("csv() with labels of columns", r("versions", "list", "--model", "census", "--format", "csv(name.basename():label=Which,isDefault)", "--limit", "2"), 0,
           "which,is_default\nv1,True\nv2,\n")
    for text, wanted in [("labels.team=ads", "v2"), ("name:v*", "v1 v2 v3"), ("NOT labels.team:*", "v1 v3"), ("(name=*v1 OR description:file) AND state=READY", "v1 v3"),
                         ("description~'^the .econd$'", "v2"), ("isDefault=true", "v1"), ("-isDefault=true versionNumber<=2", "v2"), ("state!=READY", ""), ("second", "v2")]:
        done = r("versions", "list", "--model", "census", "--format", "value(name.basename())", "--filter", text)
        check(f"filter {text}", done.stdout.split() == wanted.split(), done)
    prints("pages are put together", r("versions", "list", "--model", "census", "--page-size", "1", "--format", "value(name.basename())"), 0, "v1\nv2\nv3\n")
    prints("nothing to list", r("models", "list", "--project", "other"), 0, "", "^Listed 0 items.\n$")
    done = r("versions", "set-default", "v2", "--model", "census")
    check("set-default prints the version", done.returncode == 0 and "isDefault: true\n" in done.stdout, done)
    prints("the default moved", r("models", "list", "--format", "value(defaultVersion.name.basename())"), 0, "v2\n")
    prints("the default cannot be deleted", r("versions", "delete", "v2", "--model", "census", "--quiet"), 1, "", "'v2' is the default of model 'census'")
    prints("a version is deleted", r("versions", "delete", "v1", "--model", "census"), 0, "", r"^Deleting version \[v1\]\.+done\.\n$")
    check("one content is kept once", len(list((r.registry / "objects").iterdir())) == 1)


def updates(d, r):
    prints("a model is updated", r("models", "update", "census", "--description", "who earns: more?", "--update-labels", "a=b,c=d"), 0, "", r"Updating model \[census\]\.+done")
    prints("labels are removed", r("models", "update", "census", "--remove-labels", "a"), 0)
    prints("what is not named stays", r("models", "describe", "census", "--format", "value(description,labels)"), 0, "who earns: more?\tc=d\n")
    check("YAML quotes what needs it", "description: 'who earns: more?'\n" in r("models", "describe", "census").stdout)
    prints("labels are cleared", r("models", "update", "census", "--clear-labels"), 0)
    prints("no update", r("models", "update", "census"), 0, "", "^No update to perform.\n$")
    prints("a version is updated", r("versions", "update", "v3", "--model", "census", "--update-labels", "x=y", "--config", "v3.yaml"), 1, "", "runtimeVersion.* cannot be updated")
    prints("bad labels", r("models", "update", "census", "--update-labels", "A=b"), 1, "", "Label 'A=b'")
    prints("labels that are none", r("models", "update", "census", "--update-labels", "Ab"), 1, "", "--update-labels is KEY=VALUE,..., not 'Ab'")


def operations(d, r):
    listed = r.json("operations", "list")
    check("operations tell what was done", {o["metadata"]["operationType"] for o in listed} == {"CREATE_VERSION", "DELETE_VERSION", "UPDATE_MODEL"} and all(o["done"] for o in listed), listed)
    name = listed[0]["name"].split("/")[-1]
    check("an operation is described", f"name: projects/local/operations/{name}\n" in r("operations", "describe", name).stdout)
    check("an operation is waited for", "name: projects/local/models/census" in r("operations", "wait", name).stdout)
    prints("a done one stays when it is cancelled", r("operations", "cancel", name), 0)
    prints("an unknown operation", r("operations", "describe", "none"), 1, "", "no operation 'none' in project 'local'")


def errors(d, r):
    prints("a name that is none", r("models", "create", "my-model"), 1, "", r"Field: model.name Error: model 'my-model': a name is a letter")
    prints("a model twice", r("models", "create", "census"), 1, "", "model 'census' exists already")
    prints("a version twice", r("versions", "create", "v2", "--model", "census", "--origin", "job"), 1, "", "version 'v2' of model 'census' exists already")
    prints("a model that is not there", r("models", "describe", "nobody"), 1, "", "no model 'nobody' in project 'local'")
    prints("its versions", r("versions", "list", "--model", "nobody"), 1, "", "no model 'nobody'")
    prints("predicting with it", r("predict", "--model", "nobody", "--json-instances", "one.json"), 1, "", "no model 'nobody'")
    prints("predicting with a version that is not there", r("predict", "--model", "census", "--version", "v9", "--json-instances", "one.json"), 1, "", "no version 'v9'")
    prints("a model with versions stays", r("models", "delete", "census", "--quiet"), 1, "", r"has versions \('v2', ...\): delete them first")
    prints("no origin", r("versions", "create", "v4", "--model", "census"), 1, "", "--origin is needed")
    prints("an origin that is not there", r("versions", "create", "v4", "--model", "census", "--origin", "nowhere"), 1, "", "nowhere: cannot find the model: No such file")
    prints("an origin elsewhere", r("versions", "create", "v4", "--model", "census", "--origin", "gs://bucket/x"), 1, "", "'gs://bucket/x' is not a directory of this machine")
    (d / "empty").mkdir(exist_ok=True)
    prints("an origin without a model", r("versions", "create", "bad", "--model", "census", "--origin", "empty"), 1, "", r"\.+failed\.\n.*empty: not a saved model, and nothing exported yet")
    bad = r.json("versions", "describe", "bad", "--model", "census")
    check("a failure is kept", bad["state"] == "FAILED" and "not a saved model" in bad["errorMessage"], bad)
    prints("a failed version does not predict", r("predict", "--model", "census", "--version", "bad", "--json-instances", "one.json"), 1, "", "'bad' of model 'census' is FAILED")
    prints("it is no default", r("versions", "set-default", "bad", "--model", "census"), 1, "", "is FAILED, not READY")
    prints("it can be deleted", r("versions", "delete", "bad", "--model", "census"), 0)
    shutil.copytree(next((r.registry / "objects").iterdir()), d / "torn", dirs_exist_ok=True)
    weights = d / "torn" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    prints("damaged weights", r("versions", "create", "torn", "--model", "census", "--origin", "torn"), 1, "", "weights.safetensors")
    (d / "bad.yaml").write_text("descripton: x\n")
    prints("an unknown field", r("versions", "create", "v5", "--model", "census", "--origin", "job", "--config", "bad.yaml"), 1, "", "Unknown name \"descripton\" at 'version'")
    (d / "bad.yaml").write_text("manualScaling: {nodes: many}\n")
    prints("a field of another type", r("versions", "create", "v5", "--model", "census", "--origin", "job", "--config", "bad.yaml"), 1, "", r"Invalid value at 'version.manualScaling.nodes' \(TYPE_INT32\), \"many\"")
    prints("a filter that is none", r("models", "list", "--filter", "name="), 1, "", r"filter 'name=', column 6: a key or a value was expected")
    prints("a format that is none", r("models", "list", "--format", "table("), 1, "", r"--format is yaml\|json\|table")
    prints("a limit that is none", r("models", "list", "--limit", "x"), 1, "", "--limit is a number from 1, not 'x'")
    prints("no verb", r("models"), 2, "", "one of create, list, describe, update, delete is needed")
    prints("a verb that is none", r("versions", "make", "x"), 2, "", "no verb 'make'; one of create, list")
    prints("no name", r("models", "create"), 2, "", "create MODEL is needed")
    prints("a word too much", r("models", "create", "a", "b"), 2, "", "'b' is not expected")
    prints("predict from two places", r("predict", "--model", "x", "--job-dir", "y"), 2, "", "one of --model, --model-dir and --job-dir")


def directories(d, r):
    fresh = Registry(d, "fresh")
    prints("a new registry is made", fresh("models", "list"), 0, "", "Listed 0 items")
    bad = Registry(d, "bad")
    (d / "bad").mkdir()
    (d / "bad" / "registry.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 32)
    prints("a damaged database", bad("models", "list"), 1, "", r"^leat: models: registry: \S+/bad/registry.db: .*(malformed|not a database)")
    strange = Registry(d, "strange")
    (d / "strange").mkdir()
    import sqlite3
    with sqlite3.connect(d / "strange" / "registry.db") as db:
        db.execute("CREATE TABLE t (x)")
    prints("another program's database", strange("models", "list"), 1, "", "not a registry's database")
    (d / "file").write_text("")
    prints("a file in the place", Registry(d, "file")("models", "list"), 1, "", r"/file/objects: cannot create|not a directory")
    xdg = Registry(d, XDG_DATA_HOME=str(d / "xdg"))
    del xdg.env["LEAT_REGISTRY"]
    xdg("models", "create", "x")
    check("the place of XDG_DATA_HOME", (d / "xdg/leat/registry/registry.db").exists())


def at_once(d, r):
    """Two processes create versions at the same time: all are there, numbered without a gap."""
    busy = Registry(d, "busy")
    busy("models", "create", "m")
    commands = [[LEAT, "versions", "create", f"v{i}", "--model", "m", "--origin", str(d / "job")] for i in range(16)]
    for i in range(0, 16, 4):
        running = [subprocess.Popen(c, env=busy.env, stderr=subprocess.PIPE) for c in commands[i:i + 4]]
        errors = [p.communicate()[1].decode() for p in running if p.wait() != 0 or True]
    listed = busy.json("versions", "list", "--model", "m")
    check("processes at once", sorted(int(v["versionNumber"]) for v in listed) == list(range(1, 17)) and all(v["state"] == "READY" for v in listed), errors)


def small_disk(d, r):
    """A file system of 300 KiB in a private mount namespace, where that is allowed: full, then read-only."""
    mount = d / "small"
    mount.mkdir()
    script = f"""mount -t tmpfs -o size=300k none {mount} && cd {d} && export LEAT_REGISTRY={mount}/reg
{LEAT} models create m
for i in 1 2 3 4 5 6 7 8 9; do mkdir -p o$i && cp -r job/export/estimator/* o$i/ && echo $i > o$i/$(ls o$i | head -1)/n && {LEAT} versions create v$i --model m --origin o$i || break; done
echo broke at $i
{LEAT} versions list --model m --format 'value(name.basename(),state)' --filter state=READY
{LEAT} predict --model m --json-instances one.json
mount -o remount,ro {mount} && {LEAT} models create other; {LEAT} models list; {LEAT} predict --model m --json-instances one.json
"""
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        print("ok a small disk # SKIP no private mounts here")
        return
    check("a full disk: one clear line", re.search(r"failed\.\nleat: versions: .*No space left on device|leat: versions: .*disk is full|leat: versions: .*No space left", done.stderr) and "broke at" in done.stdout, done.stderr)
    check("what was READY is, and predicts", "v1\tREADY\n" in done.stdout and done.stdout.count("PROBABILITIES") == 2, done.stdout + done.stderr)
    check("a read-only disk: it can be looked at", "the registry cannot be written" in done.stderr and "NAME  DEFAULT_VERSION_NAME\nm     v1\n" in done.stdout, done.stdout + done.stderr)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        d = pathlib.Path(tmp).resolve()
        train(d)
        r = Registry(d)
        for part in (story, more_versions, updates, operations, errors, directories, at_once, small_disk):
            part(d, r)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

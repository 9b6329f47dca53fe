#!/usr/bin/env python3
"""Flow against Apache Beam itself: its files of coders and trigger transcripts, its messages, Python's reading of rows, Java's check of a
pipeline. Installs apache-beam from PyPI and beam-sdks-java-core from Maven into build/interop on first use: `tests/interop/flow.py build`."""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import shutil
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
HOME = BUILD / "interop" / "flow"
PACKAGE = "apache-beam==2.77.0"
failures = 0

# What Python's SDK reads in the message: prints what it finds, a line each.
READER = r"""
import sys
from apache_beam import coders
from apache_beam.portability.api import beam_runner_api_pb2 as api, schema_pb2
from apache_beam.coders.row_coder import RowCoder
p = api.Pipeline()
p.ParseFromString(sys.stdin.buffer.read())
assert p.SerializeToString(deterministic=True)
parts = p.components
urns = sorted({t.spec.urn for t in parts.transforms.values() if t.spec.urn})
print("transforms", *(u.split(":")[2] for u in urns))
for t in parts.transforms.values():
    for child in t.subtransforms:
        assert child in parts.transforms, child
    for c in list(t.inputs.values()) + list(t.outputs.values()):
        assert parts.pcollections[c].coder_id in parts.coders, c
    if t.spec.urn == "beam:transform:pardo:v1" and t.unique_name == "Stateful/Do":
        do = api.ParDoPayload.FromString(t.spec.payload)
        print("dofn", do.do_fn.urn, *sorted(do.state_specs), *sorted(do.timer_family_specs), *sorted(do.side_inputs))
rows = [c for c in parts.coders.values() if c.spec.urn == "beam:coder:row:v1"]
for c in rows:
    schema = schema_pb2.Schema.FromString(c.spec.payload)
    print("row", *(f.name for f in schema.fields))
    RowCoder(schema)
print("windows", *sorted(w.window_fn.urn.split(":")[2] for w in parts.windowing_strategies.values()))
"""


def report(name, good, why=""):
    global failures
    failures += not good
    print(("ok " if good else "not ok ") + name + ("" if good else f" # {why}"), flush=True)


def run(*command, **more):
    return subprocess.run([str(c) for c in command], capture_output=True, timeout=600, **more)


def python():
    found = HOME / "venv/bin/python"
    if not found.exists():
        venv.create(HOME / "venv", with_pip=True)
    if run(found, "-c", "import apache_beam").returncode:
        print(f"# installing {PACKAGE}", flush=True)
        run(found, "-m", "pip", "install", "-q", PACKAGE)
    return found if not run(found, "-c", "import apache_beam").returncode else None


def java():
    """Class path with Beam's jars and our program; None with the reason where they cannot be had."""
    if not shutil.which("javac") or not shutil.which("mvn"):
        return None, "no JDK or Maven: apt install default-jdk-headless maven"
    jars = HOME / "jars"
    if not any(jars.glob("beam-sdks-java-core*")):
        done = run("mvn", "-q", "-B", "-f", HERE / "flow/pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={jars}")
        if done.returncode:
            return None, "Maven: " + done.stdout.decode().strip()[-200:]
    path = f"{jars}/*:{HOME}"
    done = run("javac", "-cp", path, "-d", HOME, HERE / "flow/Validate.java")
    return (path, "") if done.returncode == 0 else (None, done.stderr.decode()[-300:])


def beams_files(beam):
    """The files that come with the package."""
    place = pathlib.Path(run(beam, "-c", "import apache_beam; print(apache_beam.__path__[0])").stdout.decode().strip().splitlines()[-1])
    for program, file, least in (("flow-coders", "portability/api/standard_coders.yaml", 220), ("flow-transcripts", "testing/data/trigger_transcripts.yaml", 18)):
        done = run(BUILD / "tests" / program, place / file)
        lines = done.stdout.decode().splitlines()
        bad = [line for line in lines if not line.startswith("ok ") or "SKIP" in line]
        report(f"{program} {file}: {len(lines)} examples", done.returncode == 0 and not bad and len(lines) >= least, bad[:1] or len(lines))


def main():
    HOME.mkdir(parents=True, exist_ok=True)
    made = run(BUILD / "tests/interop_flow")
    report("the pipeline is written", made.returncode == 0 and len(made.stdout) > 1000, made.stderr.decode())
    beam = python()
    if beam:
        beams_files(beam)
        done = run(beam, "-c", READER, input=made.stdout)
        out = done.stdout.decode()
        report("Python's SDK reads it", done.returncode == 0, done.stderr.decode()[-300:])
        for want in ("transforms flatten group_by_key impulse pardo window_into", "row key n at",
                     "dofn leat:dofn:test:stateful:v1 bag list map set sum value event on_window_expiration processing in1 in2"):
            report("it has: " + want, want in out, out)
    else:
        print(f"ok Python's SDK reads it # SKIP {PACKAGE} cannot be installed")
    path, why = java()
    if path:
        done = run("java", "-cp", path, "Validate", input=made.stdout)
        out = done.stdout.decode()
        report("Java's PipelineValidator takes it", "valid\n" in out, done.stderr.decode()[-500:])
        report("Java's SDK reads its windows and coders", done.returncode == 0, done.stderr.decode()[-700:])
        for want in ("FixedWindows", "SlidingWindows", "Sessions", "SchemaCoder"):
            report("it has: " + want, want in out, out)
    else:
        print(f"ok Java's PipelineValidator takes it # SKIP {why}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""TFRecords, Examples and event files: TensorFlow reads ours, we read TensorFlow's. Run by run.py."""
# SPDX-License-Identifier: Apache-2.0
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile

import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

BUILD = pathlib.Path(sys.argv[1])
TOOL, LEAT = BUILD / "tests" / "interop_formats", BUILD / "leat"
failures = 0
MODEL = """estimator: DNNClassifier
hidden_units: [8]
label: {column: y, vocabulary: ["no", "yes"]}
features:
  a: {numeric: {normalize: z_score}}
  tags: {hash: 50, values: any, embedding: 3}
data: {train: FILE, eval: FILE}
train: {batch_size: 16, steps: 60, shuffle: 50, log_steps: 10}
"""


def check(name, good, note=""):
    global failures
    failures += not good
    if not good and note:
        print(f"# {note}")
    print(("ok " if good else "not ok ") + name, flush=True)


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        print(f"# {command}: {done.stderr.strip()}")
    return done.stdout


def values(feature):
    kind = feature.WhichOneof("kind")
    if kind is None:
        return []
    v = getattr(feature, kind).value
    return [b.hex() for b in v] if kind == "bytes_list" else list(v)


def same(a, b):
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    number = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
    a, b = (number.get(x, x) if isinstance(x, str) else x for x in (a, b))
    return a == b or (isinstance(a, float) and isinstance(b, float) and struct.pack("<f", a) == struct.pack("<f", b))


def meaning(message):
    out = {k: values(f) for k, f in (message.context if hasattr(message, "context") else message.features).feature.items()}
    if hasattr(message, "feature_lists"):
        out.update({k: [values(f) for f in l.feature] for k, l in message.feature_lists.feature_list.items()})
    return out


def read_by_leat(path):
    return [json.loads(line) for line in run(TOOL, "read", path).splitlines()]


def equal(ours, theirs):
    return len(ours) == len(theirs) and all(a.keys() == b.keys() and all(same(a[k], b[k]) for k in a) for a, b in zip(ours, theirs))


def they_read_ours(d):
    run(TOOL, "write", d)
    for name, how, kind in (("example", "", tf.train.Example), ("example.gz", "GZIP", tf.train.Example), ("example.zlib", "ZLIB", tf.train.Example), ("sequence", "", tf.train.SequenceExample)):
        path = d / f"{name}.tfrecord"
        theirs = [meaning(kind.FromString(r.numpy())) for r in tf.data.TFRecordDataset(str(path), compression_type=how)]
        check(f"TensorFlow reads our {path.name}", len(theirs) == 20 and equal(read_by_leat(path), theirs))
    spec = {"ints": tf.io.VarLenFeature(tf.int64), "floats": tf.io.FixedLenFeature([2], tf.float32), "bytes": tf.io.FixedLenFeature([2], tf.string)}
    batch = tf.io.parse_example([r.numpy() for r in tf.data.TFRecordDataset(str(d / "example.tfrecord"))], spec)
    check("tf.io.parse_example takes our Examples", batch["floats"].shape == (20, 2) and batch["bytes"].numpy()[3].tolist() == [b"a\0\xff", b""])


def examples():
    for i in range(300):
        f = {"a": tf.train.Feature(float_list=tf.train.FloatList(value=[i % 17 + 0.5])),
             "tags": tf.train.Feature(bytes_list=tf.train.BytesList(value=[f"t{k}".encode() for k in range(i % 4)])),
             "n": tf.train.Feature(int64_list=tf.train.Int64List(value=[i, -i, 1 << 62])),
             "y": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"yes" if i % 17 > 8 else b"no"]))}
        yield tf.train.Example(features=tf.train.Features(feature=f))


def we_read_theirs(d):
    checkpoint = None
    for how in ("", "GZIP", "ZLIB"):
        path, job = d / f"theirs{how}.tfrecord", d / f"job{how}"
        with tf.io.TFRecordWriter(str(path), how) as w:
            for e in examples():
                w.write(e.SerializeToString())
        check(f"we read TensorFlow's {how or 'plain'} TFRecords", equal(read_by_leat(path), [meaning(e) for e in examples()]))
        (d / "model.yaml").write_text(MODEL.replace("FILE", str(path)))
        out = run(LEAT, "train", d / "model.yaml", "--job-dir", job, "--profile")
        checkpoint = checkpoint or job / "ckpt-60"
        check(f"we train on them ({how or 'plain'})", "accuracy" in out and " 0 differences" in run(LEAT, "ckpt", "diff", checkpoint, job / "ckpt-60"))


def events(job):
    """The board's own reader sees the scalars and histograms that ours sees; the graph, where there is one."""
    for run_dir in (job, job / "eval"):
        board = EventAccumulator(str(run_dir), size_guidance={"scalars": 0, "histograms": 0, "tensors": 0})
        board.Reload()
        ours = [json.loads(line) for line in run(TOOL, "events", run_dir).splitlines()]
        tags = board.Tags()
        scalars = [["scalar", t, e.step, e.value] for t in tags["scalars"] for e in board.Scalars(t)]
        histograms = [["histogram", t, e.step, h.min, h.max, h.num, h.sum, h.sum_squares] for t in tags["histograms"] for e in board.Histograms(t) for h in [e.histogram_value]]
        mine = sorted(ours, key=lambda e: e[:3])
        check(f"TensorBoard reads our events of {run_dir.name}: {len(scalars)} scalars, {len(histograms)} histograms",
              len(scalars) > 0 and same(mine, sorted(scalars + histograms, key=lambda e: e[:3])))
        if tags["graph"]:
            names = {n.name for n in board.Graph().node}
            check("TensorBoard reads our graph", len(names) > 0)
        for tag in tags["run_metadata"]:
            stats = [n for d in board.RunMetadata(tag).step_stats.dev_stats for n in d.node_stats]
            check(f"TensorBoard reads the times of {len(stats)} groups, all nodes of the graph", len(stats) > 10 and all(n.node_name in names for n in stats))


def we_read_their_events(d):
    with tf.compat.v1.Graph().as_default():
        w = tf.compat.v1.summary.FileWriter(str(d / "tf"))
        for step in range(5):
            w.add_summary(tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(tag="x", simple_value=step / 3)]), step)
        w.close()
    ours = [json.loads(line) for line in run(TOOL, "events", d / "tf").splitlines()]
    check("we read TensorFlow's events", same(ours, [["scalar", "x", s, struct.unpack("<f", struct.pack("<f", s / 3))[0]] for s in range(5)]))


with tempfile.TemporaryDirectory() as tmp:
    folder = pathlib.Path(tmp)
    they_read_ours(folder)
    we_read_theirs(folder)
    events(folder / "job")
    we_read_their_events(folder)
sys.exit(1 if failures else 0)

// The logs that the tests of the board's page look at: a few runs with every kind of data, and a large set
// for timing.
// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { EventFile, png, wav } from "./events.mjs";

/** A small generator of numbers in [0, 1), the same ones for the same seed. */
export function randoms(seed) {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), s | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function normals(seed) {
  const next = randoms(seed);
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

function histogramOf(mean, spread, bins = 30) {
  const rows = [];
  const left = mean - 4 * spread;
  const width = (8 * spread) / bins;
  for (let i = 0; i < bins; i++) {
    const x = left + (i + 0.5) * width;
    const count = Math.round(1000 * Math.exp(-0.5 * ((x - mean) / spread) ** 2));
    rows.push([left + i * width, left + (i + 1) * width, count]);
  }
  return rows;
}

function prRows(quality, thresholds = 51) {
  const positives = 1000;
  const negatives = 3000;
  const rows = [[], [], [], [], [], []];
  for (let i = 0; i < thresholds; i++) {
    const t = i / (thresholds - 1);
    const tp = Math.round(positives * (1 - t ** quality));
    const fp = Math.round(negatives * (1 - t ** (1 / quality)) ** 1.2);
    const values = [tp, fp, negatives - fp, positives - tp, tp / Math.max(1, tp + fp), tp / positives];
    values.forEach((v, r) => rows[r].push(v));
  }
  return rows;
}

export const GRAPH = [
  { name: "input/features", op: "Placeholder", shape: [-1, 14] },
  { name: "input/labels", op: "Placeholder", shape: [-1, 1] },
  ...[0, 1, 2].flatMap((i) => {
    const from = i ? `dnn/hiddenlayer_${i - 1}/Relu` : "input/features";
    const units = [100, 70, 50][i];
    const scope = `dnn/hiddenlayer_${i}`;
    return [
      { name: `${scope}/kernel`, op: "VariableV2", shape: [i ? [100, 70, 50][i - 1] : 14, units] },
      { name: `${scope}/bias`, op: "VariableV2", shape: [units] },
      { name: `${scope}/MatMul`, op: "MatMul", inputs: [from, `${scope}/kernel`], shape: [-1, units] },
      {
        name: `${scope}/BiasAdd`,
        op: "BiasAdd",
        inputs: [`${scope}/MatMul`, `${scope}/bias`],
        shape: [-1, units],
      },
      { name: `${scope}/Relu`, op: "Relu", inputs: [`${scope}/BiasAdd`], shape: [-1, units] },
    ];
  }),
  { name: "dnn/logits/kernel", op: "VariableV2", shape: [50, 1] },
  {
    name: "dnn/logits/MatMul",
    op: "MatMul",
    inputs: ["dnn/hiddenlayer_2/Relu", "dnn/logits/kernel"],
    shape: [-1, 1],
  },
  { name: "head/Sigmoid", op: "Sigmoid", inputs: ["dnn/logits/MatMul"], shape: [-1, 1] },
  {
    name: "head/loss/CrossEntropy",
    op: "SigmoidCrossEntropyWithLogits",
    inputs: ["dnn/logits/MatMul", "input/labels"],
    shape: [-1, 1],
  },
  { name: "head/loss/Mean", op: "Mean", inputs: ["head/loss/CrossEntropy"], shape: [] },
  { name: "train/gradients", op: "Gradients", inputs: ["head/loss/Mean"], shape: [] },
  {
    name: "train/Adagrad",
    op: "ApplyAdagrad",
    inputs: ["train/gradients", "dnn/hiddenlayer_0/kernel", "dnn/hiddenlayer_1/kernel", "^head/Sigmoid"],
  },
];

/** Five runs with every kind of data under `root`; steps 0..steps-1. */
export function writeEverything(root, steps = 300) {
  const settings = [
    ["sgd/a", 0.01, "sgd", 0.25],
    ["sgd/b", 0.03, "sgd", 0.2],
    ["adam/a", 0.001, "adam", 0.15],
    ["adam/b", 0.003, "adam", 0.12],
    ["adam/c", 0.01, "adam", 0.3],
  ];
  settings.forEach(([name, rate, optimizer, floor], r) => {
    const noise = normals(r + 1);
    const w = new EventFile(join(root, name), { start: 1500000000 + 1000 * r });
    w.wall = (step) => w.start + step * (1 + 0.1 * r);
    w.hparams({ learning_rate: rate, optimizer, layers: 2 + (r % 3), dropout: r % 2 === 0 });
    for (let s = 0; s < steps; s++) {
      const loss = floor + Math.exp((-s * (r + 2)) / 120) + 0.05 * noise() * Math.exp(-s / 200);
      const values = {
        "train/loss": loss,
        "train/accuracy": 1 - loss / 2 + 0.02 * noise(),
        "train/learning_rate": rate * 0.99 ** s,
      };
      if (s % 10 === 0)
        Object.assign(values, { "eval/loss": loss + 0.05, "eval/accuracy": 1 - loss / 2 - 0.03 });
      values["gradients/norm"] = 10 ** (1 - s / 100 + 0.2 * noise());
      w.scalars(s, values);
      if (s % 15 === 0) {
        w.histogram(s, "weights/hiddenlayer_0", histogramOf(0.3 * Math.sin(s / 60), 0.3 + s / 300));
        w.histogram(s, "weights/logits", histogramOf(s / steps, 0.2 + 0.1 * r));
      }
      if (s % 50 === 0) {
        const shade = (x, y) =>
          [128 + 127 * Math.sin((x + s) / 9), 128 + 127 * Math.cos((y * (r + 1)) / 9), (s * 255) / steps].map(
            Math.round,
          );
        w.images(s, "samples/generated", 48, 32, [png(48, 32, shade), png(48, 32, (x, y) => shade(y, x))]);
        w.prCurve(s, "eval/pr", prRows(1.5 + s / 60 + 0.3 * r));
        w.text(
          s,
          "notes/epoch",
          `## Epoch ${s / 50}\n\nloss is **${loss.toFixed(3)}**\n\n| metric | value |\n| --- | --- |\n| loss | ${loss.toFixed(4)} |\n\n<script>window.hacked = 1</script>`,
        );
      }
    }
    if (r === 0) w.audio(0, "samples/tone", [wav(8000, 4000, (i) => 0.5 * Math.sin(i / 5))]);
    if (r < 2) {
      w.graph(GRAPH);
      w.runMetadata(
        10,
        "step_10",
        GRAPH.map((n, i) => ({
          name: n.name,
          startUs: 10 * i,
          timeUs: 1 + ((i * 37) % 90),
          bytes: 64 * (1 + ((i * 53) % 400)),
        })),
      );
    }
    w.hparamsEnd();
    w.close();
  });
}

/** `runs` runs of `tags` scalars at `steps` steps: the large logs of the benchmarks. */
export function writeScalars(root, runs, tags, steps) {
  for (let r = 0; r < runs; r++) {
    const noise = randoms(r + 1);
    const w = new EventFile(join(root, `run_${String(r).padStart(3, "0")}`));
    for (let s = 0; s < steps; s++) {
      for (let t = 0; t < tags; t++)
        w.scalars(s, { [`group_${t % 4}/tag_${t}`]: Math.exp(-s / (300 + 5 * r)) + 0.1 * noise() });
    }
    w.close();
  }
}

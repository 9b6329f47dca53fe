// Writes event files as TensorFlow, PyTorch and Keras do, for the tests of the board's page.
// SPDX-License-Identifier: Apache-2.0
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";

// ---- protobuf wire form and TFRecord frames

const CRC = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0x82f63b78 : n >>> 1;
  return n >>> 0;
});

function maskedCrc(bytes) {
  let crc = 0xffffffff;
  for (const b of bytes) crc = CRC[(crc ^ b) & 255] ^ (crc >>> 8);
  crc = (crc ^ 0xffffffff) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function varint(value) {
  const bytes = [];
  let v = BigInt.asUintN(64, BigInt(value));
  for (; v > 127n; v >>= 7n) bytes.push(Number(v & 127n) | 128);
  return Buffer.from([...bytes, Number(v)]);
}

const key = (field, wire) => varint((field << 3) | wire);
export const int = (field, value) => Buffer.concat([key(field, 0), varint(value)]);
export const bytes = (field, value) => {
  const b = Buffer.from(value);
  return Buffer.concat([key(field, 2), varint(b.length), b]);
};
export const message = (field, ...parts) => bytes(field, Buffer.concat(parts));
const double = (field, value) => {
  const b = Buffer.alloc(8);
  b.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), b]);
};
const float = (field, value) => {
  const b = Buffer.alloc(4);
  b.writeFloatLE(value);
  return Buffer.concat([key(field, 5), b]);
};

// ---- pictures

function pngCrc(b) {
  let crc = 0xffffffff;
  for (const x of b) {
    crc ^= x;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function chunk(name, body) {
  const data = Buffer.concat([Buffer.from(name), body]);
  const b = Buffer.alloc(8 + data.length);
  b.writeUInt32BE(body.length, 0);
  data.copy(b, 4);
  b.writeUInt32BE(pngCrc(data), 4 + data.length);
  return b;
}

/** A PNG of width x height; pixel(x, y) gives [r, g, b]. */
export function png(width, height, pixel) {
  const rows = [];
  for (let y = 0; y < height; y++) {
    rows.push(0);
    for (let x = 0; x < width; x++) rows.push(...pixel(x, y));
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const magic = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([
    magic,
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(Buffer.from(rows))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** A WAV of one channel; sample(i) gives -1..1. */
export function wav(rate, count, sample) {
  const b = Buffer.alloc(44 + 2 * count);
  b.write("RIFF", 0);
  b.writeUInt32LE(36 + 2 * count, 4);
  b.write("WAVEfmt ", 8);
  b.writeUInt32LE(16, 16);
  b.writeUInt16LE(1, 20);
  b.writeUInt16LE(1, 22);
  b.writeUInt32LE(rate, 24);
  b.writeUInt32LE(2 * rate, 28);
  b.writeUInt16LE(2, 32);
  b.writeUInt16LE(16, 34);
  b.write("data", 36);
  b.writeUInt32LE(2 * count, 40);
  for (let i = 0; i < count; i++) b.writeInt16LE(Math.round(32767 * sample(i)), 44 + 2 * i);
  return b;
}

// ---- a graph: nodes are {name, op, inputs, shape}

const shapeProto = (dims) => Buffer.concat(dims.map((d) => message(2, int(1, d))));
const attr = (name, value) => message(5, bytes(1, name), message(2, value));

export function graphDef(nodes) {
  return Buffer.concat(
    nodes.map(({ name, op, inputs = [], shape, device = "" }) =>
      message(
        1,
        bytes(1, name),
        bytes(2, op),
        ...inputs.map((i) => bytes(3, i)),
        bytes(4, device),
        attr("T", int(6, 1)),
        ...(shape ? [attr("_output_shapes", message(1, message(7, shapeProto(shape))))] : []),
      ),
    ),
  );
}

// ---- tensors (DT_FLOAT 1, DT_DOUBLE 2, DT_STRING 7) and values

const tensor = (dtype, dims, content) =>
  Buffer.concat([int(1, dtype), message(2, shapeProto(dims)), content]);
const plugin = (name, content = "") => message(9, message(1, bytes(1, name), bytes(2, content)));
const hparamValue = (v) =>
  typeof v === "number" ? double(2, v) : typeof v === "boolean" ? int(4, v ? 1 : 0) : bytes(3, String(v));

/** One event file of a run; every method appends events at a step. */
export class EventFile {
  constructor(directory, { suffix = "host", start = 1500000000, append = false } = {}) {
    mkdirSync(directory, { recursive: true });
    this.path = join(directory, `events.out.tfevents.${Math.floor(start)}.${suffix}`);
    this.start = start;
    this.fd = openSync(this.path, append ? "a" : "w");
    this.pending = [];
    this.size = 0;
    if (!append) this.event(0, start, bytes(3, "brain.Event:2"));
  }

  event(step, wall, body) {
    const data = Buffer.concat([double(1, wall), int(2, step), body]);
    const frame = Buffer.alloc(12);
    frame.writeBigUInt64LE(BigInt(data.length));
    frame.writeUInt32LE(maskedCrc(frame.subarray(0, 8)), 8);
    const tail = Buffer.alloc(4);
    tail.writeUInt32LE(maskedCrc(data));
    this.pending.push(frame, data, tail);
    this.size += data.length + 16;
    if (this.size > 1 << 20) this.flush();
  }

  flush() {
    if (this.pending.length) writeSync(this.fd, Buffer.concat(this.pending));
    this.pending = [];
    this.size = 0;
  }

  close() {
    this.flush();
    closeSync(this.fd);
  }

  value(step, tag, ...parts) {
    this.event(step, this.wall?.(step) ?? this.start + step, message(5, message(1, bytes(1, tag), ...parts)));
  }

  /** Several tags at one step in one event, as TensorFlow 1 writes them. */
  scalars(step, values) {
    const all = Object.entries(values).map(([tag, v]) => message(1, bytes(1, tag), float(2, v)));
    this.event(step, this.wall?.(step) ?? this.start + step, message(5, ...all));
  }

  histogram(step, tag, buckets) {
    this.value(
      step,
      tag,
      plugin("histograms"),
      message(
        8,
        tensor(2, [buckets.length, 3], bytes(4, Buffer.from(new Float64Array(buckets.flat()).buffer))),
      ),
    );
  }

  images(step, tag, width, height, pictures) {
    const strings = [String(width), String(height), ...pictures].map((s) => bytes(8, s));
    this.value(step, tag, plugin("images"), message(8, tensor(7, [strings.length], Buffer.concat(strings))));
  }

  audio(step, tag, wavs) {
    this.value(
      step,
      tag,
      plugin("audio", int(2, 11)),
      message(
        8,
        tensor(7, [wavs.length, 2], Buffer.concat(wavs.flatMap((w) => [bytes(8, w), bytes(8, "")]))),
      ),
    );
  }

  text(step, tag, text) {
    this.value(step, tag, plugin("text"), message(8, tensor(7, [], bytes(8, text))));
  }

  /** counts: rows TP, FP, TN, FN, precision, recall, each of T thresholds. */
  prCurve(step, tag, rows) {
    const content = Buffer.from(new Float32Array(rows.flat()).buffer);
    this.value(
      step,
      tag,
      plugin("pr_curves", int(2, rows[0].length)),
      message(8, tensor(1, [6, rows[0].length], bytes(4, content))),
    );
  }

  graph(nodes) {
    this.event(0, this.start, bytes(4, graphDef(nodes)));
  }

  /** nodes: {name, startUs, timeUs, bytes}: StepStats of one device. */
  runMetadata(step, tag, nodes, device = "/device:CPU:0") {
    const stats = nodes.map((n) =>
      message(
        2,
        bytes(1, n.name),
        int(2, n.startUs),
        int(3, 0),
        int(4, n.timeUs),
        int(5, n.timeUs),
        message(6, bytes(1, "cpu"), int(2, n.bytes), int(3, n.bytes)),
      ),
    );
    const metadata = message(1, message(1, bytes(1, device), ...stats));
    this.event(step, this.start + step, message(8, bytes(1, tag), bytes(2, metadata)));
  }

  hparams(values, group = "", start = this.start) {
    const map = Object.entries(values).map(([name, v]) =>
      message(1, bytes(1, name), message(2, hparamValue(v))),
    );
    const info = message(3, ...map, bytes(4, group), double(5, start));
    this.value(
      0,
      "_hparams_/session_start_info",
      plugin("hparams", Buffer.concat([int(1, 0), info])),
      message(8, tensor(1, [], Buffer.alloc(0))),
    );
  }

  hparamsEnd(status = 1, end = this.start + 100) {
    const info = message(4, int(1, status), double(2, end));
    this.value(
      0,
      "_hparams_/session_end_info",
      plugin("hparams", Buffer.concat([int(1, 0), info])),
      message(8, tensor(1, [], Buffer.alloc(0))),
    );
  }
}

// Drawing curves and areas on a canvas between given limits.
// SPDX-License-Identifier: Apache-2.0

export type Numbers = ArrayLike<number>;

export interface Curve {
  key: string | number; // what is highlighted together
  label: string;
  color: string;
  dash: number[];
  x: Numbers; // ascending
  y: Numbers;
  ghost: Numbers | null; // drawn faintly behind: the points before smoothing
}

export interface Area {
  key: string | number;
  label: string;
  color: string;
  alpha: number;
  x: Numbers;
  low: Numbers;
  high: Numbers;
  middle: Numbers | null; // drawn as a line
}

/** Where values lie on the canvas. */
export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
  x0: number;
  x1: number;
  y0: number;
  y1: number;
  logX: boolean;
  logY: boolean;
}

type Place = (value: number) => number;

function placer(v0: number, v1: number, from: number, size: number, log: boolean): Place {
  if (log) {
    const l0 = Math.log10(v0);
    const k = size / (Math.log10(v1) - l0);
    return (v) => (v > 0 ? from + (Math.log10(v) - l0) * k : NaN);
  }
  const k = size / (v1 - v0);
  return (v) => from + (v - v0) * k;
}

export function places(f: Frame): [Place, Place] {
  return [
    placer(f.x0, f.x1, f.left, f.width, f.logX),
    placer(f.y0, f.y1, f.top + f.height, -f.height, f.logY),
  ];
}

/** The first position whose x is not below `value`. */
export function lowerBound(x: Numbers, value: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function nearest(x: Numbers, value: number): number {
  const i = lowerBound(x, value);
  if (i === 0) return 0;
  if (i === x.length) return i - 1;
  return value - x[i - 1]! <= x[i]! - value ? i - 1 : i;
}

function trace(
  ctx: CanvasRenderingContext2D,
  x: Numbers,
  y: Numbers,
  from: number,
  to: number,
  px: Place,
  py: Place,
): void {
  let down = false;
  let single = false; // a point between gaps would be invisible as a line
  ctx.beginPath();
  for (let i = from; i < to; i++) {
    const a = px(x[i]!);
    const b = py(y[i]!);
    if (!Number.isFinite(a) || !Number.isFinite(b)) {
      if (single) ctx.lineTo(px(x[i - 1]!) + 0.5, py(y[i - 1]!));
      down = single = false;
    } else if (down) {
      ctx.lineTo(a, b);
      single = false;
    } else {
      ctx.moveTo(a, b);
      down = single = true;
    }
  }
  ctx.stroke();
}

function dots(
  ctx: CanvasRenderingContext2D,
  curve: Curve,
  from: number,
  to: number,
  px: Place,
  py: Place,
  radius: number,
): void {
  ctx.fillStyle = curve.color;
  for (let i = from; i < to; i++) {
    const a = px(curve.x[i]!);
    const b = py(curve.y[i]!);
    if (!Number.isFinite(a) || !Number.isFinite(b)) continue;
    ctx.beginPath();
    ctx.arc(a, b, radius, 0, 2 * Math.PI);
    ctx.fill();
  }
}

/** A mark on the floor where a value is NaN or infinite. */
function strays(
  ctx: CanvasRenderingContext2D,
  curve: Curve,
  from: number,
  to: number,
  px: Place,
  floor: number,
  size: number,
): void {
  const y = curve.ghost ?? curve.y;
  ctx.fillStyle = curve.color;
  for (let i = from; i < to; i++) {
    if (Number.isFinite(y[i]!)) continue;
    const a = px(curve.x[i]!);
    ctx.beginPath();
    ctx.moveTo(a - size, floor);
    ctx.lineTo(a + size, floor);
    ctx.lineTo(a, floor - 1.6 * size);
    ctx.fill();
  }
}

/** Draws everything inside the frame; `hot` is drawn above the others, which step back. */
export function paint(
  ctx: CanvasRenderingContext2D,
  f: Frame,
  curves: readonly Curve[],
  areas: readonly Area[],
  hot: string | number | null,
  ratio: number,
): void {
  const [px, py] = places(f);
  const many = curves.length > 12;
  const order =
    hot === null ? curves : [...curves].sort((a, b) => Number(a.key === hot) - Number(b.key === hot));
  ctx.save();
  ctx.beginPath();
  const room = 3 * ratio; // dots at the edge are seen whole
  ctx.rect(f.left - room, f.top - room, f.width + 2 * room, f.height + 2 * room);
  ctx.clip();
  ctx.lineJoin = "round";
  for (const area of areas) {
    const n = area.x.length;
    ctx.globalAlpha = area.alpha;
    ctx.fillStyle = area.color;
    ctx.beginPath();
    for (let i = 0; i < n; i++) ctx.lineTo(px(area.x[i]!), edge(py(area.high[i]!), f));
    for (let i = n - 1; i >= 0; i--) ctx.lineTo(px(area.x[i]!), edge(py(area.low[i]!), f));
    ctx.fill();
  }
  for (const area of areas) {
    if (!area.middle) continue;
    ctx.globalAlpha = 1;
    ctx.strokeStyle = area.color;
    ctx.lineWidth = 1.5 * ratio;
    trace(ctx, area.x, area.middle, 0, area.x.length, px, py);
  }
  const span = (x: Numbers): [number, number] => [
    Math.max(0, lowerBound(x, f.x0) - 1),
    Math.min(x.length, lowerBound(x, f.x1) + 1),
  ];
  ctx.lineWidth = ratio;
  for (const curve of order) {
    if (!curve.ghost) continue;
    ctx.globalAlpha = hot === null || curve.key === hot ? 0.22 : 0.06;
    ctx.strokeStyle = curve.color;
    trace(ctx, curve.x, curve.ghost, ...span(curve.x), px, py);
  }
  for (const curve of order) {
    const [from, to] = span(curve.x);
    const lit = hot === null || curve.key === hot;
    ctx.globalAlpha = lit ? 1 : 0.25;
    ctx.strokeStyle = curve.color;
    ctx.lineWidth = (curve.key === hot ? 2.2 : many ? 1 : 1.5) * ratio;
    ctx.setLineDash(curve.dash.map((d) => d * ratio));
    trace(ctx, curve.x, curve.y, from, to, px, py);
    ctx.setLineDash([]);
    if (to - from <= 3 || (!many && to - from <= 15)) dots(ctx, curve, from, to, px, py, 2.2 * ratio);
    strays(ctx, curve, from, to, px, f.top + f.height, 3 * ratio);
  }
  ctx.restore();
}

function edge(y: number, f: Frame): number {
  return Number.isFinite(y) ? y : f.top + f.height; // zero and below on a log axis: the floor
}

// Histograms of one tag of one run: a ridge of all steps one behind the other, or all laid over each other.
// SPDX-License-Identifier: Apache-2.0
import { choose, runName, view } from "./board";
import * as colors from "./colors";
import { h, press, segmented } from "./dom";
import { number } from "./format";
import { fetchTag, linkTool, StepCard, stepPage, type Shown, type Step } from "./plugin";
import { tool } from "./toolbar";
import * as tooltip from "./tooltip";

type Bucket = [number, number, number]; // left, right, count; infinite ends come as strings
type Wire = [number, number, Bucket[]][]; // wall time, step, buckets

interface Histogram extends Step {
  buckets: Bucket[];
}

const BINS = 80; // of a drawn outline
const SHOWN = 40; // steps of a ridge

/** Counts on even bins between low and high: each bucket's count is spread evenly over it. */
export function rebin(buckets: Bucket[], low: number, high: number, bins: number): Float64Array {
  const out = new Float64Array(bins);
  const width = (high - low) / bins;
  for (const [left, right, count] of buckets) {
    if (count === 0) continue;
    if (right <= left) {
      const i = Math.min(bins - 1, Math.max(0, Math.floor((left - low) / width)));
      out[i] = out[i]! + count;
      continue;
    }
    const from = Math.max(0, Math.floor((left - low) / width));
    const to = Math.min(bins - 1, Math.floor((right - low) / width));
    for (let i = from; i <= to; i++) {
      const overlap = Math.min(right, low + (i + 1) * width) - Math.max(left, low + i * width);
      if (overlap > 0) out[i] = out[i]! + (count * overlap) / (right - left);
    }
  }
  return out;
}

class HistogramCard extends StepCard<Histogram> {
  private readonly canvas = h("canvas", { role: "img", "aria-label": "Histograms" });
  private readonly tag: string;
  private low = 0;
  private high = 1;
  private outlines: Float64Array[] = [];
  private rows: { y: number; index: number }[] = [];

  constructor(shown: Shown) {
    super(shown);
    this.tag = shown.info.tag;
    this.body.classList.add("histogram");
    this.body.append(this.canvas);
    this.canvas.addEventListener("mousemove", (e) => this.point(e));
    this.canvas.addEventListener("mouseleave", () => tooltip.hide());
  }

  protected async load(signal: AbortSignal): Promise<Histogram[]> {
    const wire = await fetchTag<Wire>("histograms", "histograms", this.tag, this.run, { max: SHOWN }, signal);
    const steps = wire
      .filter(([, , buckets]) => buckets.length > 0)
      .map(([wall_time, step, buckets]) => ({
        wall_time,
        step,
        buckets: buckets.map((b) => b.map(Number) as Bucket),
      }));
    const ends = steps
      .flatMap((s) => s.buckets.filter((b) => b[2] > 0).flatMap(([left, right]) => [left, right]))
      .filter(Number.isFinite);
    this.low = ends.reduce((a, b) => Math.min(a, b), Infinity);
    this.high = ends.reduce((a, b) => Math.max(a, b), -Infinity);
    if (!(this.low < this.high))
      [this.low, this.high] = Number.isFinite(this.low) ? [this.low - 1, this.high + 1] : [0, 1];
    this.outlines = steps.map((s) => rebin(s.buckets, this.low, this.high, BINS));
    return steps;
  }

  protected told(step: Histogram): string {
    return `step ${step.step}`;
  }

  protected draw(): void {
    const { clientWidth: width, clientHeight: height } = this.body;
    const ratio = devicePixelRatio;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const ctx = this.canvas.getContext("2d")!;
    ctx.scale(ratio, ratio);
    const ink = colors.theInk();
    const at = this.at();
    const n = this.steps.length;
    const area = { left: 12, right: width - 46, top: 26, bottom: height - 22 };
    const ridge = view.histograms === "ridge" && n > 1;
    const rise = ridge ? Math.min(70, 0.35 * height) : area.bottom - area.top - 4;
    const peak = Math.max(1e-9, ...this.outlines.map((o) => o.reduce((a, b) => Math.max(a, b), 0)));
    const px = (i: number): number => area.left + ((i + 0.5) / BINS) * (area.right - area.left);
    const base = (i: number): number =>
      ridge ? area.top + rise * 0.6 + ((area.bottom - area.top - rise * 0.6) * i) / (n - 1) : area.bottom;
    this.axis(ctx, area, ink);
    this.rows = [];
    const color = colors.ofRun(this.run, runName(this.run));
    const order = ridge
      ? this.outlines.map((_, i) => i)
      : [...this.outlines.keys()].sort((a, b) => Number(a === at) - Number(b === at));
    for (const i of order) {
      const outline = this.outlines[i]!;
      const floor = base(i);
      this.rows.push({ y: floor, index: i });
      ctx.beginPath();
      ctx.moveTo(area.left, floor);
      outline.forEach((v, k) => ctx.lineTo(px(k), floor - (v / peak) * rise));
      ctx.lineTo(area.right, floor);
      const age = n > 1 ? i / (n - 1) : 1; // later ones are fuller
      if (ridge) {
        ctx.globalAlpha = 1;
        ctx.fillStyle = mix(ink.ground, color, 0.2 + 0.55 * age);
        ctx.fill();
        ctx.strokeStyle = i === at ? ink.text : ink.ground;
        ctx.lineWidth = i === at ? 1.8 : 0.9;
      } else {
        ctx.globalAlpha = i === at ? 1 : 0.15 + 0.35 * age;
        ctx.strokeStyle = i === at ? ink.text : color;
        ctx.lineWidth = i === at ? 2 : 1;
      }
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
    if (ridge) {
      ctx.fillStyle = ink.faint;
      ctx.textAlign = "left";
      for (const i of [0, n - 1]) ctx.fillText(String(this.steps[i]!.step), area.right + 5, base(i) + 3);
      if (at !== 0 && at !== n - 1) {
        ctx.fillStyle = ink.text;
        if (Math.abs(base(at) - base(0)) > 12 && Math.abs(base(at) - base(n - 1)) > 12)
          ctx.fillText(String(this.steps[at]!.step), area.right + 5, base(at) + 3);
      }
    }
    this.canvas.setAttribute(
      "aria-label",
      `Histograms of ${this.tag} at ${n} steps, from ${number(this.low)} to ${number(this.high)}`,
    );
  }

  private axis(
    ctx: CanvasRenderingContext2D,
    area: { left: number; right: number; top: number; bottom: number },
    ink: colors.Ink,
  ): void {
    ctx.font = "11px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.strokeStyle = ink.grid;
    ctx.fillStyle = ink.faint;
    ctx.lineWidth = 1;
    const rough = (this.high - this.low) / 5;
    const decade = 10 ** Math.floor(Math.log10(rough));
    const every = [1, 2, 5, 10].map((m) => m * decade).find((s) => s >= rough) ?? rough;
    for (let k = Math.ceil(this.low / every); k * every <= this.high; k++) {
      const x = area.left + ((k * every - this.low) / (this.high - this.low)) * (area.right - area.left);
      ctx.beginPath();
      ctx.moveTo(x, area.top);
      ctx.lineTo(x, area.bottom);
      ctx.stroke();
      ctx.fillText(number(k * every), x, area.bottom + 15);
    }
  }

  private point(event: MouseEvent): void {
    const { width } = this.canvas.getBoundingClientRect();
    const bin = Math.floor(((event.offsetX - 12) / (width - 58)) * BINS);
    if (bin < 0 || bin >= BINS || !this.steps.length) return tooltip.hide();
    const ridge = view.histograms === "ridge" && this.steps.length > 1;
    const near = ridge
      ? this.rows.reduce((a, b) =>
          Math.abs(b.y - event.offsetY - 6) < Math.abs(a.y - event.offsetY - 6) ? b : a,
        ).index
      : this.at();
    const step = this.steps[near]!;
    const size = (this.high - this.low) / BINS;
    const from = this.low + bin * size;
    const color = colors.ofRun(this.run, runName(this.run));
    const total = step.buckets.reduce((sum, b) => sum + b[2], 0);
    tooltip.show(
      event.clientX,
      event.clientY,
      `step ${step.step}`,
      [],
      [
        {
          color,
          label: `${number(from)} … ${number(from + size)}`,
          cells: [`≈ ${number(this.outlines[near]![bin]!, 4)}`],
          strong: true,
        },
        { color: "transparent", label: "all", cells: [number(total, 6)], strong: false },
      ],
    );
  }
}

/** A colour between two of "#rrggbb". */
export function mix(a: string, b: string, t: number): string {
  const part = (c: string, i: number): number => parseInt(c.slice(1 + 2 * i, 3 + 2 * i), 16);
  const out = [0, 1, 2].map((i) => Math.round(part(a, i) + (part(b, i) - part(a, i)) * t));
  return `rgb(${out.join(" ")})`;
}

function modeTool(): ReturnType<typeof tool> {
  const mode = segmented(
    "How steps are laid out",
    [
      ["ridge", "Ridge"],
      ["overlay", "Overlay"],
    ] as const,
    view.histograms,
    (v) => choose({ histograms: v }),
  );
  return tool(mode, () => press(mode, view.histograms));
}

export const histograms = stepPage(
  "histograms",
  "Histograms",
  "histograms",
  (shown) => new HistogramCard(shown),
  () => [modeTool(), linkTool()],
);

// A chart: uPlot's axes, cursor and selection around our own curves (each with its own x), with a tooltip
// and zoom.
// SPDX-License-Identifier: Apache-2.0
import uPlot from "uplot";
import { theInk } from "./colors";
import { h, perFrame } from "./dom";
import { clock, duration, number, short, ticks } from "./format";
import { nearest, paint, places, type Area, type Curve, type Frame, type Numbers } from "./paint";
import * as tooltip from "./tooltip";

export type AxisKind = "count" | "number" | "duration" | "clock";

/** What a chart shows. Limits that are null are those of the data. */
export interface Plot {
  curves: Curve[];
  areas: Area[];
  xKind: AxisKind;
  xLabel: string;
  logX: boolean;
  logY: boolean;
  x: readonly [number, number] | null;
  y: readonly [number, number] | null;
  outliers: boolean; // the limits of y leave out the lowest and highest twentieth
}

export interface ChartEvents {
  zoom?: (x0: number, x1: number) => void;
  reset?: () => void;
}

const ROWS = 14; // of a tooltip
const DURATIONS = [
  1e-3, 1e-2, 0.1, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
  172800, 432000, 864000, 2592000,
];

type Limits = [number, number];

/** Decades, with 2 and 5 between where there are few. */
function logSplits(min: number, max: number): number[] {
  const from = Math.floor(Math.log10(min));
  const to = Math.ceil(Math.log10(max));
  const every = Math.max(1, Math.ceil((to - from) / 8));
  const steps = to - from <= 1 ? [1, 1.5, 2, 3, 5, 7] : to - from <= 3 ? [1, 2, 5] : [1];
  const splits: number[] = [];
  for (let e = from; e <= to; e += every) for (const m of steps) splits.push(Number(`${m}e${e}`));
  return splits.filter((v) => v >= min && v <= max);
}

function widen([low, high]: Limits, log: boolean): Limits {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return log ? [0.1, 10] : [0, 1];
  if (log) {
    const pad = Math.max((high / low) ** 0.05, 1.05);
    return [low / pad, high * pad];
  }
  const span = high - low;
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (span <= size * 1e-6) return size === 0 ? [-1, 1] : [low - size * 0.1, high + size * 0.1];
  return [low - 0.05 * span, high + 0.05 * span];
}

export class Chart {
  readonly root: HTMLElement;
  private u: uPlot | null = null;
  private shape = ""; // what uPlot cannot change later
  private plot: Plot | null = null;
  private xs: Limits = [0, 1];
  private ys: Limits = [0, 1];
  private own: Limits | null = null; // a zoom of y, of this chart alone
  private hot: string | number | null = null;
  private readonly dot = h("div", { class: "chart-dot", hidden: true });
  private readonly resizer: ResizeObserver;
  private readonly repaint = perFrame(() => this.u?.redraw(false, false));

  constructor(private readonly events: ChartEvents = {}) {
    this.root = h("div", {
      class: "chart",
      tabindex: 0,
      role: "img",
      "aria-label": "Chart",
      onkeydown: (e: KeyboardEvent) => this.key(e),
      onblur: () => this.leave(),
    });
    this.resizer = new ResizeObserver(perFrame(() => this.resize()));
    this.resizer.observe(this.root);
  }

  destroy(): void {
    this.resizer.disconnect();
    this.u?.destroy();
    this.u = null;
    tooltip.hide();
  }

  /** Pixels of the plot's width, or a guess before the first drawing. */
  width(): number {
    return Math.max(
      60,
      Math.round(this.u?.bbox.width ? this.u.bbox.width / uPlot.pxRatio : this.root.clientWidth - 60),
    );
  }

  show(plot: Plot, label: string): void {
    this.plot = plot;
    this.root.setAttribute("aria-label", label);
    this.limits();
    const shape = [plot.xKind, plot.logX, plot.logY].join();
    if (!this.u || shape !== this.shape) this.build(shape);
    else this.u.setData([this.xs, [null, null]] as uPlot.AlignedData);
  }

  restyle(): void {
    this.u?.redraw(false, true);
  }

  highlight(key: string | number | null): void {
    if (key === this.hot) return;
    this.hot = key;
    this.repaint();
  }

  resetY(): void {
    this.own = null;
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (this.u && width && height && (this.u.width !== width || this.u.height !== height))
      this.u.setSize({ width, height });
  }

  private limits(): void {
    const plot = this.plot!;
    let x0 = Infinity;
    let x1 = -Infinity;
    for (const { x } of [...plot.curves, ...plot.areas]) {
      let i = 0;
      while (plot.logX && i < x.length && x[i]! <= 0) i++;
      if (i >= x.length) continue;
      x0 = Math.min(x0, x[i]!);
      x1 = Math.max(x1, x[x.length - 1]!);
    }
    const log: Limits = plot.logX ? [Number.MIN_VALUE, Infinity] : [-Infinity, Infinity];
    if (plot.x && plot.x[1] > log[0]) [x0, x1] = [plot.logX && plot.x[0] <= 0 ? x0 : plot.x[0], plot.x[1]];
    if (!(x0 <= x1)) [x0, x1] = plot.logX ? [1, 10] : [0, 1];
    else if (x0 === x1) [x0, x1] = plot.logX ? [x0 / 2, x1 * 2] : [x0 - 1, x1 + 1];
    this.xs = [x0, x1];
    this.ys = plot.y ? [...plot.y] : (this.own ?? this.limitsOfY());
    if (plot.logY && this.ys[0] <= 0) this.ys = this.limitsOfY();
  }

  private limitsOfY(): Limits {
    const { curves, areas, logY, outliers } = this.plot!;
    const [x0, x1] = this.xs;
    const kept: number[] = [];
    let low = Infinity;
    let high = -Infinity;
    const look = (x: Numbers, y: Numbers): void => {
      for (let i = 0; i < x.length; i++) {
        const v = y[i]!;
        if (x[i]! < x0 || x[i]! > x1 || !Number.isFinite(v) || (logY && v <= 0)) continue;
        if (outliers) kept.push(v);
        if (v < low) low = v;
        if (v > high) high = v;
      }
    };
    for (const curve of curves) {
      look(curve.x, curve.y);
      if (curve.ghost && !outliers) look(curve.x, curve.ghost);
    }
    for (const area of areas) for (const y of [area.low, area.high]) look(area.x, y);
    if (kept.length > 20) {
      const sorted = Float64Array.from(kept).sort();
      [low, high] = [
        sorted[Math.floor(0.05 * (kept.length - 1))]!,
        sorted[Math.ceil(0.95 * (kept.length - 1))]!,
      ];
    }
    return widen([low, high], logY);
  }

  private build(shape: string): void {
    this.u?.destroy();
    this.shape = shape;
    const plot = this.plot!;
    const axis = {
      stroke: () => theInk().faint,
      font: "11px system-ui, sans-serif",
      ticks: { show: false },
      grid: { stroke: () => theInk().grid, width: 1 },
    };
    const written: Record<AxisKind, (v: number) => string> = {
      count: short,
      number: (v) => number(v),
      duration,
      clock,
    };
    const log = {
      splits: (_: uPlot, __: number, min: number, max: number) => logSplits(min, max),
      filter: (_: uPlot, s: number[]) => s,
    };
    const values = (_: uPlot, all: number[]): string[] =>
      plot.xKind === "count" ? ticks(all) : all.map(written[plot.xKind]);
    const options: uPlot.Options = {
      width: this.root.clientWidth || 300,
      height: this.root.clientHeight || 200,
      padding: [8, 18, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: plot.xKind === "clock", distr: plot.logX ? 3 : 1, range: () => this.xs },
        y: { distr: plot.logY ? 3 : 1, range: () => this.ys },
      },
      axes: [
        {
          ...axis,
          size: 26,
          space: 60,
          ...(plot.xKind === "clock" ? {} : { values }),
          ...(plot.xKind === "duration" ? { incrs: DURATIONS } : {}),
          ...(plot.logX ? log : {}),
        },
        {
          ...axis,
          space: 32,
          values: (_, all) => all.map((v) => number(v)),
          size: (_, all) => 14 + 6.3 * Math.max(3, ...(all ?? []).map((t) => t.length)),
          ...(plot.logY ? log : {}),
        },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      cursor: {
        points: { show: false },
        drag: { x: true, y: true, uni: 24, setScale: false, dist: 4 },
        bind: { dblclick: () => () => (this.reset(), null) },
      },
      hooks: {
        draw: [() => this.draw()],
        setCursor: [() => this.point()],
        setSelect: [() => this.select()],
      },
    } as uPlot.Options;
    this.u = new uPlot(options, [this.xs, [null, null]] as uPlot.AlignedData, this.root);
    this.u.over.append(this.dot);
    this.u.over.addEventListener("mouseleave", () => this.leave());
    this.u.over.addEventListener("pointermove", (e) => {
      if (e.pointerType === "touch") this.u!.setCursor({ left: e.offsetX, top: e.offsetY });
    });
  }

  private frame(): Frame {
    const { left, top, width, height } = this.u!.bbox;
    const { logX, logY } = this.plot!;
    return {
      left,
      top,
      width,
      height,
      x0: this.xs[0],
      x1: this.xs[1],
      y0: this.ys[0],
      y1: this.ys[1],
      logX,
      logY,
    };
  }

  private draw(): void {
    const { curves, areas } = this.plot!;
    paint(this.u!.ctx, this.frame(), curves, areas, this.hot, uPlot.pxRatio);
  }

  private select(): void {
    const u = this.u!;
    const { left, top, width, height } = u.select;
    const tall = height < u.bbox.height / uPlot.pxRatio - 1;
    const wide = width < u.bbox.width / uPlot.pxRatio - 1;
    if (width + height === 0) return;
    const [x0, x1] = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
    const [y0, y1] = [u.posToVal(top + height, "y"), u.posToVal(top, "y")];
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (tall && height > 4) {
      this.own = [y0, y1];
      this.ys = [y0, y1];
      u.setData([this.xs, [null, null]] as uPlot.AlignedData);
    }
    if (wide && width > 4 && x1 > x0) this.events.zoom?.(x0, x1);
  }

  private reset(): void {
    this.own = null;
    if (this.plot) this.show(this.plot, this.root.getAttribute("aria-label") ?? "");
    this.events.reset?.();
  }

  private leave(): void {
    tooltip.hide();
    this.dot.hidden = true;
  }

  private point(): void {
    const u = this.u;
    const plot = this.plot;
    if (!u || !plot || u.cursor.left === undefined || u.cursor.left < 0 || u.select.width > 0)
      return this.leave();
    const { left, top = 0 } = u.cursor;
    const x = u.posToVal(left, "x");
    const [px, py] = places(this.frame());
    const found = plot.curves.map((curve) => {
      const i = nearest(curve.x, x);
      const ratio = uPlot.pxRatio;
      return {
        curve,
        i,
        value: curve.y[i]!,
        left: (px(curve.x[i]!) - u.bbox.left) / ratio,
        top: (py(curve.y[i]!) - u.bbox.top) / ratio,
      };
    });
    const near = found.filter((p) => Number.isFinite(p.value) && Math.abs(p.left - left) < 40);
    const far = (p: { top: number; left: number }): number => Math.hypot(p.top - top, 0.3 * (p.left - left));
    const best = near.length ? near.reduce((a, b) => (far(b) < far(a) ? b : a)) : null;
    const bands = plot.areas
      .map((area) => ({ area, i: nearest(area.x, x) }))
      .filter((b) => b.area.x.length > 0);
    if (!best && !bands.length) return this.leave();
    near.sort((a, b) => b.value - a.value);
    const at = best ? near.indexOf(best) : 0;
    const from = Math.max(0, Math.min(at - ROWS / 2, near.length - ROWS));
    const ghosts = plot.curves.some((c) => c.ghost);
    const rows: tooltip.Row[] = near.slice(from, from + ROWS).map((p) => ({
      color: p.curve.color,
      label: p.curve.label,
      cells: ghosts
        ? [number(p.value, 5), p.curve.ghost ? number(p.curve.ghost[p.i]!, 5) : ""]
        : [number(p.value, 5)],
      strong: p === best && near.length > 1,
    }));
    for (const { area, i } of bands) {
      const cells = [area.low[i]!, ...(area.middle ? [area.middle[i]!] : []), area.high[i]!].map((v) =>
        number(v, 4),
      );
      rows.push({
        color: area.color,
        label: area.label,
        cells: near.length ? [cells.join(" · ")] : cells,
        strong: false,
      });
    }
    const where = best ? best.curve.x[best.i]! : bands[0]!.area.x[bands[0]!.i]!;
    const written: Record<AxisKind, string> = {
      count: where.toLocaleString("en", { maximumFractionDigits: 3 }),
      number: number(where, 5),
      duration: duration(where),
      clock: clock(where),
    };
    const heads = near.length
      ? ghosts
        ? ["smoothed", "value"]
        : ["value"]
      : bands[0]!.area.middle
        ? ["min", "mean", "max"]
        : ["low", "high"];
    const rest = near.length - rows.length + bands.length;
    const box = u.over.getBoundingClientRect();
    tooltip.show(
      box.left + left,
      box.top + top,
      `${plot.xLabel} ${written[plot.xKind]}`,
      heads,
      rows,
      rest > 0 ? `and ${rest} more` : "",
    );
    this.dot.hidden = !best;
    if (best) {
      this.dot.style.transform = `translate(${best.left}px, ${best.top}px)`;
      this.dot.style.borderColor = best.curve.color;
    }
  }

  /** Arrow keys move the cursor along the chart. */
  private key(event: KeyboardEvent): void {
    const u = this.u;
    if (!u || !["ArrowLeft", "ArrowRight", "Escape"].includes(event.key)) return;
    if (event.key === "Escape") return this.leave();
    event.preventDefault();
    const width = u.bbox.width / uPlot.pxRatio;
    const now = u.cursor.left !== undefined && u.cursor.left >= 0 ? u.cursor.left : width / 2;
    const left = Math.max(
      0,
      Math.min(width, now + (event.key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 40 : 8)),
    );
    u.setCursor({ left, top: u.cursor.top !== undefined && u.cursor.top >= 0 ? u.cursor.top : 40 });
  }
}

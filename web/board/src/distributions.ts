// Distributions: how the quantiles of a histogram go over the steps, as bands round the median.
// SPDX-License-Identifier: Apache-2.0
import type * as api from "./api";
import * as board from "./board";
import { choose, view, type News } from "./board";
import { frame, type Card } from "./card";
import { Chart } from "./chart";
import * as colors from "./colors";
import { press, segmented } from "./dom";
import type { Area } from "./paint";
import { fetchTag, named, stepPage, type Shown } from "./plugin";
import { tool } from "./toolbar";
import type { XKind } from "./view";

type Wire = [number, number, [number, number][]][]; // wall time, step, [basis points, value]
const BANDS: [number, number, string, number][] = [
  [0, 8, "all", 0.16],
  [1, 7, "7 … 93 %", 0.2],
  [2, 6, "16 … 84 %", 0.26],
  [3, 5, "31 … 69 %", 0.34],
];

class DistributionCard implements Card {
  readonly root: HTMLElement;
  private readonly chart = new Chart({
    zoom: (x0, x1) => choose({ zoom: [x0, x1] }),
    reset: () => choose({ zoom: null }),
  });
  private wire: Wire = [];

  private readonly info: api.TagInfo;
  private readonly run: number;

  constructor(shown: Shown) {
    this.info = shown.info;
    this.run = shown.run;
    this.root = frame({ ...named(shown), body: [this.chart.root] });
  }

  destroy(): void {
    this.chart.destroy();
  }

  refresh(news: News | null): void {
    if (!news || (news.has("data") && (!news.runs || news.runs.has(this.run)))) void this.fetch();
    else if (news.has("x", "zoom", "theme", "colors", "logY")) this.draw();
  }

  private async fetch(): Promise<void> {
    try {
      const wire = await fetchTag<Wire>("distributions", "distributions", this.info.tag, this.run);
      this.wire = wire.filter(([, , quantiles]) => quantiles.length === 9);
      this.draw();
    } catch {
      // the next change asks again
    }
  }

  private draw(): void {
    const start = this.wire[0]?.[0] ?? 0;
    const x = this.wire.map(([wall, step]) =>
      view.x === "step" ? step : view.x === "wall" ? wall : wall - start,
    );
    const row = (q: number): number[] => this.wire.map(([, , quantiles]) => Number(quantiles[q]![1]));
    const color = colors.ofRun(this.run, board.runName(this.run));
    const areas: Area[] = BANDS.map(([low, high, label, alpha], i) => ({
      key: i,
      label,
      color,
      alpha,
      x,
      low: row(low),
      high: row(high),
      middle: i === BANDS.length - 1 ? row(4) : null,
    }));
    const kinds = {
      step: ["count", "step"],
      relative: ["duration", "after"],
      wall: ["clock", "at"],
    } as const;
    const [xKind, xLabel] = kinds[view.x];
    this.chart.show(
      { curves: [], areas, xKind, xLabel, logX: false, logY: false, x: view.zoom, y: null, outliers: false },
      `Quantiles of ${this.info.tag} of ${board.runName(this.run)}`,
    );
    this.root.dataset["drawn"] = String(this.wire.length);
  }
}

export const distributions = stepPage(
  "distributions",
  "Distributions",
  "histograms",
  (shown) => new DistributionCard(shown),
  () => {
    const x = segmented(
      "Horizontal axis",
      [
        ["step", "Step"],
        ["relative", "Relative"],
        ["wall", "Wall"],
      ] as const,
      view.x,
      (v: XKind) => choose({ x: v, zoom: null }),
    );
    return [tool(x, () => press(x, view.x))];
  },
);

// Precision-recall curves: one chart a tag with all visible runs, and a slider over the steps.
// SPDX-License-Identifier: Apache-2.0
import * as api from "./api";
import * as board from "./board";
import { choose, tags, view, visibleRuns, type News } from "./board";
import { frame, type Card } from "./card";
import { Chart } from "./chart";
import * as colors from "./colors";
import { regex } from "./dom";
import { Grid, groupOf, titleOf } from "./grid";
import type { Page } from "./page";
import type { Curve } from "./paint";
import { linkTool, type Step } from "./plugin";
import { stepSlider, tagFilter } from "./toolbar";

interface PrStep extends Step {
  precision: number[];
  recall: number[];
}

class PrCard implements Card {
  readonly root: HTMLElement;
  private readonly chart = new Chart();
  private readonly slider = stepSlider("Step", (position) => this.move(position));
  private runs: Record<string, PrStep[]> = {};
  private own = 1; // where the slider stands when it is not linked: 0 = first, 1 = last

  constructor(private readonly info: api.TagInfo) {
    this.root = frame({
      id: `pr_curves:${info.tag}`,
      title: titleOf(info),
      description: info.description,
      body: [this.chart.root, this.slider.root],
    });
  }

  destroy(): void {
    this.chart.destroy();
  }

  refresh(news: News | null): void {
    if (!news || news.has("data", "runs", "runFilter", "tags")) void this.fetch();
    else if (news.has("at", "linked", "colors", "theme")) this.draw();
    if (news?.has("hover")) this.chart.highlight(board.hovered);
  }

  private async fetch(): Promise<void> {
    const visible = new Set(visibleRuns());
    const wanted = this.info.runs.filter((run) => visible.has(run)).map((run) => board.runName(run));
    const query = new URLSearchParams({ tag: this.info.tag });
    for (const name of wanted) query.append("run", name);
    try {
      this.runs = wanted.length
        ? await api.json<Record<string, PrStep[]>>(`data/plugin/pr_curves/pr_curves?${query}`)
        : {};
      for (const step of Object.values(this.runs).flat()) {
        step.precision = step.precision.map(Number); // "NaN" comes as a string
        step.recall = step.recall.map(Number);
      }
      this.draw();
    } catch {
      // the next change asks again
    }
  }

  private position(): number {
    return view.linked ? (view.at ?? 1) : this.own;
  }

  private move(position: number): void {
    const last = Math.max(0, ...Object.values(this.runs).map((steps) => steps.length - 1));
    this.own = last ? position / last : 1;
    if (view.linked) choose({ at: position === last ? null : this.own });
    else this.draw();
  }

  private draw(): void {
    const at = this.position();
    const curves: Curve[] = [];
    const seen = new Set<number>();
    let longest = 0;
    for (const [name, steps] of Object.entries(this.runs)) {
      const step = steps[Math.round(at * (steps.length - 1))];
      if (!step) continue;
      longest = Math.max(longest, steps.length);
      seen.add(step.step);
      const order = [...step.recall.keys()].sort(
        (a, b) => step.recall[a]! - step.recall[b]! || step.precision[b]! - step.precision[a]!,
      );
      const run = tags.runs.findIndex((r) => r.name === name);
      curves.push({
        key: run,
        label: `${name} · step ${step.step}`,
        color: colors.ofRun(run, name),
        dash: [],
        x: order.map((i) => step.recall[i]!),
        y: order.map((i) => step.precision[i]!),
        ghost: null,
      });
    }
    this.slider.set(
      longest,
      Math.round(at * Math.max(0, longest - 1)),
      seen.size === 1
        ? `step ${[...seen][0]}`
        : seen.size
          ? `steps ${Math.min(...seen)} … ${Math.max(...seen)}`
          : "",
    );
    this.chart.show(
      {
        curves,
        areas: [],
        xKind: "number",
        xLabel: "recall",
        logX: false,
        logY: false,
        x: [0, 1],
        y: [0, 1.03],
        outliers: false,
      },
      `Precision over recall of ${this.info.tag}, ${curves.length} runs`,
    );
    this.root.dataset["drawn"] = [...seen].join();
  }
}

export const pr: Page = {
  id: "pr_curves",
  title: "PR curves",
  available: () => tags.pr_curves.length > 0,
  mount(host, bar) {
    const parts = [tagFilter("Filter tags by regex"), linkTool()];
    bar.append(...parts);
    const grid = new Grid(host, "Nothing to show: tick a run, or change the filters.");
    const set = (): void => {
      const wanted = view.tagFilter ? regex(view.tagFilter) : null;
      const visible = new Set(visibleRuns());
      const infos = tags.pr_curves.filter(
        (info) => (!wanted || wanted.test(info.tag)) && info.runs.some((run) => visible.has(run)),
      );
      grid.set(
        infos.map((info) => ({ id: info.tag, group: groupOf(info.tag), make: () => new PrCard(info) })),
      );
    };
    set();
    return {
      tell(news) {
        if (news.has("tags", "tagFilter", "runs", "runFilter")) set();
        grid.tell(news);
        for (const part of parts) part.show?.();
      },
      destroy: () => grid.destroy(),
    };
  },
};

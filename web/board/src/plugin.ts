// TensorBoard's endpoints for what is no scalar, and the cards that show one tag of one run with a slider over its steps.
// SPDX-License-Identifier: Apache-2.0
import * as api from "./api";
import * as board from "./board";
import { choose, tags, view, visibleRuns, type News } from "./board";
import { frame, type Card, type Frame } from "./card";
import * as colors from "./colors";
import { h, regex } from "./dom";
import { Grid, type Item } from "./grid";
import type { Page } from "./page";
import { stepSlider, tagFilter, toggle, type Tool } from "./toolbar";

export type Kind = "histograms" | "images" | "text" | "pr_curves" | "audio";

/** What every step has. */
export interface Step {
  step: number;
  wall_time: number;
}

export function fetchTag<T>(kind: string, what: string, tag: string, run: number, more: Record<string, string | number> = {}, signal?: AbortSignal): Promise<T> {
  return api.json<T>(`data/plugin/${kind}/${what}`, { run: board.runName(run), tag, ...more }, signal);
}

/** One card for each tag and visible run (and sample), grouped by tag; a tag with no visible run is left out. */
export function itemsOf(infos: api.TagInfo[], make: (info: api.TagInfo, run: number, sample: number) => Card): Item[] {
  const wanted = view.tagFilter ? regex(view.tagFilter) : null;
  const visible = [...visibleRuns()].sort((a, b) => board.natural.compare(board.runName(a), board.runName(b)));
  const items: Item[] = [];
  for (const info of infos) {
    if (wanted && !wanted.test(info.tag)) continue;
    const runs = new Set(info.runs);
    for (const run of visible) {
      if (!runs.has(run)) continue;
      for (let sample = 0; sample < Math.max(1, info.samples ?? 1); sample++) {
        items.push({ id: `${view.page}:${info.tag}:${board.runName(run)}:${sample}`, group: info.tag, make: () => make(info, run, sample) });
      }
    }
  }
  return items;
}

/** A card with a slider over steps. The subclass fetches and draws. */
export abstract class StepCard<T> implements Card {
  readonly root: HTMLElement;
  protected readonly body = h("div", { class: "step-body" });
  protected steps: T[] = [];
  private position: number | null = null; // its own; null = the last, or where the linked ones stand
  private readonly slider = stepSlider("Step", (position) => this.move(position));
  private readonly note = h("p", { class: "card-note" }, "…");
  private stop: AbortController | null = null;
  protected readonly run: number;

  constructor(info: api.TagInfo, run: number, sample = 0, more: Partial<Frame> = {}) {
    this.run = run;
    const name = board.runName(run);
    const samples = info.samples ?? 1;
    this.root = frame({
      id: `${view.page}:${info.tag}:${name}:${sample}`,
      title: name || ".",
      color: colors.ofRun(run, name),
      description: info.description,
      body: [this.body, this.note, this.slider.root],
      ...(samples > 1 ? { hint: `${sample + 1} of ${samples}` } : {}),
      ...more,
    });
  }

  protected abstract load(signal: AbortSignal): Promise<T[]>;
  protected abstract draw(): void;
  protected abstract told(step: T): string;

  destroy(): void {
    this.stop?.abort();
  }

  refresh(news: News | null): void {
    if (!news || (news.has("data") && (!news.runs || news.runs.has(this.run)))) void this.fetch();
    else if (news.has("at", "linked") && this.steps.length) this.redraw();
    else if (news.has("theme", "colors", "histograms", "full", "size") && this.steps.length) this.redraw();
    if (news?.has("colors", "theme")) {
      const dot = this.root.querySelector<HTMLElement>("h3 .dot");
      if (dot) dot.style.background = colors.ofRun(this.run, board.runName(this.run));
    }
  }

  /** Which step is shown. */
  protected at(): number {
    const last = this.steps.length - 1;
    if (view.linked) return view.at === null ? last : Math.round(view.at * last);
    return Math.min(this.position ?? last, last);
  }

  private move(position: number): void {
    this.position = position;
    const last = this.steps.length - 1;
    if (view.linked) choose({ at: position === last ? null : position / Math.max(1, last) });
    else this.redraw();
  }

  private async fetch(): Promise<void> {
    this.stop?.abort();
    this.stop = new AbortController();
    const { signal } = this.stop;
    try {
      this.steps = await this.load(signal);
      this.note.hidden = this.steps.length > 0;
      this.note.textContent = "Nothing was written yet.";
      if (this.steps.length) this.redraw();
    } catch (error) {
      if (signal.aborted) return;
      this.note.hidden = false;
      this.note.textContent = `This did not come: ${(error as Error).message}`;
    }
  }

  private redraw(): void {
    const at = this.at();
    this.slider.set(this.steps.length, at, this.told(this.steps[at]!));
    this.root.dataset["drawn"] = String(at);
    this.draw();
  }
}

export function linkTool(): Tool {
  return toggle("link steps", "One slider moves all", () => view.linked, (on) => choose({ linked: on }));
}

/** A page of such cards. */
export function stepPage(id: string, title: string, kind: Kind, make: (info: api.TagInfo, run: number, sample: number) => Card, tools: () => Tool[] = () => []): Page {
  return {
    id,
    title,
    available: () => tags[kind].length > 0,
    mount(host, bar) {
      const parts: Tool[] = [tagFilter("Filter tags by regex"), ...tools()];
      bar.append(...parts);
      const grid = new Grid(host, "Nothing to show: tick a run, or change the filters.");
      const set = (): void => grid.set(itemsOf(tags[kind], make));
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
}

// TensorBoard's endpoints for what is no scalar, and the cards that show one tag of one run with a slider
// over its steps.
// SPDX-License-Identifier: Apache-2.0
import * as api from "./api";
import * as board from "./board";
import { choose, tags, view, visibleRuns, type News } from "./board";
import { frame, type Card, type Frame } from "./card";
import * as colors from "./colors";
import { h, regex } from "./dom";
import { Grid, groupOf, titleOf, type Item } from "./grid";
import type { Page } from "./page";
import { stepSlider, tagFilter, toggle, type Tool } from "./toolbar";

export type Kind = "histograms" | "images" | "text" | "pr_curves" | "audio";

/** What every step has. */
export interface Step {
  step: number;
  wall_time: number;
}

export function fetchTag<T>(
  kind: string,
  what: string,
  tag: string,
  run: number,
  more: Record<string, string | number> = {},
  signal?: AbortSignal,
): Promise<T> {
  return api.json<T>(`data/plugin/${kind}/${what}`, { run: board.runName(run), tag, ...more }, signal);
}

/** One tag of one run, as a card shows it. */
export interface Shown {
  info: api.TagInfo;
  run: number;
  sample: number;
  alone: boolean; // no other run has any of the tags: the card is called by its tag
}

function idOf({ info, run, sample, alone }: Shown): string {
  return `${view.page}:${info.tag}:${board.runName(run)}:${sample}${alone ? ":alone" : ""}`;
}

/** What a card is called: the run within the tag's group, or the tag where one run is alone. */
export function named(shown: Shown): Pick<Frame, "id" | "title" | "color" | "description"> {
  const name = board.runName(shown.run);
  const color = colors.ofRun(shown.run, name);
  return {
    id: idOf(shown),
    title: shown.alone ? titleOf(shown.info) : name || ".",
    color,
    description: shown.info.description,
  };
}

/**
 * One card for each tag and visible run (and sample), grouped by tag; a tag with no visible run is left
 * out.
 */
export function itemsOf(all: api.TagInfo[], make: (shown: Shown) => Card): Item[] {
  const wanted = view.tagFilter ? regex(view.tagFilter) : null;
  const infos = all.filter((info) => !wanted || wanted.test(info.tag));
  const visible = [...visibleRuns()].sort((a, b) =>
    board.natural.compare(board.runName(a), board.runName(b)),
  );
  const items: Item[] = [];
  const having = new Set(infos.flatMap((info) => info.runs));
  const alone = visible.filter((run) => having.has(run)).length === 1;
  for (const info of infos) {
    const runs = new Set(info.runs);
    for (const run of visible) {
      if (!runs.has(run)) continue;
      for (let sample = 0; sample < Math.max(1, info.samples ?? 1); sample++) {
        const shown = { info, run, sample, alone };
        items.push({ id: idOf(shown), group: alone ? groupOf(info.tag) : info.tag, make: () => make(shown) });
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

  constructor(shown: Shown) {
    this.run = shown.run;
    const samples = shown.info.samples ?? 1;
    const hint = samples > 1 ? { hint: `${shown.sample + 1} of ${samples}` } : {};
    this.root = frame({ ...named(shown), ...hint, body: [this.body, this.note, this.slider.root] });
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
  return toggle(
    "link steps",
    "One slider moves all",
    () => view.linked,
    (on) => choose({ linked: on }),
  );
}

/** A page of such cards. */
export function stepPage(
  id: string,
  title: string,
  kind: Kind,
  make: (shown: Shown) => Card,
  tools: () => Tool[] = () => [],
): Page {
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

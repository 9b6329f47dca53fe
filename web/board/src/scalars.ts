// Scalars: a card a tag with the curves of all visible runs, or bands over groups of runs; several tags in
// one chart.
// SPDX-License-Identifier: Apache-2.0
import * as api from "./api";
import * as board from "./board";
import { choose, tags, view, visibleRuns, type News } from "./board";
import { frame, menu, type Card } from "./card";
import { Chart, type AxisKind, type Plot } from "./chart";
import * as colors from "./colors";
import { debounce, h, icon, iconButton, press, regex, segmented } from "./dom";
import { Grid, groupOf, titleOf, type Item } from "./grid";
import { forget, want, type Client } from "./loader";
import type { Page } from "./page";
import type { Area, Curve } from "./paint";
import { tagFilter, toggle, tool, type Tool } from "./toolbar";
import type { XKind } from "./view";

const LINES = 40; // above so many runs a chart shows bands
const GHOSTS = 12; // up to so many curves the points before smoothing are drawn faintly, too
const DASHES: number[][] = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
const AXES: Record<XKind, [AxisKind, string]> = {
  step: ["count", "step"],
  relative: ["duration", "after"],
  wall: ["clock", "at"],
};

interface Wanted {
  key: string;
  entry: api.Entry;
  runs: number[]; // whom it is made of
  label: string;
  color: () => string;
  dash: number[];
}

/** The bands of runs: by the regular expression's first group, else all in one. */
function bandsOf(runs: number[]): [string, number[]][] {
  const wanted = view.group ? regex(view.group) : null;
  const groups = new Map<string, number[]>();
  for (const run of runs) {
    const found = wanted?.exec(board.runName(run));
    const name = wanted ? (found ? (found[1] ?? found[0]) : "others") : "all runs";
    groups.set(name, [...(groups.get(name) ?? []), run]);
  }
  return [...groups];
}

function usesBands(runs: number): boolean {
  return view.lines === "bands" || (view.lines === "auto" && runs > LINES);
}

/** What a chart of some tags shows now. */
function wantedOf(infos: api.TagInfo[]): { wanted: Wanted[]; band: number[][] } {
  const visible = new Set(visibleRuns());
  const wanted: Wanted[] = [];
  const band: number[][] = [];
  infos.forEach((info, t) => {
    const runs = info.runs.filter((run) => visible.has(run));
    const several = infos.length > 1;
    const dash = several ? DASHES[t % DASHES.length]! : [];
    if (usesBands(runs.length)) {
      bandsOf(runs).forEach(([name, members], g) => {
        wanted.push({
          key: `b${members.join()}:${info.tag}`,
          entry: { tag: info.tag, group: band.length },
          runs: members,
          label: several ? `${info.tag} · ${name}` : `${name} (${members.length})`,
          color: () => colors.nth(several ? t : g),
          dash,
        });
        band.push(members);
      });
      return;
    }
    for (const run of runs) {
      const name = board.runName(run);
      const color = several && visible.size === 1 ? () => colors.nth(t) : () => colors.ofRun(run, name);
      wanted.push({
        key: `${run}:${info.tag}`,
        entry: { tag: info.tag, run },
        runs: [run],
        label: several ? `${info.tag} · ${name}` : name,
        color,
        dash: visible.size === 1 ? [] : dash,
      });
    }
  });
  return { wanted, band };
}

class ScalarCard implements Card, Client {
  readonly root: HTMLElement;
  private readonly chart: Chart;
  private readonly note = h("p", { class: "card-note", hidden: true });
  private have = new Map<string, api.Series>();
  private made = ""; // the choices that `have` was computed with
  private logY: boolean | null = null; // the card's own, if it has one
  private asked: Wanted[] = [];

  constructor(
    id: string,
    title: string,
    description: string,
    private readonly infos: () => api.TagInfo[],
    pin?: string,
    close?: HTMLElement,
  ) {
    this.chart = new Chart({
      zoom: (x0, x1) => choose({ zoom: [x0, x1] }),
      reset: () => choose({ zoom: null }),
    });
    const log = iconButton("log", "Logarithmic y axis", () => {
      this.logY = !(this.logY ?? view.logY);
      log.setAttribute("aria-pressed", String(this.logY));
      this.chart.resetY();
      this.draw();
    });
    const save = menu("Download", icon("save"), () => this.downloads());
    this.root = frame({
      id,
      title,
      description,
      tools: [log, save, ...(close ? [close] : [])],
      body: [this.chart.root, this.note],
      ...(pin === undefined ? {} : { pin }),
    });
    this.root.classList.add("scalar");
  }

  destroy(): void {
    forget(this);
    this.chart.destroy();
  }

  top(): number {
    return this.root.getBoundingClientRect().top;
  }

  width(): number {
    const width = this.chart.width();
    const curves = wantedOf(this.infos()).wanted.length;
    return Math.ceil(width / (curves > 24 ? 4 : curves > 8 ? 2 : 1)); // columns: least and greatest of each are kept
  }

  entries(): { series: api.Entry[]; band: number[][] } {
    const { wanted, band } = wantedOf(this.infos());
    this.asked = wanted;
    return { series: wanted.map((w) => w.entry), band };
  }

  take(series: api.Series[]): void {
    this.made = this.choices();
    this.asked.forEach((w, i) => this.have.set(w.key, series[i]!));
    if (this.have.size > 4 * LINES + this.asked.length)
      this.have = new Map(this.asked.map((w, i) => [w.key, series[i]!]));
    this.note.hidden = true;
    this.draw();
  }

  fail(error: Error): void {
    this.note.textContent = `These curves did not come: ${error.message}`;
    this.note.hidden = false;
  }

  refresh(news: News | null): void {
    const pin = this.root.dataset["pin"];
    if (pin !== undefined)
      this.root.querySelector(".pin")?.setAttribute("aria-pressed", String(view.pins.includes(pin)));
    if (!news) return this.fetch(true);
    if (news.has("hover")) this.chart.highlight(board.hovered);
    if (
      news.has("data") &&
      (!news.runs || wantedOf(this.infos()).wanted.some((w) => w.runs.some((run) => news.runs!.has(run))))
    )
      return want(this, true);
    if (news.has("data"))
      for (const run of news.runs!)
        for (const key of this.have.keys()) if (key.startsWith(`${run}:`)) this.have.delete(key);
    if (news.has("smooth", "alpha", "window", "x", "logX", "zoom", "size", "full")) {
      if (news.has("x", "logX")) this.chart.resetY();
      else if (news.has("zoom")) this.draw();
      return this.fetch(true);
    }
    if (news.has("runs", "runFilter", "tags", "lines", "group")) {
      this.draw();
      return this.fetch(false);
    }
    if (news.has("logY", "outliers")) this.chart.resetY();
    if (news.has("logY", "outliers", "colors")) this.draw();
    if (news.has("theme")) this.draw();
  }

  private choices(): string {
    return JSON.stringify([view.smooth, view.alpha, view.window, view.x, view.logX, view.zoom]);
  }

  /** Asks for curves; unless `all`, only where some are missing. */
  private fetch(all: boolean): void {
    const missing =
      this.made !== this.choices() || wantedOf(this.infos()).wanted.some((w) => !this.have.has(w.key));
    if (all || missing) want(this);
  }

  private draw(): void {
    const curves: Curve[] = [];
    const areas: Area[] = [];
    const smooth = view.smooth !== "none" && !(view.smooth === "ema" && view.alpha === 0);
    const { wanted } = wantedOf(this.infos());
    for (const w of wanted) {
      const s = this.have.get(w.key);
      if (!s || !s.x.length) continue;
      if (s.kind === "range")
        areas.push({
          key: w.key,
          label: w.label,
          color: w.color(),
          alpha: 0.22,
          x: s.x,
          low: s.min,
          high: s.max,
          middle: s.mean,
        });
      else
        curves.push({
          key: w.entry.run!,
          label: w.label,
          color: w.color(),
          dash: w.dash,
          x: s.x,
          y: smooth ? s.smooth : s.raw,
          ghost: smooth && wanted.length <= GHOSTS ? s.raw : null,
        });
    }
    const [xKind, xLabel] = AXES[view.x];
    const plot: Plot = {
      curves,
      areas,
      xKind,
      xLabel,
      logX: view.logX && view.x !== "wall",
      logY: this.logY ?? view.logY,
      x: view.zoom,
      y: null,
      outliers: view.outliers,
    };
    const what = areas.length ? `${areas.length} bands` : `${curves.length} curves`;
    this.chart.show(plot, `${this.root.getAttribute("aria-label") ?? ""}: ${what} over ${view.x}`);
    this.root.dataset["drawn"] = String(curves.length + areas.length);
    this.root.dataset["last"] = String(
      wanted.reduce((last, w) => Math.max(last, this.have.get(w.key)?.lastX ?? -Infinity), -Infinity),
    );
    if (curves.length + areas.length && !performance.getEntriesByName("first-chart").length)
      performance.mark("first-chart");
    if (!wanted.length) this.note.textContent = "No visible run has this tag.";
    if (!wanted.length) this.note.hidden = false;
  }

  private downloads(): Node[] {
    const rows = this.infos().flatMap((info) =>
      info.runs
        .filter((run) => visibleRuns().includes(run))
        .map((run) => {
          const name = board.runName(run);
          const link = (format: string): HTMLElement =>
            h(
              "a",
              {
                href: api.url("data/leat/download", { tag: info.tag, run: name, format }),
                download: `${`${name}-${info.tag}`.replace(/[^\w.-]+/g, "_")}.${format}`,
              },
              format.toUpperCase(),
            );
          return h(
            "li",
            {},
            h("span", { class: "name" }, this.infos().length > 1 ? `${info.tag} · ${name}` : name),
            link("csv"),
            link("json"),
          );
        }),
    );
    return [h("p", {}, "Every point, as CSV or JSON"), h("ul", { class: "downloads" }, ...rows)];
  }
}

/** A chart of several tags, named by a regular expression. */
export function combined(
  id: string,
  title: string,
  matches: (tag: string) => boolean,
  close?: HTMLElement,
): Card {
  return new ScalarCard(
    id,
    title,
    "",
    () => tags.scalars.filter((info) => matches(info.tag)),
    undefined,
    close,
  );
}

function items(): Item[] {
  const wanted = view.tagFilter ? regex(view.tagFilter) : null;
  const visible = new Set(visibleRuns());
  const byTag = new Map(tags.scalars.map((info) => [info.tag, info]));
  const all: Item[] = [];
  for (const source of view.charts) {
    const pattern = regex(source);
    const close = (): HTMLElement =>
      iconButton("close", "Remove this chart", () =>
        choose({ charts: view.charts.filter((c) => c !== source) }),
      );
    all.push({
      id: `chart:${source}`,
      group: "",
      make: () => combined(`chart:${source}`, source, (tag) => pattern?.test(tag) ?? false, close()),
    });
  }
  const card = (info: api.TagInfo, group: string): Item => {
    const id = group === "" ? `pin:${info.tag}` : `scalars:${info.tag}`;
    const title = group === "" ? info.tag : titleOf(info);
    return {
      id,
      group,
      make: () =>
        new ScalarCard(
          id,
          title,
          info.description,
          () => [tags.scalars.find((t) => t.tag === info.tag) ?? { ...info, runs: [] }],
          info.tag,
        ),
    };
  };
  for (const tag of view.pins) if (byTag.has(tag)) all.push(card(byTag.get(tag)!, ""));
  for (const info of tags.scalars) {
    if (wanted && !wanted.test(info.tag)) continue;
    if (info.runs.some((run) => visible.has(run))) all.push(card(info, groupOf(info.tag)));
  }
  return all;
}

// ---- the tools above the cards

function smoothing(): Tool {
  const slider = h("input", { type: "range", id: "smoothing", "aria-label": "Smoothing" });
  const told = h("output", { for: "smoothing" });
  const kind = h(
    "select",
    { "aria-label": "Kind of smoothing", title: "Smoothing, over all points" },
    h("option", { value: "none" }, "Raw"),
    h("option", { value: "ema" }, "EMA"),
    h("option", { value: "mean" }, "Mean"),
  );
  const show = (): void => {
    kind.value = view.smooth;
    const mean = view.smooth === "mean";
    slider.min = mean ? "1" : "0";
    slider.max = mean ? "500" : "0.999";
    slider.step = mean ? "1" : "0.001";
    slider.value = String(mean ? view.window : view.alpha);
    slider.disabled = view.smooth === "none";
    told.textContent =
      view.smooth === "none" ? "" : mean ? `${view.window}` : view.alpha.toFixed(view.alpha > 0.99 ? 3 : 2);
  };
  kind.addEventListener("change", () => choose({ smooth: kind.value as "none" }));
  slider.addEventListener("input", () =>
    choose(view.smooth === "mean" ? { window: Number(slider.value) } : { alpha: Number(slider.value) }),
  );
  show();
  return tool(h("div", { class: "field" }, kind, slider, told), show);
}

function settings(): Tool {
  const group = h("input", {
    type: "text",
    value: view.group,
    placeholder: "e.g. ^([^/]+)/",
    spellcheck: "false",
    "aria-label": "Groups of runs: a regular expression with a group",
  });
  group.addEventListener(
    "input",
    debounce(120, () => choose({ group: group.value })),
  );
  const lines = segmented(
    "Lines or bands",
    [
      ["auto", "Auto"],
      ["lines", "Lines"],
      ["bands", "Bands"],
    ] as const,
    view.lines,
    (v) => choose({ lines: v }),
  );
  const size = segmented(
    "Size of cards",
    [
      ["s", "S"],
      ["m", "M"],
      ["l", "L"],
    ] as const,
    view.size,
    (v) => choose({ size: v }),
  );
  const root = menu("Settings", icon("settings"), () => [
    h(
      "div",
      { class: "settings" },
      h("div", { class: "line" }, "Runs as", lines),
      h(
        "p",
        { class: "help" },
        `Auto draws lines up to ${LINES} runs, above that the band from least to greatest with the mean.`,
      ),
      h("label", { class: "line" }, "Bands by", group),
      h("p", { class: "help" }, "The expression's first group names the band of a run."),
      h("div", { class: "line" }, "Cards", size),
      outliers,
    ),
  ]);
  const outliers = toggle(
    "Leave outliers out of the y axis",
    "The axis ends at the 5th and 95th percentile",
    () => view.outliers,
    (on) => choose({ outliers: on }),
  );
  return tool(root, () => {
    press(lines, view.lines);
    press(size, view.size);
  });
}

function addChart(): HTMLElement {
  const input = h("input", {
    type: "text",
    placeholder: "loss|accuracy",
    spellcheck: "false",
    "aria-label": "Tags of a new chart, as a regular expression",
  });
  const told = h("p", { class: "help" });
  const matching = (): number => tags.scalars.filter((info) => regex(input.value)?.test(info.tag)).length;
  const form = h(
    "form",
    { class: "settings" },
    h("label", { class: "line" }, "Tags", input),
    told,
    h("button", { type: "submit", class: "button" }, "Add chart"),
  );
  input.addEventListener("input", () => (told.textContent = `${matching()} tags match.`));
  const root = menu("Several tags in one chart", icon("plus"), () => [form]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!input.value || !matching()) return void (told.textContent = "No tag matches.");
    choose({ charts: [...view.charts.filter((c) => c !== input.value), input.value] });
    (root as HTMLDetailsElement).open = false;
    root.closest("main")?.scrollTo(0, 0); // the new chart stands first
  });
  return root;
}

export const scalars: Page = {
  id: "scalars",
  title: "Scalars",
  available: () => true,
  mount(host, bar) {
    const x = segmented(
      "Horizontal axis",
      [
        ["step", "Step"],
        ["relative", "Relative"],
        ["wall", "Wall"],
      ] as const,
      view.x,
      (v) => choose({ x: v, zoom: null }),
    );
    const unzoom = h(
      "button",
      {
        type: "button",
        class: "button",
        hidden: !view.zoom,
        title: "Show everything again (z)",
        onclick: () => choose({ zoom: null }),
      },
      "Reset zoom",
    );
    const parts: Tool[] = [
      tagFilter("Filter tags by regex"),
      smoothing(),
      x,
      toggle(
        "log x",
        "Logarithmic x axis",
        () => view.logX,
        (on) => choose({ logX: on, zoom: null }),
      ),
      toggle(
        "log y",
        "Logarithmic y axis (l)",
        () => view.logY,
        (on) => choose({ logY: on }),
      ),
      unzoom,
      h("span", { class: "space" }),
      addChart(),
      settings(),
    ];
    bar.append(...parts);
    const grid = new Grid(host, "No tag to show: tick a run, or change the filters.");
    grid.set(items());
    return {
      tell(news) {
        if (news.has("tags", "tagFilter", "pins", "charts", "runs", "runFilter")) grid.set(items());
        grid.tell(news);
        unzoom.hidden = !view.zoom;
        press(x, view.x);
        for (const part of parts) part.show?.();
      },
      destroy: () => grid.destroy(),
    };
  },
};

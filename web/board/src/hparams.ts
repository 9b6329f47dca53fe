// Hyperparameters: a table of runs with their settings and last metrics; sorted by any column, filtered by
// expressions.
// SPDX-License-Identifier: Apache-2.0
import * as api from "./api";
import { choose, tags, view, visibleRuns } from "./board";
import { menu } from "./card";
import * as colors from "./colors";
import { debounce, h, icon } from "./dom";
import { number } from "./format";
import type { Page } from "./page";

type Cell = string | number | boolean | null;

interface Experiment {
  hparamInfos?: { name: string; displayName?: string }[];
  metricInfos?: { name: { group?: string; tag?: string }; displayName?: string }[];
}
interface SessionGroup {
  name: string;
  hparams?: Record<string, Cell>;
  metricValues?: { name: { group?: string; tag?: string }; value?: number | string }[];
  sessions?: { name: string; status?: string }[];
}
interface Column {
  id: string;
  title: string;
  metric: boolean;
  of: (row: Row) => Cell;
}
interface Row {
  name: string;
  status: string;
  hparams: Record<string, Cell>;
  metrics: Record<string, Cell>;
}

const STATUSES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"];
const WRITTEN: Record<string, string> = {
  STATUS_SUCCESS: "done",
  STATUS_FAILURE: "failed",
  STATUS_RUNNING: "running",
};

function metricId(name: { group?: string; tag?: string }): string {
  return name.group ? `${name.group}/${name.tag ?? ""}` : (name.tag ?? "");
}

function written(cell: Cell): string {
  return cell === null || cell === undefined ? "" : typeof cell === "number" ? number(cell, 5) : String(cell);
}

/** Numbers by size, NaN and nothing last, all else by name. */
export function compare(a: Cell, b: Cell): number {
  const empty = (c: Cell): boolean =>
    c === null || c === undefined || (typeof c === "number" && Number.isNaN(c));
  if (empty(a) || empty(b)) return Number(empty(a)) - Number(empty(b));
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

type Test = (row: Row) => boolean;
const OPERATORS: Record<string, (order: number) => boolean> = {
  "=": (o) => o === 0,
  "!=": (o) => o !== 0,
  "<": (o) => o < 0,
  "<=": (o) => o <= 0,
  ">": (o) => o > 0,
  ">=": (o) => o >= 0,
};

/** "loss < 0.3 optimizer=adam sgd": each part must hold; a word alone is looked for in every cell. */
export function parseFilter(text: string, columns: Column[]): Test {
  const tests: Test[] = [];
  const parts = text.match(/[^\s<>=!]+\s*(?:!=|<=|>=|=|<|>)\s*[^\s]+|[^\s]+/g) ?? [];
  for (const part of parts) {
    const found = /^([^\s<>=!]+)\s*(!=|<=|>=|=|<|>)\s*(.+)$/.exec(part);
    const wanted = found?.[1]?.toLowerCase();
    const column =
      found &&
      (columns.find((c) => c.title.toLowerCase() === wanted) ??
        columns.find((c) => c.title.toLowerCase().endsWith(`/${wanted}`)) ??
        columns.find((c) => c.title.toLowerCase().includes(wanted!)));
    if (!found || !column) {
      const word = part.toLowerCase();
      tests.push((row) => columns.some((c) => written(c.of(row)).toLowerCase().includes(word)));
      continue;
    }
    const value = found[3]!;
    const holds = OPERATORS[found[2]!]!;
    tests.push((row) => {
      const cell = column.of(row);
      if (cell === null || cell === undefined) return false;
      if (typeof cell === "number") return holds(compare(cell, Number(value)));
      const [a, b] = [String(cell).toLowerCase(), value.toLowerCase()];
      return holds(a < b ? -1 : a > b ? 1 : 0);
    });
  }
  return (row) => tests.every((test) => test(row));
}

function rowsOf(groups: SessionGroup[]): Row[] {
  return groups.map((group) => ({
    name: group.name || (group.sessions?.[0]?.name ?? ""),
    status: WRITTEN[group.sessions?.[0]?.status ?? ""] ?? "",
    hparams: group.hparams ?? {},
    metrics: Object.fromEntries(
      (group.metricValues ?? []).map((m) => [
        metricId(m.name),
        m.value === undefined ? null : Number(m.value),
      ]),
    ),
  }));
}

class Table {
  private columns: Column[] = [];
  private rows: Row[] = [];
  private readonly told = h("span", { class: "count" });
  private readonly wrap = h("div", {
    class: "table-wrap",
    tabindex: 0,
    role: "region",
    "aria-label": "Hyperparameters and metrics",
  });

  constructor(
    private readonly host: HTMLElement,
    bar: HTMLElement,
  ) {
    const filter = h("input", {
      type: "search",
      id: "tag-filter",
      class: "wide",
      value: view.cells,
      placeholder: "Filter rows: optimizer=adam loss<0.3",
      "aria-label": "Filter rows",
      spellcheck: "false",
      autocomplete: "off",
    });
    filter.addEventListener(
      "input",
      debounce(60, () => choose({ cells: filter.value })),
    );
    const columns = menu("Columns", icon("settings"), () =>
      this.columns.slice(1).map((column) => this.columnBox(column)),
    );
    const save = menu("Download", icon("save"), () => [
      h("p", {}, "This table"),
      h("p", {}, this.link("csv"), " ", this.link("json")),
    ]);
    bar.append(filter, this.told, h("span", { class: "space" }), save, columns);
    host.append(this.wrap);
  }

  async load(): Promise<void> {
    try {
      const experiment = await api.post<Experiment>("data/plugin/hparams/experiment", {
        experimentName: "",
        includeMetrics: true,
      });
      const hparams = experiment.hparamInfos ?? [];
      const metrics = experiment.metricInfos ?? [];
      const colParams = [
        ...hparams.map((p) => ({ hparam: p.name })),
        ...metrics.map((m) => ({ metric: m.name })),
      ];
      const answer = await api.post<{ sessionGroups?: SessionGroup[] }>(
        "data/plugin/hparams/session_groups",
        { experimentName: "", allowedStatuses: STATUSES, colParams, startIndex: 0, sliceSize: 100000 },
      );
      this.columns = [
        { id: "run", title: "run", metric: false, of: (row) => row.name },
        { id: "status", title: "status", metric: false, of: (row) => row.status },
        ...hparams.map((p) => ({
          id: `h.${p.name}`,
          title: p.displayName || p.name,
          metric: false,
          of: (row: Row) => row.hparams[p.name] ?? null,
        })),
        ...metrics.map((m) => ({
          id: `m.${metricId(m.name)}`,
          title: m.displayName || metricId(m.name),
          metric: true,
          of: (row: Row) => row.metrics[metricId(m.name)] ?? null,
        })),
      ];
      this.rows = rowsOf(answer.sessionGroups ?? []);
      this.draw();
    } catch (error) {
      this.host.replaceChildren(
        h("p", { class: "empty" }, `The table did not come: ${(error as Error).message}`),
      );
    }
  }

  private shown(): { columns: Column[]; rows: Row[] } {
    const hidden = new Set(view.columns);
    const names = new Set(visibleRuns().map((run) => tags.runs[run]!.name));
    const known = new Set(tags.runs.map((run) => run.name));
    const test = parseFilter(view.cells, this.columns);
    const rows = this.rows.filter((row) => (!known.has(row.name) || names.has(row.name)) && test(row));
    const key = view.sort.replace(/^-/, "");
    const column = this.columns.find((c) => c.id === key);
    if (column) {
      const down = view.sort.startsWith("-") ? -1 : 1;
      rows.sort((a, b) => {
        const [x, y] = [column.of(a), column.of(b)];
        const order = compare(x, y);
        return x === null || y === null ? order : down * order; // nothing stays last
      });
    }
    return { columns: this.columns.filter((c) => !hidden.has(c.id)), rows };
  }

  draw(): void {
    const { columns, rows } = this.shown();
    const ranges = new Map(
      columns
        .filter((c) => c.metric)
        .map((c) => {
          const values = rows
            .map((row) => c.of(row))
            .filter((v): v is number => typeof v === "number" && Number.isFinite(v));
          return [c.id, [Math.min(...values), Math.max(...values)] as const];
        }),
    );
    const heads = columns.map((column) => {
      const key = view.sort.replace(/^-/, "");
      const order = key !== column.id ? "none" : view.sort.startsWith("-") ? "descending" : "ascending";
      const next = order === "none" ? column.id : order === "ascending" ? `-${column.id}` : "";
      const numeric = column.metric || rows.some((row) => typeof column.of(row) === "number");
      return h(
        "th",
        { scope: "col", "aria-sort": order, class: numeric ? "numeric" : null },
        h(
          "button",
          { type: "button", "data-column": column.id, onclick: () => choose({ sort: next }) },
          column.title,
          h(
            "span",
            { class: "arrow", "aria-hidden": "true" },
            order === "none" ? "" : order === "ascending" ? "↑" : "↓",
          ),
        ),
      );
    });
    const body = rows.map((row) =>
      h(
        "tr",
        {},
        ...columns.map((column) => {
          const cell = column.of(row);
          if (column.id === "run") {
            const dot = h("span", { class: "dot" });
            const run = tags.runs.findIndex((r) => r.name === row.name);
            dot.style.background = colors.ofRun(Math.max(0, run), row.name);
            return h("th", { scope: "row" }, dot, row.name);
          }
          const td = h("td", { class: typeof cell === "number" ? "number" : null }, written(cell));
          const range = ranges.get(column.id);
          if (range && typeof cell === "number" && range[1] > range[0])
            td.style.setProperty("--share", String((cell - range[0]) / (range[1] - range[0])));
          return td;
        }),
      ),
    );
    const scroll = [this.wrap.scrollLeft, this.wrap.scrollTop] as const;
    const focused = (document.activeElement as HTMLElement | null)?.dataset["column"];
    this.wrap.replaceChildren(
      h("table", { class: "hparams" }, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...body)),
    );
    this.wrap.scrollTo(...scroll);
    if (focused) this.wrap.querySelector<HTMLElement>(`[data-column="${CSS.escape(focused)}"]`)?.focus();
    this.told.textContent = `${rows.length} of ${this.rows.length} rows`;
  }

  private columnBox(column: Column): HTMLElement {
    const box = h("input", {
      type: "checkbox",
      checked: !view.columns.includes(column.id),
      onchange: () =>
        choose({
          columns: box.checked ? view.columns.filter((c) => c !== column.id) : [...view.columns, column.id],
        }),
    });
    return h("label", { class: "check column" }, box, column.title);
  }

  private link(format: "csv" | "json"): HTMLElement {
    const { columns, rows } = this.shown();
    const quote = (cell: Cell): string =>
      /[",\n]/.test(String(cell ?? "")) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell ?? "");
    const text =
      format === "csv"
        ? [columns.map((c) => quote(c.title)), ...rows.map((row) => columns.map((c) => quote(c.of(row))))]
            .map((line) => line.join(","))
            .join("\n") + "\n"
        : JSON.stringify(
            rows.map((row) => Object.fromEntries(columns.map((c) => [c.title, c.of(row)]))),
            null,
            1,
          );
    return h(
      "a",
      { href: URL.createObjectURL(new Blob([text])), download: `hparams.${format}` },
      format.toUpperCase(),
    );
  }
}

export const hparams: Page = {
  id: "hparams",
  title: "HParams",
  available: () => tags.hparams,
  mount(host, bar) {
    const table = new Table(host, bar);
    void table.load();
    const reload = debounce(1000, () => void table.load());
    return {
      tell(news) {
        if (news.has("data", "tags")) reload();
        if (news.has("sort", "cells", "columns", "runs", "runFilter", "colors", "theme")) table.draw();
      },
      destroy: () => undefined,
    };
  },
};

// What one looks at: every choice of the page in one object, which the address holds, so that a link shows
// the same.
// SPDX-License-Identifier: Apache-2.0

export type XKind = "step" | "relative" | "wall";
export type SmoothKind = "none" | "ema" | "mean";

/** Which runs are ticked: all but `names`, or only `names`. */
export interface Selection {
  only: boolean;
  names: ReadonlySet<string>;
}

export interface View {
  page: string; // "" = the first that has data
  runFilter: string;
  runs: Selection;
  tagFilter: string;
  smooth: SmoothKind;
  alpha: number; // of "ema": the weight of what was
  window: number; // of "mean": points
  x: XKind;
  logX: boolean;
  logY: boolean;
  zoom: readonly [number, number] | null; // in units of x
  outliers: boolean; // leave extreme points out of the range of y
  lines: "auto" | "lines" | "bands";
  group: string; // a regular expression; its first group names the band of a run
  charts: readonly string[]; // regular expressions over tags, each one chart
  pins: readonly string[]; // tags
  toggled: readonly string[]; // groups that are not as they are at first
  size: "s" | "m" | "l";
  full: string; // the card that fills the screen
  histograms: "ridge" | "overlay";
  at: number | null; // where the linked step sliders stand: 0 = first, 1 = last
  linked: boolean;
  graph: string; // run
  graphTag: string; // run metadata
  graphColor: "kind" | "time" | "memory";
  open: readonly string[]; // scopes of the graph
  node: string;
  sort: string; // a column of hparams, "-" before it: downwards
  cells: string; // filter of hparams' rows
  columns: readonly string[]; // of hparams, hidden
  model: string; // "NAME/VERSION"
  bare: boolean; // no list of runs
}

const list = {
  print: (v: readonly string[]): string => v.map(encodeURIComponent).join(","),
  parse: (t: string): string[] => t.split(",").filter(Boolean).map(decodeURIComponent),
};
const text = { print: String, parse: String };
const flag = { print: (v: boolean): string => (v ? "1" : "0"), parse: (t: string): boolean => t === "1" };
const num = {
  print: String,
  parse: (t: string): number | undefined => (Number.isFinite(Number(t)) ? Number(t) : undefined),
};
const oneOf = (...values: string[]) => ({
  print: String,
  parse: (t: string): string | undefined => (values.includes(t) ? t : undefined),
});
const range = {
  print: (v: readonly [number, number] | null): string => (v ? v.join("~") : ""),
  parse: (t: string): [number, number] | undefined => {
    const [a, b] = t.split("~").map(Number);
    return a !== undefined && b !== undefined && a < b ? [a, b] : undefined;
  },
};
const runs = {
  print: (v: Selection): string => (v.only ? "only:" : "but:") + list.print([...v.names]),
  parse: (t: string): Selection => ({
    only: t.startsWith("only:"),
    names: new Set(list.parse(t.slice(t.indexOf(":") + 1))),
  }),
};

// One row a field: its name in the address, what it is at first, how it is written and read.
interface Row {
  name: string;
  first: unknown;
  codec: { print: (v: never) => string; parse: (t: string) => unknown };
}
const ROWS: Record<keyof Omit<View, "page">, Row> = {
  runFilter: { name: "run", first: "", codec: text },
  runs: { name: "runs", first: { only: false, names: new Set() }, codec: runs },
  tagFilter: { name: "tag", first: "", codec: text },
  smooth: { name: "smooth", first: "ema", codec: oneOf("none", "ema", "mean") },
  alpha: { name: "ema", first: 0.6, codec: num },
  window: { name: "mean", first: 10, codec: num },
  x: { name: "x", first: "step", codec: oneOf("step", "relative", "wall") },
  logX: { name: "logx", first: false, codec: flag },
  logY: { name: "logy", first: false, codec: flag },
  zoom: { name: "zoom", first: null, codec: range },
  outliers: { name: "robust", first: false, codec: flag },
  lines: { name: "lines", first: "auto", codec: oneOf("auto", "lines", "bands") },
  group: { name: "group", first: "", codec: text },
  charts: { name: "charts", first: [], codec: list },
  pins: { name: "pins", first: [], codec: list },
  toggled: { name: "groups", first: [], codec: list },
  size: { name: "size", first: "m", codec: oneOf("s", "m", "l") },
  full: { name: "full", first: "", codec: text },
  histograms: { name: "hist", first: "ridge", codec: oneOf("ridge", "overlay") },
  at: { name: "at", first: null, codec: num },
  linked: { name: "linked", first: true, codec: flag },
  graph: { name: "graph", first: "", codec: text },
  graphTag: { name: "profile", first: "", codec: text },
  graphColor: { name: "color", first: "kind", codec: oneOf("kind", "time", "memory") },
  open: { name: "open", first: [], codec: list },
  node: { name: "node", first: "", codec: text },
  sort: { name: "sort", first: "", codec: text },
  cells: { name: "rows", first: "", codec: text },
  columns: { name: "hide", first: [], codec: list },
  model: { name: "model", first: "", codec: text },
  bare: { name: "bare", first: false, codec: flag },
};
const FIELDS = Object.keys(ROWS) as (keyof typeof ROWS)[];

function print(row: Row, value: unknown): string {
  return value === null ? "" : (row.codec.print as (v: unknown) => string)(value);
}

export function fresh(): View {
  const view: Record<string, unknown> = { page: "" };
  for (const field of FIELDS) view[field] = ROWS[field].first;
  return view as unknown as View;
}

/** "#scalars?smooth=none&..."; only what differs from the first view is written. */
export function toHash(view: View): string {
  const query = new URLSearchParams();
  for (const field of FIELDS) {
    const row = ROWS[field];
    const value = print(row, view[field]);
    if (value !== print(row, row.first)) query.set(row.name, value);
  }
  const rest = query.toString();
  return "#" + view.page + (rest ? "?" + rest : "");
}

/** Whatever cannot be read is as it is at first. */
export function fromHash(hash: string): View {
  const view = fresh() as unknown as Record<string, unknown>;
  const cut = hash.indexOf("?");
  const page = (cut < 0 ? hash : hash.slice(0, cut)).replace(/^#/, "");
  view["page"] = /^[a-z_]*$/.test(page) ? page : "";
  const query = new URLSearchParams(cut < 0 ? "" : hash.slice(cut + 1));
  for (const field of FIELDS) {
    const written = query.get(ROWS[field].name);
    if (written === null) continue;
    try {
      const value = ROWS[field].codec.parse(written);
      if (value !== undefined) view[field] = value;
    } catch {
      // a malformed escape: as at first
    }
  }
  return view as unknown as View;
}

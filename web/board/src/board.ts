// What the whole page shares: the view and the address, the catalogue of runs and tags, and who wants to
// know of changes.
// SPDX-License-Identifier: Apache-2.0
import * as api from "./api";
import { debounce, regex } from "./dom";
import { fromHash, toHash, type View } from "./view";

/**
 * What changed: fields of the view, "state", "tags" (the catalogue), "colors", "theme", "hover" (a run
 * under the pointer), or "data" (new points, of `runs`).
 */
export interface News {
  has: (...what: (keyof View | "state" | "tags" | "data" | "colors" | "theme" | "hover")[]) => boolean;
  runs: ReadonlySet<number> | null; // null = any
}
type Listener = (news: News) => void;

const NO_TAGS: api.Tags = {
  revision: 0,
  runs: [],
  scalars: [],
  histograms: [],
  images: [],
  text: [],
  pr_curves: [],
  audio: [],
  graphs: [],
  hparams: false,
  custom_scalars: false,
  other: {},
};

export let view: View = fromHash(location.hash);
export let tags: api.Tags = NO_TAGS;
export let state: api.State | null = null;
export let live = false;
let written = location.hash;
const listeners = new Set<Listener>();

export function listenTo(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function tell(what: string[], runs: ReadonlySet<number> | null = null): void {
  const names = new Set(what);
  if (names.has("runs") || names.has("runFilter") || names.has("tags")) visible = null;
  const news: News = { has: (...wanted) => wanted.some((w) => names.has(w)), runs };
  for (const listener of [...listeners]) listener(news);
}

/** Orders names as people do: step2 before step10. */
export const natural = new Intl.Collator("en", { numeric: true });

// ---- the view and the address

function write(): void {
  const hash = toHash(view);
  if (hash === written) return;
  const turned = hash.split("?")[0] !== written.split("?")[0];
  written = hash;
  if (turned) history.pushState(null, "", hash);
  else history.replaceState(null, "", hash);
}

const writeSoon = debounce(120, write);

/** Changes some choices; who listens is told at once, the address follows. */
export function choose(patch: Partial<View>): void {
  const changed = (Object.keys(patch) as (keyof View)[]).filter((key) => patch[key] !== view[key]);
  if (!changed.length) return;
  view = { ...view, ...patch };
  if (changed.includes("page")) write();
  else writeSoon();
  tell(changed);
}

export function followAddress(): void {
  const follow = (): void => {
    if (location.hash === written) return;
    written = location.hash;
    const before = view;
    view = fromHash(location.hash);
    tell(
      (Object.keys(view) as (keyof View)[]).filter(
        (key) => JSON.stringify(view[key]) !== JSON.stringify(before[key]) || key === "runs",
      ),
    );
  };
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
}

// ---- runs

let visible: number[] | null = null;

export function isTicked(name: string): boolean {
  return view.runs.only === view.runs.names.has(name);
}

/** The numbers of the runs that are there and pass the filter. */
export function matchingRuns(): number[] {
  const wanted = view.runFilter ? regex(view.runFilter) : null;
  return tags.runs
    .map((_, i) => i)
    .filter((i) => !tags.runs[i]!.gone && (!wanted || wanted.test(tags.runs[i]!.name)));
}

/** The numbers of the runs that are ticked and pass the filter. */
export function visibleRuns(): number[] {
  if (visible) return visible;
  visible = matchingRuns().filter((i) => isTicked(tags.runs[i]!.name));
  return visible;
}

export function tick(name: string, on: boolean): void {
  const names = new Set(view.runs.names);
  if (on === view.runs.only) names.add(name);
  else names.delete(name);
  choose({ runs: { only: view.runs.only, names } });
}

let beforeSolo: View["runs"] | null = null;

/** Shows one run alone; once more, and what was ticked before comes back. */
export function solo(name: string): void {
  const { only, names } = view.runs;
  if (only && names.size === 1 && names.has(name)) {
    choose({ runs: beforeSolo ?? { only: false, names: new Set() } });
    return;
  }
  beforeSolo = view.runs;
  choose({ runs: { only: true, names: new Set([name]) } });
}

export function runName(run: number): string {
  return tags.runs[run]?.name ?? `run ${run}`;
}

// ---- what the server tells

let fetching: Promise<void> | null = null;
let again = false;

/** Fetches the catalogue; a call while one is under way makes one more when it is done. */
export function refreshTags(): Promise<void> {
  if (fetching) {
    again = true;
    return fetching;
  }
  fetching = api
    .json<api.Tags>("data/leat/tags")
    .then((answer) => {
      const other = answer.revision !== tags.revision || !tags.revision;
      tags = { ...NO_TAGS, ...answer };
      for (const kind of ["scalars", "histograms", "images", "text", "pr_curves", "audio"] as const)
        tags[kind].sort((a, b) => natural.compare(a.tag, b.tag));
      if (other) tell(["tags"]);
    })
    .finally(() => {
      fetching = null;
      if (again) {
        again = false;
        void refreshTags();
      }
    });
  return fetching;
}

export async function refreshState(): Promise<void> {
  state = await api.json<api.State>("data/leat/state");
  tell(["state"]);
}

const STATE_MS = 2000; // between looks for notices while runs grow
let stateTimer = 0;
let lost = false; // the stream was there once, and went

export function follow(): void {
  api.listen(
    (change) => {
      if (state) state = { ...state, revision: change.revision, loading: change.loading ?? state.loading };
      const runs = new Set(change.runs);
      if (runs.size) tell(["state", "data"], runs);
      else tell(["state"]);
      if (change.tags_changed) void refreshTags();
      stateTimer ||= window.setTimeout(() => {
        stateTimer = 0;
        void refreshState().catch(() => undefined);
      }, STATE_MS);
    },
    (yes) => {
      const missed = yes && !live && lost;
      lost ||= live && !yes;
      live = yes;
      tell(["state"]);
      if (missed)
        void refreshTags()
          .then(() => tell(["data"]))
          .catch(() => undefined);
    },
  );
}

// ---- the run under the pointer

export let hovered: number | null = null;

export function hover(run: number | null): void {
  if (run === hovered) return;
  hovered = run;
  tell(["hover"]);
}

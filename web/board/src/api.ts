// Talking to the server: JSON, the binary answer of curves, the stream of changes. Addresses are relative,
// so any path prefix works.
// SPDX-License-Identifier: Apache-2.0
import type { SmoothKind, XKind } from "./view";

const TOKEN = new URLSearchParams(location.search).get("token");

export interface State {
  revision: number;
  title: string;
  logdir: string;
  loading: Loading;
  notices: { path: string; text: string }[];
  points: number;
  registry: boolean;
}
export interface Loading {
  files: number;
  files_done: number;
  bytes: number;
  bytes_done: number;
  done: boolean;
}
export interface Run {
  name: string;
  start: number; // seconds since 1970
  points: number;
  gone?: boolean; // deleted; its number stays taken
}
export interface TagInfo {
  tag: string;
  name: string; // to show; may be ""
  description: string; // rendered Markdown
  runs: number[];
  samples?: number;
}
export interface GraphInfo {
  run: number;
  graph: boolean;
  keras: boolean;
  run_metadata: string[];
}
export interface Tags {
  revision: number;
  runs: Run[];
  scalars: TagInfo[];
  histograms: TagInfo[];
  images: TagInfo[];
  text: TagInfo[];
  pr_curves: TagInfo[];
  audio: TagInfo[];
  graphs: GraphInfo[];
  hparams: boolean;
  custom_scalars: boolean;
  other: Record<string, unknown[]>;
}
export interface Change {
  revision: number;
  runs: number[];
  tags_changed: boolean;
  loading: Loading;
}

export interface Entry {
  tag: string;
  run?: number; // a curve
  group?: number; // a band over the runs band[group]
}
export interface SeriesQuery {
  x: XKind;
  width: number;
  x0: number | null;
  x1: number | null;
  log_x: boolean;
  smooth: { kind: SmoothKind; value: number };
  band: number[][] | null;
  series: Entry[];
}
export interface Line {
  kind: "line";
  x: Float64Array;
  raw: Float32Array;
  smooth: Float32Array;
  lastRaw: number;
  lastX: number;
  total: number; // points, drawn or not
}
export interface Range {
  kind: "range";
  x: Float64Array;
  min: Float32Array;
  mean: Float32Array;
  max: Float32Array;
  lastX: number;
  total: number;
}
export type Series = Line | Range;

/** An address of the server, with the token that the page was opened with. */
export function url(path: string, query: Record<string, string | number> = {}): string {
  const all = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) all.set(name, String(value));
  if (TOKEN !== null) all.set("token", TOKEN);
  const text = all.toString();
  return text ? `${path}${path.includes("?") ? "&" : "?"}${text}` : path;
}

async function check(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  let told = "";
  try {
    const body = await answer.text();
    told = body.startsWith("{")
      ? String((JSON.parse(body) as { error?: unknown }).error ?? "")
      : body.slice(0, 300);
  } catch {
    // the status says enough
  }
  throw new Error(told || `the server answered ${answer.status}`);
}

export async function json<T>(
  path: string,
  query: Record<string, string | number> = {},
  signal?: AbortSignal,
): Promise<T> {
  const answer = await check(await fetch(url(path, query), signal ? { signal } : {}));
  return (await answer.json()) as T;
}

export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return (await (await send(path, body, signal)).json()) as T;
}

async function send(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const headers = { "Content-Type": "application/json" };
  return check(
    await fetch(url(path), {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      ...(signal ? { signal } : {}),
    }),
  );
}

/** Reads the answer of data/leat/series: views into the buffer, nothing is copied. */
export function decode(buffer: ArrayBuffer): Series[] {
  const view = new DataView(buffer);
  if (buffer.byteLength < 8 || view.getUint32(0, true) !== 0x3153544c)
    throw new Error("the server's curves are not in the form LTS1");
  const series: Series[] = [];
  const total = view.getUint32(4, true);
  let at = 8;
  for (let i = 0; i < total; i++) {
    const index = view.getUint32(at, true);
    const n = view.getUint32(at + 4, true);
    const lastX = view.getFloat64(at + 8, true);
    const lastRaw = view.getFloat32(at + 16, true);
    const points = Number(view.getBigUint64(at + 24, true));
    const x = new Float64Array(buffer, at + 32, n);
    const floats = at + 32 + 8 * n;
    const row = (k: number): Float32Array => new Float32Array(buffer, floats + 4 * n * k, n);
    const band = index >>> 31 === 1;
    series[index & 0x7fffffff] = band
      ? { kind: "range", x, min: row(0), mean: row(1), max: row(2), lastX, total: points }
      : { kind: "line", x, raw: row(0), smooth: row(1), lastRaw, lastX, total: points };
    at = (floats + 4 * n * (band ? 3 : 2) + 7) & ~7;
  }
  return series;
}

export async function series(query: SeriesQuery, signal: AbortSignal): Promise<Series[]> {
  return decode(await (await send("data/leat/series", query, signal)).arrayBuffer());
}

/**
 * Calls back at every change, and with true and false as the stream comes and goes; it reconnects by
 * itself.
 */
export function listen(changed: (change: Change) => void, connected: (yes: boolean) => void): void {
  const source = new EventSource(url("data/leat/events"));
  source.addEventListener("change", (event) =>
    changed(JSON.parse((event as MessageEvent<string>).data) as Change),
  );
  source.addEventListener("open", () => connected(true));
  source.addEventListener("error", () => connected(false));
}

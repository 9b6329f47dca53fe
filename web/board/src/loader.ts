// Fetches the curves of all cards that are on screen: requests of a few hundred curves, the topmost card's
// first, the outdated cancelled.
// SPDX-License-Identifier: Apache-2.0
import * as api from "./api";
import { view } from "./board";
import { atOnce } from "./dom";

/** A card that shows curves. */
export interface Client {
  top: () => number; // where it is on the page: upper cards first
  width: () => number; // pixels of the plot
  entries: () => { series: api.Entry[]; band: number[][] };
  take: (series: api.Series[]) => void;
  fail: (error: Error) => void;
}

const BATCH = 160; // curves a request, also those inside of bands
const waiting = new Set<Client>();
const underway = new Map<Client, Batch>();
let first = true;

/** Says on the page whether curves are under way: for tests, and for whoever waits with a script. */
function busy(): void {
  document.documentElement.toggleAttribute("data-busy", waiting.size + underway.size > 0);
}

interface Batch {
  stop: AbortController;
  clients: Set<Client>; // who still wants the answer
}

function leave(client: Client): void {
  const batch = underway.get(client);
  if (!batch) return;
  underway.delete(client);
  batch.clients.delete(client);
  if (batch.clients.size === 0) batch.stop.abort();
}

/** Asks for a card's curves, with all that ask now; `refresh` lets an answer that is under way come first. */
export function want(client: Client, refresh = false): void {
  if (!refresh) leave(client);
  waiting.add(client);
  busy();
  flush();
}

export function forget(client: Client): void {
  waiting.delete(client);
  leave(client);
  busy();
}

const flush = atOnce(() => {
  const clients = [...waiting].filter((client) => !underway.has(client));
  clients.sort((a, b) => a.top() - b.top());
  const groups = new Map<number, Client[]>();
  for (const client of clients) {
    waiting.delete(client);
    const width = first ? client.width() : Math.ceil(client.width() / 20) * 20;
    groups.set(width, [...(groups.get(width) ?? []), client]);
  }
  for (const [width, members] of groups) {
    if (first) void ask(width, members.splice(0, 1));
    first = false;
    let batch: Client[] = [];
    let size = 0;
    for (const client of members) {
      const { series, band } = client.entries();
      const n = series.length + band.reduce((runs, group) => runs + group.length, 0);
      if (size && size + n > BATCH) {
        void ask(width, batch);
        batch = [];
        size = 0;
      }
      batch.push(client);
      size += n;
    }
    if (batch.length) void ask(width, batch);
  }
});

async function ask(width: number, clients: Client[]): Promise<void> {
  const batch: Batch = { stop: new AbortController(), clients: new Set(clients) };
  const band: number[][] = [];
  const entries: api.Entry[] = [];
  const spans: [Client, number, number][] = [];
  for (const client of clients) {
    const wanted = client.entries();
    const from = entries.length;
    for (const entry of wanted.series)
      entries.push(entry.group === undefined ? entry : { ...entry, group: entry.group + band.length });
    band.push(...wanted.band);
    spans.push([client, from, entries.length]);
    underway.set(client, batch);
  }
  const query: api.SeriesQuery = {
    x: view.x,
    width,
    x0: view.zoom?.[0] ?? null,
    x1: view.zoom?.[1] ?? null,
    log_x: view.logX,
    smooth: { kind: view.smooth, value: view.smooth === "mean" ? view.window : view.alpha },
    band: band.length ? band : null,
    series: entries,
  };
  try {
    const series = entries.length ? await api.series(query, batch.stop.signal) : [];
    for (const [client, from, to] of spans)
      if (batch.clients.has(client)) client.take(series.slice(from, to));
  } catch (error) {
    if (!batch.stop.signal.aborted) for (const client of batch.clients) client.fail(error as Error);
  }
  for (const client of batch.clients) underway.delete(client);
  busy();
  if ([...waiting].some((client) => batch.clients.has(client))) flush();
}

// A layered drawing of a directed graph (after Sugiyama): ranks, an order within each rank, then places
// along it.
// SPDX-License-Identifier: Apache-2.0
//
//   ranks   longest path over the edges that remain when those closing a cycle are turned; sources sink to
// their users
//   bends   an edge over several ranks gets an invisible point in each rank between
//   order   sweeps down and up, each node at the mean of its neighbours' positions
//   places  per rank the places nearest to the neighbours' that keep order and distance: least squares by
// pooling

export interface Box {
  id: string;
  width: number;
  height: number;
  port?: "in" | "out"; // where edges from outside come in (the first rank) or go out (the last)
}
export interface Link {
  from: string;
  to: string;
}
export interface Laid {
  width: number;
  height: number;
  x: Map<string, number>; // centres
  y: Map<string, number>;
  bends: Map<Link, [number, number][]>; // between the ends, from above to below
}

const GAP_X = 28;
const GAP_Y = 46;
const SWEEPS = 10;

interface Vertex {
  box: Box | null; // null: a bend
  width: number;
  height: number;
  rank: number;
  up: number[];
  down: number[];
  place: number;
}

/** Ranks by the longest path; edges that would close a cycle do not count. */
function rankAll(boxes: Box[], edges: [number, number][]): { rank: number[]; turned: Set<number> } {
  const n = boxes.length;
  const out: number[][] = Array.from({ length: n }, () => []);
  edges.forEach(([a], e) => out[a]!.push(e));
  const turned = new Set<number>();
  const state = new Uint8Array(n); // 1 = on the path, 2 = done
  const order: number[] = [];
  for (let root = 0; root < n; root++) {
    if (state[root]) continue;
    const stack: [number, number][] = [[root, 0]];
    state[root] = 1;
    while (stack.length) {
      const top = stack[stack.length - 1]!;
      const e = out[top[0]]![top[1]++];
      if (e === undefined) {
        state[top[0]] = 2;
        order.push(top[0]);
        stack.pop();
        continue;
      }
      const to = edges[e]![1];
      if (state[to] === 1) turned.add(e);
      else if (!state[to]) {
        state[to] = 1;
        stack.push([to, 0]);
      }
    }
  }
  const rank = new Array<number>(n).fill(0);
  for (const v of order.reverse()) {
    for (const e of out[v]!)
      if (!turned.has(e)) rank[edges[e]![1]] = Math.max(rank[edges[e]![1]]!, rank[v]! + 1);
  }
  const fed = new Uint8Array(n);
  edges.forEach(([a, b], e) => (fed[turned.has(e) ? a : b] = 1));
  for (let v = 0; v < n; v++) {
    if (fed[v] || boxes[v]!.port === "in") continue; // a source stands right above its first user
    let least = Infinity;
    for (const e of out[v]!) if (!turned.has(e)) least = Math.min(least, rank[edges[e]![1]]!);
    if (Number.isFinite(least)) rank[v] = least - 1;
  }
  const last = Math.max(0, ...rank);
  boxes.forEach((box, v) => {
    if (box.port === "out") rank[v] = last;
  });
  return { rank, turned };
}

/**
 * The values nearest to `wanted` (weighted least squares) with value[i+1] - value[i] >= apart[i]: pool
 * adjacent violators.
 */
export function spread(wanted: number[], weight: number[], apart: number[]): number[] {
  const offset = [0];
  for (let i = 0; i + 1 < wanted.length; i++) offset.push(offset[i]! + apart[i]!);
  const pools: { sum: number; weight: number; size: number }[] = [];
  wanted.forEach((w, i) => {
    let pool = { sum: (w - offset[i]!) * weight[i]!, weight: weight[i]!, size: 1 };
    for (
      let last = pools[pools.length - 1];
      last && last.sum / last.weight > pool.sum / pool.weight;
      last = pools[pools.length - 1]
    ) {
      pools.pop();
      pool = { sum: pool.sum + last.sum, weight: pool.weight + last.weight, size: pool.size + last.size };
    }
    pools.push(pool);
  });
  const values: number[] = [];
  for (const pool of pools)
    for (let k = 0; k < pool.size; k++) values.push(pool.sum / pool.weight + offset[values.length]!);
  return values;
}

function mean(values: number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function orderLayers(layers: number[][], all: Vertex[]): void {
  const position = new Map<number, number>();
  const note = (layer: number[]): void => layer.forEach((v, i) => position.set(v, (i + 0.5) / layer.length));
  layers.forEach(note);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (let k = 1; k < layers.length; k++) {
      const layer = layers[down ? k : layers.length - 1 - k]!;
      const key = new Map<number, number>();
      for (const v of layer) {
        const near = down ? all[v]!.up : all[v]!.down;
        key.set(v, near.length ? mean(near.map((u) => position.get(u)!)) : position.get(v)!);
      }
      layer.sort((a, b) => key.get(a)! - key.get(b)!);
      note(layer);
    }
  }
}

function placeLayers(layers: number[][], all: Vertex[]): void {
  for (const layer of layers) {
    let x = 0;
    for (const v of layer) {
      all[v]!.place = x + all[v]!.width / 2;
      x += all[v]!.width + GAP_X;
    }
    const shift = (x - GAP_X) / 2;
    for (const v of layer) all[v]!.place -= shift;
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (let k = 0; k < layers.length; k++) {
      const layer = layers[down ? k : layers.length - 1 - k]!;
      const wanted = layer.map((v) => {
        const { up, down: below, place } = all[v]!;
        const near = sweep < SWEEPS - 2 ? (down ? up : below) : [...up, ...below];
        return near.length ? mean(near.map((u) => all[u]!.place)) : place;
      });
      const weight = layer.map((v) => (all[v]!.box ? 1 : 3));
      const apart = layer.slice(1).map((v, i) => (all[v]!.width + all[layer[i]!]!.width) / 2 + GAP_X);
      spread(wanted, weight, apart).forEach((place, i) => (all[layer[i]!]!.place = place));
    }
  }
}

export function layered(boxes: Box[], links: Link[]): Laid {
  const index = new Map(boxes.map((box, i) => [box.id, i]));
  const kept = links.filter((l) => l.from !== l.to && index.has(l.from) && index.has(l.to));
  const edges = kept.map((l): [number, number] => [index.get(l.from)!, index.get(l.to)!]);
  const { rank, turned } = rankAll(boxes, edges);
  const all: Vertex[] = boxes.map((box, i) => ({
    box,
    width: box.width,
    height: box.height,
    rank: rank[i]!,
    up: [],
    down: [],
    place: 0,
  }));
  const through = new Map<Link, number[]>();
  edges.forEach(([a, b], e) => {
    const [above, below] = turned.has(e) || rank[a]! > rank[b]! ? [b, a] : [a, b];
    let last = above;
    const chain: number[] = [];
    for (let r = rank[above]! + 1; r < rank[below]!; r++) {
      all.push({ box: null, width: 6, height: 0, rank: r, up: [last], down: [], place: 0 });
      all[last]!.down.push(all.length - 1);
      last = all.length - 1;
      chain.push(last);
    }
    all[last]!.down.push(below);
    all[below]!.up.push(last);
    through.set(kept[e]!, chain);
  });
  const layers: number[][] = [];
  all.forEach((v, i) => (layers[v.rank] ??= []).push(i));
  for (let r = 0; r < layers.length; r++) layers[r] ??= [];
  orderLayers(layers, all);
  placeLayers(layers, all);
  let left = Infinity;
  let right = -Infinity;
  for (const v of all) {
    left = Math.min(left, v.place - v.width / 2);
    right = Math.max(right, v.place + v.width / 2);
  }
  const laid: Laid = {
    width: boxes.length ? right - left : 0,
    height: 0,
    x: new Map(),
    y: new Map(),
    bends: new Map(),
  };
  const middles: number[] = [];
  let y = 0;
  for (const layer of layers) {
    const height = Math.max(0, ...layer.map((v) => all[v]!.height));
    middles.push(y + height / 2);
    for (const v of layer) {
      const { box, place } = all[v]!;
      if (box) laid.x.set(box.id, place - left);
      if (box) laid.y.set(box.id, y + height / 2);
    }
    y += height + GAP_Y;
  }
  laid.height = Math.max(0, y - GAP_Y);
  for (const [link, chain] of through)
    laid.bends.set(
      link,
      chain.map((v) => [all[v]!.place - left, middles[all[v]!.rank]!]),
    );
  return laid;
}

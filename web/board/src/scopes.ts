// A graph's nodes as a tree of scopes (the slashes in their names), with the edges between the children of
// every scope.
// SPDX-License-Identifier: Apache-2.0

export interface GraphNode {
  name: string;
  op: string;
  device: string;
  inputs: string[]; // "a", "a:1", "^control"
  shapes?: (string | (number | null)[] | null)[]; // of its outputs: "?x100" or [null, 100]
  attrs?: Record<string, string>;
}
export interface Cost {
  time: number; // microseconds
  bytes: number;
}

export interface Scope {
  path: string; // "" = the whole
  label: string;
  parent: Scope | null;
  node: GraphNode | null; // null: it has children
  children: Map<string, Scope>;
  size: number; // nodes inside
  cost: Cost;
  inputs: Edge[];
  outputs: Edge[];
}
export interface Edge {
  from: Scope; // nodes
  to: Scope;
  slot: number;
  control: boolean;
}

function child(parent: Scope, path: string, label: string): Scope {
  const scope: Scope = {
    path,
    label,
    parent,
    node: null,
    children: new Map(),
    size: 0,
    cost: { time: 0, bytes: 0 },
    inputs: [],
    outputs: [],
  };
  parent.children.set(path, scope);
  return scope;
}

/** Builds the tree. A node whose name is a scope too becomes its child "(name)". */
export function buildScopes(nodes: GraphNode[]): {
  root: Scope;
  byName: Map<string, Scope>;
  byPath: Map<string, Scope>;
} {
  const root: Scope = {
    path: "",
    label: "",
    parent: null,
    node: null,
    children: new Map(),
    size: 0,
    cost: { time: 0, bytes: 0 },
    inputs: [],
    outputs: [],
  };
  const byPath = new Map<string, Scope>([["", root]]);
  const byName = new Map<string, Scope>();
  const prefixes = new Set<string>();
  for (const { name } of nodes)
    for (let i = name.indexOf("/"); i > 0; i = name.indexOf("/", i + 1)) prefixes.add(name.slice(0, i));
  for (const node of nodes) {
    const parts = node.name.split("/");
    let scope = root;
    parts.forEach((part, i) => {
      const path = parts.slice(0, i + 1).join("/");
      const last = i === parts.length - 1;
      if (last && !prefixes.has(path)) {
        scope = child(scope, path, part);
      } else {
        scope = byPath.get(path) ?? child(scope, path, part);
        byPath.set(scope.path, scope);
        if (last) scope = child(scope, `${path}/(${part})`, `(${part})`);
      }
    });
    scope.node = node;
    byName.set(node.name, scope);
    byPath.set(scope.path, scope);
    for (let s: Scope | null = scope; s; s = s.parent) s.size++;
  }
  for (const to of byName.values()) {
    for (const input of to.node!.inputs) {
      const control = input.startsWith("^");
      const [name = "", slot = "0"] = input.replace(/^\^/, "").split(":");
      const from = byName.get(name);
      if (!from) continue;
      const edge = { from, to, slot: Number(slot) || 0, control };
      from.outputs.push(edge);
      to.inputs.push(edge);
    }
  }
  return { root, byName, byPath };
}

/** Adds time and memory of a profile's nodes to them and to all scopes round them. */
export function addCosts(
  root: Scope,
  byName: Map<string, Scope>,
  stats: { name: string; time_us: number; bytes: number }[],
): void {
  const clear = (scope: Scope): void => {
    scope.cost = { time: 0, bytes: 0 };
    scope.children.forEach(clear);
  };
  clear(root);
  for (const { name, time_us, bytes } of stats) {
    const node = byName.get(name) ?? byName.get(name.split(":")[0]!);
    for (let s: Scope | null = node ?? null; s; s = s.parent) {
      s.cost.time += time_us;
      s.cost.bytes += bytes;
    }
  }
}

/** "?×100", "scalar", "" where nothing is known. */
export function shapeText(shape: string | (number | null)[] | null | undefined): string {
  if (shape === null || shape === undefined) return "";
  if (typeof shape === "string") return shape.replaceAll("x", "×");
  return shape.length ? shape.map((d) => (d === null || d < 0 ? "?" : d)).join("×") : "scalar";
}

/** The scope that is drawn for a node: itself, or the outermost closed one round it. */
export function drawnFor(node: Scope, open: ReadonlySet<string>): Scope {
  const chain: Scope[] = [];
  for (let s: Scope | null = node; s?.parent; s = s.parent) chain.push(s);
  return chain.reverse().find((s) => !open.has(s.path) || s.node) ?? node;
}

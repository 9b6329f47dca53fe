// Draws the open part of a graph as SVG: boxes in boxes, edges with shapes; it pans, zooms and keeps the
// focus.
// SPDX-License-Identifier: Apache-2.0
import { h, iconButton, svg } from "./dom";
import { layered, type Box, type Link } from "./layout";
import { drawnFor, shapeText, type Edge, type Scope } from "./scopes";

const HEAD = 26; // of an open scope
const PAD = 16;
const NODE = 34;

interface Drawn {
  scope: Scope;
  x: number; // its left upper corner
  y: number;
  width: number;
  height: number;
  open: boolean;
}
interface Bundle {
  from: Scope; // what is drawn
  to: Scope;
  a: Scope; // the children of the common scope
  b: Scope;
  edges: Edge[];
}
export interface GraphEvents {
  select: (path: string) => void;
  toggle: (path: string) => void;
  fill: (scope: Scope) => string; // "" = the plain ground
}

function textWidth(text: string): number {
  return Math.min(30, text.length) * 6.9 + 30;
}

function clip(text: string): string {
  return text.length > 30 ? `${text.slice(0, 14)}…${text.slice(-14)}` : text;
}

function depth(scope: Scope): number {
  let d = 0;
  for (let s = scope.parent; s; s = s.parent) d++;
  return d;
}

/** The children of the nearest common scope that hold a and b; null where one holds the other. */
function forks(a: Scope, b: Scope): [Scope, Scope] | null {
  let [x, y] = [a, b];
  for (let d = depth(x); d > depth(y); d--) x = x.parent!;
  for (let d = depth(y); d > depth(x); d--) y = y.parent!;
  if (x === y) return null;
  while (x.parent !== y.parent) [x, y] = [x.parent!, y.parent!];
  return [x, y];
}

/** All edges between what is drawn, those with the same ends together. */
function bundle(nodes: Iterable<Scope>, open: ReadonlySet<string>): Bundle[] {
  const found = new Map<string, Bundle>();
  for (const node of nodes) {
    for (const edge of node.inputs) {
      const from = drawnFor(edge.from, open);
      const to = drawnFor(edge.to, open);
      const key = `${from.path}\n${to.path}`;
      const old = found.get(key);
      if (old) {
        old.edges.push(edge);
        continue;
      }
      const fork = from === to ? null : forks(from, to);
      if (fork) found.set(key, { from, to, a: fork[0], b: fork[1], edges: [edge] });
    }
  }
  return [...found.values()];
}

export class GraphView {
  readonly root = h("div", { class: "graph-view" });
  private readonly canvas = svg("svg", { class: "graph", role: "group", "aria-label": "Graph" });
  private readonly stage = svg("g");
  private drawn = new Map<string, Drawn>();
  private elements = new Map<string, SVGGElement>();
  private scale = 1;
  private dx = 0;
  private dy = 0;
  private fitted = false;
  private ports = new Map<Scope, Set<string>>(); // ">" or "<" and the child's path
  private origin = new Map<Scope, [number, number]>();

  constructor(private readonly events: GraphEvents) {
    const arrow = svg(
      "marker",
      {
        id: "arrow",
        viewBox: "0 0 8 8",
        refX: 7,
        refY: 4,
        markerWidth: 9,
        markerHeight: 9,
        markerUnits: "userSpaceOnUse",
        orient: "auto",
      },
      svg("path", { d: "M0 0.500L8 4L0 7.500z" }),
    );
    this.canvas.append(svg("defs", {}, arrow), this.stage);
    const zoom = (k: number) => () => this.zoom(k, this.root.clientWidth / 2, this.root.clientHeight / 2);
    this.root.append(
      this.canvas,
      h(
        "div",
        { class: "graph-tools" },
        iconButton("plus", "Zoom in", zoom(1.3)),
        iconButton("minus", "Zoom out", zoom(1 / 1.3)),
        iconButton("fit", "Show the whole graph", () => this.fit()),
      ),
    );
    this.canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const box = this.canvas.getBoundingClientRect();
        this.zoom(
          Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)),
          event.clientX - box.left,
          event.clientY - box.top,
        );
      },
      { passive: false },
    );
    this.canvas.addEventListener("pointerdown", (event) => this.drag(event));
  }

  show(root: Scope, nodes: Iterable<Scope>, open: ReadonlySet<string>, selected: string): void {
    const anchor = this.drawn.get(this.anchor);
    const before = anchor ? [anchor.x, anchor.y] : null;
    const focused = (document.activeElement as SVGElement | null)?.dataset["path"];
    const bundles = bundle(nodes, open);
    this.drawn = new Map();
    this.ports = new Map();
    const inside = new Map<Scope | null, Bundle[]>();
    for (const b of bundles) {
      const list = inside.get(b.a.parent);
      if (list) list.push(b);
      else inside.set(b.a.parent, [b]);
      for (let s = b.from; s !== b.a; s = s.parent!) this.addPort(s.parent!, `>${s.path}`);
      for (let s = b.to; s !== b.b; s = s.parent!) this.addPort(s.parent!, `<${s.path}`);
    }
    this.measure(root, open, inside);
    this.place(root, 0, 0);
    this.paint(bundles, selected);
    const after = this.drawn.get(this.anchor);
    if (before && after) {
      this.dx += (before[0]! - after.x) * this.scale;
      this.dy += (before[1]! - after.y) * this.scale;
    }
    this.anchor = "";
    if (!this.fitted && this.root.clientWidth) this.fit();
    this.move();
    if (focused !== undefined) this.elements.get(focused)?.focus();
  }

  private addPort(scope: Scope, key: string): void {
    const ports = this.ports.get(scope) ?? new Set();
    this.ports.set(scope, ports.add(key));
  }

  /** What stays where it is on the screen at the next drawing. */
  anchor = "";

  /** Brings a node to the middle. */
  center(path: string): void {
    const box = this.drawn.get(path);
    if (!box) return;
    this.scale = Math.max(this.scale, 0.8);
    this.dx = this.root.clientWidth / 2 - (box.x + box.width / 2) * this.scale;
    this.dy = this.root.clientHeight / 2 - (box.y + Math.min(box.height, 200) / 2) * this.scale;
    this.move();
  }

  refit(): void {
    this.fitted = false;
  }

  // ---- where things are
  //
  // An edge that leaves or enters open scopes passes a port in each of them: a place in the scope's first
  // or last rank,
  // shared by all edges from (or to) the same child. So it runs between the nodes inside, not behind them.

  private laid = new Map<Scope, ReturnType<typeof layered>>();
  private links = new Map<Scope, Map<string, Link>>();

  /** Lays out the inside of an open scope, the innermost first; gives its size. */
  private measure(
    scope: Scope,
    open: ReadonlySet<string>,
    inside: Map<Scope | null, Bundle[]>,
  ): { width: number; height: number } {
    const boxes: Box[] = [...scope.children.values()].map((child) => {
      if (child.node || !open.has(child.path)) {
        const under = child.node ? child.node.op : `${child.size} nodes`;
        return {
          id: child.path,
          width: Math.max(textWidth(child.label), textWidth(under) - 8) + (child.node ? 0 : 22),
          height: NODE + 8,
        };
      }
      const size = this.measure(child, open, inside);
      return {
        id: child.path,
        width: Math.max(size.width + 2 * PAD, textWidth(child.label) + 20),
        height: size.height + HEAD + 2 * PAD,
      };
    });
    const sizes = [...boxes];
    const links = new Map<string, Link>();
    for (const { a, b } of inside.get(scope) ?? [])
      links.set(`${a.path}\n${b.path}`, { from: a.path, to: b.path });
    for (const key of this.ports.get(scope) ?? []) {
      const port = key.startsWith("<") ? "in" : "out";
      const path = key.slice(1);
      boxes.push({ id: key, width: 4, height: 0, port });
      links.set(key, port === "in" ? { from: key, to: path } : { from: path, to: key });
    }
    const laid = layered(boxes, [...links.values()]);
    this.laid.set(scope, laid);
    this.links.set(scope, links);
    for (const box of sizes) {
      const child = scope.children.get(box.id)!;
      this.drawn.set(box.id, {
        scope: child,
        x: laid.x.get(box.id)! - box.width / 2,
        y: laid.y.get(box.id)! - box.height / 2,
        width: box.width,
        height: box.height,
        open: !child.node && open.has(child.path),
      });
    }
    return laid;
  }

  /** Moves what `measure` laid out to where its scope is. */
  private place(scope: Scope, x: number, y: number): void {
    this.origin.set(scope, [x, y]);
    for (const child of scope.children.values()) {
      const box = this.drawn.get(child.path)!;
      box.x += x;
      box.y += y;
      if (box.open)
        this.place(child, box.x + (box.width - this.laid.get(child)!.width) / 2, box.y + HEAD + PAD);
    }
  }

  /** The points of an edge in a scope, from above to below: its bends, and its port if `key` is one. */
  private through(scope: Scope, key: string): [number, number][] {
    const laid = this.laid.get(scope)!;
    const [x, y] = this.origin.get(scope)!;
    const bends = [...(laid.bends.get(this.links.get(scope)!.get(key)!) ?? [])];
    const port: [number, number] = [laid.x.get(key) ?? 0, laid.y.get(key) ?? 0];
    if (key.startsWith("<")) bends.unshift(port);
    if (key.startsWith(">")) bends.push(port);
    return bends.map(([bx, by]) => [bx + x, by + y]);
  }

  // ---- the picture

  private paint(bundles: Bundle[], selected: string): void {
    this.elements = new Map();
    const scopes: Element[] = [];
    const nodes: Element[] = [];
    const byDepth = [...this.drawn.values()].sort((a, b) => depth(a.scope) - depth(b.scope));
    for (const box of byDepth) (box.open ? scopes : nodes).push(this.box(box, selected));
    const edges = bundles.map((b) => this.edge(b, selected, bundles.length < 400));
    this.stage.replaceChildren(
      svg("g", {}, ...scopes),
      svg("g", { class: "edges", "aria-hidden": "true" }, ...edges),
      svg("g", {}, ...nodes),
    );
  }

  private box({ scope, x, y, width, height, open }: Drawn, selected: string): SVGGElement {
    const { path, label, node, size } = scope;
    const under = node ? node.op : `${size} nodes`;
    const kind = open ? "open" : node ? "node" : "closed";
    const classes = ["box", kind, path === selected ? "selected" : ""].join(" ").trim();
    const centre = (width - (node ? 0 : 20)) / 2;
    const rect = svg("rect", { width, height, rx: node ? 8 : 10 });
    const fill = this.events.fill(scope);
    if (fill && !open) rect.style.fill = fill;
    const group = svg(
      "g",
      {
        class: classes,
        transform: `translate(${x} ${y})`,
        "data-path": path,
        tabindex: 0,
        role: "button",
        "aria-label": node ? `${label}, ${under}` : `scope ${label}, ${under}`,
        ...(node ? { "aria-pressed": String(path === selected) } : { "aria-expanded": String(open) }),
      },
      svg("title", {}, path),
      rect,
      open
        ? svg("text", { x: 12, y: 18 }, clip(label))
        : svg("text", { x: centre, y: 18, class: "middle" }, clip(label)),
      open ? null : svg("text", { x: centre, y: 33, class: "middle under" }, clip(under)),
    );
    if (!node) {
      const toggle = svg(
        "g",
        { class: "toggle", transform: `translate(${width - 15} ${open ? 14 : height / 2})` },
        svg("circle", { r: 7 }),
        svg("path", { d: open ? "M-3.500 0h7" : "M-3.500 0h7M0 -3.500v7" }),
      );
      toggle.addEventListener("click", (event) => {
        event.stopPropagation();
        this.events.toggle(path);
      });
      group.append(toggle);
      group.addEventListener("dblclick", () => this.events.toggle(path));
    }
    group.addEventListener("click", () => this.events.select(path));
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      if (node || event.key === " ") this.events.select(path);
      else this.events.toggle(path);
    });
    this.elements.set(path, group);
    return group;
  }

  private edge(b: Bundle, selected: string, labels: boolean): Element {
    const from = this.drawn.get(b.from.path)!;
    const to = this.drawn.get(b.to.path)!;
    const a = this.drawn.get(b.a.path)!;
    const z = this.drawn.get(b.b.path)!;
    const below = a.y + a.height / 2 <= z.y + z.height / 2; // an edge that closes a cycle goes up
    const middle = (box: Drawn): number => box.x + box.width / 2;
    const points: [number, number][] = [[middle(from), below || a !== from ? from.y + from.height : from.y]];
    for (let s = b.from; s !== b.a; s = s.parent!) points.push(...this.through(s.parent!, `>${s.path}`));
    if (a !== from) points.push([points[points.length - 1]![0], a.y + a.height]);
    const across = this.through(b.a.parent!, `${b.a.path}\n${b.b.path}`);
    points.push(...(below ? across : across.reverse()));
    const inner: [number, number][] = [];
    for (let s = b.to; s !== b.b; s = s.parent!) inner.unshift(...this.through(s.parent!, `<${s.path}`));
    if (inner[0]) points.push([inner[0][0], z.y], ...inner);
    points.push([middle(to), below || z !== to ? to.y - 1 : to.y + to.height + 1]);
    const control = b.edges.every((e) => e.control);
    const lit = selected !== "" && (b.from.path === selected || b.to.path === selected);
    const group = svg(
      "g",
      { class: ["edge", control ? "control" : "", lit ? "lit" : ""].join(" ").trim() },
      svg("path", { d: smooth(points), "marker-end": "url(#arrow)" }),
    );
    const data = b.edges.filter((e) => !e.control);
    const first = data[0];
    const label =
      data.length > 1
        ? `${data.length} tensors`
        : first
          ? shapeText(first.from.node!.shapes?.[first.slot])
          : "";
    if (label && labels) {
      const k = Math.max(0, Math.ceil(points.length / 2) - 1);
      const [p, q] = [points[k]!, points[k + 1] ?? points[k]!];
      group.append(svg("text", { x: (p[0] + q[0]) / 2, y: (p[1] + q[1]) / 2 + 3, class: "middle" }, label));
    }
    return group;
  }

  // ---- pan and zoom

  private move(): void {
    this.stage.setAttribute("transform", `translate(${this.dx} ${this.dy}) scale(${this.scale})`);
  }

  private zoom(factor: number, x: number, y: number): void {
    const scale = Math.max(0.05, Math.min(4, this.scale * factor));
    this.dx = x - ((x - this.dx) * scale) / this.scale;
    this.dy = y - ((y - this.dy) * scale) / this.scale;
    this.scale = scale;
    this.move();
  }

  private fit(): void {
    const boxes = [...this.drawn.values()];
    const width = Math.max(1, ...boxes.map((b) => b.x + b.width));
    const height = Math.max(1, ...boxes.map((b) => b.y + b.height));
    const { clientWidth, clientHeight } = this.root;
    const whole = Math.min((clientWidth - 48) / width, (clientHeight - 48) / height);
    this.scale = Math.min(1.1, this.fitted ? whole : Math.max(0.65, whole)); // at first no smaller than can be read
    this.dx = (clientWidth - width * this.scale) / 2;
    this.dy = Math.max(24, (clientHeight - height * this.scale) / 2);
    this.fitted = true;
    this.move();
  }

  private drag(down: PointerEvent): void {
    if (down.button !== 0) return;
    const start = [down.clientX - this.dx, down.clientY - this.dy] as const;
    let moved = false;
    const move = (event: PointerEvent): void => {
      if (!moved && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < 4) return;
      moved = true;
      this.canvas.classList.add("dragging");
      this.dx = event.clientX - start[0];
      this.dy = event.clientY - start[1];
      this.move();
    };
    const up = (): void => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
      this.canvas.classList.remove("dragging");
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
  }
}

/** A path through points that leaves and enters vertically. */
function smooth(points: [number, number][]): string {
  const [first, ...rest] = points;
  let d = `M${first![0].toFixed(1)} ${first![1].toFixed(1)}`;
  let [x, y] = first!;
  for (const [a, b] of rest) {
    const m = (y + b) / 2;
    d +=
      Math.abs(a - x) < 0.5
        ? `L${a.toFixed(1)} ${b.toFixed(1)}`
        : `C${x.toFixed(1)} ${m.toFixed(1)} ${a.toFixed(1)} ${m.toFixed(1)} ${a.toFixed(1)} ${b.toFixed(1)}`;
    [x, y] = [a, b];
  }
  return d;
}

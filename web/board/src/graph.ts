// The graph explorer: which run's graph, search, colours by kind, time or memory, and what is known of the
// chosen node.
// SPDX-License-Identifier: Apache-2.0
import * as api from "./api";
import * as board from "./board";
import { choose, tags, view } from "./board";
import * as colors from "./colors";
import { h, press, regex, replace, segmented } from "./dom";
import { bytes, microseconds } from "./format";
import { GraphView } from "./graphview";
import type { Page } from "./page";
import { addCosts, buildScopes, shapeText, type GraphNode, type Scope } from "./scopes";

type Built = ReturnType<typeof buildScopes>;
const FOUND = 30; // nodes that a search lists

function hue(text: string): number {
  let hash = 0;
  for (const c of text) hash = (Math.imul(hash, 31) + c.charCodeAt(0)) >>> 0;
  return hash % 360;
}

/** From nearly the ground to the accent: how much of the most something is. */
function heat(share: number): string {
  return `color-mix(in oklab, var(--accent) ${Math.round(6 + 42 * share)}%, var(--card))`;
}

class Explorer {
  private built: Built | null = null;
  private shown = ""; // which graph is built
  private profile = "";
  private most = { time: 0, bytes: 0 };
  private readonly view = new GraphView({
    select: (path) => choose({ node: view.node === path ? "" : path }),
    toggle: (path) => this.toggle(path),
    fill: (scope) => this.fill(scope),
  });
  private readonly panel = h("section", {
    class: "graph-panel",
    "aria-label": "The chosen node",
    tabindex: 0,
  });
  private readonly run = h("select", { "aria-label": "Run" });
  private readonly tag = h("select", { "aria-label": "Profile" });
  private readonly kind = h(
    "select",
    { "aria-label": "Kind of graph" },
    h("option", { value: "" }, "Ops"),
    h("option", { value: "keras" }, "Keras"),
  );
  private readonly search = h("input", {
    type: "search",
    id: "tag-filter",
    placeholder: "Find nodes by regex",
    "aria-label": "Find nodes",
    spellcheck: "false",
    autocomplete: "off",
    "aria-controls": "graph-found",
  });
  private readonly found = h("ul", { class: "graph-found", id: "graph-found", hidden: true });
  private readonly legend = h("span", { class: "legend", hidden: true });
  private readonly paint = segmented(
    "Colour by",
    [
      ["kind", "Kind"],
      ["time", "Time"],
      ["memory", "Memory"],
    ] as const,
    view.graphColor,
    (v) => choose({ graphColor: v }),
  );

  constructor(host: HTMLElement, bar: HTMLElement) {
    this.run.addEventListener("change", () =>
      choose({ graph: this.run.value, graphTag: "", node: "", open: [] }),
    );
    this.tag.addEventListener("change", () => choose({ graphTag: this.tag.value }));
    this.kind.addEventListener("change", () => void this.load());
    this.search.addEventListener("input", () => this.find());
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.found.querySelector("button")?.click();
      if (event.key === "Escape") this.found.hidden = true;
    });
    bar.append(
      this.run,
      this.kind,
      h("div", { class: "graph-search" }, this.search, this.found),
      this.tag,
      this.paint,
      this.legend,
    );
    host.append(this.view.root, this.panel);
  }

  async load(): Promise<void> {
    const graphs = tags.graphs.filter((g) => g.graph || g.keras || g.run_metadata.length);
    const wanted =
      graphs.find((g) => board.runName(g.run) === view.graph) ??
      graphs.find((g) => g.graph || g.keras) ??
      graphs[0];
    if (!wanted) return;
    const name = board.runName(wanted.run);
    replace(
      this.run,
      graphs.map((g) => h("option", { value: board.runName(g.run) }, board.runName(g.run) || ".")),
    );
    this.run.value = name;
    this.kind.hidden = !(wanted.graph && wanted.keras);
    replace(this.tag, [
      h("option", { value: "" }, "No profile"),
      ...wanted.run_metadata.map((t) => h("option", { value: t }, t)),
    ]);
    this.tag.hidden = this.paint.hidden = wanted.run_metadata.length === 0;
    const profile = wanted.run_metadata.includes(view.graphTag)
      ? view.graphTag
      : view.graphColor === "kind"
        ? ""
        : (wanted.run_metadata[0] ?? "");
    this.tag.value = profile;
    const keras = this.kind.hidden ? wanted.keras && !wanted.graph : this.kind.value === "keras";
    try {
      const key = `${name}\n${String(keras)}`;
      if (key !== this.shown) {
        const { nodes } = await api.json<{ nodes: GraphNode[] }>("data/leat/graph", {
          run: name,
          ...(keras ? { kind: "keras" } : {}),
        });
        this.built = buildScopes(nodes);
        this.shown = key;
        this.profile = "";
        this.view.refit();
      }
      if (profile !== this.profile && this.built) {
        const stats = profile
          ? (
              await api.json<{ nodes: { name: string; time_us: number; bytes: number }[] }>(
                "data/leat/run_metadata",
                { run: name, tag: profile },
              )
            ).nodes
          : [];
        addCosts(this.built.root, this.built.byName, stats);
        this.profile = profile;
        this.most = { time: 0, bytes: 0 };
        for (const { cost } of this.built.byName.values())
          this.most = {
            time: Math.max(this.most.time, cost.time),
            bytes: Math.max(this.most.bytes, cost.bytes),
          };
      }
      this.draw();
    } catch (error) {
      this.panel.replaceChildren(
        h("p", { class: "wrong" }, `The graph did not come: ${(error as Error).message}`),
      );
    }
  }

  draw(): void {
    if (!this.built) return;
    this.view.show(this.built.root, this.built.byName.values(), new Set(view.open), view.node);
    this.view.root.dataset["nodes"] = String(this.built.byName.size);
    press(this.paint, view.graphColor);
    const most = view.graphColor === "time" ? microseconds(this.most.time) : bytes(this.most.bytes);
    this.legend.hidden = view.graphColor === "kind" || !this.profile;
    this.legend.replaceChildren("0", h("span", { class: "ramp", "aria-hidden": "true" }), most);
    this.describe();
  }

  private toggle(path: string): void {
    this.view.anchor = path;
    const open = view.open.includes(path)
      ? view.open.filter((p) => p !== path && !p.startsWith(`${path}/`))
      : [...view.open, path];
    choose({ open });
  }

  private fill(scope: Scope): string {
    if (view.graphColor !== "kind" && this.profile) {
      const share =
        view.graphColor === "time" ? scope.cost.time / this.most.time : scope.cost.bytes / this.most.bytes;
      return share > 0 ? heat(Math.min(1, share)) : "";
    }
    if (!scope.node) return "";
    return colors.isDark()
      ? colors.oklch(0.38, 0.05, hue(scope.node.op))
      : colors.oklch(0.93, 0.045, hue(scope.node.op));
  }

  /** Opens what is round a node, and shows it. */
  private reveal(path: string): void {
    const scope = this.built?.byPath.get(path);
    if (!scope) return;
    const open = new Set(view.open);
    for (let s = scope.parent; s?.parent; s = s.parent) open.add(s.path);
    choose({ open: [...open], node: path });
    this.view.center(path);
  }

  private find(): void {
    const wanted = this.search.value ? regex(this.search.value) : null;
    this.found.hidden = !wanted;
    if (!wanted || !this.built) return;
    const nodes = [...this.built.byName.values()].filter(
      (s) => wanted.test(s.path) || wanted.test(s.node!.op),
    );
    const rows = nodes.slice(0, FOUND).map((s) =>
      h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            onclick: () => {
              this.found.hidden = true;
              this.reveal(s.path);
            },
          },
          s.path,
          h("span", { class: "count" }, ` ${s.node!.op}`),
        ),
      ),
    );
    const rest = nodes.length - rows.length;
    replace(this.found, [
      ...rows,
      ...(rest > 0
        ? [h("li", { class: "count" }, `and ${rest} more`)]
        : rows.length
          ? []
          : [h("li", { class: "count" }, "No node matches.")]),
    ]);
  }

  private links(title: string, scopes: Scope[], text: (s: Scope) => string): Node[] {
    if (!scopes.length) return [];
    const rows = [...new Set(scopes)]
      .slice(0, 40)
      .map((s) =>
        h(
          "li",
          {},
          h("button", { type: "button", class: "link", onclick: () => this.reveal(s.path) }, s.path),
          " ",
          h("span", { class: "count" }, text(s)),
        ),
      );
    return [h("h3", {}, `${title} (${scopes.length})`), h("ul", {}, ...rows)];
  }

  private describe(): void {
    const scope = view.node ? this.built?.byPath.get(view.node) : undefined;
    this.panel.hidden = !scope;
    if (!scope) return;
    const { node } = scope;
    const facts: [string, string][] = [];
    if (node) facts.push(["op", node.op]);
    if (node?.device) facts.push(["device", node.device]);
    if (!node) facts.push(["nodes", String(scope.size)]);
    if (this.profile)
      facts.push(["time", microseconds(scope.cost.time)], ["memory", bytes(scope.cost.bytes)]);
    const shapes = (node?.shapes ?? []).map(shapeText).filter(Boolean);
    if (shapes.length) facts.push([shapes.length > 1 ? "shapes" : "shape", shapes.join(", ")]);
    for (const [name, value] of Object.entries(node?.attrs ?? {}))
      if (name !== "_output_shapes") facts.push([name, value]);
    const inputs = node ? scope.inputs : [];
    const outputs = node ? scope.outputs : [];
    const edge = (s: Scope): string => shapeText(s.node?.shapes?.[0]);
    this.panel.replaceChildren(
      h("h2", {}, scope.path),
      h("dl", {}, ...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      ...this.links(
        "Inputs",
        inputs.map((e) => e.from),
        edge,
      ),
      ...this.links(
        "Outputs",
        outputs.map((e) => e.to),
        edge,
      ),
    );
  }
}

export const graph: Page = {
  id: "graphs",
  title: "Graph",
  available: () => tags.graphs.length > 0,
  mount(host, bar) {
    const explorer = new Explorer(host, bar);
    void explorer.load();
    return {
      tell(news) {
        if (news.has("tags", "graph", "graphTag", "graphColor")) void explorer.load();
        else if (news.has("open", "node", "theme")) explorer.draw();
      },
      destroy: () => undefined,
    };
  },
};

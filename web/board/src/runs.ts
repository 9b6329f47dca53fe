// The list of runs: a filter, a tick and a colour for each; one alone; the run under the pointer stands out
// in every chart.
// SPDX-License-Identifier: Apache-2.0
import {
  choose,
  hover,
  isTicked,
  listenTo,
  matchingRuns,
  natural,
  solo,
  tags,
  tell,
  tick,
  view,
  visibleRuns,
} from "./board";
import * as colors from "./colors";
import { debounce, h, iconButton, regex } from "./dom";
import { count } from "./format";

function swatch(run: number, name: string): HTMLElement {
  const input = h("input", {
    type: "color",
    class: "swatch",
    value: colors.ofRun(run, name),
    "aria-label": `Colour of ${name}`,
    title: "Colour (double click: the first one)",
  });
  input.addEventListener("input", () => {
    colors.choose(name, input.value);
    tell(["colors"]);
  });
  input.addEventListener("dblclick", () => {
    colors.choose(name, null);
    tell(["colors"]);
  });
  return input;
}

export function runList(host: HTMLElement): void {
  const filter = h("input", {
    type: "search",
    id: "run-filter",
    placeholder: "Filter runs by regex",
    "aria-label": "Filter runs by a regular expression",
    value: view.runFilter,
    spellcheck: "false",
    autocomplete: "off",
  });
  filter.addEventListener(
    "input",
    debounce(60, () => choose({ runFilter: filter.value })),
  );
  const all = h("input", { type: "checkbox", "aria-label": "All runs that the filter lets through" });
  const told = h("span", { class: "count" });
  const list = h("ul", { class: "run-list" });
  const wrong = h("p", { class: "wrong", hidden: true }, "This is not a regular expression yet.");
  all.addEventListener("change", () => {
    const pass = matching();
    const there = tags.runs.filter((run) => !run.gone);
    const names = new Set(there.filter((run) => isTicked(run.name)).map((run) => run.name));
    for (const i of pass) {
      if (all.checked) names.add(tags.runs[i]!.name);
      else names.delete(tags.runs[i]!.name);
    }
    if (names.size === there.length) choose({ runs: { only: false, names: new Set() } });
    else choose({ runs: { only: true, names } });
  });
  host.append(
    h("div", { class: "run-head" }, filter, wrong, h("label", { class: "all" }, all, "Runs", told)),
    list,
  );

  function matching(): number[] {
    return matchingRuns().sort((a, b) => natural.compare(tags.runs[a]!.name, tags.runs[b]!.name));
  }

  function row(i: number): HTMLElement {
    const { name } = tags.runs[i]!;
    const box = h("input", {
      type: "checkbox",
      checked: isTicked(name),
      onchange: () => tick(name, box.checked),
    });
    return h(
      "li",
      { "data-run": i, onmouseenter: () => hover(i), onmouseleave: () => hover(null) },
      swatch(i, name),
      h("label", { title: name }, box, h("span", { class: "name" }, name || ".")),
      iconButton("solo", `Only ${name}`, () => solo(name), { class: "icon-button solo" }),
    );
  }

  function draw(): void {
    wrong.hidden = view.runFilter === "" || regex(view.runFilter) !== null;
    list.replaceChildren(...matching().map(row));
    marks();
  }

  function marks(): void {
    const shown = visibleRuns().length;
    const pass = matching();
    const ticked = pass.filter((i) => isTicked(tags.runs[i]!.name)).length;
    all.checked = ticked > 0 && ticked === pass.length;
    all.indeterminate = ticked > 0 && ticked < pass.length;
    const there = tags.runs.filter((run) => !run.gone).length;
    told.textContent = shown === there ? count(shown, "run") : `${shown} of ${count(there, "run")}`;
    for (const li of list.children) {
      const name = tags.runs[Number((li as HTMLElement).dataset["run"])]?.name;
      const box = li.querySelector<HTMLInputElement>("input[type=checkbox]");
      if (name !== undefined && box) box.checked = isTicked(name);
    }
  }

  let names = "";
  listenTo((news) => {
    if (news.has("tags")) {
      const now = tags.runs.map((run) => (run.gone ? "" : run.name)).join("\n");
      if (now !== names) draw();
      names = now;
    }
    if (news.has("runFilter")) {
      if (document.activeElement !== filter) filter.value = view.runFilter;
      draw();
    } else if (news.has("colors", "theme")) draw();
    else if (news.has("runs")) marks();
  });
  draw();
}

// The one tooltip of the page: rows beside the pointer.
// SPDX-License-Identifier: Apache-2.0
import { h, replace } from "./dom";

export interface Row {
  color: string;
  label: string;
  cells: string[];
  strong: boolean;
}

const box = h("div", { class: "tooltip", hidden: true, role: "status", "aria-live": "off" });

export function show(x: number, y: number, title: string, heads: string[], rows: Row[], note = ""): void {
  if (!box.isConnected) document.body.append(box);
  const table = h(
    "table",
    {},
    h("thead", {}, h("tr", {}, h("th", { colspan: 2 }, title), ...heads.map((t) => h("th", {}, t)))),
  );
  const body = h("tbody");
  for (const row of rows) {
    const dot = h("span", { class: "dot" });
    dot.style.background = row.color;
    body.append(
      h(
        "tr",
        { class: row.strong ? "strong" : null },
        h("td", {}, dot),
        h("td", { class: "label" }, row.label),
        ...row.cells.map((c) => h("td", {}, c)),
      ),
    );
  }
  table.append(body);
  replace(box, note ? [table, h("p", {}, note)] : [table]);
  box.hidden = false;
  const { width, height } = box.getBoundingClientRect();
  const left = x + 16 + width > innerWidth ? Math.max(4, x - 16 - width) : x + 16;
  box.style.transform = `translate(${Math.round(left)}px, ${Math.round(Math.max(4, Math.min(y + 12, innerHeight - height - 4)))}px)`;
}

export function hide(): void {
  box.hidden = true;
}

// Keyboard shortcuts: one table, which the help lists.
// SPDX-License-Identifier: Apache-2.0
import { choose, view } from "./board";
import { setFull, setPinned } from "./card";
import { h, iconButton } from "./dom";
import { turnTheme } from "./theme";
import type { XKind } from "./view";

interface Shortcut {
  key: string;
  says: string;
  does: () => void;
}

function focus(id: string): void {
  const input = document.getElementById(id);
  if (!(input instanceof HTMLInputElement)) return;
  input.focus();
  input.select();
}

/** The card under the pointer, else the one that holds the focus. */
function here(): HTMLElement | null {
  return (
    document.querySelector<HTMLElement>(".card:hover") ??
    document.activeElement?.closest<HTMLElement>(".card") ??
    null
  );
}

function smoother(step: number): void {
  if (view.smooth === "mean")
    choose({
      window: Math.max(1, Math.min(500, view.window + step * Math.max(1, Math.round(view.window / 5)))),
    });
  else
    choose({
      smooth: "ema",
      alpha: Math.max(0, Math.min(0.999, Math.round((view.alpha + 0.05 * step) * 1000) / 1000)),
    });
}

const NEXT: Record<XKind, XKind> = { step: "relative", relative: "wall", wall: "step" };

export const SHORTCUTS: Shortcut[] = [
  { key: "?", says: "this list", does: () => help() },
  { key: "/", says: "filter tags", does: () => focus("tag-filter") },
  { key: "r", says: "filter runs", does: () => focus("run-filter") },
  { key: "b", says: "hide or show the list of runs", does: () => choose({ bare: !view.bare }) },
  { key: "[", says: "smooth less", does: () => smoother(-1) },
  { key: "]", says: "smooth more", does: () => smoother(1) },
  { key: "x", says: "step, relative, wall time", does: () => choose({ x: NEXT[view.x], zoom: null }) },
  { key: "l", says: "logarithmic y axis", does: () => choose({ logY: !view.logY }) },
  { key: "z", says: "show everything again after zooming", does: () => choose({ zoom: null }) },
  {
    key: "f",
    says: "the card under the pointer: full screen",
    does: () => setFull(here()?.dataset["card"] ?? view.full),
  },
  {
    key: "p",
    says: "the card under the pointer: pin to the top",
    does: () => {
      const tag = here()?.dataset["pin"];
      if (tag !== undefined) setPinned(tag, !view.pins.includes(tag));
    },
  },
  { key: "t", says: "dark or light", does: turnTheme },
  { key: "Esc", says: "leave full screen, close what is open", does: escape },
];
const MOUSE: [string, string][] = [
  ["drag", "zoom into the x axis of all charts; up and down: into the y axis of one"],
  ["double click", "show everything again"],
  ["← →", "move the cursor of the focused chart (with Shift: far)"],
];

function escape(): void {
  for (const open of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) open.open = false;
  if (view.full) choose({ full: "" });
}

let dialog: HTMLDialogElement | null = null;

export function help(): void {
  if (!dialog) {
    const rows = [
      ...SHORTCUTS.map(({ key, says }) => [key, says] as const),
      ["1 … 9", "the pages, from the left"] as const,
      ...MOUSE,
    ];
    const close = iconButton("close", "Close", () => dialog?.close());
    dialog = h(
      "dialog",
      { class: "help", "aria-labelledby": "help-title" },
      h("header", {}, h("h2", { id: "help-title" }, "Keys and mouse"), close),
      h("dl", {}, ...rows.flatMap(([key, says]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, says)])),
    );
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog?.close();
    });
    document.body.append(dialog);
  }
  dialog.showModal();
}

export function startKeys(pages: () => string[]): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    const typing = target.matches("input:not([type=checkbox], [type=range], [type=color]), textarea, select");
    if (event.key === "Escape") {
      if (typing) target.blur();
      return escape();
    }
    if (typing || document.querySelector("dialog[open]")) return;
    const page = /^[1-9]$/.test(event.key) ? pages()[Number(event.key) - 1] : undefined;
    const shortcut = SHORTCUTS.find(({ key }) => key === event.key);
    if (!page && !shortcut) return;
    event.preventDefault();
    if (page) choose({ page });
    else shortcut!.does();
  });
  addEventListener("click", (event) => {
    for (const open of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
      if (!open.contains(event.target as Node)) open.open = false;
    }
  });
}

// A card: a title, a few buttons, a body; it can be pinned and fill the screen.
// SPDX-License-Identifier: Apache-2.0
import { choose, view, type News } from "./board";
import { h, iconButton, markdown } from "./dom";

/**
 * What a grid shows. `refresh` is called when the card comes on screen (null) and for news while it is
 * there.
 */
export interface Card {
  root: HTMLElement;
  refresh: (news: News | null) => void;
  destroy?: () => void;
}

export interface Frame {
  id: string; // names the card in the address
  title: string;
  hint?: string; // a run, a dash behind the title
  color?: string;
  description?: string; // rendered Markdown
  pin?: string; // the tag that is pinned by the card's button
  tools?: HTMLElement[];
  body: HTMLElement[];
}

function describe(html: string): HTMLElement {
  return h(
    "details",
    { class: "menu" },
    h("summary", { class: "icon-button", "aria-label": "Description", title: "Description" }, "i"),
    h("div", { class: "popover prose" }, markdown(html)),
  );
}

export function setPinned(tag: string, on: boolean): void {
  choose({ pins: on ? [...view.pins.filter((t) => t !== tag), tag] : view.pins.filter((t) => t !== tag) });
}

/** Fills the screen with a card, or gives it back. */
export function setFull(id: string): void {
  choose({ full: view.full === id ? "" : id });
}

export function frame(spec: Frame): HTMLElement {
  const { id, title, pin } = spec;
  const pinned = pin !== undefined && view.pins.includes(pin);
  const swatch = spec.color ? h("span", { class: "dot" }) : null;
  if (swatch) swatch.style.background = spec.color!;
  const full = view.full === id;
  const tools = h(
    "div",
    { class: "tools" },
    ...(spec.tools ?? []),
    spec.description ? describe(spec.description) : null,
    pin === undefined
      ? null
      : iconButton(
          "pin",
          pinned ? "Unpin" : "Pin to the top (p)",
          () => setPinned(pin, !view.pins.includes(pin)),
          { "aria-pressed": String(pinned), class: "icon-button pin" },
        ),
    iconButton("full", "Full screen (f)", () => setFull(id), { class: "icon-button expand" }),
  );
  const heading = h(
    "h3",
    { title },
    swatch,
    h("span", { class: "name" }, title),
    spec.hint ? h("span", { class: "hint" }, spec.hint) : null,
  );
  return h(
    "article",
    {
      class: full ? "card full" : "card",
      "data-card": id,
      "data-pin": pin ?? null,
      "aria-label": spec.hint ? `${title}, ${spec.hint}` : title,
    },
    h("header", {}, heading, tools),
    h("div", { class: "body" }, ...spec.body),
  );
}

/** A list that opens below a small button. */
export function menu(label: string, mark: HTMLElement | SVGElement, fill: () => Node[]): HTMLElement {
  const list = h("div", { class: "popover" });
  const details = h(
    "details",
    { class: "menu" },
    h("summary", { class: "icon-button", "aria-label": label, title: label }, mark),
    list,
  );
  details.addEventListener("toggle", () => {
    if (details.open) list.replaceChildren(...fill());
  });
  return details;
}

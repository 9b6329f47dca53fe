// Tools that several pages have above their cards.
// SPDX-License-Identifier: Apache-2.0
import { choose, view } from "./board";
import { debounce, h } from "./dom";

/** An element of the bar that follows the view. */
export type Tool = HTMLElement & { show?: () => void };

export function tool(root: HTMLElement, show: () => void): Tool {
  return Object.assign(root, { show });
}

export function tagFilter(placeholder: string): Tool {
  const input = h("input", {
    type: "search",
    id: "tag-filter",
    value: view.tagFilter,
    placeholder,
    "aria-label": placeholder,
    spellcheck: "false",
    autocomplete: "off",
  });
  input.addEventListener(
    "input",
    debounce(60, () => choose({ tagFilter: input.value })),
  );
  return tool(input, () => {
    if (document.activeElement !== input) input.value = view.tagFilter;
  });
}

export function toggle(label: string, title: string, get: () => boolean, set: (on: boolean) => void): Tool {
  const box = h("input", { type: "checkbox", checked: get(), onchange: () => set(box.checked) });
  return tool(h("label", { class: "check", title }, box, label), () => (box.checked = get()));
}

/** A slider over the steps of a card; `told` writes a position. */
export function stepSlider(
  label: string,
  moved: (position: number) => void,
): { root: HTMLElement; set: (count: number, position: number, told: string) => void } {
  const slider = h("input", { type: "range", min: 0, step: 1, "aria-label": label });
  const output = h("output");
  slider.addEventListener("input", () => moved(Number(slider.value)));
  return {
    root: h("div", { class: "slider" }, slider, output),
    set(count, position, told) {
      slider.max = String(Math.max(0, count - 1));
      slider.value = String(position);
      slider.disabled = count < 2;
      slider.setAttribute("aria-valuetext", told);
      output.textContent = told;
    },
  };
}

// Making elements: one helper for HTML, one for SVG, icons, and the walk that lets rendered Markdown in.
// SPDX-License-Identifier: Apache-2.0

export type Child = Node | string | number | null | undefined | false;
// An attribute's value; "on..." names are listeners, false and null leave it out, true is the empty one.
export type Props = Record<string, unknown>;

const SVG = "http://www.w3.org/2000/svg";

function fill<E extends Element>(element: E, props: Props, children: Child[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
    else if (name === "value" || name === "checked") (element as unknown as Props)[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false)
      element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), props, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** Replaces the children only where they differ, so that focus and scrolling stay. */
export function replace(parent: Element, children: Node[]): void {
  children.forEach((child, i) => {
    if (parent.childNodes[i] !== child) parent.insertBefore(child, parent.childNodes[i] ?? null);
  });
  while (parent.childNodes.length > children.length) parent.lastChild!.remove();
}

const ICONS = {
  pin: "M6 2h4l-.6 5L12 9.500V11H8.700L8 15l-.7-4H4V9.500L6.600 7z",
  full: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  close: "M3.500 3.500l9 9M12.500 3.500l-9 9",
  save: "M8 2v8M4.500 7L8 10.500 11.500 7M2.500 13.500h11",
  theme: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  help: "M5.500 6a2.500 2.500 0 1 1 3.700 2.200C8.300 8.700 8 9.200 8 10M8 12.700v.1",
  runs: "M2 4h2M7 4h7M2 8h2M7 8h7M2 12h2M7 12h7",
  chevron: "M6 4l4 4-4 4",
  solo: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v2M8 13v2M1 8h2M13 8h2",
  settings: "M2 5h7M13 5h1M2 11h1M7 11h7M11 3v4M5 9v4",
  info: "M8 7.500V12M8 4.500v.1",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M5 8h6M5 8l2-2M5 8l2 2M11 8L9 6M11 8l-2 2M2 3v10M14 3v10",
  leat: "M1.500 11.500c2.200 0 2.200-1.700 4.400-1.700s2.200 1.700 4.400 1.700 2.200-1.700 4.200-1.700M1.500 4.500c4 0 4.500 3.200 7.200 3.200 2.200 0 2.800-1.200 5.800-1.200",
  log: "M2 14V2M2 14h12M3 12c1-7 4-9 11-9",
  copy: "M5.500 5.500h8v8h-8zM2.500 10.500v-8h8",
} as const;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName): SVGSVGElement {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: ICONS[name] }),
  );
}

/** A button that shows an icon and says its name to screen readers and on hovering. */
export function iconButton(
  name: IconName,
  label: string,
  onclick: (event: MouseEvent) => void,
  props: Props = {},
): HTMLButtonElement {
  return h(
    "button",
    { type: "button", class: "icon-button", title: label, "aria-label": label, onclick, ...props },
    icon(name),
  );
}

/** A choice of a few values side by side. */
export function segmented<T extends string>(
  label: string,
  choices: readonly (readonly [T, string])[],
  chosen: T,
  pick: (value: T) => void,
): HTMLElement {
  const buttons = choices.map(([value, text]) =>
    h(
      "button",
      {
        type: "button",
        "aria-pressed": String(value === chosen),
        "data-value": value,
        onclick: () => pick(value),
      },
      text,
    ),
  );
  return h("div", { class: "segmented", role: "group", "aria-label": label }, ...buttons);
}

export function press(group: Element, value: string): void {
  for (const button of group.querySelectorAll("button"))
    button.setAttribute("aria-pressed", String(button.dataset["value"] === value));
}

const ALLOWED = new Set(
  "a p br hr h1 h2 h3 h4 h5 h6 ul ol li strong em b i code pre blockquote table thead tbody tr th td del s sup sub span div dl dt dd".split(
    " ",
  ),
);

function copyAllowed(from: Node, to: Node): void {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) to.appendChild(document.createTextNode(node.nodeValue ?? ""));
    if (!(node instanceof Element)) continue;
    const tag = node.localName;
    if (!ALLOWED.has(tag)) {
      to.appendChild(document.createTextNode(node.textContent ?? ""));
      continue;
    }
    const made = document.createElement(tag);
    const href = tag === "a" ? (node.getAttribute("href") ?? "") : "";
    if (/^(https?:|mailto:)/i.test(href)) {
      made.setAttribute("href", href);
      made.setAttribute("rel", "noopener noreferrer nofollow");
      made.setAttribute("target", "_blank");
    }
    copyAllowed(node, made);
    to.appendChild(made);
  }
}

/**
 * The server's rendered Markdown as nodes: only tags and links of the list above, no other attribute, no
 * script.
 */
export function markdown(html: string): DocumentFragment {
  const template = document.createElement("template");
  template.innerHTML = html; // an inert document: nothing in it runs or loads
  const safe = document.createDocumentFragment();
  copyAllowed(template.content, safe);
  return safe;
}

/** One call per frame, however often it is asked for. */
export function perFrame(work: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}

/** One call when what runs now has ended, however often it is asked for. */
export function atOnce(work: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    queueMicrotask(() => {
      asked = false;
      work();
    });
  };
}

export function debounce(ms: number, work: () => void): () => void {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(work, ms);
  };
}

/** A regular expression of what somebody typed, without case; null where it is none (yet). */
export function regex(text: string): RegExp | null {
  try {
    return new RegExp(text, "i");
  } catch {
    return null;
  }
}

export function saveFile(name: string, href: string): void {
  const link = h("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

// Cards in groups that open and close. A card is made when its group opens, and told of news only while it
// is on screen.
// SPDX-License-Identifier: Apache-2.0
import { choose, view, type News } from "./board";
import type { Card } from "./card";
import { h, icon, replace } from "./dom";

export interface Item {
  id: string;
  group: string; // "" = pinned: always open, without a heading of its own
  make: () => Card;
}

const OPEN_AT_FIRST = 36; // cards in groups that are open when nobody has said
const PAGE = 60; // cards of a group that are shown before one asks for more

interface Held {
  card: Card;
  seen: boolean; // on screen
  stale: boolean;
}
interface Group {
  root: HTMLElement;
  button: HTMLButtonElement;
  cards: HTMLElement;
  more: HTMLButtonElement;
  limit: number;
}

/** The group of a tag: what stands before its first slash. */
export function groupOf(tag: string): string {
  const slash = tag.indexOf("/");
  return slash > 0 ? tag.slice(0, slash) : "ungrouped";
}

/** A tag's own name for people, else what stands behind its first slash. */
export function titleOf({ tag, name }: { tag: string; name: string }): string {
  if (name && name !== tag) return name;
  const slash = tag.indexOf("/");
  return slash > 0 ? tag.slice(slash + 1) : tag;
}

export class Grid {
  private readonly held = new Map<string, Held>();
  private readonly of = new WeakMap<Element, Held>();
  private readonly groups = new Map<string, Group>();
  private items: Item[] = [];
  private readonly watch: IntersectionObserver;

  constructor(
    private readonly host: HTMLElement,
    private readonly empty: string,
  ) {
    this.watch = new IntersectionObserver((entries) => this.moved(entries), { rootMargin: "120px" });
  }

  destroy(): void {
    this.watch.disconnect();
    for (const { card } of this.held.values()) card.destroy?.();
    this.held.clear();
  }

  /** Sets what is shown, in this order. Cards that stay are kept as they are. */
  set(items: Item[]): void {
    this.items = items;
    this.arrange();
  }

  tell(news: News): void {
    if (news.has("toggled")) this.arrange();
    if (news.has("full")) this.fill();
    for (const held of this.held.values()) {
      if (held.seen) held.card.refresh(news);
      else held.stale = true;
    }
  }

  private moved(entries: IntersectionObserverEntry[]): void {
    for (const entry of entries) {
      const held = this.of.get(entry.target);
      if (!held) continue;
      held.seen = entry.isIntersecting;
      if (!held.seen || !held.stale) continue;
      held.stale = false;
      held.card.refresh(null);
    }
  }

  private fill(): void {
    for (const [id, { card }] of this.held) card.root.classList.toggle("full", id === view.full);
    document.body.classList.toggle("has-full", this.held.has(view.full));
  }

  private hold(item: Item): Held {
    let held = this.held.get(item.id);
    if (!held) {
      held = { card: item.make(), seen: false, stale: true };
      this.held.set(item.id, held);
      this.of.set(held.card.root, held);
      this.watch.observe(held.card.root);
    }
    return held;
  }

  private group(name: string): Group {
    let group = this.groups.get(name);
    if (!group) {
      const cards = h("div", { class: "cards" });
      const key = `${view.page}/${name}`;
      const button = h("button", {
        type: "button",
        class: "group-head",
        onclick: () =>
          choose({
            toggled: view.toggled.includes(key)
              ? view.toggled.filter((t) => t !== key)
              : [...view.toggled, key],
          }),
      });
      const made: Group = {
        root: h("section", { class: "group" }),
        button,
        cards,
        limit: PAGE,
        more: h("button", { type: "button", class: "more" }),
      };
      made.more.addEventListener("click", () => {
        made.limit += PAGE;
        this.arrange();
      });
      made.root.append(h("h2", {}, button), cards, made.more);
      this.groups.set(name, (group = made));
    }
    return group;
  }

  private arrange(): void {
    const byGroup = new Map<string, Item[]>();
    for (const item of this.items) {
      const list = byGroup.get(item.group);
      if (list) list.push(item);
      else byGroup.set(item.group, [item]);
    }
    const wanted = new Set<string>();
    const sections: Node[] = [];
    let shown = 0;
    for (const [name, items] of byGroup) {
      const group = this.group(name);
      const first = name === "" || shown < OPEN_AT_FIRST;
      const open = first !== view.toggled.includes(`${view.page}/${name}`);
      if (first) shown += Math.min(items.length, PAGE);
      group.button.replaceChildren(
        icon("chevron"),
        h("span", { class: "name" }, name || "Pinned"),
        h("span", { class: "count" }, String(items.length)),
      );
      group.button.setAttribute("aria-expanded", String(open));
      group.root.classList.toggle("closed", !open);
      const part = open ? items.slice(0, group.limit) : [];
      for (const item of part) wanted.add(item.id);
      replace(
        group.cards,
        part.map((item) => this.hold(item).card.root),
      );
      group.more.hidden = !open || items.length <= group.limit;
      group.more.textContent = `Show ${Math.min(PAGE, items.length - group.limit)} more of ${items.length}`;
      sections.push(group.root);
    }
    for (const [id, held] of this.held) {
      if (wanted.has(id)) continue;
      this.watch.unobserve(held.card.root);
      held.card.destroy?.();
      held.card.root.remove();
      this.held.delete(id);
    }
    replace(this.host, sections.length ? sections : [h("p", { class: "empty" }, this.empty)]);
    this.fill();
  }
}

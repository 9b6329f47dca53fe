// Custom scalars: the charts that a layout in the logs asks for, each over the tags of its regular
// expressions.
// SPDX-License-Identifier: Apache-2.0
import * as api from "./api";
import { tags } from "./board";
import { regex } from "./dom";
import { Grid, type Item } from "./grid";
import type { Page } from "./page";
import { combined } from "./scalars";

interface Layout {
  category?: {
    title?: string;
    chart?: {
      title?: string;
      multiline?: { tag?: string[] };
      margin?: { series?: { value?: string; lower?: string; upper?: string }[] };
    }[];
  }[];
}

function items(layout: Layout): Item[] {
  return (layout.category ?? []).flatMap((category, c) =>
    (category.chart ?? []).map((chart, k) => {
      const margin = (chart.margin?.series ?? []).flatMap((s) =>
        [s.value, s.lower, s.upper].filter((t) => t !== undefined),
      );
      const patterns = (chart.multiline?.tag ?? []).map((source) => regex(source));
      const id = `custom:${c}:${k}`;
      const matches = (tag: string): boolean => margin.includes(tag) || patterns.some((p) => p?.test(tag));
      return {
        id,
        group: category.title || "Charts",
        make: () => combined(id, chart.title || "Chart", matches),
      };
    }),
  );
}

export const custom: Page = {
  id: "custom_scalars",
  title: "Custom",
  available: () => tags.custom_scalars,
  mount(host) {
    const grid = new Grid(host, "The layout names no chart.");
    const load = (): void =>
      void api.json<Layout>("data/plugin/custom_scalars/layout").then(
        (layout) => grid.set(items(layout)),
        () => undefined,
      );
    load();
    return {
      tell(news) {
        if (news.has("tags")) load();
        grid.tell(news);
      },
      destroy: () => grid.destroy(),
    };
  },
};

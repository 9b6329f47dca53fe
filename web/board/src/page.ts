// What a page of the board is: it fills a host and a bar of tools, and is told of news until it is taken
// away.
// SPDX-License-Identifier: Apache-2.0
import type { News } from "./board";

export interface Page {
  id: string; // in the address
  title: string;
  available: () => boolean; // is there anything to show
  mount: (host: HTMLElement, bar: HTMLElement) => { tell: (news: News) => void; destroy: () => void };
}

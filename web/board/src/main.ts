// The page: starts the requests, builds the frame (heading, list of runs, tools, content) and shows one
// page at a time.
// SPDX-License-Identifier: Apache-2.0
import * as board from "./board";
import { choose, listenTo, view } from "./board";
import { h, iconButton, replace, icon } from "./dom";
import { bytes, count } from "./format";
import { help, startKeys } from "./keys";
import { menu } from "./card";
import type { Page } from "./page";
import { runList } from "./runs";
import { audio } from "./audio";
import { custom } from "./custom";
import { distributions } from "./distributions";
import { graph } from "./graph";
import { histograms } from "./histograms";
import { hparams } from "./hparams";
import { images } from "./images";
import { models } from "./models";
import { pr } from "./pr";
import { scalars } from "./scalars";
import { text } from "./text";
import { startTheme, turnTheme } from "./theme";

const PAGES: Page[] = [
  scalars,
  histograms,
  distributions,
  images,
  audio,
  text,
  pr,
  graph,
  hparams,
  custom,
  models,
];

const tagsCame = board.refreshTags();
const stateCame = board.refreshState();

startTheme();
const tabs = h("nav", { class: "tabs", "aria-label": "Pages" });
const title = h("span", { class: "title" });
const status = h("div", { class: "status", role: "status" });
const progress = h("progress", { "aria-label": "Loading", hidden: true });
const notices = menu("Notices", h("span", { class: "bell" }, "!"), () =>
  (board.state?.notices ?? []).map((n) => h("p", {}, h("b", {}, n.path), " ", n.text)),
);
const sidebar = h("aside", { class: "sidebar", "aria-label": "Runs" });
const bar = h("div", { class: "toolbar", role: "toolbar", "aria-label": "Tools of the page" });
const content = h("div", { class: "content" });
const main = h("main", { tabindex: -1 }, bar, content);

document.body.append(
  h(
    "header",
    { class: "top" },
    iconButton("runs", "List of runs (b)", () => choose({ bare: !view.bare }), {
      class: "icon-button runs-button",
    }),
    h("a", { class: "brand", href: "#", "aria-label": "Leat board, first page" }, icon("leat"), title),
    tabs,
    h("span", { class: "space" }),
    progress,
    status,
    notices,
    iconButton("theme", "Dark or light (t)", turnTheme),
    iconButton("help", "Keys and mouse (?)", help),
  ),
  h("div", { class: "columns" }, sidebar, main),
);
runList(sidebar);

let current: { page: Page; shown: ReturnType<Page["mount"]> } | null = null;

function pages(): Page[] {
  return PAGES.filter((page) => page.available());
}

function drawTabs(): void {
  const known = tabs.querySelectorAll("a");
  const now = pages();
  const links = now.map((page, i) => {
    const old = known[i];
    const link =
      old?.dataset["page"] === page.id
        ? old
        : h("a", { href: `#${page.id}`, "data-page": page.id }, page.title);
    if (link !== old) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        choose({ page: page.id, full: "" });
      });
    }
    if (page.id === current?.page.id) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    return link;
  });
  replace(tabs, links);
  tabs.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); // on a phone the tabs scroll
}

function drawStatus(): void {
  const { state } = board;
  const loading = state?.loading;
  progress.hidden = !loading || loading.done;
  if (loading && !loading.done) {
    progress.max = Math.max(1, loading.bytes);
    progress.value = loading.bytes_done;
  }
  const told =
    loading && !loading.done
      ? `${loading.files_done} of ${count(loading.files, "file")}, ${bytes(loading.bytes)}`
      : board.live
        ? "live"
        : state
          ? "not connected"
          : "";
  if (status.textContent !== told) status.textContent = told;
  status.classList.toggle("live", board.live);
  notices.hidden = !state?.notices?.length;
  title.textContent = state?.title || "Leat";
  document.title = state?.title || "Leat board";
}

function nothingYet(): HTMLElement {
  const where = board.state?.logdir ?? "the log directory";
  return h(
    "div",
    { class: "empty-state" },
    h("h1", {}, "No event files yet"),
    h(
      "p",
      {},
      "Nothing was found under ",
      h("code", {}, where),
      ". This page fills by itself as soon as a run writes there.",
    ),
    h("pre", {}, `leat train model.yaml --job-dir ${where}/first\nleat board --logdir DIR`),
    h(
      "p",
      {},
      "Event files of TensorFlow, PyTorch, Keras and tensorboardX are read too. Files are known by ",
      h("code", {}, "tfevents"),
      " in their names.",
    ),
  );
}

function turn(): void {
  const now = pages();
  const page = now.find((p) => p.id === view.page) ?? now[0]!;
  if (current?.page === page) return drawTabs();
  current?.shown.destroy();
  bar.replaceChildren();
  content.replaceChildren();
  content.className = `content page-${page.id}`;
  document.body.dataset["page"] = page.id;
  current = { page, shown: page.mount(content, bar) };
  drawTabs();
  if (view.page !== page.id) choose({ page: page.id });
}

function layout(): void {
  document.body.classList.toggle("bare", view.bare);
  document.body.dataset["size"] = view.size;
}

function start(): void {
  if (view.page === models.id && !board.state) return; // the state tells whether there is a registry
  const empty = board.tags.runs.every((run) => run.gone) && !board.state?.registry;
  if (empty) {
    current?.shown.destroy();
    current = null;
    bar.replaceChildren();
    replace(tabs, []);
    content.className = "content";
    content.replaceChildren(nothingYet());
    document.body.classList.add("nothing");
    return;
  }
  if (document.body.classList.contains("nothing")) content.replaceChildren();
  document.body.classList.remove("nothing");
  turn();
}

listenTo((news) => {
  if (news.has("state", "tags")) drawStatus();
  if (news.has("bare", "size")) layout();
  if (news.has("page")) turn();
  else current?.shown.tell(news);
  if (news.has("tags")) start();
});

layout();
board.followAddress();
startKeys(() => pages().map((page) => page.id));
let came = false;
tagsCame.then(
  () => {
    came = true;
    start();
  },
  (error: Error) =>
    content.replaceChildren(h("p", { class: "empty" }, `The board does not answer: ${error.message}`)),
);
void stateCame.then(
  () => {
    if (came) start();
  },
  () => undefined,
);
void tagsCame.finally(() => setTimeout(board.follow, 0));

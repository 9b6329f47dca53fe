// The graph explorer: scopes open and close, edges carry shapes, nodes are found, time and memory colour
// them.
// SPDX-License-Identifier: Apache-2.0
import { equal, open, settled, shot, test, yes } from "./board.mjs";
import { GRAPH } from "./logs.mjs";
import { everything } from "./scalars.mjs";

const box = (path) => `.graph .box[data-path="${path}"]`;

async function openGraph(rest = "") {
  const page = await open(`${await everything()}#graphs${rest}`);
  await page.waitForSelector(".graph .box");
  await settled(page);
  return page;
}

/** Boxes of one scope must not lie over each other. */
const overlaps = (page) =>
  page.evaluate(() => {
    const boxes = [...document.querySelectorAll(".graph .box")].map((g) => ({
      path: g.dataset.path,
      r: g.querySelector("rect").getBoundingClientRect(),
    }));
    const clash = [];
    for (const a of boxes) {
      for (const b of boxes) {
        const inside = b.path.startsWith(`${a.path}/`) || a.path.startsWith(`${b.path}/`);
        if (
          a.path < b.path &&
          !inside &&
          a.r.left < b.r.right - 1 &&
          b.r.left < a.r.right - 1 &&
          a.r.top < b.r.bottom - 1 &&
          b.r.top < a.r.bottom - 1
        )
          clash.push(`${a.path} and ${b.path}`);
        if (
          b.path.startsWith(`${a.path}/`) &&
          (b.r.left < a.r.left - 1 ||
            b.r.right > a.r.right + 1 ||
            b.r.top < a.r.top - 1 ||
            b.r.bottom > a.r.bottom + 1)
        )
          clash.push(`${b.path} leaves ${a.path}`);
      }
    }
    return clash;
  });

test("graph: scopes open and close", async () => {
  const page = await openGraph();
  equal(await page.getAttribute(".graph-view", "data-nodes"), String(GRAPH.length), "nodes");
  equal(
    (await page.locator(".graph .box").evaluateAll((all) => all.map((b) => b.dataset.path))).sort(),
    ["dnn", "head", "input", "train"],
    "scopes",
  );
  await page.dblclick(box("dnn"));
  await page.waitForSelector(box("dnn/hiddenlayer_1"));
  await page.click(`${box("dnn/hiddenlayer_0")} .toggle`);
  await page.waitForSelector(box("dnn/hiddenlayer_0/MatMul"));
  yes((await page.locator(".graph .edge text").allTextContents()).includes("?×100"), "an edge has its shape");
  equal(await overlaps(page), [], "overlaps");
  await shot(page, "graph");
  await page.focus(box("dnn"));
  await page.keyboard.press("Enter");
  await page.waitForSelector(box("dnn/hiddenlayer_1"), { state: "detached" });
  equal(await page.getAttribute(box("dnn"), "aria-expanded"), "false", "closed by a key");
});

test("graph: search, the chosen node, time and memory", async () => {
  const page = await openGraph();
  await page.fill("#tag-filter", "hiddenlayer_2.*matmul");
  await page.keyboard.press("Enter");
  await page.waitForSelector(`${box("dnn/hiddenlayer_2/MatMul")}.selected`);
  equal(await page.textContent(".graph-panel h2"), "dnn/hiddenlayer_2/MatMul", "the panel");
  yes((await page.textContent(".graph-panel dl")).includes("?×50"), "its shape");
  await page.click(".graph-panel .link >> text=dnn/hiddenlayer_1/Relu");
  await page.waitForSelector(`${box("dnn/hiddenlayer_1/Relu")}.selected`);
  await page.click(".segmented >> text=Time");
  await page.waitForSelector(".legend:visible");
  yes(/µs/.test(await page.textContent(".graph-panel dl")), "its time");
  const fill = await page.locator(`${box("dnn/hiddenlayer_1/Relu")} rect`).evaluate((r) => r.style.fill);
  yes(fill.includes("color-mix"), `coloured by time: ${fill}`);
  equal(await overlaps(page), [], "overlaps");
  await shot(page, "graph-time");
  await page.click(".segmented >> text=Memory");
  await settled(page);
  yes(/KiB|B/.test(await page.textContent(".legend")), "the legend tells bytes");
});

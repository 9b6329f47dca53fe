// Scalars: runs are ticked, filtered and alone; smoothing, axes, zoom, bands, pins, several tags, full
// screen; the address holds it.
// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { equal, open, settled, shot, soon, startBoard, temporary, test, yes } from "./board.mjs";
import { writeEverything } from "./logs.mjs";

let board = null;
let logs = null;

/** The board that most tests look at: five runs with every kind of data. */
export async function everything() {
  if (!board) {
    logs = join(temporary(), "logs");
    writeEverything(logs);
    board = await startBoard(logs);
  }
  return board.address;
}

const card = (id) => `[data-card="scalars:${id}"]`;
const drawn = (page, id = "train/loss") => page.getAttribute(card(id), "data-drawn").then(Number);

/** The last POST for curves, as an object. */
function watch(page) {
  const seen = [];
  page.on("request", (request) => {
    if (request.url().includes("data/leat/series")) seen.push(JSON.parse(request.postData()));
  });
  return seen;
}

async function openScalars(rest = "", options = {}) {
  const page = await open(`${await everything()}#scalars${rest}`, options);
  await page.waitForSelector(".card[data-drawn]");
  await page.locator(card("train/loss")).scrollIntoViewIfNeeded();
  await page.waitForSelector(`${card("train/loss")}[data-drawn]`);
  await settled(page);
  return page;
}

/** A card's picture, as a text that changes with it. */
const picture = (page, id) =>
  page.evaluate((selector) => document.querySelector(`${selector} canvas`).toDataURL(), card(id));

test("scalars: every tag is a card, grouped by prefix", async () => {
  const page = await openScalars();
  equal(await page.locator(".group-head .name").allTextContents(), ["eval", "gradients", "train"], "groups");
  equal(await page.locator(".card").count(), 6, "cards");
  equal(await drawn(page), 5, "curves");
  yes(
    await page.evaluate(() => performance.getEntriesByName("first-chart").length === 1),
    "the first chart is marked",
  );
  await shot(page, "scalars");
  await page.click(".group-head >> text=eval");
  equal(await page.locator(".card").count(), 4, "cards with a closed group");
});

test("scalars: runs are ticked, filtered by regex, and shown alone", async () => {
  const page = await openScalars();
  await page.click(".run-list li >> nth=0 >> label");
  await settled(page);
  equal(await drawn(page), 4, "curves without one run");
  await page.fill("#run-filter", "adam/[ab]");
  await soon(async () => (await drawn(page)) === 1, "the filter's runs");
  equal(await page.locator(".run-list li").count(), 2, "rows");
  await page.fill("#run-filter", "(");
  await page.locator(".run-head .wrong").waitFor(); // half an expression is told
  await page.fill("#run-filter", "");
  await page.hover(".run-list li >> nth=3");
  await page.click(".run-list li >> nth=3 >> .solo");
  await soon(async () => (await drawn(page)) === 1, "one run alone");
  await page.click(".run-list li >> nth=3 >> .solo");
  await soon(async () => (await drawn(page)) === 4, "what was ticked before");
  await page.click(".run-head .all input");
  await soon(async () => (await drawn(page)) === 5, "all runs");
});

test("scalars: smoothing is asked of the server, for all points", async () => {
  const page = await openScalars();
  const seen = watch(page);
  await page.locator("#smoothing").fill("0.9");
  await settled(page);
  equal(seen.at(-1).smooth, { kind: "ema", value: 0.9 }, "the request");
  const before = await picture(page, "train/loss");
  await page.selectOption(".toolbar select", "mean");
  await page.locator("#smoothing").fill("50");
  await settled(page);
  equal(seen.at(-1).smooth, { kind: "mean", value: 50 }, "the request");
  yes(before !== (await picture(page, "train/loss")), "the curves changed");
  await page.selectOption(".toolbar select", "none");
  await settled(page);
  equal(seen.at(-1).smooth.kind, "none", "the request");
});

test("scalars: logarithmic axes, relative and wall time", async () => {
  const page = await openScalars();
  const seen = watch(page);
  const before = await picture(page, "train/loss");
  await page.click("text=log y");
  await settled(page);
  const log = await picture(page, "train/loss");
  yes(before !== log, "the y axis is another");
  await shot(page, "scalars-log-y");
  await page.click("text=log x");
  await settled(page);
  equal(seen.at(-1).log_x, true, "the request");
  yes(log !== (await picture(page, "train/loss")), "the x axis is another");
  await page.click("text=log x");
  await page.click(".segmented >> text=Relative");
  await settled(page);
  equal(seen.at(-1).x, "relative", "the request");
  await page.click(".segmented >> text=Wall");
  await settled(page);
  equal(seen.at(-1).x, "wall", "the request");
  await shot(page, "scalars-wall");
});

test("scalars: a brush zooms all cards, a double click shows everything", async () => {
  const page = await openScalars();
  const seen = watch(page);
  const other = await picture(page, "train/accuracy");
  const box = await page.locator(`${card("train/loss")} .u-over`).boundingBox();
  const drag = async (x0, y0, x1, y1) => {
    await page.mouse.move(box.x + box.width * x0, box.y + box.height * y0);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * (x0 + x1) * 0.5, box.y + box.height * (y0 + y1) * 0.5, {
      steps: 4,
    });
    await page.mouse.move(box.x + box.width * x1, box.y + box.height * y1, { steps: 4 });
    await page.mouse.up();
    await settled(page);
  };
  await drag(0.25, 0.5, 0.5, 0.52);
  const { x0, x1 } = seen.at(-1);
  yes(Math.abs(x0 - 75) < 6 && Math.abs(x1 - 150) < 6, `zoomed to ${x0} ... ${x1}`);
  yes(other !== (await picture(page, "train/accuracy")), "the other card follows");
  await soon(() => page.url().includes("zoom="), "the address holds it");
  await shot(page, "scalars-zoomed");
  await page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
  await settled(page);
  equal(seen.at(-1).x0, null, "everything again");
  equal(other, await picture(page, "train/accuracy"), "the other card is as it was");
  const loss = await picture(page, "train/loss");
  await drag(0.5, 0.2, 0.51, 0.7); // upright: the y axis of this card alone
  yes(loss !== (await picture(page, "train/loss")), "the y axis is zoomed");
  equal(other, await picture(page, "train/accuracy"), "the other card stays");
});

test("scalars: the tooltip tells every run's value at the pointer, and keys move it", async () => {
  const page = await openScalars("?smooth=none");
  const box = await page.locator(`${card("train/loss")} .u-over`).boundingBox();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.5);
  await page.waitForSelector(".tooltip:visible");
  equal(await page.locator(".tooltip tbody tr").count(), 5, "rows");
  const values = (await page.locator(".tooltip tbody tr td:nth-child(3)").allTextContents()).map(Number);
  yes(
    values.every((v, i) => v > 0 && v < 2 && (i === 0 || v <= values[i - 1])),
    `values ${values}`,
  );
  const head = await page.textContent(".tooltip th");
  yes(/^step 1[45]\d$/.test(head), `the head is "${head}"`);
  await shot(page, "scalars-tooltip");
  await page.locator(`${card("train/loss")} .chart`).focus();
  await page.keyboard.press("ArrowRight");
  yes(head !== (await page.textContent(".tooltip th")), "an arrow key moves on");
});

test("scalars: several tags in one chart, pins, full screen, sizes", async () => {
  const page = await openScalars();
  await page.click('summary[aria-label="Several tags in one chart"]');
  await page.fill(".popover input", "loss$");
  equal(await page.textContent(".popover .help"), "2 tags match.", "matches");
  await page.keyboard.press("Enter");
  await page.waitForSelector('[data-card="chart:loss$"][data-drawn="10"]');
  await page.hover(card("eval/accuracy"));
  await page.click(`${card("eval/accuracy")} .pin`);
  await page.waitForSelector('[data-card="pin:eval/accuracy"][data-drawn="5"]');
  await page.evaluate(() => document.querySelector("main").scrollTo(0, 0));
  await settled(page);
  await shot(page, "scalars-pinned");
  await page.hover('[data-card="chart:loss$"]');
  await page.keyboard.press("f");
  await page.waitForSelector(".card.full");
  await settled(page);
  const size = await page.locator(".card.full .chart canvas").boundingBox();
  yes(size.width > 1000 && size.height > 500, `the chart grows to ${size.width} x ${size.height}`);
  await shot(page, "scalars-full");
  await page.keyboard.press("Escape");
  equal(await page.locator(".card.full").count(), 0, "full cards");
});

test("scalars: bands over groups of runs", async () => {
  const page = await openScalars("?lines=bands&group=%5E(%5Cw%2B)%2F");
  const seen = watch(page);
  equal(await drawn(page), 2, "bands: one of adam, one of sgd");
  await page.click("text=log y"); // nothing is asked anew
  await page.locator("#smoothing").fill("0.8");
  await settled(page);
  equal(
    seen
      .at(-1)
      .band.map((b) => b.length)
      .slice(0, 2)
      .sort(),
    [2, 3],
    "runs of the bands",
  );
  await shot(page, "scalars-bands");
});

test("scalars: the address alone shows the same", async () => {
  const page = await openScalars();
  await page.locator("#smoothing").fill("0.75");
  await page.click("text=log y");
  await page.click(".run-list li >> nth=1 >> label");
  await page.fill("#tag-filter", "train");
  await soon(() => page.url().includes("tag=train"), "the address follows");
  await settled(page);
  const again = await page.context().newPage();
  await again.goto(page.url());
  await again.waitForSelector(`${card("train/loss")}[data-drawn="4"]`);
  equal(await again.inputValue("#smoothing"), "0.75", "smoothing");
  equal(await again.locator(".card").count(), 3, "cards");
  yes(await again.locator("label:has-text('log y') input").isChecked(), "log y");
  await again.goto(`${again.url().split("#")[0]}#scalars?zoom=nonsense&smooth=9&x=%E0%A4%A&group=(`);
  await settled(again);
  equal(
    await again.getAttribute(card("train/loss"), "data-drawn"),
    "5",
    "an address nobody wrote is as at first",
  );
});

test("scalars: every point as CSV", async () => {
  const page = await openScalars();
  await page.hover(card("train/loss"));
  await page.click(`${card("train/loss")} summary[aria-label="Download"]`);
  const link = page.locator(`${card("train/loss")} .downloads a >> nth=0`);
  const text = await page.evaluate(
    async (href) => (await fetch(href)).text(),
    await link.getAttribute("href"),
  );
  equal(text.trim().split("\n").length, 301, "lines");
});

test("keys: help, filter, pages", async () => {
  const page = await openScalars();
  await page.keyboard.press("?");
  yes(await page.locator("dialog.help").isVisible(), "the help is there");
  await shot(page, "help");
  await page.keyboard.press("Escape");
  await page.keyboard.press("]");
  equal(await page.inputValue("#smoothing"), "0.65", "smoother");
  await page.keyboard.press("/");
  await page.keyboard.type("accuracy");
  await soon(async () => (await page.locator(".card").count()) === 2, "the filter is typed");
  await page.keyboard.press("Escape");
  await page.keyboard.press("2");
  equal(await page.textContent(".tabs a[aria-current]"), "Histograms", "the second page");
  await page.goBack();
  await soon(async () => (await page.textContent(".tabs a[aria-current]")) === "Scalars", "back");
});

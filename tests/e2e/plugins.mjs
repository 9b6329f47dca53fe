// Histograms, distributions, images, audio, text, PR curves and the table of hyperparameters.
// SPDX-License-Identifier: Apache-2.0
import { equal, open, settled, shot, soon, test, yes } from "./board.mjs";
import { everything } from "./scalars.mjs";

const pixels = (page) => page.evaluate(() => document.querySelector(".card canvas").toDataURL());

async function openPage(name, rest = "") {
  const page = await open(`${await everything()}#${name}${rest}`);
  await page.waitForSelector(".card[data-drawn]");
  await settled(page);
  return page;
}

/** Moves the first card's slider to a position and waits until all on screen have followed. */
async function slide(page, position) {
  await page.locator(".card .slider input").first().fill(String(position));
  await settled(page);
}

test("histograms: ridge, overlay, a slider over the steps", async () => {
  const page = await openPage("histograms");
  equal(
    await page.locator(".group-head .name").allTextContents(),
    ["weights/hiddenlayer_0", "weights/logits"],
    "groups",
  );
  equal(await page.textContent(".card .slider output"), "step 285", "the last step");
  await shot(page, "histograms");
  const ridge = await pixels(page);
  await slide(page, 10);
  yes(ridge !== (await pixels(page)), "another step stands out");
  equal((await page.locator(".card[data-drawn='10']").count()) > 1, true, "linked cards follow");
  await page.click("text=Overlay");
  await settled(page);
  yes(ridge !== (await pixels(page)), "overlay");
  await shot(page, "histograms-overlay");
  const box = await page.locator(".card canvas").first().boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.waitForSelector(".tooltip:visible");
});

test("distributions: bands of quantiles", async () => {
  const page = await openPage("distributions");
  equal(await page.getAttribute(".card", "data-drawn"), "20", "steps");
  await shot(page, "distributions");
});

test("images: side by side, a slider over the steps", async () => {
  const page = await openPage("images");
  equal(await page.locator(".card").count(), 10, "two samples of five runs");
  const image = page.locator(".card img").first();
  await soon(() => image.evaluate((img) => img.naturalWidth === 48), "the picture has come");
  const before = await image.getAttribute("src");
  await shot(page, "images");
  await slide(page, 2);
  yes(before !== (await image.getAttribute("src")), "another picture");
  equal(await page.textContent(".card .slider output"), "step 100", "the step");
  await page.click("text=link steps");
  await slide(page, 0);
  equal(await page.locator(".card[data-drawn='0']").count(), 1, "unlinked: one card moves");
});

test("audio: a player", async () => {
  const page = await openPage("audio");
  const seconds = await page.evaluate(async () => {
    const player = document.querySelector("audio");
    player.preload = "auto";
    player.load();
    await new Promise((ok, fail) => ((player.onloadedmetadata = ok), (player.onerror = fail)));
    return player.duration;
  });
  equal(seconds, 0.5, "its length");
});

test("text: rendered, and no script of it runs", async () => {
  const page = await openPage("text");
  yes((await page.textContent(".card .prose h2")).startsWith("Epoch"), "a heading");
  equal(await page.locator(".card .prose >> nth=0 >> table td").first().textContent(), "loss", "a table");
  equal(
    await page.evaluate(() => [window.hacked ?? null, document.querySelectorAll(".prose script").length]),
    [null, 0],
    "scripts",
  );
  await slide(page, 0);
  equal(await page.textContent(".card .prose h2"), "Epoch 0", "the first step");
  await shot(page, "text");
});

test("PR curves: all runs in one chart, a slider over the steps", async () => {
  const page = await openPage("pr_curves");
  equal(await page.getAttribute(".card", "data-drawn"), "250", "the last step");
  const last = await pixels(page);
  await slide(page, 0);
  equal(await page.getAttribute(".card", "data-drawn"), "0", "the first step");
  yes(last !== (await pixels(page)), "other curves");
  await shot(page, "pr_curves");
});

test("hyperparameters: sorted and filtered", async () => {
  const page = await open(`${await everything()}#hparams`);
  await page.waitForSelector(".hparams tbody tr");
  const column = (n) => page.locator(`.hparams tbody tr > :nth-child(${n})`).allTextContents();
  const heads = (await page.locator(".hparams thead button").allTextContents()).map((t) =>
    t.replace(/[↑↓]/, ""),
  );
  const at = (name) => heads.findIndex((t) => t === name) + 1;
  yes(at("learning_rate") > 0 && at("eval/loss") > 0, `columns ${heads}`);
  await page.click(".hparams thead button:has-text('learning_rate')");
  const rates = (await column(at("learning_rate"))).map(Number);
  equal(
    rates,
    [...rates].sort((a, b) => a - b),
    "upwards",
  );
  await page.click(".hparams thead button:has-text('learning_rate')");
  equal((await column(at("learning_rate"))).map(Number), rates.reverse(), "downwards");
  equal(await page.locator("th[aria-sort=descending]").count(), 1, "aria-sort");
  await shot(page, "hparams");
  await page.fill("#tag-filter", "optimizer=adam eval/loss<0.3");
  await soon(async () => (await page.locator(".hparams tbody tr").count()) === 2, "filtered rows");
  await page.fill("#tag-filter", "sgd");
  await soon(async () => (await page.locator(".hparams tbody tr").count()) === 2, "a word");
  await page.click(".run-list li >> nth=4 >> label");
  await soon(async () => (await page.locator(".hparams tbody tr").count()) === 1, "only ticked runs");
});

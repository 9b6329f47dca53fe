// Every page in the light and the dark, and on a phone: nothing serious for axe-core, nothing wider than
// the screen.
// SPDX-License-Identifier: Apache-2.0
import { axe, equal, open, settled, shot, SHORT, test } from "./board.mjs";
import { everything } from "./scalars.mjs";

const PAGES = [
  "scalars",
  "histograms",
  "distributions",
  "images",
  "audio",
  "text",
  "pr_curves",
  "graphs",
  "hparams",
];

async function look(name, options, file) {
  const page = await open(
    `${await everything()}#${name}${name === "graphs" ? "?open=dnn&color=time&node=dnn" : ""}`,
    options,
  );
  await page.waitForSelector(".card[data-drawn], .graph .box, .hparams tbody tr");
  await settled(page);
  await page.waitForTimeout(250);
  await shot(page, file);
  equal(await axe(page), [], `axe-core on ${file}`);
  const wide = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.querySelector("main").scrollWidth - document.querySelector("main").clientWidth,
  ]);
  equal([wide[0] <= options.width, wide[1] <= 1], [true, true], `wider than the screen: ${wide}`);
  await page.context().close();
}

for (const scheme of ["light", "dark"]) {
  test(`looks: ${scheme}`, async () => {
    for (const name of SHORT && scheme === "dark" ? ["scalars", "graphs"] : PAGES)
      await look(name, { width: 1280, height: 800, scheme }, `${name}-${scheme}`);
  });
}

test("looks: what opens", async () => {
  const page = await open(`${await everything()}#scalars`);
  await page.waitForSelector(".card[data-drawn]");
  for (const name of ["Settings", "Several tags in one chart", "Download"]) {
    await page.locator(`summary[aria-label="${name}"]`).first().click();
    await page.waitForSelector("details[open] .popover");
    equal(await axe(page), [], `axe-core on ${name}`);
    await shot(page, `open-${name.split(" ")[0].toLowerCase()}`);
    await page.keyboard.press("Escape");
  }
});

test("looks: a phone", async () => {
  for (const name of SHORT ? ["scalars"] : PAGES)
    await look(name, { width: 390, height: 844, touch: true }, `${name}-phone`);
  const page = await open(`${await everything()}#scalars`, { width: 390, height: 844, touch: true });
  await page.waitForSelector(".card[data-drawn]");
  await page.click(".runs-button");
  await page.waitForSelector(".sidebar:visible");
  await shot(page, "runs-phone");
});

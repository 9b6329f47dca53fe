// From navigation to the first chart on screen, in Chromium: board_page.mjs leat|tensorboard ADDRESS
// [TIMES]; prints one JSON line.
// SPDX-License-Identifier: Apache-2.0
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const require = createRequire(fileURLToPath(new URL("../web/board/package.json", import.meta.url)));
const { chromium } = require("playwright-core");
const [which, address, times = "5"] = process.argv.slice(2);
const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"].find(
  (p) => p && existsSync(p),
);

// In the page: the time at which a chart has its first curve, looked for at every frame.
const WATCH = {
  // the moment the first curves were drawn, and the frame that shows them
  leat: `() => performance.getEntriesByName("first-chart").length > 0`,
  // a line chart's path of the time series page, which lives in nested shadow roots
  tensorboard: `() => {
    const look = (root) => {
      for (const e of root.querySelectorAll("*")) {
        if (e.localName === "path" && (e.getAttribute("d") ?? "").length > 40 && e.closest("svg, .line-chart, line-chart")) return true;
        if (e.localName === "canvas" && e.width > 100) return true;
        if (e.shadowRoot && look(e.shadowRoot)) return true;
      }
      return false;
    };
    return [...document.querySelectorAll("line-chart, tf-line-chart-data-loader")].some((c) => look(c.shadowRoot ?? c)) ;
  }`,
};

const seconds = [];
let bytes = 0;
for (let i = 0; i < Number(times); i++) {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  let got = 0;
  client.on("Network.loadingFinished", (event) => (got += event.encodedDataLength));
  await page.addInitScript(`(() => {
    const seen = ${WATCH[which]};
    const frame = () => (seen() ? requestAnimationFrame(() => (window.firstChart = performance.now())) : requestAnimationFrame(frame));
    requestAnimationFrame(frame);
  })()`);
  await page.goto(address, { waitUntil: "commit" });
  await page.waitForFunction(() => window.firstChart > 0, null, { timeout: 120000 });
  seconds.push((await page.evaluate(() => window.firstChart)) / 1000);
  bytes = got;
  await browser.close();
}
seconds.sort((a, b) => a - b);
console.log(JSON.stringify({ seconds: seconds[0], median: seconds[seconds.length >> 1], bytes }));

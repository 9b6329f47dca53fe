// A run that grows is followed: a point is on the screen within a second. An empty directory fills.
// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFileSync } from "node:fs";
import { equal, open, settled, shot, soon, startBoard, temporary, test, yes } from "./board.mjs";
import { EventFile } from "./events.mjs";

const WRITER = fileURLToPath(new URL("writer.mjs", import.meta.url));
const LATE = 1000; // ms

test("live: a point that a child writes is drawn within a second", async () => {
  const logs = temporary();
  const old = new EventFile(join(logs, "old"));
  for (let step = 0; step < 5; step++) old.scalars(step, { "train/loss": 2 });
  old.close();
  const { address } = await startBoard(logs);
  const page = await open(`${address}#scalars`);
  await page.waitForSelector('[data-card="scalars:train/loss"][data-drawn]');
  await page.evaluate(() => {
    window.drawnAt = {};
    new MutationObserver(() => {
      const last = document.querySelector('[data-card="scalars:train/loss"]').dataset.last;
      window.drawnAt[last] ??= Date.now();
    }).observe(document.querySelector('[data-card="scalars:train/loss"]'), { attributes: true });
  });
  const written = {};
  const child = spawn("node", [WRITER, join(logs, "new"), "30", "150"]);
  child.stdout.on("data", (data) => {
    for (const line of String(data).trim().split("\n"))
      written[line.split(" ")[0]] = Number(line.split(" ")[1]);
  });
  await page.waitForSelector('[data-card="scalars:train/accuracy"][data-drawn]');
  await page.waitForFunction(
    () => document.querySelector('[data-card="scalars:train/loss"]').dataset.last === "29",
    null,
    { timeout: 15000 },
  );
  equal(
    await page.getAttribute('[data-card="scalars:train/loss"]', "data-drawn"),
    "2",
    "curves: the old run and the new",
  );
  const drawnAt = await page.evaluate(() => window.drawnAt);
  const late = Object.keys(written)
    .filter((s) => Number(s) > 8 && drawnAt[s])
    .map((s) => drawnAt[s] - written[s]);
  yes(late.length >= 5, `only ${late.length} points were seen one by one`);
  yes(Math.max(...late) < LATE, `a point was drawn after ${Math.max(...late)} ms`);
  console.log(`# a live point is drawn after ${Math.min(...late)} ... ${Math.max(...late)} ms`);
  await shot(page, "live");
});

test("live: an empty directory says what to do, and fills", async () => {
  const logs = temporary();
  const { address } = await startBoard(logs);
  const page = await open(address);
  await page.waitForSelector(".empty-state");
  yes((await page.textContent(".empty-state")).includes(logs), "it names the directory");
  await shot(page, "empty");
  const file = new EventFile(join(logs, "first"));
  for (let step = 0; step < 5; step++) file.scalars(step, { loss: 1 / (step + 1) });
  file.close();
  await page.waitForSelector('.card[data-drawn="1"]', { timeout: 10000 });
  equal(await page.locator(".empty-state").count(), 0, "the note is gone");
});

test("in a notebook's frame, behind a prefix, with a token", async () => {
  const logs = temporary();
  const file = new EventFile(join(logs, "run"));
  for (let step = 0; step < 50; step++) file.scalars(step, { loss: 1 / (step + 1) });
  file.close();
  const token = join(logs, "token");
  writeFileSync(token, "s3cret\n");
  const { address } = await startBoard(logs, "--path_prefix", "/proxy/board", "--token-file", token);
  const { origin } = new URL(address);
  const notebook = createServer((_, answer) =>
    answer
      .writeHead(200, { "Content-Type": "text/html" })
      .end(
        `<iframe src="${origin.replace("localhost", "127.0.0.1")}/proxy/board/?token=s3cret" width="900" height="500"></iframe>`,
      ),
  );
  await new Promise((done) => notebook.listen(0, "localhost", done));
  const page = await open(`http://localhost:${notebook.address().port}/`, { width: 940, height: 540 });
  const frame = page.frameLocator("iframe");
  await frame.locator('.card[data-drawn="1"]').waitFor({ timeout: 10000 });
  await soon(async () => (await frame.locator(".status").textContent()) === "live", "the stream");
  await shot(page, "notebook");
  notebook.close();
  const refused = await page.context().request.get(`${origin}/proxy/board/data/leat/tags`);
  equal(refused.status(), 401, "without the token");
});

test("a board that goes is told, and followed again when it is back", async () => {
  const logs = temporary();
  mkdirSync(join(logs, "a"), { recursive: true });
  const file = new EventFile(join(logs, "a"));
  file.scalars(0, { loss: 1 });
  file.scalars(1, { loss: 0.5 });
  file.close();
  const { address, stop, ended } = await startBoard(logs);
  const page = await open(`${address}#nosuchpage?smooth=1`);
  await page.waitForSelector('.card[data-drawn="1"]');
  equal(await page.textContent(".tabs a[aria-current]"), "Scalars", "the first page");
  await settled(page);
  stop();
  await soon(async () => (await page.textContent(".status")) === "not connected", "the lost board is told");
  await ended;
  const more = new EventFile(join(logs, "a"), { append: true });
  more.scalars(2, { loss: 0.25 });
  more.close();
  await startBoard(logs, "--port", new URL(address).port);
  await soon(async () => (await page.textContent(".status")) === "live", "connected again", 10000);
  await page.waitForSelector('.card[data-last="2"]');
});

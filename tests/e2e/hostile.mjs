// Names, text and graphs that want to be scripts stay text; the policy of the page lets nothing in.
// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { equal, open, settled, shot, startBoard, temporary, test, yes } from "./board.mjs";
import { EventFile, png } from "./events.mjs";

const EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
const MARKDOWN = `${EVIL}\n\n[link](javascript:window.hacked=1) [data](data:text/html,<script>1</script>) <a href="javascript:alert(1)" onclick="window.hacked=1">a</a>\n\n![x](https://example.com/x.png) <iframe src="https://example.com"></iframe> <style>body{display:none}</style>\n\n[good](https://leat.example/)`;

test("hostile names, Markdown and graphs run nothing", async () => {
  const logs = temporary();
  const file = new EventFile(join(logs, EVIL.replaceAll("/", "∕")));
  file.scalars(0, { [`${EVIL}loss`]: 1, "__proto__/constructor": 1 });
  file.scalars(1, { [`${EVIL}loss`]: NaN, "__proto__/constructor": Infinity });
  file.text(0, EVIL, MARKDOWN);
  file.images(0, `${EVIL}picture`, 2, 2, [png(2, 2, () => [255, 0, 0]), "<svg onload='window.hacked=1'/>"]);
  file.hparams({ [EVIL]: EVIL });
  file.graph([
    { name: EVIL, op: EVIL, inputs: [`${EVIL}/a:0`, EVIL, "^^x"], device: EVIL },
    { name: `${EVIL}/a`, op: "x", inputs: [`${EVIL}/b`] },
    { name: `${EVIL}/b`, op: "x", inputs: [`${EVIL}/a`] },
  ]);
  file.close();
  const { address } = await startBoard(logs);
  for (const name of ["scalars", "text", "images", "graphs", "hparams"]) {
    const page = await open(`${address}#${name}?run=${encodeURIComponent("")}`);
    await page.waitForSelector(".card, .graph .box, .hparams");
    await settled(page);
    await page.waitForTimeout(200);
    equal(await page.evaluate(() => window.hacked ?? null), null, `scripts on ${name}`);
    equal(
      await page.evaluate(() =>
        [...document.querySelectorAll("a[href]")]
          .map((a) => a.protocol)
          .filter((p) => !/^https?:$|^blob:$/.test(p)),
      ),
      [],
      `links on ${name}`,
    );
    if (name === "text") {
      equal(
        await page.locator(".prose :is(img, iframe, style, script)").count(),
        0,
        "elements that load or run",
      );
      equal(
        await page.locator(".prose a[href]").evaluateAll((all) => all.map((a) => a.getAttribute("href"))),
        ["https://leat.example/"],
        "the one good link",
      );
    }
    if (name === "scalars") await shot(page, "hostile");
    await page.context().close();
  }
});

test("the policy forbids scripts, styles and frames from elsewhere", async () => {
  const logs = temporary();
  const { address } = await startBoard(logs);
  const answer = await fetch(address);
  const policy = answer.headers.get("content-security-policy") ?? "";
  for (const part of [
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "object-src 'none'",
  ])
    yes(policy.includes(part), `${part} is not in "${policy}"`);
  yes(!/unsafe/.test(policy), policy);
  yes(!/<script>|style=|onload=/.test(await answer.text()), "nothing inline");
});

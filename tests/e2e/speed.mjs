// Forty runs in twelve charts: what a click or a moved slider takes until everything is drawn anew.
// SPDX-License-Identifier: Apache-2.0
import { join } from "node:path";
import { open, settled, startBoard, temporary, test, yes } from "./board.mjs";
import { writeScalars } from "./logs.mjs";

const LIMIT = Number(process.env.SPEED_MS ?? 400); // ms on a busy machine; the goal on a quiet one is 100

const ACTIONS = {
  smooth: (i) => {
    const slider = document.querySelector("#smoothing");
    slider.value = String(0.3 + 0.1 * i);
    slider.dispatchEvent(new Event("input"));
  },
  "log y": () => [...document.querySelectorAll(".toolbar .check input")][1].click(),
  tick: (i) => document.querySelectorAll(".run-list input[type=checkbox]")[i].click(),
  hover: (i) => document.querySelectorAll(".run-list li")[i].dispatchEvent(new Event("mouseenter")),
};

test(
  "speed: 40 runs in 12 charts",
  async () => {
    const logs = join(temporary(), "logs");
    writeScalars(logs, 40, 12, 1000);
    const { address } = await startBoard(logs);
    const page = await open(`${address}#scalars?size=s`, { width: 1600, height: 1100 });
    await page.waitForFunction(() => document.querySelectorAll(".card[data-drawn='40']").length === 12);
    await settled(page);
    for (const [name, action] of Object.entries(ACTIONS)) {
      const times = [];
      for (let i = 0; i < 5; i++) {
        const ms = await page.evaluate(`(async () => {
        const frame = () => new Promise((done) => requestAnimationFrame(done));
        const start = performance.now();
        (${action})(${i});
        do await frame(); while (document.documentElement.hasAttribute("data-busy"));
        await frame();
        return performance.now() - start;
      })()`);
        times.push(ms);
        await page.waitForTimeout(50);
      }
      times.sort((a, b) => a - b);
      console.log(`# ${name}: ${times.map((t) => t.toFixed(0)).join(", ")} ms`);
      yes(times[2] < LIMIT, `${name} takes ${times[2].toFixed(0)} ms`);
    }
  },
  { long: true },
);

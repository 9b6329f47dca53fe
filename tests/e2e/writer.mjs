// A run that is being written: node writer.mjs DIRECTORY COUNT MILLISECONDS; prints the time of each point.
// SPDX-License-Identifier: Apache-2.0
import { EventFile } from "./events.mjs";

const [directory, count, pause] = process.argv.slice(2);
const file = new EventFile(directory);
file.flush();
for (let step = 0; step < Number(count); step++) {
  file.scalars(step, { "train/loss": 1 / (step + 1), "train/accuracy": 1 - 1 / (step + 2) });
  file.flush();
  console.log(`${step} ${Date.now()}`);
  await new Promise((done) => setTimeout(done, Number(pause)));
}

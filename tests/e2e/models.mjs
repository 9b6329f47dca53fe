// The models of a registry: a form from the signature, a prediction, the request to copy. A small model is
// trained for it.
// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BUILD, equal, open, shot, startBoard, temporary, test, yes } from "./board.mjs";

const MODEL = `estimator: DNNClassifier
hidden_units: [8, 4]
label: {column: y, vocabulary: ["no", "yes"]}
features:
  a: {numeric: {normalize: z_score}}
  c: {vocabulary: auto}
data:
  csv: {columns: [a, c, y]}
  train: train.csv
  eval: train.csv
train: {batch_size: 16, steps: 60, log_steps: 10}
`;

let made = null;

/** A job's directory and a registry with its model. */
export function trained() {
  if (made) return made;
  const place = temporary();
  const leat = (...args) =>
    execFileSync(join(BUILD, "leat"), args, {
      cwd: place,
      stdio: "pipe",
      env: { ...process.env, LEAT_REGISTRY: join(place, "registry") },
    });
  writeFileSync(join(place, "model.yaml"), MODEL);
  writeFileSync(
    join(place, "train.csv"),
    Array.from({ length: 300 }, (_, i) => `${i % 17}.5,${"pqr"[i % 3]},${i % 17 > 8 ? "yes" : "no"}\n`).join(
      "",
    ),
  );
  leat("train", "model.yaml", "--job-dir", "job");
  leat("models", "create", "small");
  leat("versions", "create", "v1", "--model", "small", "--origin", "job");
  made = { job: join(place, "job"), registry: join(place, "registry"), place };
  return made;
}

test("models: signature, form, prediction, copied request", async () => {
  const { job, registry, place } = trained();
  const { address } = await startBoard(job, "--registry", registry);
  const page = await open(`${address}#models`);
  await page.waitForSelector(".models form");
  await page.route("**/data/leat/state*", async (route) => {
    await new Promise((done) => setTimeout(done, 300));
    await route.continue();
  });
  await page.reload(); // whether there is a registry is known late: the address holds all the same
  await page.waitForSelector(".models form");
  yes(page.url().includes("#models"), page.url());
  equal(await page.locator(".form-row label").allTextContents(), ["a", "c"], "fields");
  await page.fill("#field-a", "15.5");
  await page.fill("#field-c", "p");
  await page.click("text=Predict");
  await page.waitForSelector(".answer table");
  yes(/yes/.test(await page.textContent(".answer")), "15.5 is more than 8: yes");
  await shot(page, "models");
  const code = await page.textContent(".models pre");
  const answered = execFileSync("sh", ["-c", code.replace("curl -s", "curl -s --fail")], {
    cwd: place,
    encoding: "utf8",
  });
  yes(JSON.parse(answered).predictions.length === 1, `curl gives ${answered}`);
  await page.click(".segmented >> text=Python");
  const python = execFileSync("python3", ["-c", await page.textContent(".models pre")], { encoding: "utf8" });
  yes(/yes/.test(python), `Python gives ${python}`);
  await page.click(".segmented >> text=leat");
  const leat = execFileSync("sh", ["-c", await page.textContent(".models pre")], {
    encoding: "utf8",
    env: { ...process.env, PATH: `${BUILD}:${process.env.PATH}`, LEAT_REGISTRY: registry },
  });
  yes(/yes/.test(leat), `leat gives ${leat}`);
  await page.fill("#field-a", "");
  await page.click("text=Predict");
  yes(
    (await page.textContent(".answer .wrong")).includes("a (float32) wants a number"),
    "an empty field is told",
  );
});

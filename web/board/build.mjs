// Builds dist/ from src/: one script, one style sheet, the page and its icon. The same input gives the same bytes.
// SPDX-License-Identifier: Apache-2.0
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "dist"));
const limit = 400 * 1024; // bytes of the page, packed
const licence = readFileSync(join(here, "node_modules/uplot/LICENSE"), "utf8").trim();

mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.ts" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2021", "chrome100", "firefox100", "safari15.4"],
  charset: "utf8",
  legalComments: "none",
  banner: { js: `/* Leat's board, SPDX-License-Identifier: Apache-2.0. It contains uPlot:\n${licence} */` },
});
await build({
  absWorkingDir: here,
  entryPoints: { app: "src/app.css" },
  outdir: out,
  bundle: true,
  minify: true,
  charset: "utf8",
});
for (const name of ["index.html", "icon.svg"]) copyFileSync(join(here, "src", name), join(out, name));

let packed = 0;
for (const name of readdirSync(out)) packed += gzipSync(readFileSync(join(out, name))).length;
const sizes = readdirSync(out).map((name) => `${name} ${statSync(join(out, name)).size}`);
console.log(`${sizes.join(", ")}; packed ${packed} bytes`);
if (packed > limit) throw new Error(`the page is ${packed} bytes packed; it may be ${limit}`);

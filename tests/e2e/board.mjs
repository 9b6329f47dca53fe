// Starts boards and a browser for the tests of the page; a small test runner that prints TAP lines.
// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const BUILD = resolve(process.env.BUILD ?? join(ROOT, "build"));
export const SHOTS = join(BUILD, "e2e");
export const WEB = join(ROOT, "web/board");
const require = createRequire(join(WEB, "package.json"));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

mkdirSync(SHOTS, { recursive: true });
const places = [];

export function temporary() {
  const place = mkdtempSync(join(tmpdir(), "leat-e2e-"));
  places.push(place);
  return place;
}

// ---- boards

const boards = [];

/** Starts `leat board` on a free port; resolves when it has printed its address. */
export function startBoard(logdir, ...more) {
  const port = more.includes("--port") ? [] : ["--port", "0"];
  return new Promise((ok, fail) => {
    const child = spawn(join(BUILD, "leat"), ["board", "--logdir", logdir, ...port, ...more], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    boards.push(child);
    let told = "";
    const hear = (data) => {
      told += data;
      const found = /https?:\/\/[^\s]+/.exec(told);
      if (found)
        ok({
          ended: new Promise((done) => child.on("exit", done)),
          address: found[0].replace(/([^/])$/, (all) => (found[0].includes("?") ? all : `${all}/`)),
          stop: () => child.kill("SIGTERM"),
        });
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("exit", (code) => fail(new Error(`leat board ended with ${code}: ${told}`)));
    setTimeout(() => fail(new Error(`leat board said no address: ${told}`)), 20000).unref();
  });
}

// ---- the browser

let browser = null;
let context = null; // of the test that runs: what its pages complained of
const complaints = [];

export function chromiumPath() {
  const found = [
    process.env.CHROMIUM,
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
  ].find((p) => p && existsSync(p));
  if (!found) throw new Error("no Chromium: apt-get install chromium, or set CHROMIUM");
  return found;
}

/** A page that notes every error, warning of the content security policy, and request to another machine. */
export async function open(address, { width = 1280, height = 800, scheme = "light", touch = false } = {}) {
  browser ??= await chromium.launch({ executablePath: chromiumPath(), args: ["--no-sandbox"] });
  context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, hasTouch: touch });
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`error on the page: ${error.stack ?? error}`));
  page.on("console", (message) => {
    if (
      ["error", "warning"].includes(message.type()) &&
      !/favicon|net::ERR_(ABORTED|CONNECTION_REFUSED|INCOMPLETE)/.test(message.text())
    )
      complaints.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (/^https?:$/.test(protocol) && !["localhost", "127.0.0.1"].includes(hostname))
      complaints.push(`a request leaves the machine: ${request.url()}`);
  });
  await page.goto(address, { waitUntil: "domcontentloaded" });
  return page;
}

/** Waits until all cards on screen have their curves. */
export async function settled(page) {
  await page.waitForFunction(
    () =>
      document.querySelector(".card, .empty, .empty-state, .table-wrap, .graph-view, .models") &&
      !document.documentElement.hasAttribute("data-busy"),
  );
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

export async function shot(page, name) {
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

/** The serious findings of axe-core. */
export async function axe(page) {
  const client = await page.context().newCDPSession(page); // as a debugger does: the page's policy lets no script in
  await client.send("Runtime.evaluate", { expression: AXE });
  const { result } = await client.send("Runtime.evaluate", {
    expression:
      "axe.run(document, { resultTypes: ['violations'] }).then((r) => JSON.stringify(r.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => v.id + ': ' + v.help + ' ' + v.nodes.slice(0, 4).map((n) => n.html.slice(0, 140) + ' ' + (n.any[0]?.message ?? '')).join(' | '))))",
    awaitPromise: true,
  });
  await client.detach();
  return JSON.parse(result.value);
}

// ---- tests

const tests = [];
export const SHORT = Boolean(process.env.SHORT);

export function test(name, body, { long = false } = {}) {
  if (!(long && SHORT)) tests.push([name, body]);
}

export function equal(found, wanted, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: found ${a}, expected ${b}`);
}

export function yes(condition, what) {
  if (!condition) throw new Error(what);
}

/** Asks again until it holds; fails after `ms`. */
export async function soon(ask, what, ms = 5000) {
  const end = Date.now() + ms;
  let last;
  do {
    last = await ask();
    if (last) return last;
    await new Promise((done) => setTimeout(done, 20));
  } while (Date.now() < end);
  throw new Error(`${what}: not within ${ms} ms`);
}

export async function runTests() {
  let failures = 0;
  const only = process.env.T;
  for (const [name, body] of tests) {
    if (only && !name.includes(only)) continue;
    complaints.length = 0;
    const start = Date.now();
    let wrong = null;
    try {
      await body();
      if (complaints.length) wrong = new Error(complaints.join("\n"));
    } catch (error) {
      wrong = error;
      for (const page of context?.pages() ?? [])
        await page
          .screenshot({ path: join(SHOTS, `failed-${name.replace(/[^\w]+/g, "-")}.png`) })
          .catch(() => undefined);
      if (complaints.length) wrong.message += `\n${complaints.join("\n")}`;
    }
    await context?.close().catch(() => undefined);
    context = null;
    if (browser && !browser.isConnected()) browser = null; // it fell over: the next test has a new one
    failures += wrong ? 1 : 0;
    if (wrong)
      console.log(
        `# ${String(wrong.stack ?? wrong)
          .slice(0, 1800)
          .replaceAll("\n", "\n# ")}`,
      );
    console.log(`${wrong ? "not ok" : "ok"} ${name}${process.env.V ? ` (${Date.now() - start} ms)` : ""}`);
  }
  await browser?.close();
  for (const board of boards) {
    board.removeAllListeners("exit");
    board.kill("SIGTERM");
  }
  for (const place of places) rmSync(place, { recursive: true, force: true });
  return failures;
}

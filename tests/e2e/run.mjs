// The board's page in a real browser, page by page: node tests/e2e/run.mjs (BUILD=build, SHORT=1: the quick
// part, T=words: those tests).
// SPDX-License-Identifier: Apache-2.0
import { runTests } from "./board.mjs";
import "./dist.mjs";
import "./scalars.mjs";
import "./plugins.mjs";
import "./graph.mjs";
import "./models.mjs";
import "./live.mjs";
import "./hostile.mjs";
import "./looks.mjs";
import "./speed.mjs";

process.exit((await runTests()) ? 1 : 0);

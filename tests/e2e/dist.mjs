// The committed page is what its sources build, byte by byte, and it is small.
// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { WEB, equal, temporary, test, yes } from "./board.mjs";

test("the committed page is what its sources build", async () => {
  const out = temporary();
  execFileSync("node", [join(WEB, "build.mjs"), out]);
  const dist = join(WEB, "dist");
  equal(readdirSync(dist).sort(), readdirSync(out).sort(), "files");
  let packed = 0;
  for (const name of readdirSync(out)) {
    const made = readFileSync(join(out, name));
    yes(
      made.equals(readFileSync(join(dist, name))),
      `web/board/dist/${name} is older than its sources: make web`,
    );
    packed += gzipSync(made).length;
  }
  yes(packed <= 400 * 1024, `the page is ${packed} bytes packed`);
});

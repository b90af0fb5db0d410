// Bundles the page into the two files that are committed: `node build.mjs [--check]`.
// With --check nothing is written: files that differ are named, and the exit code is 1.

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../src/benchdb/dashboard/static");
const notice = "/*! The page of benchdb dashboard, BSD-3-Clause */";

const built = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.ts" },
  bundle: true,
  minify: true,
  charset: "utf8",
  format: "iife",
  target: "es2020",
  legalComments: "none",
  banner: { js: notice },
  outdir: target,
  write: false,
  logLevel: "warning",
});
const styles = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/styles/app.css" },
  bundle: true,
  minify: true,
  target: "es2020",
  legalComments: "none",
  banner: { css: notice },
  outdir: target,
  write: false,
  logLevel: "warning",
});

let bytes = 0;
const stale = [];
for (const file of [...built.outputFiles, ...styles.outputFiles]) {
  bytes += file.contents.length;
  if (!process.argv.includes("--check")) {
    writeFileSync(file.path, file.contents);
  } else if (readFileSync(file.path, "utf8") !== file.text) {
    stale.push(file.path);
  }
}
const most = 120_000;
if (bytes > most) {
  console.log(`code and styles are ${bytes} bytes long, more than ${most}`);
  process.exitCode = 1;
}
if (stale.length > 0) {
  console.log(`not as built from dashboard/: ${stale.join(", ")}; run npm run build there`);
  process.exitCode = 1;
}
if (process.exitCode === undefined) {
  console.log(`${bytes} bytes`);
}

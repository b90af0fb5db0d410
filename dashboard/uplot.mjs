// Leaves out of uPlot what the page never calls, so that code and styles stay within their size:
// other axes than linear ones, calendars, legends, cursors in step, and the drawing of lines, which chart.ts does
// itself. uPlot's own build has switches for most of this, but its package has none.

import { readFileSync } from "node:fs";

/** Functions that keep their name and lose their body, with what they return instead. */
const EMPTIED = {
  ...Object.fromEntries(["linear", "points", "rect"].map((name) => [name, "return () => null;"])),
  ...Object.fromEntries(
    ["getMinMax", "_rangeNum", "rangeNum"].map((name) => [name, "return [0, 1];"]),
  ),
  genTimeStuffs: "return [[], [], () => {}];",
  initLegendRow: "return [];",
  _sync: "return { sub() {}, unsub() {}, pub() {} };",
  ...Object.fromEntries(
    [
      ...["timeAxisVals", "timeAxisVal", "timeAxisStamps", "timeSeriesVal", "timeSeriesStamp"],
      ...["fmtDate", "logAxisSplits", "asinhAxisSplits", "rangeLog", "rangeAsinh"],
      ...["log10AxisValsFilt", "log2AxisValsFilt", "seriesFillTo", "legendStroke", "legendFill"],
      ...["setLegend", "setLegendValues", "drawPath", "strokeFill", "fillStroke", "doStroke"],
      ...[
        "cacheStrokeFill",
        "delSeries",
        "addSeries",
        "setSeries",
        "drawSeries",
        "setFocus",
        "allHeadersSame",
      ],
    ].map((name) => [name, ""]),
  ),
};

/** What hangs on uPlot only so that others may call it. */
const OFFERED =
  /^\t?\(?(paths\.\w+|uPlot\.(join|fmtDate|tzDate|addGap|clipGaps|orient|assign|fmtNum|range\w+|sync))\s*=.*;$/gm;

function trimmed(source) {
  let text = source.replace(OFFERED, "");
  for (const [name, body] of Object.entries(EMPTIED)) {
    const whole = new RegExp(`^(\\t?)(function ${name}\\(.*\\) \\{)\\n[^]*?^\\1\\}`, "m");
    if (!whole.test(text)) throw new Error(`uPlot has no function ${name}: mend uplot.mjs`);
    text = text.replace(whole, (_, indent, head) => `${indent}${head} ${body} }`);
  }
  return text;
}

export const trimUplot = {
  name: "uplot",
  setup(build) {
    build.onLoad({ filter: /uPlot\.esm\.js$/ }, ({ path }) => ({
      contents: trimmed(readFileSync(path, "utf8")),
    }));
  },
};

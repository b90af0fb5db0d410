// A series' history as a small line.

import { s } from "./dom";

const HEIGHTS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const WIDTH = 150;
const HEIGHT = 26;
const EDGE = 3;

function direction(verdict: number): string {
  return verdict > 0 ? "worse" : verdict < 0 ? "better" : "plain";
}

/** A line of a `spark`; who reads with the ears gets the numbers beside it instead. */
export function spark(heights: string, verdict: number): SVGElement {
  const step = (WIDTH - 2 * EDGE) / Math.max(heights.length - 1, 1);
  let path = "";
  let pen = "M";
  let end: [number, number] | null = null;
  const lone: string[] = [];
  for (let at = 0; at < heights.length; at++) {
    const height = HEIGHTS.indexOf(heights[at] ?? " ");
    if (height < 0 || heights[at] === " ") {
      pen = "M";
      continue;
    }
    const x = EDGE + at * step;
    const y = HEIGHT - EDGE - (height / 61) * (HEIGHT - 2 * EDGE);
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    // a point between two gaps has no line: a dot stands for it
    if (pen === "M" && (heights[at + 1] ?? " ") === " ")
      lone.push(`M${x.toFixed(1)} ${y.toFixed(1)}h.01`);
    pen = "L";
    end = [x, y];
  }
  return s(
    "svg",
    {
      class: `spark ${direction(verdict)}`,
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      width: WIDTH,
      height: HEIGHT,
      "aria-hidden": "true",
    },
    s("path", { d: path }),
    lone.length > 0 && s("path", { d: lone.join(""), class: "lone" }),
    end && s("circle", { cx: end[0].toFixed(1), cy: end[1].toFixed(1), r: 2 }),
  );
}

// The names of releases, and what changed where, above and across a chart.

import { arrow, moved } from "../format";
import { SMALL, STRONG, inkOf } from "./pen";
import type { Pen } from "./pen";
import type { Reading } from "./reading";
import type { SessionAxis } from "./sessions";

export function paintReleaseNames(pen: Pen, axis: SessionAxis): void {
  const { box, ink } = pen;
  let free = -Infinity;
  for (const [place, name] of axis.releases) {
    const at = pen.across(axis.x[place] ?? 0);
    const wide = pen.widthOf(name, SMALL);
    if (at < box.left || at > box.right || at - wide / 2 < free + 6) continue;
    pen.write(name, Math.min(at, box.right - wide / 2), 11, SMALL, ink.muted, "center");
    free = at + wide / 2;
  }
}

export interface Label {
  at: number;
  width: number;
}

const LINE = 15;
const APART = 4;

/** Beside each line its label, at the side that has room, below those that are in its way. */
export function placed(labels: Label[], right: number): { left: number; line: number }[] {
  const taken: { left: number; right: number; line: number }[] = [];
  return labels.map(({ at, width }) => {
    const left = at + APART + width > right ? at - APART - width : at + APART;
    const hits = (line: number): boolean =>
      taken.some((one) => one.line === line && left < one.right && left + width > one.left);
    let line = 0;
    while (hits(line)) line++;
    taken.push({ left: left - APART, right: left + width + APART, line });
    return { left, line };
  });
}

/** A line and a label for each change, between the last point before it and the first behind it. */
export function paintChanges(
  pen: Pen,
  axis: SessionAxis,
  { series, places, unit, outcome }: Reading,
): void {
  const { box, ink, context } = pen;
  const base = box.top - 6;
  const marks = series.changes.flatMap((one) => {
    const x = (point: number): number => pen.across(axis.x[places[point] ?? 0] ?? 0);
    const [before, after] = [x(Math.max(0, one.point - 1)), x(one.point)];
    if (after < box.left - 1 || before > box.right + 1) return [];
    const at = Math.max(box.left, Math.min((after + before) / 2, box.right));
    const text = `${arrow(one.effect)} ${moved(one.effect, { unit, outcome, before: one.before })}`;
    return [{ at, text, width: pen.widthOf(text, STRONG), shade: ink[inkOf(one.verdict)] }];
  });
  placed(marks, box.right).forEach(({ left, line }, number) => {
    const one = marks[number];
    if (!one) return;
    context.fillStyle = one.shade;
    context.fillRect(pen.sharp(one.at) - 0.75, box.top - 4, 1.5, box.bottom - box.top + 4);
    pen.write(one.text, left, base + line * LINE, STRONG, one.shade, "left");
  });
  if (series.drift) {
    const { effect, verdict, before } = series.drift;
    const text = `${arrow(effect)} slow drift ${moved(effect, { unit, outcome, before })}`;
    pen.write(text, box.right, base, STRONG, ink[inkOf(verdict)], "right");
  }
}

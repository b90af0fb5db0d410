// The axes of a chart: grid and values at the left, dates below.

import { axisUnit, day, minute, ticks } from "../format";
import { SMALL } from "./pen";
import type { Pen } from "./pen";
import { DAY, calendarTicks, linearTicks } from "./scale";
import type { Scale } from "./scale";
import type { SessionAxis } from "./sessions";

export interface Labels {
  values: number[];
  texts: string[];
}

const BETWEEN_VALUES = 30;
const BETWEEN_DATES = 92;

/** The ticks of values: round in the unit that they are shown in. */
export function valueLabels(scale: Scale, unit: string): Labels {
  const height = Math.abs(scale.end - scale.start);
  const most = Math.max(Math.abs(scale.from), Math.abs(scale.to));
  const [factor] = axisUnit(most, unit);
  const inUnit = { ...scale, from: scale.from / factor, to: scale.to / factor };
  const { values, step } = linearTicks(inUnit, height / BETWEEN_VALUES);
  const own = values.map((one) => one * factor);
  return { values: own, texts: ticks(own, step * factor, most, unit) };
}

/** The ticks of sessions, or of instants. */
export function dateLabels(scale: Scale, axis: SessionAxis): Labels {
  const most = (scale.end - scale.start) / BETWEEN_DATES;
  if (axis.dates) {
    const { values, step } = calendarTicks(scale, most);
    return { values, texts: values.map((one) => (step < DAY ? minute(one).slice(5) : day(one))) };
  }
  const values = linearTicks(scale, most, 1).values.filter((at) => at in axis.sessions);
  let before = "";
  const texts = values.map((at) => {
    const instant = axis.started(at);
    const same = day(instant) === before;
    before = day(instant);
    return same ? minute(instant).slice(11) : before; // several sessions of one day
  });
  return { values, texts };
}

export function paintGrid(pen: Pen, labels: Labels): void {
  const { box, ink } = pen;
  const rows = labels.values.map((value) => pen.sharp(pen.up(value)));
  pen.lines(
    rows.map((y) => [
      [box.left, y],
      [box.right, y],
    ]),
    1,
    ink.line,
  );
  labels.texts.forEach((text, at) => {
    pen.write(text, box.left - 9, (rows[at] ?? 0) + 4, SMALL, ink.muted, "right");
  });
}

export function paintDates(pen: Pen, labels: Labels): void {
  const { box, ink } = pen;
  const places = labels.values.map((value) => pen.sharp(pen.across(value)));
  pen.lines(
    places.map((x) => [
      [x, box.bottom],
      [x, box.bottom + 5],
    ]),
    1,
    ink["line-strong"],
  );
  let free = 0;
  labels.texts.forEach((text, at) => {
    const half = pen.widthOf(text, SMALL) / 2;
    // the last one may not fit below its tick
    const x = Math.min(places[at] ?? 0, box.right + 12 - half);
    if (x - half < free) return;
    pen.write(text, x, box.bottom + 19, SMALL, ink.muted, "center");
    free = x + half + 8;
  });
}

// What a chart shows of a series: points, levels, drift, failures, releases and other machines.

import type { Segment } from "../types";
import { holds } from "./scale";
import type { Pen } from "./pen";
import { stretches } from "./reading";
import type { Reading } from "./reading";
import type { SessionAxis } from "./sessions";

/** More points than this are squares, which cost less than circles. */
const MANY = 800;

export function paintReleases(pen: Pen, axis: SessionAxis): void {
  const { box, ink } = pen;
  pen.lines(
    axis.releases.map(([place]) => {
      const x = pen.sharp(pen.across(axis.x[place] ?? 0));
      return [
        [x, box.top],
        [x, box.bottom],
      ];
    }),
    1,
    ink["line-strong"],
    [2, 4],
  );
}

/** A diamond on the axis: another machine from here on. */
export function paintMachines(pen: Pen, axis: SessionAxis): void {
  const size = 4.5;
  const { bottom } = pen.box;
  pen.shapes(
    axis.marks.map((place) => {
      const x = pen.across(axis.x[place] ?? 0);
      return [
        [x, bottom - 2 * size],
        [x + size, bottom - size],
        [x, bottom],
        [x - size, bottom - size],
      ];
    }),
    pen.ink.muted,
  );
}

export function paintLevels(pen: Pen, axis: SessionAxis, reading: Reading): void {
  if (reading.places.length === 0) return;
  if (hasSlope(reading)) {
    paintSlope(pen, axis, reading);
    return;
  }
  eachRun(pen, axis, reading, (one, left, wide) => {
    pen.context.fillStyle = pen.ink.level;
    pen.context.fillRect(left, pen.up(one.level) - 1, wide, 2);
  });
}

/** Where nine of ten values lie. What drifts has no level, and so no band. */
export function paintBands(pen: Pen, axis: SessionAxis, reading: Reading): void {
  if (hasSlope(reading)) return;
  eachRun(pen, axis, reading, (one, left, wide) => {
    const top = pen.up(one.high);
    pen.context.fillStyle = pen.ink.band;
    pen.context.fillRect(left, top, wide, Math.max(pen.up(one.low) - top, 1));
  });
}

function eachRun(
  pen: Pen,
  axis: SessionAxis,
  reading: Reading,
  paint: (segment: Segment, left: number, wide: number) => void,
): void {
  stretches(reading).forEach(({ from, to }, at) => {
    const one = reading.series.segments[at];
    if (!one) return;
    for (const [first, last] of withoutGaps(reading.places, from, to)) {
      const left = pen.across(axis.x[first] ?? 0) - 3;
      paint(one, left, pen.across(axis.x[last] ?? 0) + 3 - left);
    }
  });
}

/** The runs of places that some points have; where many sessions in a row lack one, a run ends. */
export function withoutGaps(places: number[], from: number, to: number): [number, number][] {
  const most = Math.max(5, places.length * 0.02);
  const runs: [number, number][] = [];
  let first = places[from] ?? 0;
  for (let point = from; point <= to; point++) {
    const here = places[point] ?? 0;
    const next = point < to ? (places[point + 1] ?? 0) : Infinity;
    if (next - here <= most) continue;
    runs.push([first, here]);
    first = next;
  }
  return runs;
}

/** Whether one line tells of a series, and no levels: it drifts without a step. */
export function hasSlope({ series }: Reading): boolean {
  return (series.drift?.last ?? null) !== null;
}

/** A slow change: one slope through all. */
function paintSlope(pen: Pen, axis: SessionAxis, { series, places }: Reading): void {
  const [first, last] = [places[0] ?? 0, places[places.length - 1] ?? 0];
  const path: [number, number][] = [
    [pen.across(axis.x[first] ?? 0), pen.up(series.drift?.first ?? 0)],
    [pen.across(axis.x[last] ?? 0), pen.up(series.drift?.last ?? 0)],
  ];
  pen.lines([path], 2.5, pen.ink.level, [8, 5]);
}

/** Points; what lies beyond the edge is a triangle that points there. */
export function paintPoints(pen: Pen, axis: SessionAxis, reading: Reading): void {
  const { context, box, ink } = pen;
  const many = reading.places.length > MANY;
  const room = pen.across(1) - pen.across(0);
  const radius = Math.max(1.4, Math.min(axis.dates ? 2 : room * 0.8, 2.4));
  const beyond: [number, number][][] = [];
  context.fillStyle = ink.data;
  context.beginPath();
  for (const place of reading.places) {
    const value = reading.values[place] ?? null;
    const at = axis.x[place] ?? 0;
    if (value === null || !holds(pen.x, at)) continue;
    const x = pen.across(at);
    if (!holds(pen.y, value)) {
      const [edge, way] = value > pen.y.to ? [box.top, 1] : [box.bottom, -1];
      beyond.push([
        [x, edge],
        [x + 4, edge + way * 6.8],
        [x - 4, edge + way * 6.8],
      ]);
      continue;
    }
    const y = pen.up(value);
    if (many) {
      context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
    } else {
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 2 * Math.PI);
    }
  }
  context.fill();
  pen.shapes(beyond, ink.muted);
}

/** A cross for what failed; in a ring for what was lost or hung. */
export function paintHarm(pen: Pen, axis: SessionAxis): void {
  const size = 3.2;
  const y = pen.box.bottom - 7;
  const { context, ink } = pen;
  const crosses = [...axis.failed, ...axis.lost].flatMap((place): [number, number][][] => {
    const x = pen.across(axis.x[place] ?? 0);
    return [
      [
        [x - size, y - size],
        [x + size, y + size],
      ],
      [
        [x - size, y + size],
        [x + size, y - size],
      ],
    ];
  });
  pen.lines(crosses, 1.8, ink.worse);
  context.beginPath();
  for (const place of axis.lost) {
    const x = pen.across(axis.x[place] ?? 0);
    context.moveTo(x + 2 * size, y);
    context.arc(x, y, 2 * size, 0, 2 * Math.PI);
  }
  context.stroke();
}

// A metric of a test as charts, tooltip and tables read it.

import type { PointSeries } from "../types";

export interface Reading {
  metric: number;
  unit: string;
  /** Whether it counts outcomes: failed, lost, hung. */
  outcome: boolean;
  series: PointSeries;
  /** Of each place of the axis the value, null where there is none. */
  values: (number | null)[];
  /** Of each point its place on the axis. */
  places: number[];
}

/** The segment that a point is in; -1 for none. */
export function segmentOf(series: PointSeries, point: number): number {
  let found = -1;
  for (const segment of series.segments) {
    if (segment.start > point) break;
    found++;
  }
  return found;
}

/** The places where the segments of a series begin and end. */
export function stretches(reading: Reading): { from: number; to: number }[] {
  const { series, places } = reading;
  return series.segments.map((one, at) => {
    const end = (series.segments[at + 1]?.start ?? places.length) - 1;
    return { from: one.start, to: end };
  });
}

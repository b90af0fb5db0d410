// Linear scales, and where their ticks stand: numbers alone, nothing is drawn here.

/** Values between `from` and `to` stand between the pixels `start` and `end`. */
export interface Scale {
  from: number;
  to: number;
  start: number;
  end: number;
}

export function position(scale: Scale, value: number): number {
  const share = (value - scale.from) / (scale.to - scale.from || 1);
  return scale.start + share * (scale.end - scale.start);
}

export function valueAt(scale: Scale, pixel: number): number {
  const share = (pixel - scale.start) / (scale.end - scale.start || 1);
  return scale.from + share * (scale.to - scale.from);
}

export function holds(scale: Scale, value: number): boolean {
  return value >= scale.from && value <= scale.to;
}

export interface Ticks {
  values: number[];
  step: number;
}

/** Ticks at multiples of 1, 2 or 5 times a power of ten: as many as asked for at most, but two. */
export function linearTicks(scale: Scale, most: number, least = 0): Ticks {
  const found = roundTicks(scale, most, least);
  return found.values.length > 1 || found.step <= least
    ? found
    : roundTicks(scale, 2 * most, least);
}

function roundTicks(scale: Scale, most: number, least: number): Ticks {
  const rough = (scale.to - scale.from) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5].find((one) => one * power >= rough * (1 - 1e-9)) ?? 10;
  return multiples(scale, Math.max(factor * power, least));
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const EVEN = [1, 5, 15]
  .map((one) => one * MINUTE)
  .concat([1, 3, 6, 12].map((one) => one * HOUR))
  .concat([1, 2, 7, 14].map((one) => one * DAY));
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120];

/** Ticks of instants: at minutes, hours, days and weeks, and at the first days of months. */
export function calendarTicks(scale: Scale, most: number): Ticks {
  const rough = (scale.to - scale.from) / Math.max(most, 1);
  const even = EVEN.find((one) => one >= rough);
  if (even) return multiples(scale, even);
  const step = MONTHS.find((one) => one * 31 * DAY >= rough) ?? 1200;
  const first = new Date(scale.from * 1000);
  const values: number[] = [];
  let month = Math.floor(first.getUTCMonth() / step) * step;
  for (; values.length <= most + 1; month += step) {
    const value = Date.UTC(first.getUTCFullYear(), month) / 1000;
    if (!(value <= scale.to)) break;
    if (value >= scale.from) values.push(value);
  }
  return { values, step: step * 31 * DAY };
}

function multiples(scale: Scale, step: number): Ticks {
  const first = Math.ceil(scale.from / step - 1e-9);
  const count = Math.floor(scale.to / step + 1e-9) - first + 1;
  // numbers of 1e300 have no finite steps between them
  const values =
    count >= 0 && count < 100 ? Array.from({ length: count }, (_, at) => (first + at) * step) : [];
  return { values, step };
}

/** The place whose number is nearest, among ascending ones. */
export function nearest(ascending: number[], value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  const before = low > 0 ? (ascending[low - 1] ?? -Infinity) : -Infinity;
  return value - before < (ascending[low] ?? Infinity) - value ? low - 1 : low;
}

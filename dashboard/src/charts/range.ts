// Which values a chart shows: by the levels and bands in sight, so that one odd value squeezes none.

import type { Reading } from "./reading";

const ROOM = 0.7;
const EDGE = 0.06;

/** From which value to which; `sees` tells whether a place is in sight. */
export function valueRange(
  { series, values, places }: Reading,
  sees: (place: number) => boolean,
  fromZero: boolean,
): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  let [least, most] = [Infinity, -Infinity];
  let segment = -1;
  places.forEach((place, point) => {
    while ((series.segments[segment + 1]?.start ?? Infinity) <= point) segment++;
    const value = values[place] ?? null;
    if (value === null || !sees(place)) return;
    least = Math.min(least, value);
    most = Math.max(most, value);
    const band = series.segments[segment];
    if (!band) return;
    low = Math.min(low, band.low, band.level);
    high = Math.max(high, band.high, band.level);
  });
  if (least > most) return [0, 1];
  if (low > high) [low, high] = [least, most];
  const room = (high - low) * ROOM || Math.abs(high) * 0.05 || 1;
  low = Math.max(low - room, Math.min(least, low));
  high = Math.min(high + room, Math.max(most, high));
  const edge = (high - low) * EDGE || Math.abs(high) * 0.05 || 1;
  if (fromZero) return [Math.min(0, low), high + edge];
  return [low >= 0 ? Math.max(0, low - edge) : low - edge, high + edge];
}

// What of the sessions is in sight.

import type { Scale } from "./scale";

export class Zoom {
  private range: [number, number] | null = null;
  private readonly whole: [number, number];

  /** `places` are the first and the last in sight; other than two of them for all. */
  constructor(
    private readonly x: number[],
    dates: boolean,
    places: [number, number],
  ) {
    const [first, last] = [x[0] ?? 0, x[x.length - 1] ?? 0];
    const margin = dates ? Math.max(1, (last - first) * 0.01) : 0.6;
    this.whole = [first - margin, last + margin];
    const [from, to] = places;
    if (from >= 0 && to > from) this.show([x[from] ?? 0, x[to] ?? 0]);
  }

  get from(): number {
    return (this.range ?? this.whole)[0];
  }

  get to(): number {
    return (this.range ?? this.whole)[1];
  }

  get isWhole(): boolean {
    return this.range === null;
  }

  /** The first and the last place in sight. */
  get places(): [number, number] {
    const inside = this.x.flatMap((x, place) => (x >= this.from && x <= this.to ? place : []));
    return [inside[0] ?? -1, inside[inside.length - 1] ?? -1];
  }

  /** Show what lies between two values of the axis, if these are two sessions or more. */
  show(range: [number, number] | null): void {
    const before = this.range;
    this.range = range;
    const [from, to] = this.places;
    if (range && from >= to) this.range = before;
    if (this.from <= (this.x[0] ?? 0) && this.to >= (this.x[this.x.length - 1] ?? 0)) {
      this.range = null;
    }
  }

  /** A range so many times as wide around a place, or around the middle. */
  scaled(factor: number, place: number | null): [number, number] {
    const width = (this.to - this.from) * factor;
    const middle = place === null ? (this.from + this.to) / 2 : (this.x[place] ?? 0);
    const from = Math.max(this.whole[0], Math.min(middle - width / 2, this.whole[1] - width));
    return [from, Math.min(from + width, this.whole[1])];
  }

  /** Keep two values below two fingers. */
  pinch(values: [number, number], fingers: [number, number], scale: Scale): void {
    const apart = fingers[1] - fingers[0];
    if (Math.abs(apart) < 1) return;
    const each = (values[1] - values[0]) / apart;
    if (!(each > 0)) return;
    const from = Math.max(this.whole[0], values[0] + (scale.start - fingers[0]) * each);
    const to = Math.min(this.whole[1], values[0] + (scale.end - fingers[0]) * each);
    if (to > from) this.show([from, to]);
  }

  /** Move until a place is in sight; tell whether that was needed. */
  reveal(place: number): boolean {
    const at = this.x[place] ?? 0;
    if (!this.range || (at >= this.from && at <= this.to)) return false;
    this.range = this.scaled(1, place);
    return true;
  }
}

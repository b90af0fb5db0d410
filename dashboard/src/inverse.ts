// A comparison the other way round: every ratio is its inverse.

import type { Pair } from "./types";

type Some = number | null | undefined;

function turned(effect: Some): number | null {
  return effect === null || effect === undefined || effect <= -1 ? null : 1 / (1 + effect) - 1;
}

/** An effect as seen from the other level; where one is not above 0, it is their difference. */
function seen(effect: Some, before: Some, after: Some): number | null {
  const [from, to] = [before ?? 0, after ?? 0];
  if (from > 0 && to > 0) return turned(effect);
  if (to === 0) return from === 0 ? 0 : null;
  const far = effect === null || effect === undefined ? NaN : effect * Math.abs(from);
  return Number.isFinite(far) ? -far / Math.abs(to) : from === 0 ? -Math.sign(to) : null;
}

export function inverse(pair: Pair): Pair {
  const { before, after } = pair;
  const all = (effects: Some[]): (number | null)[] =>
    effects.map((one, at) => seen(one, before[at], after[at]));
  return {
    ...pair,
    baseline: pair.contender,
    contender: pair.baseline,
    differences: pair.differences.map(([kind = "", name = "", before = "", after = ""]) => [
      kind,
      name,
      after,
      before,
    ]),
    ranges: [],
    series: pair.against.length > 0 ? pair.against : pair.series,
    against: pair.against.length > 0 ? pair.series : [],
    effect: all(pair.effect),
    low: all(pair.high),
    high: all(pair.low),
    size: pair.size.map((one) => (one === null ? null : -one)),
    before: after,
    after: before,
    alone: [...pair.alone].reverse(),
    overall: pair.overall.map(([metric = null, effect, low, high]) => [
      metric,
      turned(effect),
      turned(high),
      turned(low),
    ]),
  };
}

// A comparison the other way round: every ratio is its inverse.

import type { Pair } from "./types";

function turned(effect: number | null | undefined): number | null {
  return effect === null || effect === undefined || effect <= -1 ? null : 1 / (1 + effect) - 1;
}

export function inverse(pair: Pair): Pair {
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
    effect: pair.effect.map(turned),
    low: pair.high.map(turned),
    high: pair.low.map(turned),
    size: pair.size.map((one) => (one === null ? null : -one)),
    before: pair.after,
    after: pair.before,
    alone: [...pair.alone].reverse(),
    overall: pair.overall.map(([metric = null, effect, low, high]) => [
      metric,
      turned(effect),
      turned(high),
      turned(low),
    ]),
  };
}

// The series of a comparison: in which bucket each is, its interval, and the runs that it lacks.

import { saveCsv } from "./csv";
import { h, named, s } from "./dom";
import { quantity } from "./format";
import { conditionsOf, effectAndInterval, leftOf, metricKey, moduleName, testLink } from "./parts";
import type { Column } from "./table";
import type { Index, Pair } from "./types";

export const BUCKETS = ["worse", "better", "same", "undecided"] as const;

export type Bucket = (typeof BUCKETS)[number];

export interface Row {
  at: number;
  series: number;
  /** Whether chance may do it, as so many are compared. */
  chance: boolean;
  bucket: Bucket;
}

/** Where an interval lies: wholly beyond, and not so by chance; wholly within; or neither. */
export function bucketOf(pair: Pair, row: Row, tolerance: number, way: number): Bucket {
  const low = pair.low[row.at] ?? -Infinity;
  const high = pair.high[row.at] ?? Infinity;
  if (row.chance && (low > tolerance || high < -tolerance)) return "undecided";
  if (low > tolerance) return way < 0 ? "better" : way > 0 ? "worse" : "undecided";
  if (high < -tolerance) return way < 0 ? "worse" : way > 0 ? "better" : "undecided";
  return low >= -tolerance && high <= tolerance ? "same" : "undecided";
}

function verdictOf(row: Row): number {
  return row.bucket === "worse" ? 1 : row.bucket === "better" ? -1 : 0;
}

/** The step of the ladder that holds for a tolerance: the largest that is not above it. */
export function rung(pair: Pair, tolerance: number): number {
  let found = 0;
  pair.ladder.forEach((one, at) => {
    if (one <= tolerance * (1 + 1e-9)) found = at;
  });
  return found;
}

interface Scale {
  most: number;
  x: (effect: number) => number;
}

const WIDTH = 280;

const STEPS = [0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1];

/** How many of a hundred rows may lie beyond the edges, so that one odd value squeezes none. */
const BEYOND = 0.02;

/** A scale that holds nearly all effects, and shows what lies beyond the tolerance. */
export function scaleOf(pair: Pair, rows: Row[], tolerance: number): Scale {
  const sizes = rows.map((row) => Math.abs(pair.effect[row.at] ?? 0)).sort((a, b) => b - a);
  const most = Math.max(sizes[Math.floor(sizes.length * BEYOND)] ?? 0, 2.5 * tolerance);
  const step = STEPS.find((one) => one >= most) ?? 1;
  return {
    most: step,
    x: (value) => ((Math.max(-step, Math.min(step, value)) / step) * 0.47 + 0.5) * WIDTH,
  };
}

function bar(pair: Pair, row: Row, scale: Scale, tolerance: number): SVGElement {
  const [low, high, value] = [
    pair.low[row.at] ?? -Infinity,
    pair.high[row.at] ?? Infinity,
    pair.effect[row.at] ?? 0,
  ];
  const kind = row.bucket === "worse" || row.bucket === "better" ? row.bucket : "plain";
  const [from, to] = [scale.x(-tolerance), scale.x(tolerance)];
  const off = value > scale.most || value < -scale.most;
  const at = scale.x(value);
  return s(
    "svg",
    {
      class: `interval ${kind}`,
      viewBox: `0 0 ${WIDTH} 30`,
      width: WIDTH,
      height: 30,
      "aria-hidden": "true",
    },
    s("rect.zone", {
      x: from.toFixed(1),
      y: 0,
      width: Math.max(to - from, 1).toFixed(1),
      height: 30,
    }),
    s("path.edge", { d: `M${from.toFixed(1)} 0V30M${to.toFixed(1)} 0V30` }),
    s("path.zero", { d: `M${WIDTH / 2} 0V30` }),
    s("path.range", { d: `M${scale.x(low).toFixed(1)} 15H${scale.x(high).toFixed(1)}` }),
    off
      ? s("path.off", { d: value > 0 ? `M${at} 15l-7 -5v10z` : `M${at} 15l7 -5v10z` })
      : s("circle", { cx: at.toFixed(1), cy: 15, r: 4 }),
  );
}

/** Under what a series ran, and what it is compared with where that is another. */
export function under(index: Index, pair: Pair, row: Row): string {
  const [one, two] = [pair.against[row.at] ?? row.series, row.series].map((series) =>
    conditionsOf(index, series),
  );
  return one === two ? (two ?? "") : `${one} → ${two}`;
}

export function columnsOf(
  index: Index,
  pair: Pair,
  metric: number,
  scale: Scale,
  tolerance: () => number,
): Column<Row>[] {
  const unit = index.metrics[metric].unit;
  const way = index.metrics[metric].worse < 0 ? -1 : 1;
  const edge = Number((scale.most * 100).toPrecision(3));
  const more = (row: Row): number => pair.more[rung(pair, tolerance())]?.[row.at] ?? 0;
  return [
    {
      key: "test",
      title: "Test",
      kind: "test",
      sort: (row) => index.cases.name[index.series.case[row.series]],
      cell: (row) => [
        testLink(index, row.series, { metric: metricKey(index, metric) }),
        " ",
        h(
          "small",
          named(moduleName(index.cases.path[index.series.case[row.series]])),
          " · ",
          named(under(index, pair, row)),
        ),
      ],
    },
    {
      key: "bar",
      title: `−${edge}\u202f% 0 +${edge}\u202f%`,
      kind: "bar",
      cell: (row) => bar(pair, row, scale, tolerance()),
    },
    {
      key: "effect",
      title: "B / A [95 % CI]",
      kind: "effect",
      falling: true,
      sort: (row) => {
        const value = pair.effect[row.at] ?? null;
        return value === null ? null : value * way;
      },
      cell: (row) => {
        const value = pair.effect[row.at];
        // neither a ratio nor from 0: both sides are 0, or a side is negative
        if (value === null && (pair.before[row.at] !== 0 || pair.after[row.at] === 0)) return "–";
        return effectAndInterval(
          value,
          pair.low[row.at],
          pair.high[row.at],
          verdictOf(row),
          leftOf(index, metric, pair.before[row.at]),
        );
      },
    },
    {
      key: "before",
      title: "A",
      kind: "now",
      falling: true,
      sort: (row) => pair.before[row.at] ?? null,
      cell: (row) => quantity(pair.before[row.at], unit),
    },
    {
      key: "after",
      title: "B",
      kind: "now",
      falling: true,
      sort: (row) => pair.after[row.at] ?? null,
      cell: (row) => quantity(pair.after[row.at], unit),
    },
    {
      key: "more",
      title: "To decide",
      kind: "more",
      falling: true,
      hint: "About how many more sessions of each side would decide",
      sort: (row) => (row.bucket === "undecided" ? more(row) || null : null),
      cell: (row) =>
        row.bucket !== "undecided"
          ? null
          : more(row) < 0
            ? "> 1,000"
            : more(row) > 0
              ? `+${more(row)}`
              : null,
    },
    {
      key: "size",
      title: "Size",
      kind: "size",
      falling: true,
      hint: "The difference in standard deviations",
      sort: (row) => Math.abs(pair.size[row.at] ?? NaN),
      cell: (row) =>
        pair.size[row.at] === null ? "–" : quantity(Math.abs(pair.size[row.at] ?? 0), "1"),
    },
  ];
}

/** The rows that are shown, as numbers. */
export function saveRows(
  index: Index,
  pair: Pair,
  a: number,
  b: number,
  rows: readonly Row[],
): void {
  const head = ["test", "conditions", "metric", "unit", "found", "effect", "low", "high"];
  const keys = [a, b].map((at) => index.sides[at]?.key ?? "");
  saveCsv(keys.join("~"), [
    [...head, "baseline", "contender"],
    ...rows.map((row) => {
      const metric = index.metrics[index.series.metric[row.series]];
      const id = index.cases.id[index.series.case[row.series]];
      const facts = [id, under(index, pair, row), metric.name, metric.unit, row.bucket];
      const columns = [pair.effect, pair.low, pair.high, pair.before, pair.after];
      return [...facts, ...columns.map((one) => one[row.at] ?? null)];
    }),
  ]);
}

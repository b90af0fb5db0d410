// All series of a metric: how each changed lately, found by words, chips, sessions and events.

import { h, named, replace } from "./dom";
import type { Child } from "./dom";
import { day, minute, share, short } from "./format";
import {
  badge,
  choice,
  conditionsOf,
  effect,
  effectAndInterval,
  leftOf,
  metricKey,
  nowOf,
  moduleName,
  select,
  stateName,
  testHref,
  testLink,
} from "./parts";
import { spark } from "./spark";
import { ordered, search } from "./search";
import { VirtualTable } from "./table";
import type { Column } from "./table";
import type { Index } from "./types";
import { update } from "./url";

/** A row: a series, and the change that is told of it. */
interface Row {
  series: number;
  before: number | null;
  effect: number | null;
  low: number | null;
  high: number | null;
  verdict: number;
  since: number;
  event: number;
}

const CHIPS: [string, string][] = [
  ["", "All"],
  ["worse", "▲ Regressed"],
  ["better", "▼ Improved"],
  ["failing", "✕ Failing"],
  ["noisy", "≈ Noisy"],
];

interface SeriesList {
  element: HTMLElement;
  chip: (name: string) => void;
  filter: (session: number, event: number) => void;
  onFilter: (call: (session: number) => void) => void;
  start: () => void;
  stop: () => void;
}

export function seriesTable(
  index: Index,
  metric: number,
  state: Record<string, string>,
  label: string,
): SeriesList {
  const { series, cases, sessions } = index;
  const all: Row[] = [];
  for (let at = 0; at < series.case.length; at++) {
    if (series.metric[at] !== metric) continue;
    all.push({
      series: at,
      before: series.before[at],
      effect: series.effect[at],
      low: series.low[at],
      high: series.high[at],
      verdict: series.verdict[at],
      since: series.since[at] ?? -1,
      event: series.event[at] ?? -1,
    });
  }
  const variants = new Map<string, number>();
  const stem = (at: number): string => cases.id[at].replace(/\[.*$/s, "");
  for (const row of all) {
    const key = stem(series.case[row.series]);
    variants.set(key, (variants.get(key) ?? 0) + 1);
  }
  const textOf = (row: Row): string =>
    `${cases.id[series.case[row.series]]} ${conditionsOf(index, row.series)} ${series.version[row.series]}`;
  let shown = CHIPS.some(([name]) => name === state.show) ? (state.show ?? "") : "";
  let env = state.env ?? "";
  let at = sessions.uid.indexOf(state.at ?? "");
  let event = index.events.findIndex((one) => one.id === state.event);
  let marked: (session: number) => void = () => undefined;

  const several = new Set(all.map((row) => series.conditions[row.series])).size > 1;
  const table = new VirtualTable<Row>({
    label: `Series of ${label}`,
    kind: "stacked series",
    columns: columns(index, metric, (row) => {
      const count = variants.get(stem(series.case[row.series])) ?? 1;
      return count > 1 ? `×${count}` : "";
    }),
    ...ordered(state.sort, "change"),
    onRow: (row) => {
      location.hash = testHref(index, row.series, metricState(index, metric));
    },
    empty: "No series is like that.",
  });
  const found = search("tests", "Search tests: words, path, [param], environment", state.q, () =>
    draw(),
  );
  const chips = h("div.chips");
  const filterChip = h("span");

  const draw = (): void => {
    const moved = movedRows(index, metric, at, event);
    const rows = (moved ?? all).filter(
      (row) => (env === "" || conditionsOf(index, row.series) === env) && passes(index, row, shown),
    );
    update({
      show: shown,
      env,
      at: at < 0 ? null : sessions.uid[at],
      event: event < 0 ? null : (index.events[event]?.id ?? null),
    });
    const session = at >= 0 ? at : (index.events[event]?.first_after ?? -1);
    marked(session);
    replace(filterChip, session >= 0 && filterButton(index, session, clear));
    found.show(table, rows, textOf, all.length);
  };
  const clear = (): void => {
    at = event = -1;
    draw();
  };
  const drawChips = (): void => {
    replace(
      chips,
      choice(
        "Show",
        CHIPS,
        shown,
        (value) => {
          shown = value;
          draw();
        },
        {
          noisy:
            "Their noise floor is higher than the tolerance: a change that matters could hide in it",
          failing: "Failed or lost in one of the newest three sessions",
        },
      ),
    );
  };
  drawChips();
  const environments = [...new Set(all.map((row) => conditionsOf(index, row.series)))].sort();
  if (!environments.includes(env)) env = "";
  const element = h(
    "div",
    h(
      "div.controls",
      found.box,
      chips,
      several &&
        select(
          "Environment",
          [["", "All environments"], ...environments.map((one): [string, string] => [one, one])],
          env,
          (value) => {
            env = value;
            draw();
          },
        ),
      filterChip,
      found.count,
    ),
    table.element,
  );
  const reveal = (): void => {
    const quiet = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    element.parentElement?.scrollIntoView({ behavior: quiet ? "auto" : "smooth", block: "start" });
  };
  return {
    element,
    chip: (name) => {
      shown = name;
      drawChips();
      draw();
      reveal();
    },
    filter: (session, to) => {
      at = session;
      event = to;
      draw();
      reveal();
    },
    onFilter: (call) => (marked = call),
    start: draw,
    stop: () => table.destroy(),
  };
}

function metricState(index: Index, metric: number): Record<string, string | null> {
  return { metric: metric === index.summaries[0]?.metric ? null : metricKey(index, metric) };
}

/** How the event of a row's change stands; open where there is none. */
function stateOf(index: Index, row: Row): string {
  return index.events[row.event]?.state ?? "open";
}

function passes(index: Index, row: Row, chip: string): boolean {
  // what people settled is no finding, as in the headline
  if (chip === "worse") return row.verdict > 0 && stateOf(index, row) === "open";
  if (chip === "better") return row.verdict < 0 && stateOf(index, row) === "open";
  if (chip === "failing") return index.series.failing[row.series] > 0;
  if (chip === "noisy") return (index.series.floor[row.series] ?? 0) > index.tolerance;
  return true;
}

/** What moved at a session, or by an event; null where nothing is filtered by. */
function movedRows(index: Index, metric: number, session: number, event: number): Row[] | null {
  if (session < 0 && event < 0) return null;
  const rows = new Map<number, Row>();
  index.events.forEach((one, number) => {
    if (number !== event && one.first_after !== session) return;
    for (const moved of one.moved) {
      if (index.series.metric[moved.series] === metric)
        rows.set(moved.series, { ...moved, since: one.first_after, event: number });
    }
  });
  index.series.since.forEach((since, series) => {
    if (event >= 0 || since !== session || index.series.metric[series] !== metric) return;
    if (rows.has(series)) return;
    rows.set(series, {
      series,
      before: index.series.before[series],
      effect: index.series.effect[series],
      low: index.series.low[series],
      high: index.series.high[series],
      verdict: index.series.verdict[series],
      since,
      event: index.series.event[series] ?? -1,
    });
  });
  return [...rows.values()];
}

function filterButton(index: Index, session: number, clear: () => void): HTMLElement {
  const name = index.sessions.commit[session];
  const text = name ? short(name, 10) : minute(index.sessions.started[session]);
  return h(
    "button",
    { id: "filter", "aria-label": `Changed at ${text}: show all again`, onclick: clear },
    `at ${text} ✕`,
  );
}

function columns(index: Index, metric: number, variants: (row: Row) => string): Column<Row>[] {
  const { series, cases, sessions } = index;
  const { worse, outcome } = index.metrics[metric];
  const way = worse < 0 ? -1 : 1;
  return [
    {
      key: "change",
      title: "Change [95 % CI]",
      kind: "change",
      falling: true,
      sort: (row) => {
        // what drifts stands among what changed, as it matters as much
        const drift = series.drift[row.series];
        if (row.since < 0) return drift === null ? null : drift * way;
        return (row.effect ?? Infinity) * way;
      },
      cell: (row) => changeCell(index, row),
    },
    {
      key: "test",
      title: "Test",
      kind: "test",
      sort: (row) => cases.name[series.case[row.series]],
      cell: (row) => [
        testLink(index, row.series, metricState(index, series.metric[row.series])),
        " ",
        h("small", named(moduleName(cases.path[series.case[row.series]])), ` ${variants(row)}`),
        series.failing[row.series] > 0 && h("small.worse", " ✕ failing"),
        " ",
        settledBadge(index, row),
      ],
    },
    {
      key: "env",
      title: "Env",
      kind: "env",
      sort: (row) => conditionsOf(index, row.series),
      cell: (row) =>
        named(conditionsOf(index, row.series), { title: conditionsOf(index, row.series) }),
    },
    {
      key: "history",
      title: "History",
      kind: "history",
      cell: (row) => spark(series.spark[row.series], row.verdict),
    },
    {
      key: "now",
      title: "Now",
      kind: "now",
      falling: true,
      sort: (row) => series.now[row.series] ?? null,
      cell: (row) => nowOf(index, row.series),
      ...(outcome && { hint: "In how many of its sessions since it changed last" }),
    },
    {
      key: "noise",
      title: "Noise",
      kind: "noise",
      falling: true,
      sort: (row) => series.noise[row.series],
      cell: (row) => share(series.noise[row.series]),
      hint: "How much a value differs from the next without a reason",
    },
    {
      key: "since",
      title: "Since",
      kind: "since",
      falling: true,
      sort: (row) => (row.since < 0 ? null : row.since),
      cell: (row) =>
        row.since < 0
          ? null
          : [
              h("span.hash", short(sessions.commit[row.since], 7)),
              ` ${day(sessions.started[row.since])}`,
            ],
    },
  ];
}

/** What people said of a change, where they settled it. */
function settledBadge(index: Index, row: Row): HTMLElement | null {
  const state = stateOf(index, row);
  return state === "open" ? null : badge(stateName(state), index.events[row.event]?.said);
}

function changeCell(index: Index, row: Row): Child[] {
  const left = leftOf(index, index.series.metric[row.series], row.before);
  if (row.since >= 0) {
    const state = stateOf(index, row);
    const verdict = state === "open" ? row.verdict : 0;
    return effectAndInterval(row.effect, row.low, row.high, verdict, left);
  }
  const drift = index.series.drift[row.series];
  return drift === null
    ? [h("span.none", "–")]
    : [effect(drift, 0, left), " ", h("small", "slow drift")];
}

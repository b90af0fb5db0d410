// Two sides against each other: what differs, and for each series how far, within which interval.

import { Trouble, loadPair } from "../data";
import { h, named, out, replace } from "../dom";
import type { Child } from "../dom";
import { interval, plural, quoted } from "../format";
import { inverse } from "../inverse";
import type { Page } from "../page";
import {
  command,
  commitList,
  compareUrl,
  differenceBadges,
  effect,
  metricChoice,
  metricKey,
  metricLabel,
  metricOf,
  rested,
} from "../parts";
import { ordered, search } from "../search";
import { VirtualTable } from "../table";
import type { Index, Pair, Side } from "../types";
import { href, read, update } from "../url";
import { BUCKETS, bucketOf, columnsOf, rung, saveRows, scaleOf, under } from "../pairtable";
import type { Bucket, Row } from "../pairtable";

export const compare: Page = async (index, state) => {
  const element = h("div.compare");
  const first = index.pairs[0];
  if (!first) {
    element.append(
      h("h1", "Nothing to compare yet"),
      h("p", "It takes two sessions of the same tests."),
    );
    return { title: "Compare", element };
  }
  const [a, b] = chosen(index, state.a, state.b);
  const baseline = index.sides[a];
  const contender = index.sides[b];
  if (!baseline || !contender) {
    const names = [state.a, state.b].filter(Boolean).join(" or ");
    throw new Trouble(
      `This site does not compare ${names}: run “benchdb compare BASELINE CONTENDER”.`,
    );
  }
  const found = pairFile(index, a, b);
  element.append(...(found ? [] : [h("h1", `${contender.label} against ${baseline.label}`)]));
  if (!found) {
    // what both have is the contender's alone
    const same = baseline.sessions.every((one) => contender.sessions.includes(one));
    const asked = !same && baseline.asked && contender.asked;
    const said = same
      ? "All sessions of the baseline are the contender’s: choose another."
      : asked
        ? "Choose another, or run"
        : "Choose another.";
    element.append(
      pickers(index, a, b, null),
      h("p.trouble", `This comparison is not a part of the site. ${said}`),
      ...(asked
        ? [
            command(
              `benchdb compare ${quoted(baseline.asked)} ${quoted(contender.asked)}`,
              "Command that compares them",
            ),
          ]
        : []),
    );
    return { title: "Compare", element };
  }
  const [one, two] = [index.sides[found[0]], index.sides[found[1]]];
  const loaded = await loadPair(one?.key ?? "", two?.key ?? "");
  const pair = found[0] === a ? loaded : inverse(loaded);
  return comparison(index, state, element, pair, a, b);
};

/** The sides of the address: where one is missing, the first that is compared with the other. */
function chosen(index: Index, a: string | undefined, b: string | undefined): [number, number] {
  const number = (key: string | undefined): number =>
    index.sides.findIndex((one) => one.key === key);
  const [one, two] = [number(a), number(b)];
  if ((a && one < 0) || (b && two < 0)) return [one, two];
  if (one >= 0 && two >= 0) return [one, two];
  const fits =
    index.pairs.find(([x, y]) => (one < 0 || x === one) && (two < 0 || y === two)) ??
    index.pairs
      .find(([x, y]) => (one < 0 || y === one) && (two < 0 || x === two))
      ?.slice()
      .reverse() ??
    index.pairs[0];
  return [fits?.[0] ?? 0, fits?.[1] ?? 0];
}

function pairFile(index: Index, a: number, b: number): [number, number] | null {
  if (index.pairs.some(([x, y]) => x === a && y === b)) return [a, b];
  if (index.pairs.some(([x, y]) => x === b && y === a)) return [b, a];
  return null;
}

function go(changes: Record<string, string | null>): void {
  location.hash = href("compare", { ...read().state, ...changes });
}

function pickers(index: Index, a: number, b: number, metric: HTMLElement | null): HTMLElement {
  const key = (at: number): string => index.sides[at]?.key ?? "";
  const list = (label: string, now: number, other: number, name: string): HTMLElement => {
    const element = h("select", {
      id: `side-${name}`,
      onchange: () => go({ a: key(a), b: key(b), [name]: element.value }),
    });
    index.sides.forEach((side: Side, at) => {
      const there = pairFile(
        index,
        ...((name === "a" ? [at, other] : [other, at]) as [number, number]),
      );
      element.append(
        h(
          "option",
          { value: side.key, selected: at === now, disabled: !there && at !== now },
          side.label,
        ),
      );
    });
    return h("label", `${label} `, element);
  };
  return h(
    "div.controls",
    list("Baseline", a, b, "a"),
    h(
      "button",
      {
        id: "swap",
        title: "The other way round",
        "aria-label": "Change places",
        onclick: () => go({ a: key(b), b: key(a) }),
      },
      "⇄",
    ),
    list("Contender", b, a, "b"),
    metric,
  );
}

function comparison(
  index: Index,
  state: Record<string, string>,
  element: HTMLElement,
  pair: Pair,
  a: number,
  b: number,
): ReturnType<Page> {
  const present = new Set(pair.series.map((series) => index.series.metric[series]));
  const metrics = index.metrics.map((_, at) => at).filter((at) => present.has(at));
  const metric = metricOf(index, state.metric, metrics);
  const way = index.metrics[metric].worse;
  let tolerance = toleranceOf(state.d, index.tolerance);
  let bucket = BUCKETS.find((one) => one === state.show) ?? null;
  const chances = new Set(pair.chance);
  const rows: Row[] = pair.series.flatMap((series, at): Row[] =>
    index.series.metric[series] === metric
      ? [{ at, series, chance: chances.has(at), bucket: "undecided" }]
      : [],
  );
  const scale = scaleOf(pair, rows, index.tolerance);

  const found = search("tests", "Search tests", state.q, () => draw());
  const field = h("input", {
    type: "number",
    id: "tolerance",
    min: 0,
    max: 1000,
    step: "any",
    value: Number((tolerance * 100).toPrecision(4)),
    "aria-describedby": "per-cent",
  });
  const figures = h("div.figures.four");
  const table = new VirtualTable<Row>({
    label: `Series compared, ${metricLabel(index, metric)}`,
    kind: "stacked pairs",
    columns: columnsOf(index, pair, metric, scale, () => tolerance),
    ...ordered(state.sort, "effect"),
    empty: "No series is like that.",
  });
  const save = h(
    "button",
    { id: "csv", onclick: () => saveRows(index, pair, a, b, table.all) },
    "Download as CSV",
  );
  const draw = (): void => {
    for (const row of rows) row.bucket = bucketOf(pair, row, tolerance, way);
    replace(
      figures,
      ...cards(pair, rows, tolerance, way, bucket, (to) => {
        bucket = bucket === to ? null : to;
        draw();
        figures.querySelector<HTMLElement>(`[data-bucket="${to}"]`)?.focus();
      }),
    );
    update({
      d: tolerance === index.tolerance ? null : String(Number((tolerance * 100).toPrecision(6))),
      show: bucket,
    });
    const text = (row: Row): string =>
      `${index.cases.id[index.series.case[row.series]]} ${under(index, pair, row)}`;
    const shown = rows.filter((row) => !bucket || row.bucket === bucket);
    found.show(table, shown, text, rows.length);
  };
  field.addEventListener(
    "input",
    rested(() => {
      tolerance = toleranceOf(field.value, index.tolerance);
      draw();
    }),
  );
  const picker = metricChoice(index, metrics, metric, (to) =>
    go({ metric: to === metrics[0] ? null : metricKey(index, to) }),
  );
  element.append(
    headline(index, pair, a, b, metric),
    pickers(index, a, b, picker),
    whatDiffers(index, pair),
    figures,
    h(
      "div.controls",
      found.box,
      h("label.tolerance", "matters beyond ± ", field, h("span", { id: "per-cent" }, " %")),
      found.count,
    ),
    table.element,
    h("p", save),
  );
  return { title: "Compare", element, start: draw, stop: () => table.destroy() };
}

function toleranceOf(text: string | undefined, otherwise: number): number {
  const value = text ? Number(text) : NaN;
  return Number.isFinite(value) && value >= 0 ? value / 100 : otherwise;
}

function headline(index: Index, pair: Pair, a: number, b: number, metric: number): HTMLElement {
  const overall = pair.overall.find((one) => one[0] === metric);
  const value = overall?.[1] ?? null;
  const [low, high] = [overall?.[2] ?? null, overall?.[3] ?? null];
  const way = index.metrics[metric].worse;
  // coloured only where the interval leaves out zero
  const sure = low !== null && high !== null && (low > 0 || high < 0) && value !== null;
  return h(
    "h1",
    { id: "headline" },
    named(index.sides[b]?.label ?? ""),
    " against ",
    named(index.sides[a]?.label ?? ""),
    value !== null && ": ",
    value !== null && effect(value, sure ? Math.sign(value) * way : 0),
    value !== null && " overall",
    value !== null && h("small", ` ${interval(low, high)}`),
  );
}

function whatDiffers(index: Index, pair: Pair): HTMLElement {
  const parts: Child[] = [];
  pair.ranges.forEach((range, at) => {
    const total = range.commits.length + range.more;
    const span =
      total > 0 ? plural(total, "commit") : `${range.good.slice(0, 8)}…${range.bad.slice(0, 8)}`;
    parts.push(
      h(
        "span",
        named(range.subject),
        " ",
        at === 0 ? out(compareUrl(index, range.good, range.bad), span) : span,
      ),
      " ",
    );
  });
  const machine = pair.differences.filter((one) =>
    /machine|environment|cluster|platform/.test(one[0] ?? ""),
  );
  const rest = pair.differences.filter((one) => !machine.includes(one));
  parts.push(...differenceBadges([...machine, ...rest], 6));
  const alone = pair.alone.some((one) => one > 0)
    ? ` Only the baseline has ${plural(pair.alone[0] ?? 0, "series", "series")}, only the contender ${pair.alone[1] ?? 0}.`
    : "";
  const commits = pair.ranges.filter((one) => one.commits.length > 0);
  return h(
    "div.under",
    { id: "differs" },
    h(
      "p",
      "Intervals are 95 %; a difference counts only when the whole interval lies beyond the tolerance, and chance among so many series is no explanation.",
      alone,
    ),
    h("p", "What differs: ", ...(parts.length > 0 ? parts : ["nothing that was recorded"])),
    commits.length > 0 &&
      h(
        "details",
        h("summary", "The commits"),
        ...commits.map((one, at) => commitList(index, one, at === 0)),
      ),
  );
}

function cards(
  pair: Pair,
  rows: Row[],
  tolerance: number,
  way: number,
  chosenBucket: Bucket | null,
  choose: (bucket: Bucket) => void,
): HTMLElement[] {
  const within = `±${Number((tolerance * 100).toPrecision(3))} %`;
  const [up, down] = way < 0 ? ["▼", "▲"] : ["▲", "▼"];
  const label: Record<Bucket, string> = {
    worse: "worse",
    better: "better",
    same: `the same (proved within ${within})`,
    undecided: `undecided${needed(pair, rows, tolerance)}`,
  };
  return BUCKETS.map((bucket) => {
    const count = rows.filter((row) => row.bucket === bucket).length;
    const mark = bucket === "worse" ? `${up} ` : bucket === "better" ? `${down} ` : "";
    return h(
      "button",
      {
        class: `card figure ${bucket}`,
        "data-bucket": bucket,
        "aria-pressed": bucket === chosenBucket ? "true" : "false",
        onclick: () => choose(bucket),
      },
      h("span.count", `${mark}${count}`),
      h("span.label", label[bucket]),
    );
  });
}

function needed(pair: Pair, rows: Row[], tolerance: number): string {
  const counts = rows
    .filter((row) => row.bucket === "undecided")
    .map((row) => pair.more[rung(pair, tolerance)]?.[row.at] ?? 0)
    .filter((one) => one > 0)
    .sort((one, two) => one - two);
  const middle = counts[Math.floor(counts.length / 2)];
  return middle === undefined
    ? ": more sessions needed"
    : `: half of them need up to about ${plural(middle, "more session")}`;
}

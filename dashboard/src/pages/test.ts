// One test: all its metrics over its sessions, its change points, its source and its rows.

import { hasSlope } from "../charts/marks";
import { axisOf, groups, sessionsOf } from "../charts/sessions";
import type { Group } from "../charts/sessions";
import type { SessionAxis } from "../charts/sessions";
import { changeTable } from "../changetable";
import { charts } from "../charts/stack";
import { Trouble, loadCase } from "../data";
import { h, named, replace } from "../dom";
import { plural } from "../format";
import type { Page } from "../page";
import { choice, metricKey, select } from "../parts";
import { elsewhere } from "../elsewhere";
import { rowsTable } from "../rowstable";
import { sourceView } from "../sourceview";
import type { Reading } from "../charts/reading";
import type { CaseHistory, Index } from "../types";
import { href, read, update } from "../url";

export const test: Page = async (index, state) => {
  const id = state.id ?? "";
  const number = index.cases.id.indexOf(id);
  if (number < 0) {
    throw new Trouble(id ? `No test of this site is called ${id}.` : "The address names no test.");
  }
  const history = await loadCase(index, id);
  const every = groups(index, history);
  const group =
    every.find(
      (one) => one.env === (state.env ?? one.env) && one.version === (state.version ?? one.version),
    ) ??
    every.find((one) => one.env === state.env) ??
    every[0];
  const path = index.cases.path[number];
  const title = h(
    "div",
    h(
      "nav.crumbs",
      { "aria-label": "Where this test is" },
      h("a", { href: href("") }, "Overview"),
      " › ",
      h("a", { href: href("", { q: path }) }, named(path)),
    ),
    h("h1", { id: "test" }, named(index.cases.name[number])),
  );
  const element = h("div.test-page");
  if (!group) {
    element.append(title, h("p.empty", "It has no value yet: it was not passed on the trunk."));
    return { title: index.cases.name[number], element };
  }
  const again = (changes: Record<string, string | null>): void => {
    location.hash = href("test", { ...read().state, ...changes });
  };
  const dates = state.x === "dates";
  const axis = axisOf(index, history, group, dates);
  const readings = readingsOf(index, group, axis);
  title.append(under(index, history, group, every, axis, again));
  const sessionOf = (uid: string | undefined): number => index.sessions.uid.indexOf(uid ?? "");
  const uidOf = (session: number): string | null => index.sessions.uid[session];
  const drawn = charts(index, history, axis, readings, {
    fromZero: state.y === "zero",
    pinned: sessionOf(state.at),
    from: sessionOf(state.from),
    to: sessionOf(state.to),
    onPin: (session) => update({ at: uidOf(session) }),
    onZoom: (from, to) => update({ from: uidOf(from), to: uidOf(to) }),
  });
  const lower = tabs(index, history, axis, readings, number, state);
  element.append(
    h(
      "div.title",
      title,
      h(
        "div.toggles",
        choice(
          "Horizontal axis",
          [
            ["", "Commits"],
            ["dates", "Dates"],
          ],
          state.x ?? "",
          (x) => again({ x, from: null, to: null }),
        ),
        choice(
          "Vertical axis",
          [
            ["", "Zoomed"],
            ["zero", "From zero"],
          ],
          state.y ?? "",
          (y) => again({ y }),
        ),
      ),
    ),
    drawn.element,
    legend(
      axis,
      readings.some((one) => hasSlope(one)),
    ),
    h("div.two", lower.element, elsewhere(index, number, group, readings[0]?.metric ?? 0)),
  );
  return {
    title: index.cases.name[number],
    element,
    start: () => {
      drawn.start();
      lower.start();
    },
    stop: () => {
      drawn.stop();
      lower.stop();
    },
    keys: [
      { keys: ["ArrowLeft"], shown: "←", does: "one session back", call: () => drawn.step(-1) },
      { keys: ["ArrowRight"], shown: "→", does: "one session on", call: () => drawn.step(1) },
      { keys: ["["], shown: "[", does: "the change point before", call: () => drawn.jump(-1) },
      { keys: ["]"], shown: "]", does: "the next change point", call: () => drawn.jump(1) },
      {
        keys: ["Enter"],
        shown: "Enter",
        does: "pin what is told of a session",
        call: () => drawn.pin(),
      },
      {
        keys: ["Escape"],
        shown: "Esc",
        does: "let go of the session",
        call: () => drawn.leave(),
      },
      { keys: ["+", "="], shown: "+", does: "zoom in", call: () => drawn.zoom(1) },
      { keys: ["-"], shown: "−", does: "zoom out", call: () => drawn.zoom(-1) },
      { keys: ["0"], shown: "0", does: "show all sessions", call: () => drawn.zoom(0) },
    ],
  };
};

/** The metrics that are drawn: those that measure, and counts of outcomes only where they changed. */
function readingsOf(index: Index, group: Group, axis: SessionAxis): Reading[] {
  const place = new Map(axis.sessions.map((session, at) => [session, at]));
  const measuring = group.series.filter(
    (one) => !index.metrics[index.series.metric[one.series]]?.outcome,
  );
  const shown = group.series.filter(
    (one) => measuring.length === 0 || measuring.includes(one) || one.changes.length > 0,
  );
  shown.sort((one, two) => index.series.metric[one.series] - index.series.metric[two.series]);
  return shown.map((series) => {
    const places = sessionsOf(series).map((session) => place.get(session) ?? 0);
    const values = new Array<number | null>(axis.sessions.length).fill(null);
    places.forEach((at, point) => (values[at] = series.values[point] ?? null));
    const metric = index.series.metric[series.series];
    const { unit, outcome } = index.metrics[metric];
    return { metric, unit, outcome, series, values, places };
  });
}

function under(
  index: Index,
  history: CaseHistory,
  group: Group,
  every: Group[],
  axis: SessionAxis,
  again: (changes: Record<string, string | null>) => void,
): HTMLElement {
  const key = (one: Group): string => JSON.stringify([one.env, one.version]);
  const name = (one: Group): string =>
    `${one.env || "environment unknown"}${one.version ? `, version ${one.version}` : ""}`;
  const side = index.sides.find((one) => one.kind === "release")?.key ?? null;
  const details = index.conditions[group.conditions]?.details ?? [];
  return h(
    "div.under",
    every.length > 1
      ? select(
          "Environment",
          every.map((one): [string, string] => [key(one), name(one)]),
          key(group),
          (value) => {
            const [env, version] = JSON.parse(value) as [string, string];
            again({ env, version, at: null, from: null, to: null });
          },
        )
      : named(name(group)),
    details.length > 0 &&
      h(
        "details.inline",
        h("summary", "details"),
        h(
          "dl",
          ...details.flatMap(([term = "", text = ""]) => [
            h("dt", named(term)),
            h("dd", named(text)),
          ]),
        ),
      ),
    ` · ${plural(axis.sessions.length, "session")}`,
    axis.failed.length > 0 && h("span.worse", ` · ${axis.failed.length} failed`),
    axis.lost.length > 0 && h("span.worse", ` · ${axis.lost.length} lost or hung`),
    history.id && " · ",
    h("a", { href: href("compare", { b: "last:10", a: side, q: history.id }) }, "compare"),
  );
}

function legend(axis: SessionAxis, slopes: boolean): HTMLElement {
  const key = (text: string): HTMLElement => h("kbd", text);
  const more = [
    slopes ? "Dashes: slow drift." : "",
    axis.marks.length > 0 ? "◆ another machine." : "",
    axis.failed.length > 0 ? "✕ failed." : "",
    axis.lost.length > 0 ? "⊗ lost or hung." : "",
  ].filter(Boolean);
  return h(
    "p.legend",
    h(
      "span.by-key",
      key("←"),
      " ",
      key("→"),
      " step sessions · ",
      key("["),
      " ",
      key("]"),
      " change points · ",
      key("Enter"),
      " pin · drag to zoom, double-click to see all. ",
    ),
    `Line: level; band: nine of ten values; triangle: beyond the picture. ${more.join(" ")}`,
  );
}

interface Tabs {
  element: HTMLElement;
  start: () => void;
  stop: () => void;
}

function tabs(
  index: Index,
  history: CaseHistory,
  axis: SessionAxis,
  readings: Reading[],
  number: number,
  state: Record<string, string>,
): Tabs {
  const content = h("div", { id: "tab" });
  let stop = (): void => undefined;
  const hasSource = index.cases.source[number] ?? false;
  const options: [string, string][] = [
    ["", "Change points"],
    ["rows", "Rows"],
  ];
  if (hasSource) options.push(["source", "Source"]);
  let tab = options.some(([value]) => value === state.tab) ? (state.tab ?? "") : "";
  const draw = (): void => {
    stop();
    stop = () => undefined;
    update({ tab });
    if (tab === "rows") {
      const rows = rowsTable(index, history, axis, readings);
      replace(content, rows.element);
      rows.start();
      stop = rows.stop;
    } else if (tab === "source") {
      replace(content, sourceView(index, number));
    } else {
      replace(
        content,
        changeTable(index, readings, axis, history.id, state.metric ?? "", (metric) =>
          update({ metric: metricKey(index, metric) }),
        ),
      );
    }
  };
  return {
    element: h(
      "section.card.lower",
      { "aria-label": "Change points, rows and source" },
      choice("What to show", options, tab, (value) => {
        tab = value;
        draw();
      }),
      content,
    ),
    start: draw,
    stop: () => stop(),
  };
}

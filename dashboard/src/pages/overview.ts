// What changed lately: the finding in a sentence, when, by which commits, and every series.

import { h, named } from "../dom";
import type { Child } from "../dom";
import { change, interval, minute, plural, share } from "../format";
import type { Page } from "../page";
import {
  card,
  commit,
  metricChoice,
  metricKey,
  metricLabel,
  metricOf,
  section,
  sessionLink,
} from "../parts";
import { suspects } from "../suspects";
import { timeline } from "../timeline";
import type { Index, Summary } from "../types";
import { href, read, update } from "../url";
import { seriesTable } from "../seriestable";

export const overview: Page = (index, state) => {
  const metrics = index.summaries.map((one) => one.metric);
  const metric = metricOf(index, state.metric, metrics);
  const summary = index.summaries.find((one) => one.metric === metric);
  const element = h("div.overview");
  if (!summary) {
    element.append(
      h("h1", "Nothing was recorded yet"),
      h("p", "Run ", h("code", "pytest --benchmark"), " and build the site again."),
      ...notes(index),
    );
    return { title: "Overview", element };
  }
  const label = metricLabel(index, metric, metrics);
  const pick = (to: number): void => {
    const { state: now } = read();
    const key = to === metrics[0] ? null : metricKey(index, to);
    location.hash = href("", { ...now, metric: key, at: null, event: null });
  };
  const table = seriesTable(index, metric, state, label);
  const times = timeline(index, summary, label, (session) => table.filter(session, -1));
  table.onFilter((session) => times.mark(session));
  element.append(
    h(
      "div.title",
      h("div", h("h1", { id: "headline" }, summary.headline), latest(index)),
      metricChoice(index, metrics, metric, pick),
    ),
    ...notes(index),
    figures(index, summary, table.chip),
    h(
      "div.two",
      section("when", "When things changed", times.element),
      section(
        "suspects",
        "Suspect commits",
        suspects(index, metric, (event) => table.filter(-1, event)),
      ),
    ),
    h(
      "section",
      { "aria-labelledby": "all", id: "all-series" },
      h("h2", { id: "all" }, "All series"),
      table.element,
    ),
  );
  return {
    title: "Overview",
    element,
    start: () => {
      table.start();
      if (state.focus === "search") {
        element.querySelector<HTMLInputElement>("input[type=search]")?.focus();
        update({ focus: null });
      }
    },
    stop: table.stop,
  };
};

function notes(index: Index): HTMLElement[] {
  return index.notes.map((one) => h("p.note", one));
}

function latest(index: Index): HTMLElement | null {
  const { sessions } = index;
  let last = sessions.trunk.lastIndexOf(true);
  if (last < 0) last = sessions.uid.length - 1;
  if (last < 0) return null;
  const name = sessions.commit[last];
  return h(
    "p.under",
    "Latest session ",
    sessionLink(index, last, `${minute(sessions.started[last])} UTC`),
    name && " · ",
    name && commit(index, name, 10),
    sessions.subject[last] && " · ",
    sessions.subject[last] && named(sessions.subject[last]),
  );
}

function figures(index: Index, summary: Summary, chip: (name: string) => void): HTMLElement {
  const window = `last ${plural(index.window, "session")}`;
  const sure =
    summary.suite_low === null || summary.suite_high === null
      ? ""
      : `95 %: ${interval(summary.suite_low, summary.suite_high)}`;
  const worse = index.metrics[summary.metric].worse;
  const [up, down] = worse < 0 ? ["▼", "▲"] : ["▲", "▼"];
  const button = (name: string, count: Child, label: string, kind: string): HTMLElement =>
    h(
      "button",
      { class: `card figure ${kind}`, "data-figure": name, onclick: () => chip(name) },
      h("span.count", count),
      h("span.label", label),
    );
  return h(
    "div.figures",
    button("worse", `${up} ${summary.regressed}`, `regressed, ${window}`, "worse"),
    button("better", `${down} ${summary.improved}`, `improved, ${window}`, "better"),
    card(
      summary.suite === null ? "–" : change(summary.suite),
      summary.suite === null && !index.metrics[summary.metric].outcome
        ? "whole suite: too few sessions"
        : h("span", { title: sure }, "whole suite (geometric mean)"),
    ),
    button("failing", String(summary.failing), "tests failed, last 3 sessions", ""),
    card(
      share(summary.noise),
      h(
        "span",
        { title: "How much a value differs from the next without a reason" },
        "median noise",
      ),
    ),
  );
}

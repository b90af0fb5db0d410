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
      h(
        "div",
        h("h1", { id: "headline" }, summary.headline),
        latest(index),
        elsewhere(index, summary, metrics),
      ),
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

/** How many other metrics are named beside the finding of one. */
const MOST_OTHERS = 5;

/** The metrics that changed too: who reads of one shall not miss what another tells. */
function elsewhere(index: Index, summary: Summary, metrics: number[]): HTMLElement | null {
  const others = index.summaries
    .filter((one) => one !== summary && one.regressed + one.improved > 0)
    .sort((one, two) => two.regressed - one.regressed || two.improved - one.improved);
  if (others.length === 0) return null;
  const named = others.slice(0, MOST_OTHERS).flatMap((one, at): Child[] => [
    at > 0 && ", ",
    h(
      "a",
      {
        href: href("", {
          metric: one.metric === metrics[0] ? null : metricKey(index, one.metric),
        }),
      },
      metricLabel(index, one.metric, metrics),
    ),
    one.regressed > 0 && h("span.worse", ` ${one.regressed} worse`),
    one.improved > 0 && h("span.better", ` ${one.improved} better`),
  ]);
  const more = others.length - MOST_OTHERS;
  return h(
    "p.under",
    { id: "others" },
    "Other metrics: ",
    ...named,
    more > 0 && ` and ${more} more`,
  );
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

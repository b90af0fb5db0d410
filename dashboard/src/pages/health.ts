// Where to spend effort: noisiest, flakiest, longest and missing tests, and the machines.

import { loadHealth } from "../data";
import { h, named, replace } from "../dom";
import type { Child } from "../dom";
import { change, plural, quantity, share } from "../format";
import type { Page } from "../page";
import {
  caseLink,
  conditionsOf,
  metricLabel,
  plainTable,
  section,
  sessionLink,
  testLink,
} from "../parts";
import { spark } from "../spark";
import type { Health, Index } from "../types";

const FIRST = 10;

export const health: Page = async (index) => {
  const found = await loadHealth();
  const element = h(
    "div.health",
    h("h1", { id: "headline" }, headline(found)),
    h("p.under", `Where effort pays: of the last ${plural(index.window, "session")}.`),
    h(
      "div.grid",
      noisiest(index),
      table(
        "flaky",
        "Flakiest",
        ["Test", "Sessions", "Failed", "Lost", "Turns"],
        found.flaky.map((one) => [
          caseLink(index, one.case),
          one.sessions,
          one.failed,
          one.lost,
          one.changes,
        ]),
        "No test failed or was lost.",
        "Turns: how often it went from passing to failing or back.",
      ),
      table(
        "longest",
        "Longest",
        ["Test", "Median", "Of the suite"],
        found.longest.map((one) => [
          caseLink(index, one.case),
          quantity(one.seconds, "s"),
          share(one.share),
        ]),
        "Nothing was measured.",
      ),
      table(
        "missing",
        "Missing from the newest session",
        ["Test", "Last ran"],
        found.missing.map((one) => [caseLink(index, one.case), sessionLink(index, one.last)]),
        "All tests ran.",
      ),
      table(
        "hosts",
        "Machines",
        ["Machine", "Environment", "Sessions", "Last", "Times"],
        found.hosts.map((one) => [
          named(one.name || "–"),
          named(one.conditions),
          one.sessions,
          one.last >= 0 ? sessionLink(index, one.last) : "–",
          one.effect === null ? "–" : change(one.effect),
        ]),
        "No machine has a name.",
        "Times: how they compare with the levels of the same series.",
      ),
    ),
  );
  return { title: "Health", element };
};

function headline(found: Health): string {
  const parts = [
    found.flaky.length > 0
      ? `${plural(found.flaky.length, "test")} failed or were lost lately`
      : "",
    found.missing.length > 0 ? `${found.missing.length} no longer run` : "",
  ].filter(Boolean);
  return parts.length > 0 ? parts.join(", ") : "All tests run, and none fails";
}

function noisiest(index: Index): HTMLElement {
  const { series } = index;
  const some = series.noise
    .map((noise, at) => ({ noise, at }))
    .filter((one) => one.noise !== null && !index.metrics[series.metric[one.at]]?.outcome)
    .sort((one, two) => (two.noise ?? 0) - (one.noise ?? 0))
    .slice(0, 50);
  return table(
    "noisiest",
    "Noisiest",
    ["Test", "Metric", "History", "Noise", "Noise floor"],
    some.map(({ at }) => [
      h("span", testLink(index, at), " ", h("small", named(conditionsOf(index, at)))),
      h("span", metricLabel(index, series.metric[at])),
      spark(series.spark[at], 0),
      share(series.noise[at]),
      share(series.floor[at]),
    ]),
    "No noise is known yet.",
    "Noise floor: the smallest change that the series can tell from noise.",
  );
}

function table(
  id: string,
  title: string,
  head: string[],
  rows: Child[][],
  empty: string,
  hint = "",
): HTMLElement {
  const shown = h("div");
  const draw = (count: number): void => {
    replace(
      shown,
      rows.length > 0 ? plainTable(title, head, rows.slice(0, count)) : h("p.empty", empty),
      rows.length > count &&
        h("button.link", { onclick: () => draw(rows.length) }, `${rows.length - count} more`),
      hint && rows.length > 0 && h("p", h("small", hint)),
    );
  };
  draw(FIRST);
  return section(id, title, shown);
}

// The same test elsewhere: with other parameters, on other machines.

import type { Group } from "./charts/sessions";
import { h, named } from "./dom";
import { conditionsOf, effect, leftOf, metricLabel, nowOf, section, testLink } from "./parts";
import { spark } from "./spark";
import type { Index } from "./types";

const MOST = 12;

export function elsewhere(index: Index, at: number, group: Group, metric: number): HTMLElement {
  const { cases, series } = index;
  const stem = (id: string): string => id.replace(/\[.*$/s, "");
  const own = stem(cases.id[at]);
  const same = new Set(cases.id.flatMap((id, number) => (stem(id) === own ? number : [])));
  const drawn = new Set(group.series.map((one) => one.series));
  const others: number[] = [];
  series.case.forEach((owner, number) => {
    if (same.has(owner) && series.metric[number] === metric && !drawn.has(number))
      others.push(number);
  });
  const shown = section("elsewhere", "Same test elsewhere");
  if (others.length === 0) {
    shown.append(h("p.empty", "It runs with no other parameters, and on no other machine."));
    return shown;
  }
  const rows = others.slice(0, MOST).map((number) => {
    const drift = series.drift[number];
    const version = series.version[number];
    const left = leftOf(index, metric, series.before[number]);
    return h(
      "li",
      h(
        "span.which",
        testLink(index, number),
        " ",
        h("small", named(conditionsOf(index, number)), version && ` v${version}`),
      ),
      spark(series.spark[number], series.verdict[number]),
      h(
        "span.number",
        nowOf(index, number),
        h("br"),
        series.since[number] >= 0
          ? effect(series.effect[number], series.verdict[number], left)
          : drift === null
            ? "–"
            : effect(drift, 0, left),
      ),
    );
  });
  shown.append(h("p", h("small", metricLabel(index, metric))), h("ul.elsewhere", ...rows));
  if (others.length > MOST) shown.append(h("p", h("small", `and ${others.length - MOST} more`)));
  return shown;
}

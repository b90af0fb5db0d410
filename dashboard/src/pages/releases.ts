// Releases, each against the one before it, module by module.

import { loadReleases } from "../data";
import { h, named } from "../dom";
import { change } from "../format";
import type { Page } from "../page";
import { metricChoice, metricKey, metricOf, moduleName } from "../parts";
import type { HeatMap, HeatMetric, Index } from "../types";
import { href } from "../url";

/** Effects from which on a cell is a step darker. */
const STEPS = [0.005, 0.01, 0.02, 0.04];

export const releases: Page = async (index, state) => {
  const map = await loadReleases();
  const element = h("div.releases");
  const metrics = map.metrics.map((one) => one.metric);
  const metric = metricOf(index, state.metric, metrics);
  const heat = map.metrics.find((one) => one.metric === metric);
  if (!heat || map.columns.length === 0) {
    element.append(
      h("h1", "Release by release"),
      h("p.empty", "It takes two versions of what is on trial: there are fewer."),
    );
    return { title: "Releases", element };
  }
  const tolerance = Number((map.tolerance * 100).toPrecision(3));
  const region = h(
    "div.card.scroll-x",
    { tabindex: 0, role: "region", "aria-label": "Releases by module" },
    table(index, map, heat),
  );
  element.append(
    h(
      "div.title",
      h("h1", { id: "headline" }, "Release by release"),
      metricChoice(index, metrics, metric, (to) => {
        location.hash = href("releases", {
          metric: to === metrics[0] ? null : metricKey(index, to),
        });
      }),
    ),
    h(
      "p.under",
      `Each cell: the geometric mean of all series against the release to its left; ▲ ▼ count the series whose whole interval lies beyond ±${tolerance} %. A click compares the two.`,
    ),
    region,
  );
  // the newest are at the right, and the first to be looked at
  return { title: "Releases", element, start: () => (region.scrollLeft = region.scrollWidth) };
};

function table(index: Index, map: HeatMap, heat: HeatMetric): HTMLElement {
  const label = (key: string | undefined): string =>
    (index.sides.find((one) => one.key === key)?.label ?? key ?? "").replace(/^Release /, "");
  const open = (column: number, path: string): string =>
    href("compare", {
      a: map.columns[column]?.[0],
      b: map.columns[column]?.[1],
      metric: metricKey(index, heat.metric),
      q: path,
    });
  const way = index.metrics[heat.metric].worse;
  return h(
    "table.heat",
    { "aria-label": "Releases by module" },
    h(
      "thead",
      h(
        "tr",
        h("th", { scope: "col" }, "Module"),
        ...map.columns.map(([before, after], at) =>
          h(
            "th",
            { scope: "col" },
            h("a", { href: open(at, ""), title: `against ${label(before)}` }, named(label(after))),
          ),
        ),
      ),
    ),
    h(
      "tbody",
      ...map.modules.map((path, row) =>
        h(
          "tr",
          { class: path ? "" : "all" },
          h(
            "th",
            { scope: "row" },
            path
              ? h("a", { href: href("", { q: path }), title: path }, named(moduleName(path)))
              : "The whole suite",
          ),
          ...map.columns.map((_, at) =>
            cell(
              heat.effect[row]?.[at] ?? null,
              heat.worse[row]?.[at] ?? 0,
              heat.better[row]?.[at] ?? 0,
              way,
              open(at, path),
            ),
          ),
        ),
      ),
    ),
  );
}

function cell(
  effect: number | null,
  worse: number,
  better: number,
  way: number,
  address: string,
): HTMLElement {
  if (effect === null) return h("td", h("span.none", "–"));
  const steps = STEPS.filter((one) => Math.abs(effect) >= one).length;
  const bad = effect * way > 0;
  // a mean that no series bears out is noise
  const borne = (bad ? worse : better) > 0;
  const kind = steps > 0 && way !== 0 && borne ? `${bad ? "hot" : "cold"}${steps}` : "";
  const [up, down] = way < 0 ? ["▼", "▲"] : ["▲", "▼"];
  return h(
    "td",
    { class: kind },
    h(
      "a",
      { href: address },
      h("strong", change(effect)),
      h(
        "small",
        ` ${up}${worse}`,
        h("span.heard", " worse"),
        ` ${down}${better}`,
        h("span.heard", " better"),
      ),
    ),
  );
}

// One session: where the link of a CI job leads. Without a uid: all of them.

import { Trouble, loadSession } from "../data";
import { h, named, out } from "../dom";
import type { Child } from "../dom";
import { interval, minute, plural, quantity, short } from "../format";
import type { Page } from "../page";
import {
  command,
  commit,
  compareUrl,
  conditionsOf,
  effect,
  idLink,
  leftOf,
  metricKey,
  metricLabel,
  packageBadge,
  plainTable,
  section,
  sessionLink,
  testLink,
} from "../parts";
import type { Event, Index, SessionPage, Unusual } from "../types";
import { href } from "../url";
import { list } from "../sessiontable";
import { suspectOf } from "../suspects";

export const session: Page = async (index, state) => {
  const uid = state.uid ?? "";
  if (!uid) return list(index, state);
  const at = find(index, uid);
  const found = await loadSession(index, index.sessions.uid[at]);
  return { title: `Session ${short(uid)}`, element: page(index, found, at) };
};

/** The session with a uid, or the only one that begins so. */
function find(index: Index, uid: string): number {
  const exact = index.sessions.uid.indexOf(uid);
  if (exact >= 0) return exact;
  const begin = index.sessions.uid.flatMap((one, at) => (one.startsWith(uid) ? at : []));
  if (begin.length === 1) return begin[0] ?? 0;
  throw new Trouble(`No session of this site has the uid ${uid}. It may be newer than the site.`);
}

function page(index: Index, found: SessionPage, at: number): HTMLElement {
  const { sessions } = index;
  const name = sessions.commit[at];
  const earlier = found.before >= 0 ? sessions.commit[found.before] : "";
  const lines: Child[] = [
    name && commit(index, name, 10),
    sessions.subject[at] && named(sessions.subject[at]),
    sessions.author[at] && named(sessions.author[at]),
    sessions.branch[at] && h("span", "branch ", named(sessions.branch[at])),
    sessions.dirty[at] && "changed files",
    !sessions.trunk[at] && "not on the trunk",
    sessions.state[at] !== "finished" && h("strong.worse", sessions.state[at]),
    sessions.conditions[at] && named(sessions.conditions[at]),
    sessions.host[at] && named(sessions.host[at]),
    sessions.ci[at] && out(sessions.ci[at], "CI run"),
  ].filter(Boolean);
  return h(
    "div.session",
    h(
      "nav.crumbs",
      { "aria-label": "Where this session is" },
      h("a", { href: href("session") }, "Sessions"),
      " › ",
      h("span.hash", found.uid),
    ),
    h(
      "h1",
      { id: "headline" },
      `${minute(sessions.started[at])} UTC: ${finding(found, before(index, at).length)}`,
    ),
    h("p.under", ...lines.flatMap((one, number) => [number > 0 && " · ", one])),
    h("p.under", ...beside(index, found, at, earlier, name)),
    figures(index, found, at),
    section("unusual", "Unusual here", ...unusual(index, found), standing(index, at)),
    h(
      "div.two",
      section("outcomes", "Failed, lost and hung", ...outcomes(index, found)),
      section(
        "facts",
        "About this session",
        h(
          "dl.facts",
          ...found.facts.flatMap(([term = "", text = ""]) => [
            h("dt", named(term)),
            h("dd", named(text)),
          ]),
        ),
      ),
    ),
    found.rerun &&
      section(
        "rerun",
        "Run what is unusual again",
        command(found.rerun, "Command that runs it again"),
      ),
    section(
      "packages",
      "Packages since the session before",
      found.packages.length > 0
        ? h(
            "p",
            ...found.packages.flatMap(([what = "", before = "", after = ""]) => [
              packageBadge(what, before, after),
              " ",
            ]),
          )
        : h(
            "p.empty",
            found.before >= 0
              ? "None changed."
              : "There is no session before it on this environment.",
          ),
    ),
  );
}

function finding(found: SessionPage, standing: number): string {
  const worse = found.unusual.filter((one) => one.verdict > 0).length;
  const better = found.unusual.filter((one) => one.verdict < 0).length;
  const harm = found.failed.length + found.lost.length + found.hung.length;
  const parts = [
    worse > 0 ? `${worse} worse than usual` : "",
    better > 0 ? `${better} better than usual` : "",
    harm > 0 ? `${plural(harm, "test")} failed, lost or hung` : "",
  ].filter(Boolean);
  if (parts.length > 0) return parts.join(", ");
  if (found.judged === 0) return "there is no past to judge it by";
  return standing > 0 ? `nothing but ${plural(standing, "change")} from before` : "nothing unusual";
}

function beside(
  index: Index,
  found: SessionPage,
  at: number,
  earlier: string,
  name: string,
): Child[] {
  const parts: Child[] = [];
  if (found.before >= 0) {
    parts.push(
      "Against ",
      sessionLink(
        index,
        found.before,
        `the session of ${minute(index.sessions.started[found.before])}`,
      ),
    );
    const url = earlier !== name ? compareUrl(index, earlier, name) : "";
    if (url) parts.push(" · ", out(url, `${short(earlier)}…${short(name)}`));
  }
  if (at > 0)
    parts.push(
      parts.length > 0 ? " · " : "",
      h("a", { href: href("session", { uid: index.sessions.uid[at - 1] }) }, "← before"),
    );
  if (at + 1 < index.sessions.uid.length)
    parts.push(
      " · ",
      h("a", { href: href("session", { uid: index.sessions.uid[at + 1] }) }, "after →"),
    );
  return parts;
}

function figures(index: Index, found: SessionPage, at: number): HTMLElement {
  const one = (count: number, label: string, kind: string): HTMLElement =>
    h(
      "div",
      { class: `card figure ${count > 0 ? kind : ""}` },
      h("p.count", String(count)),
      h("p.label", label),
    );
  return h(
    "div.figures",
    one(found.unusual.filter((each) => each.verdict > 0).length, "worse than usual", "worse"),
    one(found.unusual.filter((each) => each.verdict < 0).length, "better than usual", "better"),
    one(found.failed.length, "tests failed", "worse"),
    one(found.lost.length + found.hung.length, "tests lost or hung", "worse"),
    one(index.sessions.runs[at], "test runs", ""),
  );
}

function unusual(index: Index, found: SessionPage): Child[] {
  if (found.unusual.length === 0) {
    return [
      h(
        "p.empty",
        found.judged > 0
          ? `All of the ${plural(found.judged, "series", "series")} that have a past are as usual.`
          : "No series has a past that is long enough to judge it by.",
      ),
    ];
  }
  const head = ["Test", "Metric", "Value", "Usual level", "Effect", "Usual range"];
  return [
    plainTable(
      "Unusual values",
      head,
      found.unusual.map((one) => unusualRow(index, found, one)),
    ),
    h(
      "p",
      h(
        "small",
        `Of ${plural(found.judged, "series", "series")} that were held against their level.`,
      ),
    ),
  ];
}

/** The recent changes before a session of the trunk that nobody settled and nothing undid. */
function before(index: Index, at: number): Event[] {
  const isOpen = (one: Event): boolean => one.state === "open" && !one.back;
  return index.events
    .filter((one) => isOpen(one) && one.first_after < at && one.first_after >= index.recent)
    .filter(() => index.sessions.trunk[at])
    .sort((one, two) => two.first_after - one.first_after);
}

function standing(index: Index, at: number): HTMLElement | null {
  const { sessions } = index;
  const some = before(index, at);
  if (some.length === 0) return null;
  const count = (one: Event, verdict: number): number =>
    one.moved.filter((each) => each.verdict === verdict).length;
  return h(
    "div",
    { id: "standing" },
    h("h3", "Changed shortly before, and still so"),
    h(
      "ul.ids",
      ...some.map((one) =>
        h(
          "li",
          h(
            "a",
            { href: eventHref(index, one) },
            `since ${minute(sessions.started[one.first_after])} UTC`,
          ),
          " ",
          h("span.worse", `▲${count(one, 1)}`, h("span.heard", " worse")),
          " ",
          h("span.better", `▼${count(one, -1)}`, h("span.heard", " better")),
          " ",
          named(suspectOf(index, one).subject),
        ),
      ),
    ),
  );
}

function eventHref(index: Index, event: Event): string {
  const metric = index.series.metric[event.moved[0]?.series ?? -1] ?? 0;
  const key = metric === index.summaries[0]?.metric ? null : metricKey(index, metric);
  return href("", { metric: key, event: event.id });
}

function unusualRow(index: Index, found: SessionPage, one: Unusual): Child[] {
  const metric = index.series.metric[one.series] ?? 0;
  const unit = index.metrics[metric]?.unit ?? "";
  const left = leftOf(index, metric, one.level);
  const where = h("small", named(conditionsOf(index, one.series)));
  return [
    one.series < 0
      ? "–"
      : h(
          "span",
          testLink(index, one.series, { at: found.uid, metric: metricKey(index, metric) }),
          " ",
          where,
        ),
    h("span", metricLabel(index, metric)),
    quantity(one.value, unit),
    quantity(one.level, unit),
    effect(one.effect, one.verdict, left),
    one.low === null && one.high === null
      ? "–"
      : `${interval(one.low, one.high, left)}${one.level < 0 ? "" : " %"}`,
  ];
}

function outcomes(index: Index, found: SessionPage): Child[] {
  const groups: [string, string[]][] = [
    ["Hung", found.hung],
    ["Lost: the process was killed", found.lost],
    ["Failed", found.failed],
    ["Ran in the session before, not in this one", found.missing],
  ];
  const shown: Child[] = groups
    .filter(([, ids]) => ids.length > 0)
    .flatMap(([title, ids]) => [
      h("h3", `${title} (${ids.length})`),
      h("ul.ids", ...ids.map((id) => h("li", idLink(index, id), ...files(found, id)))),
    ]);
  const known = new Set([...found.hung, ...found.lost, ...found.failed]);
  const other = found.artifacts.filter((one) => !known.has(one.case));
  if (other.length > 0) {
    shown.push(
      h("h3", "Reports and dumps"),
      h(
        "ul.ids",
        ...other.map((one) =>
          h("li", named(one.case), " ", out(one.href, one.kind || one.name, { title: one.name })),
        ),
      ),
    );
  }
  return shown.length > 0 ? shown : [h("p.empty", "None.")];
}

function files(found: SessionPage, id: string): Child[] {
  return found.artifacts
    .filter((one) => one.case === id)
    .flatMap((one) => [" · ", out(one.href, one.kind || one.name, { title: one.name })]);
}

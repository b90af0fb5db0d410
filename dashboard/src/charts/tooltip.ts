// What one session says, beside the charts.

import { h, named, out } from "../dom";
import type { Child } from "../dom";
import { change, minute, quantity, short } from "../format";
import { commit, compareUrl, leftOf, metricLabel, packageBadge, sessionLink } from "../parts";
import { segmentOf } from "./reading";
import type { Reading } from "./reading";
import type { SessionAxis } from "./sessions";
import type { CaseHistory, Index } from "../types";

export function describe(
  index: Index,
  history: CaseHistory,
  axis: SessionAxis,
  readings: Reading[],
  at: number,
): HTMLElement {
  const { sessions } = index;
  const session = axis.sessions[at] ?? 0;
  const lines = readings.flatMap((one, number) => reading(index, one, at, number === 0));
  const harm = harmOf(index, history, axis, at);
  if (lines.length === 0 && harm.length === 0) lines.push(h("p.none", "No value in this session"));
  const facts: [string, Child[]][] = [];
  const name = sessions.commit[session];
  if (name) {
    const dirty = sessions.dirty[session] ? " and changed files" : "";
    facts.push(["commit", [commit(index, name, 10), dirty]]);
  }
  const subject = sessions.subject[session];
  const author = sessions.author[session];
  if (subject || author) facts.push(["", [named(subject), " ", h("small", named(author))]]);
  const run: Child[] = [sessionLink(index, session, `${minute(sessions.started[session])} UTC`)];
  if (sessions.ci[session]) run.push(" · ", out(sessions.ci[session], "CI run"));
  facts.push(["session", run]);
  if (sessions.version[session]) facts.push(["version", [named(sessions.version[session])]]);
  const files = history.artifacts.filter((one) => one.session === session);
  if (files.length > 0) {
    facts.push([
      "files",
      files.flatMap((one, number) => [
        number > 0 && " · ",
        out(one.href, one.kind || one.name, { title: one.name }),
      ]),
    ]);
  }
  const host = sessions.host[session];
  if (host)
    facts.push([
      "machine",
      [named(host), axis.marks.includes(at) && h("small", " another than before")],
    ]);
  const packages = sessions.packages[session] ?? [];
  if (packages.length > 0) {
    facts.push([
      "packages",
      packages
        .slice(0, 4)
        .flatMap(([what = "", before = "", after = ""]) => [
          packageBadge(what, before, after),
          " ",
        ]),
    ]);
    if (packages.length > 4) facts.push(["", [h("small", `and ${packages.length - 4} more`)]]);
  }
  const earlier = sessions.commit[axis.sessions[at - 1] ?? -1];
  const url = earlier === name ? "" : compareUrl(index, earlier, name);
  if (url) facts.push(["diff", [out(url, `${short(earlier)}…${short(name)}`)]]);
  return h(
    "div",
    ...lines,
    ...harm,
    h("dl", ...facts.flatMap(([term, text]) => [h("dt", term), h("dd", ...text)])),
  );
}

function reading(index: Index, one: Reading, at: number, first: boolean): HTMLElement[] {
  const value = one.values[at] ?? null;
  if (value === null) return [];
  const unit = index.metrics[one.metric].unit;
  const segment = one.series.segments[segmentOf(one.series, one.places.indexOf(at))];
  const against =
    segment && segment.level !== 0 && !one.outcome && !one.series.drift
      ? ` · ${change((value - segment.level) / Math.abs(segment.level), leftOf(index, one.metric, segment.level))} against its level`
      : "";
  return [
    h(
      "p",
      { class: first ? "value first" : "value" },
      h("strong", quantity(value, unit)),
      " ",
      h("small", `${metricLabel(index, one.metric)}${against}`),
    ),
  ];
}

function harmOf(index: Index, history: CaseHistory, axis: SessionAxis, at: number): HTMLElement[] {
  const session = axis.sessions[at];
  const has = (pairs: number[][]): boolean => pairs.some((one) => one[1] === session);
  const words = [
    axis.failed.includes(at) && has(history.failed) && "failed",
    axis.lost.includes(at) && has(history.lost) && "lost: the process was killed",
    axis.lost.includes(at) && has(history.hung) && "hung",
  ].filter(Boolean);
  const state = index.sessions.state[session ?? -1];
  if (words.length > 0 && state && state !== "finished") words.push(`session ${state}`);
  return words.length > 0 ? [h("p.value.worse", `✕ ${words.join(", ")}`)] : [];
}

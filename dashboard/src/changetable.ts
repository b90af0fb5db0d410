// The change points of a test: where they may be, how far it moved, what else was not the same.

import type { SessionAxis } from "./charts/sessions";
import { h, named, out, replace } from "./dom";
import type { Child } from "./dom";
import { digits, interval, minute, plural, quantity, quoted, short } from "./format";
import {
  badge,
  command,
  compareUrl,
  differenceBadges,
  effect,
  leftOf,
  metricChoice,
  metricKey,
  metricLabel,
  metricOf,
  plainTable,
  sessionLink,
  stateName,
} from "./parts";
import type { Reading } from "./charts/reading";
import type { Left } from "./format";
import type { Change, Index } from "./types";
import { href } from "./url";

export function changeTable(
  index: Index,
  readings: Reading[],
  axis: SessionAxis,
  id: string,
  chosen: string,
  remember: (metric: number) => void,
): HTMLElement {
  const metrics = readings.map((one) => one.metric);
  const moved = readings.find((one) => one.series.changes.length > 0)?.metric;
  const metric = chosen ? metricOf(index, chosen, metrics) : (moved ?? metrics[0] ?? 0);
  const body = h("div");
  const draw = (at: number): void => {
    const reading = readings.find((one) => one.metric === at);
    replace(body, ...(reading ? changes(index, reading, axis, id) : []));
  };
  draw(metric);
  const pick = (to: number): void => {
    remember(to);
    draw(to);
  };
  return h(
    "div",
    { id: "changes" },
    h("div.with-choice", metricChoice(index, metrics, metric, pick)),
    body,
  );
}

function changes(index: Index, reading: Reading, axis: SessionAxis, id: string): HTMLElement[] {
  const label = metricLabel(index, reading.metric);
  const drift = reading.series.drift;
  const none = drift
    ? `${label} has no change point: it drifts slowly.`
    : `${label} has no change point.`;
  const left = (before: number | null): Left => leftOf(index, reading.metric, before);
  const found = [...reading.series.changes].reverse();
  if (found.length === 0) {
    return [
      h(
        "p.empty",
        none,
        drift && " ",
        drift && effect(drift.effect, drift.verdict, left(drift.before)),
        drift &&
          h(
            "small",
            ` ${interval(drift.low, drift.high, left(drift.before))}, the later half against the earlier one`,
          ),
      ),
    ];
  }
  const below = h("div", { id: "bisect" });
  const head = ["Suspect range", "Change [95 % CI]", "What else changed", "Also moved"];
  const find = (one: Change): void => bisect(index, below, one, id, left(one.before));
  const rows = found.map((one) => row(index, reading, axis, one, () => find(one)));
  const newest = found.find((one) => one.verdict > 0) ?? found[0];
  if (newest) find(newest);
  return [plainTable(`Change points of ${label}`, head, rows), below];
}

function row(
  index: Index,
  reading: Reading,
  axis: SessionAxis,
  one: Change,
  choose: () => void,
): HTMLTableRowElement {
  const event = index.events[one.event];
  const left = leftOf(index, reading.metric, one.before);
  const { sessions } = index;
  const session = axis.sessions[reading.places[one.point] ?? 0] ?? 0;
  const range = event?.ranges[0];
  const good = range?.good ?? "";
  const bad = (range?.bad ?? "") || sessions.commit[session];
  const span = good && bad ? `${short(good, 7)}…${short(bad, 7)}` : short(bad, 7);
  const commits = range?.commits ?? [];
  const subject = (commits[0]?.subject ?? "") || sessions.subject[session];
  const author = (commits[0]?.author ?? "") || sessions.author[session];
  const suspects = commits.length + (range?.more ?? 0);
  const others = Math.max(0, (event?.moved.length ?? 1) - 1);
  const facts: Child[] = [];
  if (event && event.first_after !== session) {
    const [from, to] = [sessions.started[event.last_before], sessions.started[event.first_after]];
    const hint = `Where all that moved together has its boundary: after ${minute(from)}, at ${minute(to)} UTC`;
    facts.push(badge(`event at ${minute(to)}`, hint), " ");
  }
  if (event?.environment) facts.push(badge("environment", event.cause), " ");
  if (event && event.state !== "open") facts.push(badge(stateName(event.state), event.said), " ");
  if (event?.back) facts.push(badge("went back since"), " ");
  facts.push(...differenceBadges(event?.differences ?? [], 4));
  if (facts.length === 0) facts.push(h("small", "no package changed"));
  return h(
    "tr",
    { "data-event": event?.id },
    h(
      "td",
      out(compareUrl(index, good, bad), span || "–", { class: "hash" }),
      h("br"),
      sessionLink(index, session, minute(sessions.started[session])),
      author && h("small", " ", named(author)),
      h("br"),
      range && good && bad && h("button.link", { onclick: choose }, "bisect"),
    ),
    h(
      "td.number",
      effect(one.effect, one.verdict, left),
      h("br"),
      h(
        "small",
        reading.outcome
          ? levels(reading, one)
          : one.effect === null
            ? levelBehind(index, reading, one)
            : interval(one.low, one.high, left),
      ),
    ),
    h(
      "td",
      subject && named(subject),
      suspects > 1 &&
        h("small", { title: range?.command }, ` and ${plural(suspects - 1, "other commit")}`),
      subject && h("br"),
      ...facts,
    ),
    h(
      "td",
      event && others > 0
        ? h(
            "a",
            { href: href("", { event: event.id, metric: metricKey(index, reading.metric) }) },
            `${others} other series`,
          )
        : h("small", "nothing else"),
    ),
  );
}

/** How many there were in a session on average, before and behind. */
function levels(reading: Reading, one: Change): string {
  const { segments } = reading.series;
  const at = segments.findIndex((each) => each.start === one.point);
  const number = (place: number): string => digits(segments[place]?.level ?? 0);
  return at < 1 ? "" : `${number(at - 1)} → ${number(at)} a session`;
}

/** What a level that was 0 has come to. */
function levelBehind(index: Index, reading: Reading, one: Change): string {
  const level = reading.series.segments.find((each) => each.start === one.point)?.level;
  return level === undefined ? "" : `to ${quantity(level, index.metrics[reading.metric].unit)}`;
}

const COMMIT = /^[0-9a-f]{7,64}$/i;

function bisect(index: Index, target: HTMLElement, one: Change, id: string, left: Left): void {
  const range = index.events[one.event]?.ranges[0];
  if (!range || !COMMIT.test(range.good) || !COMMIT.test(range.bad)) {
    target.textContent = "";
    return;
  }
  const text = `git bisect start ${range.bad.slice(0, 12)} ${range.good.slice(0, 12)}\npytest --benchmark ${quoted(id)}`;
  replace(
    target,
    h("h3", "Find the commit of ", effect(one.effect, one.verdict, left)),
    h(
      "p",
      h("small", "Run the test at each commit, then say “git bisect good” or “git bisect bad”."),
    ),
    command(text, "Commands that find the commit"),
  );
}

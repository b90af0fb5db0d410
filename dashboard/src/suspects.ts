// Events by their commit: what moved there, how far, and what else was not the same.

import { append, h, named } from "./dom";
import type { Child } from "./dom";
import { day, moved, plural } from "./format";
import { badge, commit, differenceBadges, leftOf, stateName } from "./parts";
import type { Commit, Event, Index } from "./types";

const FIRST = 6;

export function suspects(
  index: Index,
  metric: number,
  choose: (event: number) => void,
): HTMLElement {
  const here = (one: Event): boolean =>
    one.moved.some((moved) => index.series.metric[moved.series] === metric);
  const events = index.events.map((one, at) => ({ one, at })).filter(({ one }) => here(one));
  events.sort((a, b) => b.one.first_after - a.one.first_after); // the newest first
  const element = h("div");
  if (events.length === 0) {
    element.append(h("p.empty", "No change stands out of the noise."));
    return element;
  }
  const list = h("ul.suspects");
  const draw = (count: number): void =>
    append(
      list,
      events
        .slice(list.children.length, count)
        .map(({ one, at }) => item(index, metric, one, () => choose(at))),
    );
  draw(FIRST);
  element.append(list);
  if (events.length > FIRST) {
    const more = h(
      "button",
      {
        class: "link",
        onclick: () => {
          draw(events.length);
          more.remove();
        },
      },
      `${events.length - FIRST} more`,
    );
    element.append(more);
  }
  return element;
}

interface Suspect {
  commits: Commit[];
  subject: string;
  author: string;
}

/** What is to be suspected: where the machine moved, no commit. */
export function suspectOf(index: Index, event: Event): Suspect {
  const { sessions } = index;
  if (event.environment) return { commits: [], subject: event.cause, author: "" };
  const commits = event.ranges[0]?.commits ?? [];
  return {
    commits,
    subject: commits[0]?.subject || sessions.subject[event.first_after] || event.cause,
    author: commits[0]?.author || (sessions.author[event.first_after] ?? ""),
  };
}

function item(index: Index, metric: number, event: Event, choose: () => void): HTMLElement {
  const { sessions } = index;
  const some = event.moved.filter((one) => index.series.metric[one.series] === metric);
  const worse = some.filter((one) => one.verdict > 0).length;
  const better = some.filter((one) => one.verdict < 0).length;
  const range = event.ranges[0];
  const { commits, subject, author } = suspectOf(index, event);
  const name = (range?.bad ?? "") || sessions.commit[event.first_after];
  const suspected = event.environment ? 0 : commits.length + (range?.more ?? 0);
  const facts: Child[] = [];
  if (event.environment) facts.push(badge("environment", event.cause), " ");
  if (event.state !== "open") facts.push(badge(stateName(event.state), event.said), " ");
  if (event.back) facts.push(badge("went back since"), " ");
  if (suspected > 1) facts.push(badge(`1 of ${plural(suspected, "commit")}`, range?.command), " ");
  facts.push(...differenceBadges(event.differences, 3));
  const most = some.find((one) => one.verdict !== 0) ?? some[0];
  const left = leftOf(index, metric, most?.before);
  return h(
    "li",
    { "data-event": event.id },
    h("div.who", name ? commit(index, name) : h("span.hash", "–")),
    h(
      "div.what",
      h(
        "button.subject",
        { title: `Show what moved. ${event.cause}`, onclick: choose },
        named(subject),
      ),
      " ",
      h(
        "small",
        author && named(author),
        author && " · ",
        h("span.day", day(sessions.started[event.first_after])),
      ),
      " ",
      ...facts,
    ),
    h(
      "div.moved",
      h("span.worse", `▲${worse}`, h("span.heard", " worse")),
      " ",
      h("span.better", `▼${better}`, h("span.heard", " better")),
      most &&
        h(
          "small",
          { title: "The largest change" },
          most.effect === null || left.outcome
            ? moved(most.effect, left)
            : `up to ${moved(most.effect, left)}`,
        ),
    ),
  );
}

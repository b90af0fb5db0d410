// All sessions, the newest first.

import { h, named, replace } from "./dom";
import type { Shown } from "./page";
import { commit, sessionLink } from "./parts";
import { ordered, search } from "./search";
import { VirtualTable } from "./table";
import type { Index } from "./types";
import { href } from "./url";

export function list(index: Index, state: Record<string, string>): Shown {
  const { sessions } = index;
  const found = search(
    "sessions",
    "Search commits, subjects, authors, branches, machines",
    state.q,
    () => draw(),
  );
  const table = new VirtualTable<number>({
    label: "Sessions",
    kind: "stacked sessions-list",
    columns: [
      {
        key: "session",
        title: "Started (UTC)",
        kind: "when",
        falling: true,
        sort: (at) => sessions.started[at],
        cell: (at) => sessionLink(index, at),
      },
      {
        key: "commit",
        title: "Commit",
        kind: "hash",
        cell: (at) => commit(index, sessions.commit[at]),
      },
      {
        key: "subject",
        title: "Subject",
        kind: "test",
        cell: (at) => [named(sessions.subject[at]), " ", h("small", named(sessions.author[at]))],
      },
      {
        key: "branch",
        title: "Branch",
        kind: "env",
        sort: (at) => sessions.branch[at],
        cell: (at) => [
          named(sessions.branch[at]),
          sessions.trunk[at] ? null : h("small", " off the trunk"),
        ],
      },
      {
        key: "env",
        title: "Env",
        kind: "env",
        sort: (at) => sessions.conditions[at],
        cell: (at) => named(sessions.conditions[at]),
      },
      {
        key: "runs",
        title: "Runs",
        kind: "count",
        falling: true,
        sort: (at) => sessions.runs[at],
        cell: (at) => sessions.runs[at],
      },
      {
        key: "failed",
        title: "Failed",
        kind: "count",
        falling: true,
        sort: (at) => sessions.failed[at],
        cell: (at) => harm(sessions.failed[at]),
      },
      {
        key: "lost",
        title: "Lost",
        kind: "count",
        falling: true,
        sort: (at) => sessions.lost[at],
        cell: (at) => harm(sessions.lost[at]),
      },
    ],
    ...ordered(state.sort, "session"),
    onRow: (at) => {
      location.hash = href("session", { uid: sessions.uid[at] });
    },
    empty: "No session is like that.",
  });
  const all = sessions.uid.map((_, at) => at);
  const columns = [
    ...[sessions.uid, sessions.commit, sessions.subject, sessions.author, sessions.branch],
    ...[sessions.host, sessions.conditions, sessions.version],
  ];
  const draw = (): void =>
    found.show(table, all, (at) => columns.map((one) => one[at]).join(" "), all.length);
  const element = h(
    "div.sessions",
    h("h1", { id: "headline" }, "Sessions"),
    h("div.controls", found.box, found.count),
    table.element,
  );
  return { title: "Sessions", element, start: draw, stop: () => table.destroy() };
}

function harm(count: number): HTMLElement {
  const element = h("span", { class: count > 0 ? "worse" : "none" });
  replace(element, count > 0 ? `✕ ${count}` : "–");
  return element;
}

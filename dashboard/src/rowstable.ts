// The values themselves, a session a row, and as a file.

import type { SessionAxis } from "./charts/sessions";
import { saveCsv } from "./csv";
import { h, named } from "./dom";
import { minute, quantity } from "./format";
import { commit, metricKey, metricLabel, sessionLink } from "./parts";
import { VirtualTable } from "./table";
import type { Column } from "./table";
import type { Reading } from "./charts/reading";
import type { CaseHistory, Index } from "./types";

interface Rows {
  element: HTMLElement;
  start: () => void;
  stop: () => void;
}

export function rowsTable(
  index: Index,
  history: CaseHistory,
  axis: SessionAxis,
  readings: Reading[],
): Rows {
  const { sessions } = index;
  const session = (at: number): number => axis.sessions[at] ?? 0;
  const outcome = (at: number): string =>
    axis.lost.includes(at) ? "lost or hung" : axis.failed.includes(at) ? "failed" : "";
  const columns: Column<number>[] = [
    {
      key: "session",
      title: "Session (UTC)",
      kind: "when",
      falling: true,
      sort: (at) => at,
      cell: (at) => sessionLink(index, session(at)),
    },
    {
      key: "commit",
      title: "Commit",
      kind: "hash",
      cell: (at) => commit(index, sessions.commit[session(at)]),
    },
    ...readings.map((one): Column<number> => ({
      key: metricKey(index, one.metric),
      title: metricLabel(index, one.metric),
      kind: "value",
      falling: true,
      sort: (at) => one.values[at] ?? null,
      cell: (at) => quantity(one.values[at], index.metrics[one.metric].unit),
    })),
    {
      key: "outcome",
      title: "Outcome",
      kind: "outcome",
      sort: outcome,
      falling: true,
      cell: (at) => h("span.worse", outcome(at)),
    },
    {
      key: "host",
      title: "Machine",
      kind: "host",
      cell: (at) => named(sessions.host[session(at)]),
    },
  ];
  const table = new VirtualTable<number>({
    label: "Values of each session",
    kind: "",
    columns,
    order: { key: "session", falling: true },
    empty: "There are no values.",
  });
  const save = h("button", { id: "csv" }, "Download as CSV");
  save.addEventListener("click", () => download(index, history, axis, readings, outcome));
  return {
    element: h("div", { id: "rows" }, h("p", save), h("div.scroll-x", table.element)),
    start: () => table.show(axis.sessions.map((_, at) => at)),
    stop: () => table.destroy(),
  };
}

function download(
  index: Index,
  history: CaseHistory,
  axis: SessionAxis,
  readings: Reading[],
  outcome: (at: number) => string,
): void {
  const { sessions } = index;
  const head = ["session", "started", "commit", "subject", "author", "host"];
  const metrics = readings.map((one) => {
    const metric = index.metrics[one.metric];
    return `${metric?.name ?? ""} [${metric?.unit ?? ""}]`;
  });
  const rows = axis.sessions.map((session, at) => {
    const started = minute(sessions.started[session]).replace(" ", "T");
    const facts = [
      sessions.uid,
      null,
      sessions.commit,
      sessions.subject,
      sessions.author,
      sessions.host,
    ];
    const row = facts.map((column) => (column ? (column[session] ?? "") : `${started}Z`));
    return [...row, ...readings.map((one) => one.values[at] ?? null), outcome(at)];
  });
  saveCsv(history.id, [[...head, ...metrics, "outcome"], ...rows]);
}

// When things changed: bars of what got worse and better, over the suite's index and the releases.

import { h, named, s } from "./dom";
import { day, minute, plural } from "./format";
import { plainTable } from "./parts";
import type { Index, Summary } from "./types";

const WIDTH = 720;
const LEFT = 48;
const RIGHT = 10;
const TOP = 26;
const BARS = 220;
const LINE_TOP = 265;
const LINE = 110;
const HEIGHT = 412;
const HINT = "Click a bar to see what changed there.";

export interface Timeline {
  element: HTMLElement;
  /** Mark the session that is filtered by; -1 for none. */
  mark: (session: number) => void;
}

/** The chart; `choose` gets the session whose bar was clicked. */
export function timeline(
  index: Index,
  summary: Summary,
  label: string,
  choose: (session: number) => void,
): Timeline {
  const shown = index.sessions.uid
    .map((_, at) => at)
    .filter((at) => index.sessions.trunk[at] || summary.worse[at] + summary.better[at] > 0);
  const sessions = shown.length > 0 ? shown : index.sessions.uid.map((_, at) => at);
  const place = new Map(sessions.map((session, at) => [session, at]));
  const step = (WIDTH - LEFT - RIGHT) / Math.max(sessions.length, 1);
  const x = (at: number): number => LEFT + (at + 0.5) * step;
  const most = sessions.reduce(
    (one, at) => Math.max(one, summary.worse[at], summary.better[at]),
    1,
  );
  const zero = TOP + BARS * 0.55;
  // the root lets a single change be seen beside a hundred
  const worse = (count: number): number => Math.sqrt(count / most) * BARS * 0.53;
  const better = (count: number): number => Math.sqrt(count / most) * BARS * 0.43;
  const bars = (counts: number[], size: (count: number) => number, sign: number): string =>
    sessions
      .map((at, number) => {
        const count = counts[at] ?? 0;
        return count > 0
          ? `M${x(number).toFixed(1)} ${zero + sign}v${(sign * size(count)).toFixed(1)}`
          : "";
      })
      .join("");
  const pen = Math.max(2, Math.min(4, step * 0.7)).toFixed(1);
  const marker = s("rect.marker", { y: TOP, height: HEIGHT - TOP - 24, width: 9, hidden: true });
  const guide = s("path.guide");
  const chart = s(
    "svg.timeline",
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": `Changes of ${label} by session, over the index of the suite; a table follows`,
    },
    marker,
    ...releaseMarks(index, place, x),
    s("path.zero", { d: `M${LEFT} ${zero}H${WIDTH - RIGHT}` }),
    s("text", { x: 0, y: zero - 40 }, "worse"),
    s("text", { x: 0, y: zero + 46 }, "better"),
    s("path.bar.worse", { "stroke-width": pen, d: bars(summary.worse, worse, -1) }),
    s("path.bar.better", { "stroke-width": pen, d: bars(summary.better, better, 1) }),
    ...suite(index, summary, sessions, x),
    ...days(index, sessions, x),
    guide,
  );
  const said = h("p.said", { "aria-hidden": "true" }, HINT);
  const nearest = (event: MouseEvent): number => {
    const box = chart.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * WIDTH;
    let found = -1;
    for (const [number, session] of sessions.entries()) {
      if (!summary.worse[session] && !summary.better[session]) continue;
      const far = Math.abs(x(number) - at);
      if (far < 12 && (found < 0 || far < Math.abs(x(place.get(found) ?? 0) - at))) found = session;
    }
    return found;
  };
  chart.addEventListener("mousemove", (event) => {
    const found = nearest(event);
    chart.classList.toggle("over", found >= 0);
    const at = x(place.get(found) ?? 0);
    guide.setAttribute("d", found < 0 ? "" : `M${at} ${TOP}V${HEIGHT - 24}`);
    said.textContent = found < 0 ? HINT : describe(index, summary, found);
  });
  chart.addEventListener("mouseleave", () => {
    guide.setAttribute("d", "");
    said.textContent = HINT;
  });
  chart.addEventListener("click", (event) => {
    const found = nearest(event);
    if (found >= 0) choose(found);
  });
  return {
    element: h(
      "div",
      { id: "timeline" },
      chart,
      legend(index, summary, sessions),
      said,
      asTable(index, summary, sessions, choose),
    ),
    mark: (session) => {
      const at = place.get(session);
      if (at === undefined) marker.setAttribute("hidden", "");
      else marker.removeAttribute("hidden");
      marker.setAttribute("x", String(x(at ?? 0) - 4.5));
    },
  };
}

function describe(index: Index, summary: Summary, session: number): string {
  const { started, commit, subject } = index.sessions;
  return [
    `${minute(started[session] ?? 0)} UTC`,
    `${summary.worse[session]} worse, ${summary.better[session]} better`,
    (commit[session] ?? "").slice(0, 8),
    subject[session] ?? "",
  ]
    .filter(Boolean)
    .join(" · ");
}

function releaseMarks(index: Index, place: Map<number, number>, x: (at: number) => number): Node[] {
  const marks: Node[] = [];
  let free = -Infinity;
  for (const release of index.releases) {
    const at = place.get(release.session);
    if (at === undefined) continue;
    const here = x(at);
    marks.push(s("path.release", { d: `M${here.toFixed(1)} ${TOP - 6}V${HEIGHT - 28}` }));
    const half = release.name.length * 3.2;
    if (here - half < free + 6) continue;
    const anchor = here + half > WIDTH ? "end" : "middle";
    marks.push(s("text", { x: here.toFixed(1), y: 12, "text-anchor": anchor }, release.name));
    free = here + half;
  }
  return marks;
}

/** Lines that can be told apart. */
const MOST_LINES = 4;

/** The line of the suite's index, with gaps where too little ran; one for each machine if few. */
function suite(
  index: Index,
  summary: Summary,
  sessions: number[],
  x: (at: number) => number,
): Node[] {
  const values = sessions.map((at) => summary.index[at] ?? null);
  const numbers = values.filter((one): one is number => one !== null);
  if (numbers.length < 2) return [];
  const low = numbers.reduce((one, two) => Math.min(one, two));
  const high = numbers.reduce((one, two) => Math.max(one, two));
  const y = (value: number): number =>
    LINE_TOP + LINE - (high > low ? (value - low) / (high - low) : 0.5) * LINE;
  const machineAt = (at: number): string => index.sessions.conditions[sessions[at] ?? 0];
  const machines = machinesOf(index, summary, sessions);
  const apart = machines.length <= MOST_LINES;
  // each is drawn in its own way, as the legend below says
  const lines = (apart ? machines : [null]).map((machine) => {
    const own = values
      .map((_, at) => at)
      .filter((at) => machine === null || machineAt(at) === machine);
    return s(`path.suite.d${machines.indexOf(machine ?? "")}`, {
      d: line(thinned(own.map((at) => [x(at), values[at] ?? null])), y),
    });
  });
  return [
    s("text", { x: 0, y: LINE_TOP + LINE / 2 - 4 }, "suite"),
    s("text", { x: 0, y: LINE_TOP + LINE / 2 - 4, dy: "1.2em" }, "index"),
    ...lines,
  ];
}

/** The machines of the suite's index. */
function machinesOf(index: Index, summary: Summary, sessions: number[]): string[] {
  const known = sessions.filter((at) => (summary.index[at] ?? null) !== null);
  return [...new Set(known.map((at) => index.sessions.conditions[at]))];
}

/** Which line is of which machine, where there are several. */
function legend(index: Index, summary: Summary, sessions: number[]): HTMLElement | null {
  const machines = machinesOf(index, summary, sessions);
  if (machines.length < 2 || machines.length > MOST_LINES) return null;
  const keys = machines.map((name, at) =>
    h(
      "li",
      s(
        "svg.timeline",
        { viewBox: "0 0 30 8", "aria-hidden": "true" },
        s(`path.suite.d${at}`, { d: "M0 4H30" }),
      ),
      named(name || "machine unknown"),
    ),
  );
  return h("ul.machines", { "aria-label": "Lines of the suite index" }, ...keys);
}

type Place = [number, number | null];

/** No more than two points a pixel, the least and the largest: more can't be seen. */
function thinned(points: Place[]): Place[] {
  if (points.length <= 2 * WIDTH) return points;
  const found: Place[] = [];
  let least: Place | null = null;
  let most: Place | null = null;
  points.forEach((point, at) => {
    const [x, value] = point;
    if (value !== null) {
      if (!least || value < (least[1] ?? 0)) least = point;
      if (!most || value > (most[1] ?? 0)) most = point;
    }
    if (Math.floor(points[at + 1]?.[0] ?? -1) === Math.floor(x)) return;
    const both = [least ?? point, most ?? point].sort((one, two) => one[0] - two[0]);
    found.push(...(least === most ? both.slice(0, 1) : both));
    least = most = null;
  });
  return found;
}

function line(points: Place[], y: (value: number) => number): string {
  let path = "";
  let pen = "M";
  points.forEach(([x, value], at) => {
    if (value === null) {
      // a session in which little ran leaves no gap; a stretch of them does
      if (points[at + 1]?.[1] === null && points[at + 2]?.[1] === null) pen = "M";
      return;
    }
    path += `${pen}${x.toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  });
  return path;
}

function days(index: Index, sessions: number[], x: (at: number) => number): Node[] {
  const count = Math.min(5, sessions.length);
  const marks: Node[] = [];
  let before = "";
  for (let at = 0; at < count; at++) {
    const number = count === 1 ? 0 : Math.round((at * (sessions.length - 1)) / (count - 1));
    const text = day(index.sessions.started[sessions[number] ?? 0]);
    if (text === before) continue;
    before = text;
    const anchor = at === 0 ? "start" : at === count - 1 ? "end" : "middle";
    marks.push(s("text", { x: x(number).toFixed(1), y: HEIGHT - 6, "text-anchor": anchor }, text));
  }
  return marks;
}

/** The same for who sees no chart or has no mouse. It is drawn when it is opened. */
function asTable(
  index: Index,
  summary: Summary,
  sessions: number[],
  choose: (session: number) => void,
): HTMLElement {
  const changed = sessions.filter((at) => summary.worse[at] + summary.better[at] > 0).reverse();
  const details = h(
    "details.as-table",
    h("summary", `As a table: ${plural(changed.length, "session")} with changes`),
  );
  details.addEventListener("toggle", () => {
    if (details.querySelector("table")) return;
    const rows = changed.map((session) => [
      h("button.link", { onclick: () => choose(session) }, minute(index.sessions.started[session])),
      h("bdi", index.sessions.commit[session].slice(0, 8)),
      summary.worse[session],
      summary.better[session],
    ]);
    const head = ["Session (UTC)", "Commit", "Worse", "Better"];
    details.append(plainTable("Sessions with changes", head, rows));
  });
  return details;
}

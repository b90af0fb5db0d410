// What the charts of a test stand on: its sessions, releases, failures, and other machines.

import { conditionsOf } from "../parts";
import type { CaseHistory, Index, PointSeries } from "../types";

/** The sessions that all charts of a page stand on. */
export interface SessionAxis {
  /** Numbers of sessions. */
  sessions: number[];
  /** Where each stands: its number on the axis, or its instant. */
  x: number[];
  dates: boolean;
  /** When the session at a place started. */
  started: (at: number) => number;
  releases: [number, string][];
  /** Where the machine is another than before. */
  marks: number[];
  failed: number[];
  lost: number[];
}

/** Series that are drawn together: of equal conditions and version of the test. */
export interface Group {
  env: string;
  conditions: number;
  version: string;
  series: PointSeries[];
  last: number;
}

/** The groups of a case, the one that ran last first. */
export function groups(index: Index, history: CaseHistory): Group[] {
  const { series } = index;
  const found = new Map<string, Group>();
  for (const one of history.series) {
    const conditions = series.conditions[one.series];
    const version = series.version[one.series];
    const key = JSON.stringify([conditions, version]);
    const group = found.get(key) ?? {
      env: conditionsOf(index, one.series),
      conditions,
      version,
      series: [],
      last: -1,
    };
    group.series.push(one);
    group.last = Math.max(group.last, series.last[one.series] ?? -1);
    found.set(key, group);
  }
  return [...found.values()].sort((one, two) => two.last - one.last || size(two) - size(one));
}

function size(group: Group): number {
  return group.series.reduce((most, one) => Math.max(most, one.values.length), 0);
}

/** Of each point of a series its session. */
export function sessionsOf(series: PointSeries): number[] {
  let at = 0;
  return series.at.map((step) => (at += step));
}

/** Marks of a machine that changes with nearly each session would tell nothing. */
const MOST_MARKS = 12;

export function axisOf(
  index: Index,
  history: CaseHistory,
  group: Group,
  dates: boolean,
): SessionAxis {
  const { sessions } = index;
  const own = new Set(group.series.flatMap(sessionsOf));
  const harm = (pairs: number[][]): number[] =>
    pairs.filter((one) => one[0] === group.conditions).map((one) => one[1] ?? -1);
  const [failed, lost] = [harm(history.failed), harm([...history.lost, ...history.hung])];
  const kinds = new Set([...own].map((at) => sessions.conditions[at]));
  const every = [...own, ...failed, ...lost].filter((at) => at >= 0);
  const [from, to] = every.reduce(
    ([low, high], at) => [Math.min(low, at), Math.max(high, at)],
    [Infinity, -1],
  );
  const shown: number[] = [];
  for (let at = from; at <= to; at++) {
    // a session on these machines that has no value here is a gap
    const gap = sessions.trunk[at] && kinds.has(sessions.conditions[at]);
    if (own.has(at) || gap || failed.includes(at) || lost.includes(at)) shown.push(at);
  }
  const place = new Map(shown.map((session, at) => [session, at]));
  const placed = (some: number[]): number[] =>
    [...new Set(some)].flatMap((session) => place.get(session) ?? []).sort((one, two) => one - two);
  return {
    sessions: shown,
    x: shown.map((session, at) => (dates ? sessions.place[session] : at)),
    dates,
    started: (at) => sessions.started[shown[at] ?? 0],
    releases: index.releases.flatMap((one): [number, string][] => {
      const at = shown.findIndex((session) => session >= one.session);
      return at < 0 || one.session < (shown[0] ?? 0) ? [] : [[at, one.name]];
    }),
    marks: placed(machineMarks(index, shown, own)),
    failed: placed(failed),
    lost: placed(lost),
  };
}

/** Sessions from which on the environment is another one. */
function machineMarks(index: Index, shown: number[], own: Set<number>): number[] {
  const { sessions } = index;
  const marks = index.events
    .filter((one) => one.environment && own.has(one.first_after))
    .map((one) => one.first_after);
  const other: number[] = [];
  let before = -1;
  for (const at of shown) {
    if (!own.has(at)) continue;
    const differs = (column: string[]): boolean =>
      before >= 0 && !!column[at] && !!column[before] && column[at] !== column[before];
    if (differs(sessions.host) || differs(sessions.conditions)) other.push(at);
    before = at;
  }
  return other.length > MOST_MARKS ? marks : [...marks, ...other];
}

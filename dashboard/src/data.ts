// Loads data files by script tags, the only way that works for a page opened from a folder.

import { unpack } from "./packing";
import { SCHEMA } from "./types";
import type {
  CaseHistory,
  CaseShard,
  Health,
  HeatMap,
  Index,
  Pair,
  SessionPage,
  SessionShard,
  Source,
  SourceShard,
} from "./types";

type Register = ((name: string, content: unknown) => void) & { early?: ArrayLike<unknown>[] };

declare global {
  interface Window {
    benchdb?: Register;
  }
}

/** What went wrong, in words for the reader. */
export class Trouble extends Error {}

const AGAIN = "Build the site again with “benchdb dashboard”.";
const known = new Map<string, unknown>();
const waiting = new Map<string, Promise<unknown>>();
let listener: (name: string) => void = () => undefined;

/** Take what data files hand over; what came before is in `benchdb.early`. */
export function receive(heard: (name: string) => void): void {
  listener = heard;
  const early = window.benchdb?.early ?? [];
  window.benchdb = (name, content) => {
    known.set(name, content);
    listener(name);
  };
  for (const one of Array.from(early)) window.benchdb(String(one[0]), one[1]);
}

/** The content of a file that is there already. */
export function have(name: string): boolean {
  return known.has(name);
}

function load<T>(name: string): Promise<T> {
  if (known.has(name)) return Promise.resolve(known.get(name) as T);
  let promise = waiting.get(name);
  if (!promise) {
    promise = new Promise((resolve, reject) => {
      const file = `data/${name}.js`;
      const script = document.createElement("script");
      script.src = file;
      script.onload = () => {
        script.remove();
        if (known.has(name)) resolve(known.get(name));
        else reject(new Trouble(`The file ${file} is damaged. ${AGAIN}`));
      };
      script.onerror = () => {
        script.remove();
        waiting.delete(name);
        reject(new Trouble(`The file ${file} is missing or can’t be read. ${AGAIN}`));
      };
      document.head.append(script);
    });
    waiting.set(name, promise);
  }
  return promise as Promise<T>;
}

export async function loadIndex(): Promise<Index> {
  const index = await load<Index>("index");
  if (index?.schema !== SCHEMA) {
    throw new Trouble(
      `The data are of another version of benchdb than this page (${String(index?.schema)}, ` +
        `not ${SCHEMA}). ${AGAIN}`,
    );
  }
  [index.sessions, ...index.summaries].forEach(unpack);
  return index;
}

/** Fowler, Noll and Vo's hash, variant 1a of 32 bits, over the bytes of UTF-8. */
export function fnv1a(text: string): number {
  let found = 0x811c9dc5;
  const add = (byte: number): void => {
    found = Math.imul(found ^ byte, 0x01000193) >>> 0;
  };
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0; // a lone surrogate is three bytes, as in Python
    if (code < 0x80) {
      add(code);
      continue;
    }
    if (code < 0x800) {
      add(0xc0 | (code >> 6));
    } else {
      if (code < 0x10000) {
        add(0xe0 | (code >> 12));
      } else {
        add(0xf0 | (code >> 18));
        add(0x80 | ((code >> 12) & 0x3f));
      }
      add(0x80 | ((code >> 6) & 0x3f));
    }
    add(0x80 | (code & 0x3f));
  }
  return found;
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, "0");
}

function shard(kind: string, key: string, shards: number): string {
  return `${kind}/${hex(fnv1a(key) % Math.max(shards, 1), 2)}`;
}

export async function loadCase(index: Index, id: string): Promise<CaseHistory> {
  const name = shard("cases", id, index.shards.cases);
  const whole = await load<CaseShard>(name);
  restore(whole);
  const found = whole.cases.find((one) => one.id === id);
  if (!found)
    throw new Trouble(`The file data/${name}.js is older or newer than the rest. ${AGAIN}`);
  return found;
}

/** Put in the sessions that a series shares with the one before it in the file. */
function restore(whole: CaseShard): void {
  let before: number[] = [];
  for (const one of whole.cases.flatMap((each) => each.series)) {
    if (one.at.length === 0) one.at = before;
    before = one.at;
  }
}

export async function loadSession(index: Index, uid: string): Promise<SessionPage> {
  const name = shard("sessions", uid, index.shards.sessions);
  const found = (await load<SessionShard>(name)).sessions.find((one) => one.uid === uid);
  if (!found)
    throw new Trouble(`The file data/${name}.js is older or newer than the rest. ${AGAIN}`);
  return found;
}

export async function loadSource(index: Index, path: string, id: string): Promise<Source | null> {
  const sources = (await load<SourceShard>(shard("sources", path, index.shards.sources))).sources;
  const exact = sources.find((one) => one.test === id);
  if (exact) return exact;
  // the parameters stand in the first bracket behind the test's name
  const at = id.indexOf("[", path.length);
  return (at < 0 ? null : sources.find((one) => one.test === id.slice(0, at))) ?? null;
}

export function loadPair(baseline: string, contender: string): Promise<Pair> {
  return load<Pair>(`compare/${hex(fnv1a(`${baseline}~${contender}`), 8)}`);
}

export function loadReleases(): Promise<HeatMap> {
  return load<HeatMap>("releases");
}

export function loadHealth(): Promise<Health> {
  return load<Health>("health");
}

// Pieces that several pages are made of.

import { h, named, out } from "./dom";
import type { Child } from "./dom";
import { arrow, interval, minute, moved, quantity, share, short } from "./format";
import type { Left } from "./format";
import type { CommitRange, Index } from "./types";
import { href } from "./url";

export function direction(verdict: number): string {
  return verdict > 0 ? "worse" : verdict < 0 ? "better" : "plain";
}

/** An effect with its arrow, coloured by what it means; said in words for who hears it. */
export function effect(value: number | null, verdict: number, left?: Left): HTMLElement {
  const word = verdict > 0 ? "worse" : verdict < 0 ? "better" : "";
  return h(
    "span",
    { class: `effect ${direction(verdict)}` },
    verdict !== 0 && h("span.arrow", { "aria-hidden": "true" }, `${arrow(value)} `),
    moved(value, left),
    word && h("span.heard", ` ${word}`),
  );
}

export function effectAndInterval(
  value: number | null,
  low: number | null,
  high: number | null,
  verdict: number,
  left: Left,
): Child[] {
  const sure = left.outcome ? "" : interval(low, high, left);
  return [effect(value, verdict, left), " ", h("small", sure)];
}

/** What an effect on a metric is on. */
export function leftOf(index: Index, metric: number, before: number | null | undefined): Left {
  const { unit, outcome } = index.metrics[metric];
  return { unit, outcome, before };
}

export function commitUrl(index: Index, commit: string): string {
  return index.links.commit && commit
    ? index.links.commit.replace("{commit}", encodeURIComponent(commit))
    : "";
}

export function commit(index: Index, name: string, length = 8): Node {
  return out(commitUrl(index, name), short(name, length), { class: "hash" });
}

/** Whether the commits of a range are those that the links are of: the main subject's. */
export function compareUrl(index: Index, good: string, bad: string): string {
  if (!index.links.compare || !good || !bad) return "";
  return index.links.compare
    .replace("{good}", encodeURIComponent(good))
    .replace("{bad}", encodeURIComponent(bad));
}

export function sessionLink(index: Index, session: number, text?: string): HTMLElement {
  const uid = index.sessions.uid[session];
  const shown = text ?? `${minute(index.sessions.started[session])}`;
  return h("a", { href: href("session", { uid }) }, shown);
}

export function testLink(
  index: Index,
  series: number,
  state: Record<string, string | null> = {},
): HTMLElement {
  const table = index.series;
  const at = table.case[series];
  return h(
    "a.test",
    { href: testHref(index, series, state), title: index.cases.id[at] },
    named(index.cases.name[at]),
  );
}

export function testHref(
  index: Index,
  series: number,
  state: Record<string, string | null> = {},
): string {
  const table = index.series;
  return href("test", {
    id: index.cases.id[table.case[series]],
    env: conditionsOf(index, series),
    version: table.version[series],
    ...state,
  });
}

export function caseLink(index: Index, at: number): HTMLElement {
  const id = index.cases.id[at];
  return h("a.test", { href: href("test", { id }), title: id }, named(index.cases.name[at]));
}

/** A link to a case by its id, where it is known. */
export function idLink(index: Index, id: string): HTMLElement {
  const at = index.cases.id.indexOf(id);
  return at < 0 ? named(id) : h("a.test", { href: href("test", { id }) }, named(id));
}

/** What a series has come to: its level, or in how many of its sessions it failed. */
export function nowOf(index: Index, series: number): string {
  const metric = index.metrics[index.series.metric[series]];
  const value = index.series.now[series];
  return metric?.outcome ? share(value) : quantity(value, metric?.unit ?? "");
}

export function conditionsOf(index: Index, series: number): string {
  return index.conditions[index.series.conditions[series]]?.label ?? "";
}

/** The last part of a path of tests, without the ending. */
export function moduleName(path: string): string {
  return path.replace(/^.*\//, "").replace(/\.py$/, "");
}

/** How an event stands, in words. */
export function stateName(state: string): string {
  return state === "wont-fix" ? "won’t fix" : state;
}

export function badge(text: Child, title?: string): HTMLElement {
  return h("span.badge", { title }, text);
}

/** What changed between two versions of a package, with words where one is missing. */
export function packageBadge(name: string, before: string, after: string): HTMLElement {
  if (!before) return badge(named(`${name} ${after}, new`));
  if (!after) return badge(named(`${name} ${before}, gone`));
  return badge(named(`${name} ${before} → ${after}`));
}

/** What is not the same: kind, name, before, after. Packages need no word for their kind. */
export function differenceBadges(rows: string[][], most: number): Child[] {
  const shown: Child[] = [];
  for (const [kind = "", name = "", before = "", after = ""] of rows.slice(0, most)) {
    const what = kind.startsWith("package") ? name : [kind, name].filter(Boolean).join(" ");
    shown.push(packageBadge(what, before, after), " ");
  }
  if (rows.length > most) {
    const rest = rows.slice(most).map((one) => `${one[1] ?? ""} ${one[2] ?? ""} → ${one[3] ?? ""}`);
    shown.push(badge(`and ${rows.length - most} more`, rest.slice(0, 40).join("\n")));
  }
  return shown;
}

/** Buttons of which one is pressed. */
export function choice(
  label: string,
  options: [string, Child][],
  chosen: string,
  choose: (value: string) => void,
  hint: Record<string, string> = {},
): HTMLElement {
  const buttons = options.map(([value, text]) =>
    h(
      "button",
      {
        "aria-pressed": value === chosen ? "true" : "false",
        "data-value": value,
        title: hint[value],
        onclick: () => {
          for (const one of buttons) {
            one.setAttribute("aria-pressed", one.dataset.value === value ? "true" : "false");
          }
          choose(value);
        },
      },
      text,
    ),
  );
  return h("div.choice", { role: "group", "aria-label": label }, ...buttons);
}

export function select(
  label: string,
  options: [string, string][],
  chosen: string,
  choose: (value: string) => void,
): HTMLSelectElement {
  const element = h(
    "select",
    { "aria-label": label, onchange: () => choose(element.value) },
    ...options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
  );
  return element;
}

/** Which metric: buttons where they fit, else a list. */
export function metricChoice(
  index: Index,
  metrics: number[],
  chosen: number,
  choose: (metric: number) => void,
): HTMLElement {
  const options = metrics.map((at): [string, string] => [
    String(at),
    metricLabel(index, at, metrics),
  ]);
  if (options.length < 2) return h("span");
  const pick = (value: string): void => choose(Number(value));
  const letters = options.reduce((sum, one) => sum + one[1].length + 4, 0);
  return letters <= 70
    ? choice("Metric", options, String(chosen), pick)
    : select("Metric", options, String(chosen), pick);
}

/** What a metric is called; its unit is told where two differ by that alone. */
export function metricLabel(index: Index, at: number, among?: number[]): string {
  const one = index.metrics[at];
  if (!one) return "";
  const others = among ?? index.metrics.map((_, number) => number);
  const twin = others.some((other) => other !== at && index.metrics[other]?.label === one.label);
  return twin ? `${one.label} (${one.unit})` : one.label;
}

/** The metric of the address: by its name, with its unit where that is needed. */
export function metricKey(index: Index, at: number): string {
  const one = index.metrics[at];
  if (!one) return "";
  const twin = index.metrics.some((other, number) => number !== at && other.name === one.name);
  return twin ? `${one.name} ${one.unit}` : one.name;
}

export function metricOf(index: Index, key: string | undefined, among: number[]): number {
  return among.find((at) => metricKey(index, at) === key) ?? among[0] ?? 0;
}

export function card(count: Child, label: Child, kind = ""): HTMLElement {
  return h("div", { class: `card figure ${kind}` }, h("p.count", count), h("p.label", label));
}

/** A text to paste, with a button that copies it. */
export function command(text: string, label: string): HTMLElement {
  const said = h("span", { role: "status" });
  const button = h("button.copy", { "aria-label": `Copy: ${label}` }, "Copy");
  let timer = 0;
  button.addEventListener("click", () => {
    void copy(text).then((done) => {
      button.focus();
      said.textContent = done ? "Copied" : "Select and copy it";
      clearTimeout(timer);
      timer = window.setTimeout(() => (said.textContent = ""), 4000);
    });
  });
  return h(
    "div.command",
    h("pre", { tabindex: 0, role: "group", "aria-label": label }, text),
    h("div.copying", button, said),
  );
}

/** Copy a text; whether that was allowed. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", text);
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy"); // the only way where a page is not secure
    area.remove();
    return done;
  }
}

/** The commits of a range, the newest of them by name. */
export function commitList(index: Index, range: CommitRange, main: boolean): HTMLElement {
  return h(
    "ul.commits",
    ...range.commits.map((one) =>
      h(
        "li",
        main ? commit(index, one.commit) : h("span.hash", short(one.commit)),
        " ",
        named(one.subject),
        " ",
        h("small", named(one.author)),
      ),
    ),
    range.more > 0 && h("li", h("small", `and ${range.more} more`)),
  );
}

/** A part of a page in a frame, with its heading. */
export function section(id: string, title: string, ...content: Child[]): HTMLElement {
  const heading = `${id}-title`;
  return h(
    "section.card",
    { id, "aria-labelledby": heading },
    h("h2", { id: heading }, title),
    ...content,
  );
}

/** A table of few rows, of cells or of rows that are made already. */
export function plainTable(
  label: string,
  head: string[],
  rows: (Child[] | HTMLTableRowElement)[],
): HTMLElement {
  return h(
    "div.scroll",
    { tabindex: 0 },
    h(
      "table.plain",
      { "aria-label": label, class: head.length > 3 ? "plain wide" : "plain" },
      h("thead", h("tr", ...head.map((one, at) => headOf(one, rows[0], at)))),
      h(
        "tbody",
        ...rows.map((row) =>
          row instanceof Element
            ? row
            : h("tr", ...row.map((one, at) => cellOf(one, at, head[at] ?? ""))),
        ),
      ),
    ),
  );
}

/** Numbers and values stand at the right. */
function isNumber(cell: Child, at: number): boolean {
  return (
    at > 0 && (typeof cell !== "object" || (cell instanceof Element && cell.matches(".effect")))
  );
}

function cellOf(cell: Child, at: number, head: string): HTMLElement {
  return h(isNumber(cell, at) ? "td.number" : "td", { "data-head": head }, cell);
}

/** A heading stands above what it names. */
function headOf(
  text: string,
  row: Child[] | HTMLTableRowElement | undefined,
  at: number,
): HTMLElement {
  const number =
    row instanceof Element
      ? !!row.children[at]?.matches(".number")
      : !!row && isNumber(row[at], at);
  return h(number ? "th.number" : "th", { scope: "col" }, text);
}

/** Wait with what a reader types until the hand rests. */
export function rested(call: () => void, milliseconds = 80): () => void {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(call, milliseconds);
  };
}

/** Whether all words of a search are in a text. */
export function matches(words: string[], text: string): boolean {
  return words.every((word) => text.includes(word));
}

export function wordsOf(query: string): string[] {
  return query.toLowerCase().split(/\s+/).filter(Boolean);
}

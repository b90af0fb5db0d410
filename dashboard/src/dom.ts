// Elements from text: nothing here ever parses markup, so that no name can become any.

export type Child = Node | string | number | null | undefined | false;
type Value = string | number | boolean | null | undefined | ((event: never) => void);

const SVG = "http://www.w3.org/2000/svg";

type Attributes = Record<string, Value>;

type Tag<K extends string> = K | `${K}.${string}`;

/** An element: its tag, with classes behind points; attributes and listeners (`onclick`); children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: Tag<K>,
  ...content: (Attributes | Child)[]
): HTMLElementTagNameMap[K] {
  const [name = "", ...classes] = tag.split(".");
  const element = document.createElement(name) as HTMLElementTagNameMap[K];
  if (name === "button") element.setAttribute("type", name);
  return filled(element, classes, content);
}

/** The same in SVG. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: Tag<K>,
  ...content: (Attributes | Child)[]
): SVGElementTagNameMap[K] {
  const [name = "", ...classes] = tag.split(".");
  return filled(document.createElementNS(SVG, name) as SVGElementTagNameMap[K], classes, content);
}

function filled<T extends Element>(
  element: T,
  classes: string[],
  content: (Attributes | Child)[],
): T {
  if (classes.length > 0) element.setAttribute("class", classes.join(" "));
  for (const one of content) {
    if (one && typeof one === "object" && !(one instanceof Node)) set(element, one);
    else append(element, [one]);
  }
  return element;
}

function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      if (name === "style" || (name === "href" && !isSafe(String(value)))) continue;
      element.setAttribute(name, String(value));
    }
  }
}

export function append(element: Element, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === "number" ? String(child) : child);
  }
}

export function replace(element: Element, ...children: Child[]): void {
  element.textContent = "";
  append(element, children);
}

/** Whether an address may become a link: http(s), or relative, in which no scheme can hide. */
export function isSafe(address: string): boolean {
  if (/^https?:\/\//i.test(address)) return true;
  return !/[\u0000-\u0020\\]/.test(address) && !/^[^/?#]*:/.test(address) && !/^\/\//.test(address);
}

/** A link that leaves the page; plain text where the address is none. */
export function out(address: string, text: string, attributes: Record<string, Value> = {}): Node {
  if (!address || !isSafe(address)) return h("span", attributes, text);
  return h("a", { ...attributes, href: address, rel: "noopener noreferrer" }, text);
}

/** A name of others: it keeps its own direction, so that it can't turn what stands around it. */
export function named(text: string, attributes: Record<string, Value> = {}): HTMLElement {
  return h("bdi", { ...attributes, ...balance(text) }, text);
}

/**
 * What marks of direction in a name leave open or close too often: the style sheet puts it around,
 * as such a mark would end the isolation of its element, or swallow that end.
 */
function balance(text: string): Record<string, Value> {
  let [open, closed] = [0, 0];
  for (const [mark] of text.matchAll(/[\u2066-\u2069]/g)) {
    if (mark !== "\u2069") open++;
    else if (open > 0) open--;
    else closed++;
  }
  return {
    "data-before": closed > 0 && "\u2068".repeat(closed),
    "data-after": open > 0 && "\u2069".repeat(open),
  };
}

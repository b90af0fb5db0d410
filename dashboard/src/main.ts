// Starts the page: its frame, the keys that hold everywhere, and the page that the address names.

import { Trouble, have, loadIndex, receive } from "./data";
import { h, replace } from "./dom";
import { minute, plural } from "./format";
import * as keys from "./keys";
import type { Page, Shown } from "./page";
import { compare } from "./pages/compare";
import { health } from "./pages/health";
import { overview } from "./pages/overview";
import { releases } from "./pages/releases";
import { session } from "./pages/session";
import { test } from "./pages/test";
import * as theme from "./theme";
import type { Index } from "./types";
import { href, read } from "./url";

const PAGES = new Map<string, Page>([
  ["", overview],
  ["test", test],
  ["compare", compare],
  ["releases", releases],
  ["session", session],
  ["health", health],
]);
const LINKS: [string, string][] = [
  ["", "Overview"],
  ["compare", "Compare"],
  ["releases", "Releases"],
  ["session", "Sessions"],
  ["health", "Health"],
];

let index: Index | null = null;
let shown: Shown | null = null;
let turn = 0;

function app(): HTMLElement {
  return document.getElementById("app") ?? document.body;
}

function frame(known: Index): void {
  const sessions = known.sessions.uid.length;
  const facts = [
    known.newest === null ? "" : `newest ${minute(known.newest)} UTC`,
    plural(sessions, "session"),
    plural(known.series.case.length, "series", "series"),
  ];
  const header = h(
    "header.top",
    { id: "top" },
    h("a.skip", { href: "#app", onclick: skip }, "Skip to the content"),
    h("strong.brand", h("bdi", known.title)),
    h(
      "nav",
      { "aria-label": "Pages" },
      ...LINKS.map(([page, text]) => h("a", { href: href(page), "data-page": page }, text)),
    ),
    h("span.built", facts.filter(Boolean).join(" · ")),
    h(
      "button",
      {
        id: "theme",
        title: "Light or dark (t)",
        "aria-label": "Light or dark",
        onclick: () => theme.toggle(),
      },
      "◐",
    ),
    h(
      "button",
      { id: "keys", title: "Keys (?)", "aria-label": "Keys", onclick: keys.toggleHelp },
      "?",
    ),
  );
  document.getElementById("top")?.remove();
  document.body.insertBefore(header, app());
}

function skip(event: Event): void {
  event.preventDefault();
  app().focus();
}

async function route(): Promise<void> {
  const mine = ++turn;
  const place = read();
  const page = PAGES.get(place.page);
  try {
    const known = (index ??= await loadIndex());
    if (!document.getElementById("top")) frame(known);
    for (const link of document.querySelectorAll<HTMLElement>("nav [data-page]")) {
      if (link.dataset.page !== place.page) {
        link.removeAttribute("aria-current");
        continue;
      }
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" }); // a phone's menu scrolls
    }
    if (!page) throw new Trouble(`This site has no page “${place.page}”.`);
    const made = await page(known, place.state);
    if (mine !== turn) return; // the reader went on meanwhile
    shown?.stop?.();
    shown = made;
    document.title = `${made.title} · ${known.title}`;
    keys.use(made.keys ?? []);
    const held = place.page === drawn ? handle(document.activeElement) : "";
    drawn = place.page;
    replace(app(), made.element);
    made.start?.();
    if (first) first = false;
    else if (!app().contains(document.activeElement)) {
      const again = held ? document.querySelector<HTMLElement>(held) : null;
      (again ?? app()).focus({ preventScroll: true });
    }
    app().dataset.page = document.documentElement.dataset.ready = place.page || "overview";
    performance.mark("ready");
  } catch (error) {
    if (mine !== turn) return;
    shown?.stop?.();
    shown = null;
    keys.use([]);
    const words =
      error instanceof Trouble ? error.message : `This page could not be drawn: ${String(error)}`;
    if (!(error instanceof Trouble)) console.error(error);
    replace(
      app(),
      h("h1", "Nothing to show"),
      h("p.trouble", { role: "alert" }, words),
      index && h("p", h("a", { href: href("") }, "To the overview")),
    );
    document.documentElement.dataset.ready = "trouble";
  }
}

let first = true;
let drawn = "";

/** What finds a control again when its page is drawn anew: a selector, or nothing. */
function handle(element: Element | null): string {
  if (!element || !app().contains(element)) return "";
  if (element.id) return `#${CSS.escape(element.id)}`;
  const [value, label] = [element.getAttribute("data-value"), element.getAttribute("aria-label")];
  if (label && element.matches("select")) return `select[aria-label="${CSS.escape(label)}"]`;
  const group = element.closest("[role=group]")?.getAttribute("aria-label");
  if (value === null || !group) return "";
  return `[aria-label="${CSS.escape(group)}"] [data-value="${CSS.escape(value)}"]`;
}

function start(): void {
  app().setAttribute("tabindex", "-1");
  keys.start([
    { keys: ["t"], shown: "t", does: "light or dark", call: () => theme.toggle() },
    {
      keys: ["/"],
      shown: "/",
      does: "search",
      call: () => {
        const box = document.querySelector<HTMLInputElement>("input[type=search]");
        if (box) box.focus();
        else location.hash = href("", { focus: "search" });
      },
    },
    {
      keys: ["Escape"],
      shown: "Esc",
      does: "empty the search, or leave it",
      call: () => {
        const box = document.activeElement;
        if (!(box instanceof HTMLInputElement)) return;
        if (box.value && box.type === "search") {
          box.value = "";
          box.dispatchEvent(new Event("input"));
        } else {
          box.blur();
        }
      },
    },
  ]);
  window.addEventListener("hashchange", () => {
    window.scrollTo(0, 0);
    void route();
  });
  void route();
}

// An index that comes as a script of its own is waited for: until then there is nothing to draw.
let begun = false;
function begin(): void {
  if (begun || !document.getElementById("app")) return;
  begun = true;
  start();
}

theme.start();
receive((name) => {
  if (name === "index") begin();
});
if (have("index") || document.readyState === "complete") begin();
document.addEventListener("DOMContentLoaded", begin);
window.addEventListener("load", begin);

// Keys, and the window that tells them.

import { h } from "./dom";

export interface Key {
  keys: string[];
  shown: string;
  does: string;
  call: (event: KeyboardEvent) => void;
}

let common: Key[] = [];
let own: Key[] = [];
let help: HTMLDialogElement | null = null;

export function start(keys: Key[]): void {
  common = [...keys, { keys: ["?"], shown: "?", does: "this help", call: toggleHelp }];
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = event.target instanceof Element ? event.target : null;
    const typing = target?.matches("input, textarea, select");
    if (typing && event.key !== "Escape") return;
    if (help?.open && event.key !== "?") return;
    // Enter on a link or a button is theirs
    if (event.key === "Enter" && target?.closest("a, button, summary")) return;
    const found = [...own, ...common].find((one) => one.keys.includes(event.key));
    if (!found) return;
    if (event.key !== "Escape") event.preventDefault();
    found.call(event);
  });
}

/** The keys of the page that is shown. */
export function use(keys: Key[]): void {
  own = keys;
}

export function toggleHelp(): void {
  if (help?.open) {
    help.close();
    return;
  }
  help?.remove();
  help = h(
    "dialog",
    { id: "help", "aria-labelledby": "help-title" },
    h("h2", { id: "help-title" }, "Keys"),
    h(
      "dl",
      ...[...own, ...common].flatMap((one) => [
        h("dt", ...one.shown.split(" ").map((key) => h("kbd", key))),
        h("dd", one.does),
      ]),
    ),
    h("button", { onclick: () => help?.close() }, "Close"),
  );
  document.body.append(help);
  help.showModal();
}

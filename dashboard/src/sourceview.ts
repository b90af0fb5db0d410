// The source of a test, as text with the numbers of its lines.

import { Trouble, loadSource } from "./data";
import { h, named, replace } from "./dom";
import type { Index } from "./types";

export function sourceView(index: Index, at: number): HTMLElement {
  const path = index.cases.path[at];
  const element = h("div", { id: "source" }, h("p.empty", "Loading …"));
  loadSource(index, path, index.cases.id[at]).then(
    (source) => {
      if (!source) {
        replace(element, h("p.empty", "Its source is not in the site."));
        return;
      }
      const lines = source.text.replace(/\n$/, "").split("\n");
      replace(
        element,
        h("p", h("small", named(`${path}:${source.line}`), ", as the file is now")),
        h(
          "pre.source",
          { tabindex: 0, "aria-label": "Source" },
          ...lines.map((line, number) =>
            h("span.line", { "data-line": source.line + number }, `${line}\n`),
          ),
        ),
      );
    },
    (error: unknown) => {
      const words = error instanceof Trouble ? error.message : String(error);
      replace(element, h("p.trouble", { role: "alert" }, words));
    },
  );
  return element;
}

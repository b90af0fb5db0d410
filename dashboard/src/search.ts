// A search above a table: the box, how many rows it left, and the order that the address keeps.

import { h } from "./dom";
import { matches, rested, wordsOf } from "./parts";
import type { VirtualTable, Order } from "./table";
import { update } from "./url";

export interface Search {
  box: HTMLInputElement;
  count: HTMLElement;
  /** Show those of some rows that the search finds. */
  show: <Row>(
    table: VirtualTable<Row>,
    rows: Row[],
    text: (row: Row) => string,
    all: number,
  ) => void;
}

export function search(
  what: string,
  hint: string,
  query: string | undefined,
  draw: () => void,
): Search {
  const box = h("input", {
    type: "search",
    id: "search",
    placeholder: `${hint} ( / )`,
    "aria-label": `Search ${what}`,
    value: query,
    autocomplete: "off",
    spellcheck: "false",
    oninput: rested(draw),
  });
  const count = h("span.of", { role: "status", id: "shown" });
  return {
    box,
    count,
    show: (table, rows, text, all) => {
      const words = wordsOf(box.value);
      const found =
        words.length > 0 ? rows.filter((row) => matches(words, text(row).toLowerCase())) : rows;
      count.textContent = `${found.length} of ${all}`;
      update({ q: box.value.trim() });
      table.show(found);
    },
  };
}

/** The order that the address names, kept there as it changes; by default the largest first. */
export function ordered(
  sort: string | undefined,
  key: string,
): { order: Order; onOrder: (order: Order) => void } {
  return {
    order: sort
      ? { key: sort.replace(/^-/, ""), falling: sort.startsWith("-") }
      : { key, falling: true },
    onOrder: (to) =>
      update({ sort: to.key === key && to.falling ? null : `${to.falling ? "-" : ""}${to.key}` }),
  };
}

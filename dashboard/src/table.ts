// A table of many rows: only those in sight are in the document.

import { append, h, replace } from "./dom";
import type { Child } from "./dom";

export interface Column<Row> {
  key: string;
  title: string;
  /** Styles by the name of the class: width and what a phone leaves out. */
  kind: string;
  cell: (row: Row) => Child | Child[];
  /** What to sort by; null and NaN stand last either way. */
  sort?: (row: Row) => number | string | null;
  /** Sorted from the largest first. */
  falling?: boolean;
  hint?: string;
}

export interface Order {
  key: string;
  falling: boolean;
}

export interface Options<Row> {
  label: string;
  /** Styles by the name of the class, of all. */
  kind: string;
  columns: Column<Row>[];
  order?: Order;
  onOrder?: (order: Order) => void;
  onRow?: (row: Row) => void;
  empty: string;
}

const SPARE = 12;
/** Rows on paper: ten pages or so. */
const PRINTED = 400;

export class VirtualTable<Row> {
  readonly element: HTMLElement;
  private readonly body = h("tbody");
  private readonly table: HTMLTableElement;
  private readonly head: HTMLTableRowElement;
  private readonly none: HTMLElement;
  private readonly rest = h("p.on-paper");
  private rows: Row[] = [];
  private sorted: Row[] = [];
  private height = 38;
  private shown = "";
  private order: Order | null;
  private readonly redraw = (): void => this.draw();

  constructor(private readonly options: Options<Row>) {
    this.order = options.order ?? null;
    this.head = h("tr");
    this.none = h("p.empty", { hidden: true }, options.empty);
    this.table = h(
      "table.rows",
      { "aria-label": options.label, class: `rows ${options.kind}` },
      h("colgroup", ...options.columns.map((one) => h("col", { class: `c-${one.kind}` }))),
      h("thead", this.head),
      this.body,
    );
    this.element = h("div.card.table-card", this.table, this.none, this.rest);
    this.body.addEventListener("keydown", (event) => this.step(event));
    this.body.addEventListener("click", (event) => this.click(event));
    window.addEventListener("scroll", this.redraw, { passive: true });
    window.addEventListener("resize", this.redraw);
    window.addEventListener("beforeprint", this.redraw);
    window.addEventListener("afterprint", this.redraw);
    this.drawHead();
  }

  destroy(): void {
    for (const name of ["scroll", "resize", "beforeprint", "afterprint"]) {
      window.removeEventListener(name, this.redraw);
    }
  }

  show(rows: Row[]): void {
    this.rows = rows;
    this.sort();
  }

  /** What is shown, in its order. */
  get all(): readonly Row[] {
    return this.sorted;
  }

  private sort(): void {
    const column = this.options.columns.find((one) => one.key === this.order?.key);
    const value = column?.sort;
    if (value && this.order) {
      const sign = this.order.falling ? -1 : 1;
      const keyed = this.rows.map((row) => ({ row, key: value(row) }));
      keyed.sort((one, two) => sign * compared(one.key, two.key, sign));
      this.sorted = keyed.map((one) => one.row);
    } else {
      this.sorted = this.rows;
    }
    this.shown = "";
    this.table.setAttribute("aria-rowcount", String(this.sorted.length + 1));
    this.none.hidden = this.sorted.length > 0;
    this.rest.textContent =
      this.sorted.length > PRINTED
        ? `The first ${PRINTED} of ${this.sorted.length} rows: the page sorts and filters them.`
        : "";
    this.drawHead();
    this.draw();
  }

  private drawHead(): void {
    replace(
      this.head,
      ...this.options.columns.map((column) => {
        const active = this.order?.key === column.key;
        const sort = active ? (this.order?.falling ? "descending" : "ascending") : null;
        const attributes = { scope: "col", class: `c-${column.kind}`, "aria-sort": sort };
        if (!column.sort) return h("th", { ...attributes, title: column.hint }, column.title);
        const mark = active ? (this.order?.falling ? " ↓" : " ↑") : "";
        const press = (): void => this.press(column);
        return h(
          "th",
          attributes,
          h(
            "button.sort",
            { "data-sort": column.key, title: column.hint, onclick: press },
            column.title,
            h("span", { "aria-hidden": "true" }, mark),
          ),
        );
      }),
    );
  }

  private press(column: Column<Row>): void {
    const same = this.order?.key === column.key;
    this.order = {
      key: column.key,
      falling: same ? !this.order?.falling : (column.falling ?? false),
    };
    this.options.onOrder?.(this.order);
    this.sort();
    this.head.querySelector<HTMLElement>(`[data-sort="${column.key}"]`)?.focus();
  }

  /** Draw the rows that are in sight, between two rows as high as what is left out. */
  private draw(): void {
    const printing = document.documentElement.classList.contains("printing");
    const top = this.body.getBoundingClientRect().top;
    const count = this.sorted.length;
    let from = Math.max(0, Math.floor(-top / this.height) - SPARE);
    let to = Math.min(count, Math.ceil((window.innerHeight - top) / this.height) + SPARE);
    if (printing) [from, to] = [0, Math.min(count, PRINTED)];
    from = Math.min(from, Math.max(0, count - 1));
    to = Math.max(to, Math.min(count, from + 1));
    const key = `${from}-${to}-${printing}`;
    if (key === this.shown) return;
    this.shown = key;
    const focused = this.body.contains(document.activeElement)
      ? document.activeElement?.closest("tr")?.dataset.row
      : undefined;
    const rows: HTMLElement[] = [];
    for (let at = from; at < to; at++) rows.push(this.row(at));
    replace(
      this.body,
      this.space(printing ? 0 : from * this.height),
      ...rows,
      this.space(printing ? 0 : (count - to) * this.height),
    );
    const measured = rows[0]?.offsetHeight ?? 0;
    if (measured > 0 && Math.abs(measured - this.height) > 0.5 && !printing) {
      this.height = measured;
      this.draw();
    }
    if (focused !== undefined) this.focus(Number(focused));
  }

  private space(height: number): HTMLElement {
    const row = h("tr", { "aria-hidden": "true", class: "space" });
    row.style.height = `${height}px`;
    return row;
  }

  private row(at: number): HTMLElement {
    const row = this.sorted[at] as Row;
    const element = h("tr", { "aria-rowindex": at + 2, "data-row": at });
    for (const column of this.options.columns) {
      const cell = column.cell(row);
      const data = h("td", { class: `c-${column.kind}` });
      append(data, Array.isArray(cell) ? cell : [cell]);
      element.append(data);
    }
    return element;
  }

  private click(event: MouseEvent): void {
    const target = event.target as Element;
    if (!this.options.onRow || target.closest("a, button")) return;
    if (String(window.getSelection() ?? "") !== "") return;
    const at = target.closest("tr")?.dataset.row;
    const row = at === undefined ? undefined : this.sorted[Number(at)];
    if (row !== undefined) this.options.onRow(row);
  }

  private step(event: KeyboardEvent): void {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    const at = (event.target as Element).closest("tr")?.dataset.row;
    if (!by || at === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.max(0, Math.min(this.sorted.length - 1, Number(at) + by));
    const edge = this.body.getBoundingClientRect().top + next * this.height;
    if (edge < 80) window.scrollBy(0, edge - 80);
    if (edge + this.height > window.innerHeight) {
      window.scrollBy(0, edge + this.height - window.innerHeight);
    }
    this.draw();
    this.focus(next);
  }

  private focus(at: number): void {
    this.body.querySelector<HTMLElement>(`[data-row="${at}"] a`)?.focus({ preventScroll: true });
  }
}

function compared(one: number | string | null, two: number | string | null, sign: number): number {
  const gone = (value: number | string | null): boolean => value === null || Number.isNaN(value);
  if (gone(one) || gone(two)) return gone(one) === gone(two) ? 0 : gone(one) ? sign : -sign;
  if (typeof one === "string" || typeof two === "string") {
    return String(one).localeCompare(String(two), "en", { numeric: true });
  }
  return (one as number) - (two as number);
}

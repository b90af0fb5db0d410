// Files of comma-separated values, made of what a page shows.

import { h } from "./dom";

type Cell = string | number | null;

/** A cell of CSV; one that a spreadsheet would take for a formula is made text. */
function cell(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

/** Have the browser save rows, by a name that may be anything. */
export function saveCsv(name: string, rows: Cell[][]): void {
  const lines = rows.map((row) => row.map(cell).join(","));
  const blob = new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" });
  const link = h("a", { download: `${name.replace(/[^\w.-]+/g, "-").slice(0, 100)}.csv` });
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

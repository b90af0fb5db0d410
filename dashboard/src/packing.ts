// Long columns are written short: the inverse of src/benchdb/dashboard/packing.py.

interface Packed {
  mostly?: unknown;
  count?: number;
  names?: unknown[];
  at?: number[];
  are?: unknown[];
  steps?: number[];
  lines?: string;
}

/** Put the columns of a record in place of what they are packed as. */
export function unpack(record: object): void {
  for (const [name, column] of Object.entries(record)) {
    if (typeof column !== "object" || column === null || Array.isArray(column)) continue;
    (record as Record<string, unknown>)[name] = unpacked(column as Packed);
  }
}

function unpacked({ mostly, count, names, at = [], are = [], steps, lines }: Packed): unknown[] {
  if (lines !== undefined) return lines.split("\n");
  if (names) return at.map((number) => names[number]);
  if (steps) {
    let sum = 0;
    return steps.map((one) => (sum += one));
  }
  const found = new Array<unknown>(count ?? 0).fill(mostly);
  at.forEach((place, number) => (found[place] = are[number]));
  return found;
}

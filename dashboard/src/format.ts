// Numbers for people: three digits, a true minus, a unit for each value; times in UTC.

const SECONDS: [number, string][] = [
  [3600, "h"],
  [60, "min"],
  [1, "s"],
  [1e-3, "ms"],
  [1e-6, "µs"],
  [1e-9, "ns"],
];
const BYTES: [number, string][] = [
  [2 ** 50, "PiB"],
  [2 ** 40, "TiB"],
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
  [1, "B"],
];
const COUNTS: [number, string][] = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
  [1, ""],
];

function signed(text: string): string {
  return text.replace(/^-/, "−");
}

/** Three digits, without an exponent where one can do without. */
export function digits(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e6 || size < 1e-4) return signed(value.toExponential(2));
  const rounded = Number(value.toPrecision(3));
  const whole = Math.floor(Math.log10(Math.abs(rounded))) + 1;
  return signed(rounded.toFixed(Math.max(0, 3 - whole)));
}

function scaled(value: number, scale: [number, string][], suffix: string): string {
  const size = Math.abs(Number(value.toPrecision(3)));
  // minutes and hours only where seconds would need a fifth digit
  const chosen =
    scale.find(([factor], at) => size >= (scale === SECONDS && at < 2 ? factor * 20 : factor)) ??
    scale[scale.length - 1];
  if (!chosen || value === 0) return `0${suffix ? ` ${suffix}` : ""}`;
  const [factor, prefix] = chosen;
  const unit = `${prefix}${suffix}`;
  const number =
    size / factor >= 1000 && size / factor < 1e6 ? grouped(value / factor) : digits(value / factor);
  return unit ? `${number} ${unit}` : number;
}

function grouped(value: number): string {
  return signed(String(Number(value.toPrecision(4)))).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** A value in its unit: 1.21 s, 283 MiB, 5. */
export function quantity(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const [base = "", per] = unit.split("/");
  const rest = per === undefined ? "" : `/${per}`;
  if (base === "s" && !rest) return scaled(value, SECONDS, "");
  if (base === "B") {
    const text = scaled(value, BYTES, "");
    return (value === 0 ? `${text} B` : text) + rest;
  }
  if (base === "1" || base === "") return scaled(value, COUNTS, "") + rest;
  if (unit === "%") return `${digits(value)} %`;
  return `${digits(value)} ${unit}`;
}

function isWhole(value: number): boolean {
  return value > 0.5 && Math.abs(value - Math.round(value)) < 1e-6;
}

/** In which unit the labels of an axis are, by its largest value: the factor and its name. */
export function axisUnit(most: number, unit: string): [number, string] {
  const base = unit.split("/")[0] ?? "";
  const scale = base === "s" ? SECONDS.slice(2) : base === "B" ? BYTES : null;
  const [factor, name] = scale?.find(([size]) => most >= size) ?? [1, base === "1" ? "" : base];
  return [factor, `${name}${unit.slice(base.length)}`];
}

/** The labels of an axis: one unit for all, and as many digits as tell them apart. */
export function ticks(values: number[], step: number, most: number, unit: string): string[] {
  const [factor, name] = axisUnit(most, unit);
  const places = [0, 1, 2, 3].find((one) => isWhole((step / factor) * 10 ** one)) ?? 4;
  const number = (value: number): string =>
    factor === 1 && (most >= 1e5 || (most > 0 && most < 1e-3))
      ? quantity(value, "1")
      : signed((value / factor).toFixed(places));
  return values.map((value) => `${number(value)}${name ? ` ${name}` : ""}`);
}

/** What an effect is on: a metric, and the level that it left. */
export interface Left {
  unit: string;
  outcome: boolean;
  before: number | null | undefined;
}

/**
 * An effect with its sign: +12.9 %, −0.3 %; from tenfold on as ×12.3; null where the level was 0.
 * Of a level below 0 the difference is told: a share of it reads as if it went to 0.
 */
export function change(share: number | null, left?: Left): string {
  if (share === null) return "from 0";
  const text = bare(share, left);
  return share >= 9 || isBelow(left) ? text : `${text} %`;
}

/** An effect on a metric: what counts outcomes has none in per cent, as it mostly was 0. */
export function moved(share: number | null, left?: Left): string {
  if (!left?.outcome) return change(share, left);
  return share === null || share > 0 ? "more often" : share < 0 ? "less often" : "as often";
}

function isBelow(left: Left | undefined): left is Left & { before: number } {
  return (left?.before ?? 0) < 0;
}

function bare(share: number, left?: Left): string {
  if (isBelow(left)) {
    const size = quantity(Math.abs(share * left.before), left.unit);
    return `${share > 0 ? "+" : share < 0 ? "−" : ""}${size}`;
  }
  if (share >= 9) return `×${digits(1 + share)}`;
  const text = (share * 100).toFixed(1);
  if (Number(text) === 0) return "±0.0";
  return share > 0 ? `+${text}` : signed(text);
}

/** An interval: +10.4 … +15.4. */
export function interval(
  low: number | null | undefined,
  high: number | null | undefined,
  left?: Left,
): string {
  const end = (one: number | null | undefined): string =>
    one === null || one === undefined ? "?" : bare(one, left);
  if ((low ?? null) === null && (high ?? null) === null) return "";
  const [from, to] = [end(low), end(high)];
  const unit = / \S+$/.exec(to)?.[0];
  return `${unit && from.endsWith(unit) ? from.slice(0, -unit.length) : from} … ${to}`;
}

/** A share without a sign: 2.0 %. */
export function share(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const hundred = value * 100;
  return `${hundred >= 10 ? hundred.toFixed(0) : hundred.toFixed(1)} %`;
}

export function arrow(effect: number | null): string {
  if (effect === 0) return "";
  return effect === null || effect > 0 ? "▲" : "▼";
}

function instant(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString();
}

export function day(seconds: number): string {
  return instant(seconds).slice(0, 10);
}

export function minute(seconds: number): string {
  return instant(seconds).slice(0, 16).replace("T", " ");
}

/** The first letters of a commit or a uid. */
export function short(name: string, length = 8): string {
  return name.slice(0, length);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** A word for a shell, whatever is in it. */
export function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (/[\u0000-\u001f\u007f-\u009f]/.test(word)) {
    const escaped = word
      .replace(/[\\']/g, "\\$&")
      .replace(
        /[\u0000-\u001f\u007f-\u009f]/g,
        (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
    return `$'${escaped}'`;
  }
  return `'${word.replace(/'/g, "'\\''")}'`;
}

// One metric of a test over its sessions. uPlot keeps the scales, the axes and the cursor; what is
// drawn, is drawn here.

import uPlot from "uplot";
import { arrow, change, day, minute, ticks } from "./format";
import { colour } from "./theme";
import type { PointSeries } from "./types";

/** The sessions that all charts of a page stand on. */
export interface Axis {
  /** Numbers of sessions. */
  sessions: number[];
  /** Where each stands: its number on the axis, or its instant. */
  x: number[];
  dates: boolean;
  label: (at: number) => number;
  releases: [number, string][];
  /** Where the machine is another than before. */
  marks: number[];
  failed: number[];
  lost: number[];
}

export interface Plot {
  axis: Axis;
  unit: string;
  series: PointSeries;
  /** Of each place of the axis the value, null where there is none. */
  values: (number | null)[];
  /** Of each point its place on the axis. */
  places: number[];
  fromZero: boolean;
  first: boolean;
  last: boolean;
  height: number;
  width: number;
  onCursor: (at: number | null, source: uPlot) => void;
  onZoom: (from: number, to: number, source: uPlot) => void;
  onPin: () => void;
}

const SMALL = "11px system-ui, sans-serif";
const STRONG = "600 12px system-ui, sans-serif";
const DAY = 86400;

export function draw(plot: Plot, target: HTMLElement): uPlot {
  const { axis } = plot;
  const ink = { muted: colour("muted"), line: colour("line") };
  const margin = axis.dates ? Math.max(1, (last(axis.x) - (axis.x[0] ?? 0)) * 0.01) : 0.6;
  const ends: [number, number] = [(axis.x[0] ?? 0) - margin, last(axis.x) + margin];
  const chart = new uPlot(
    {
      width: plot.width,
      height: plot.height,
      padding: [plot.first ? 40 : 22, 14, plot.last ? 0 : 10, 0],
      legend: { show: false },
      scales: {
        x: {
          time: false,
          range: (_, min, max) => (min === null || min === max ? ends : [min, max]),
        },
        y: { range: (u) => vertical(u, plot) },
      },
      cursor: {
        drag: { x: true, y: false, uni: 10 },
        points: { size: 9, width: 2, stroke: colour("card"), fill: colour("ink") },
        y: false,
        bind: {
          dblclick: () => () => {
            plot.onZoom(ends[0], ends[1], chart);
            return null;
          },
        },
      },
      axes: [
        {
          show: plot.last,
          stroke: ink.muted,
          font: SMALL,
          size: 30,
          space: 92,
          grid: { show: false },
          ticks: { stroke: ink.line, width: 1, size: 4 },
          incrs: axis.dates
            ? [
                60,
                600,
                3600,
                6 * 3600,
                DAY,
                2 * DAY,
                7 * DAY,
                14 * DAY,
                28 * DAY,
                91 * DAY,
                182 * DAY,
                364 * DAY,
                3640 * DAY,
              ]
            : [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 1e5],
          values: (_, splits, __, ___, step) =>
            splits.map((value) => {
              if (!axis.dates && (value < 0 || value >= axis.x.length)) return "";
              const seconds = axis.dates ? value : axis.label(Math.round(value));
              return axis.dates && step < DAY ? minute(seconds).slice(5) : day(seconds);
            }),
        },
        {
          stroke: ink.muted,
          font: SMALL,
          size: 76,
          space: 34,
          grid: { stroke: ink.line, width: 1 },
          ticks: { show: false },
          ...(plot.unit.startsWith("B")
            ? { incrs: Array.from({ length: 80 }, (_, at) => 2 ** (at - 20)) }
            : {}),
          values: (_, splits, __, ___, step) => ticks(splits, step, plot.unit),
        },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: {
        draw: [(u) => paint(u, plot)],
        setCursor: [
          (u) => plot.onCursor((u.cursor.left ?? -1) < 0 ? null : (u.cursor.idx ?? null), u),
        ],
        setScale: [
          (u, key) => {
            const { min, max } = u.scales.x ?? {};
            if (key === "x" && min !== undefined && max !== undefined) plot.onZoom(min, max, u);
          },
        ],
      },
    },
    [axis.x, plot.values],
    target,
  );
  chart.over.addEventListener("click", () => plot.onPin());
  return chart;
}

export function whole(axis: Axis, from: number, to: number): boolean {
  return from <= (axis.x[0] ?? 0) && to >= last(axis.x);
}

function last(values: number[]): number {
  return values[values.length - 1] ?? 0;
}

/** What is in sight, by the levels and bands; what is far from them is clipped and marked. */
function vertical(u: uPlot, plot: Plot): [number, number] {
  const { min: left = -Infinity, max: right = Infinity } = u.scales.x ?? {};
  const inSight = (place: number): boolean => {
    const x = plot.axis.x[place] ?? 0;
    return x >= (left ?? -Infinity) && x <= (right ?? Infinity);
  };
  let low = Infinity;
  let high = -Infinity;
  let least = Infinity;
  let most = -Infinity;
  plot.places.forEach((place, point) => {
    const value = plot.values[place] ?? null;
    if (value === null || !inSight(place)) return;
    least = Math.min(least, value);
    most = Math.max(most, value);
    const segment = plot.series.segments[segmentOf(plot.series, point)];
    if (!segment) return;
    low = Math.min(low, segment.low, segment.level);
    high = Math.max(high, segment.high, segment.level);
  });
  if (least > most) return [0, 1];
  if (low > high) [low, high] = [least, most];
  const room = (high - low) * 0.7 || Math.abs(high) * 0.05 || 1;
  low = Math.max(low - room, Math.min(least, low));
  high = Math.min(high + room, Math.max(most, high));
  const edge = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
  if (plot.fromZero) return [Math.min(0, low), high + edge];
  return [low >= 0 ? Math.max(0, low - edge) : low - edge, high + edge];
}

export function segmentOf(series: PointSeries, point: number): number {
  let found = -1;
  for (const segment of series.segments) {
    if (segment.start > point) break;
    found++;
  }
  return found;
}

function paint(u: uPlot, plot: Plot): void {
  const { ctx, bbox } = u;
  const ratio = uPlot.pxRatio;
  const x = (place: number): number => u.valToPos(plot.axis.x[place] ?? 0, "x", true);
  const y = (value: number): number => u.valToPos(value, "y", true);
  const pen: Pen = {
    u,
    ctx,
    ratio,
    x,
    y,
    plot,
    bottom: bbox.top + bbox.height,
    right: bbox.left + bbox.width,
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(
    bbox.left - 5 * ratio,
    bbox.top - 5 * ratio,
    bbox.width + 10 * ratio,
    bbox.height + 10 * ratio,
  );
  ctx.clip();
  paintReleases(pen);
  paintLevels(pen);
  paintPoints(pen);
  paintHarm(pen);
  ctx.restore();
  paintLabels(pen);
}

interface Pen {
  u: uPlot;
  ctx: CanvasRenderingContext2D;
  ratio: number;
  x: (place: number) => number;
  y: (value: number) => number;
  plot: Plot;
  bottom: number;
  right: number;
}

function paintReleases({ u, ctx, ratio, x, plot, bottom }: Pen): void {
  ctx.strokeStyle = colour("line-strong");
  ctx.lineWidth = ratio;
  ctx.setLineDash([2 * ratio, 4 * ratio]);
  ctx.beginPath();
  for (const [place] of plot.axis.releases) {
    ctx.moveTo(x(place), u.bbox.top);
    ctx.lineTo(x(place), bottom);
  }
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.fillStyle = colour("muted");
  for (const place of plot.axis.marks) {
    // a diamond on the axis: another machine from here on
    const [at, size] = [x(place), 4.5 * ratio];
    ctx.beginPath();
    ctx.moveTo(at, bottom - 2 * size);
    ctx.lineTo(at + size, bottom - size);
    ctx.lineTo(at, bottom);
    ctx.lineTo(at - size, bottom - size);
    ctx.fill();
  }
}

function paintLevels({ ctx, ratio, x, y, plot }: Pen): void {
  const { series, places } = plot;
  if (places.length === 0) return;
  const level = colour("level");
  const half = 3 * ratio;
  if (series.drift) {
    // a slow change: one slope through all, by the later half against the earlier one
    const mean = weighted(plot);
    const slope = (series.drift.effect * mean) / (1 + series.drift.effect / 2);
    const [from, to] = [x(places[0] ?? 0), x(last(places))];
    ctx.strokeStyle = level;
    ctx.lineWidth = 2.5 * ratio;
    ctx.setLineDash([8 * ratio, 5 * ratio]);
    ctx.beginPath();
    ctx.moveTo(from, y(mean - slope));
    ctx.lineTo(to, y(mean + slope));
    ctx.stroke();
    ctx.setLineDash([]);
    return;
  }
  series.segments.forEach((one, at) => {
    const end = (series.segments[at + 1]?.start ?? places.length) - 1;
    const from = x(places[one.start] ?? 0) - half;
    const to = x(places[end] ?? 0) + half;
    ctx.fillStyle = colour("band");
    const top = y(one.high);
    ctx.fillRect(from, top, to - from, Math.max(y(one.low) - top, ratio));
    ctx.fillStyle = level;
    ctx.fillRect(from, y(one.level) - ratio, to - from, 2 * ratio);
  });
}

/** The level of all of a series that drifts. */
function weighted({ series, places }: Plot): number {
  let sum = 0;
  series.segments.forEach((one, at) => {
    const end = series.segments[at + 1]?.start ?? places.length;
    sum += one.level * (end - one.start);
  });
  return sum / Math.max(places.length, 1);
}

function paintPoints({ u, ctx, ratio, x, y, plot }: Pen): void {
  const { min = -Infinity, max = Infinity } = u.scales.y ?? {};
  const radius = (plot.places.length > 800 ? 1.6 : 2.2) * ratio;
  ctx.fillStyle = colour("data");
  ctx.beginPath();
  const clipped: [number, boolean][] = [];
  for (const place of plot.places) {
    const value = plot.values[place] ?? null;
    if (value === null) continue;
    if (value > (max ?? Infinity) || value < (min ?? -Infinity)) {
      clipped.push([x(place), value > (max ?? Infinity)]);
      continue;
    }
    const [at, up] = [x(place), y(value)];
    ctx.moveTo(at + radius, up);
    ctx.arc(at, up, radius, 0, 2 * Math.PI);
  }
  ctx.fill();
  // what lies beyond the edge is a triangle that points there
  ctx.fillStyle = colour("muted");
  const size = 4 * ratio;
  for (const [at, above] of clipped) {
    const edge = above ? u.bbox.top : u.bbox.top + u.bbox.height;
    const inner = above ? edge + 1.7 * size : edge - 1.7 * size;
    ctx.beginPath();
    ctx.moveTo(at, edge);
    ctx.lineTo(at + size, inner);
    ctx.lineTo(at - size, inner);
    ctx.fill();
  }
}

function paintHarm({ ctx, ratio, x, plot, bottom }: Pen): void {
  ctx.strokeStyle = colour("worse");
  ctx.lineWidth = 1.8 * ratio;
  const size = 3.2 * ratio;
  const middle = bottom - 7 * ratio;
  ctx.beginPath();
  for (const place of [...plot.axis.failed, ...plot.axis.lost]) {
    const at = x(place);
    ctx.moveTo(at - size, middle - size);
    ctx.lineTo(at + size, middle + size);
    ctx.moveTo(at - size, middle + size);
    ctx.lineTo(at + size, middle - size);
  }
  for (const place of plot.axis.lost) {
    ctx.moveTo(x(place) + 2 * size, middle);
    ctx.arc(x(place), middle, 2 * size, 0, 2 * Math.PI);
  }
  ctx.stroke();
}

function paintLabels(pen: Pen): void {
  const { u, ctx, ratio, x, plot, bottom, right } = pen;
  const { series, places } = plot;
  const font = (text: string): string =>
    text.replace(/(\d+)px/, (_, size: string) => `${Number(size) * ratio}px`);
  ctx.save();
  ctx.textBaseline = "alphabetic";
  let free = -Infinity;
  if (plot.first) {
    ctx.font = font(SMALL);
    ctx.fillStyle = colour("muted");
    ctx.textAlign = "center";
    for (const [place, name] of plot.axis.releases) {
      const at = x(place);
      const wide = ctx.measureText(name).width;
      if (at < u.bbox.left || at > right || at - wide / 2 < free + 6 * ratio) continue;
      ctx.fillText(name, Math.min(at, right - wide / 2), 11 * ratio);
      free = at + wide / 2;
    }
  }
  ctx.font = font(STRONG);
  const taken: [number, number, number][] = [];
  for (const one of series.changes) {
    const after = x(places[one.point] ?? 0);
    const before = x(places[one.point - 1] ?? places[one.point] ?? 0);
    if (after < u.bbox.left - 1 || before > right + 1) continue;
    const at = Math.max(u.bbox.left, Math.min((after + before) / 2, right));
    const shade =
      one.verdict > 0 ? colour("worse") : one.verdict < 0 ? colour("better") : colour("level");
    ctx.fillStyle = shade;
    ctx.fillRect(
      at - ratio / 2,
      u.bbox.top - 4 * ratio,
      1.5 * ratio,
      bottom - u.bbox.top + 4 * ratio,
    );
    const text = `${arrow(one.effect)} ${change(one.effect)}`;
    const wide = ctx.measureText(text).width;
    const left = at + wide + 4 * ratio > right ? at - wide - 4 * ratio : at + 4 * ratio;
    let line = u.bbox.top - 6 * ratio;
    while (taken.some(([from, to, where]) => where === line && left < to && left + wide > from))
      line += 15 * ratio;
    taken.push([left - 4 * ratio, left + wide + 4 * ratio, line]);
    ctx.textAlign = "left";
    ctx.fillText(text, left, line);
  }
  if (series.drift) {
    const worse = series.drift.verdict;
    ctx.fillStyle = worse > 0 ? colour("worse") : worse < 0 ? colour("better") : colour("level");
    ctx.textAlign = "right";
    ctx.fillText(
      `${arrow(series.drift.effect)} slow drift ${change(series.drift.effect)}`,
      right,
      u.bbox.top - 6 * ratio,
    );
  }
  ctx.restore();
}

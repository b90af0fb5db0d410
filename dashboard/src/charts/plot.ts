// The chart of one metric: a canvas, and upon it the cursor and what is selected to zoom into.

import { h } from "../dom";
import { dateLabels, paintDates, paintGrid, valueLabels } from "./axes";
import type { Labels } from "./axes";
import { paintChanges, paintReleaseNames } from "./labels";
import {
  paintBands,
  paintHarm,
  paintLevels,
  paintMachines,
  paintPoints,
  paintReleases,
} from "./marks";
import { Pen, SMALL } from "./pen";
import type { Box, Inks } from "./pen";
import { valueRange } from "./range";
import type { Reading } from "./reading";
import { holds, position } from "./scale";
import type { Scale } from "./scale";
import type { SessionAxis } from "./sessions";

/** What the charts of a page have in common. */
export interface Frame {
  width: number;
  /** The room at the left, for the labels of values. */
  gutter: number;
  ratio: number;
  inks: Inks;
}

export interface Options {
  unit: string;
  fromZero: boolean;
  /** The first one is higher and names the releases; the last one has the dates. */
  first: boolean;
  last: boolean;
}

const RIGHT = 14;

export class Plot {
  readonly element: HTMLElement;
  readonly x: Scale = { from: 0, to: 1, start: 0, end: 1 };
  private readonly y: Scale = { from: 0, to: 1, start: 1, end: 0 };
  private readonly canvas = h("canvas");
  private readonly line = h("i.cursor", { hidden: true });
  private readonly dot = h("i.cursor-dot", { hidden: true });
  private readonly selection = h("i.selection", { hidden: true });
  private readonly height: number;
  private labels: Labels = { values: [], texts: [] };

  constructor(
    private readonly axis: SessionAxis,
    private readonly reading: Reading,
    private readonly options: Options,
    said: string,
  ) {
    this.height = (options.first ? 240 : 130) + (options.last ? 20 : 0);
    this.element = h(
      "div.canvas",
      { role: "img", "aria-label": said },
      this.canvas,
      this.selection,
      this.line,
      this.dot,
    );
  }

  /** Show what lies between two values of the axis; return how wide the labels of values are. */
  look(from: number, to: number): number {
    const sees = (place: number): boolean => holds(this.x, this.axis.x[place] ?? 0);
    [this.x.from, this.x.to] = [from, to];
    [this.y.from, this.y.to] = valueRange(this.reading, sees, this.options.fromZero);
    [this.y.start, this.y.end] = [this.box.bottom, this.box.top];
    this.labels = valueLabels(this.y, this.options.unit);
    const context = this.context();
    if (!context) return 0;
    context.font = SMALL;
    return Math.max(0, ...this.labels.texts.map((one) => context.measureText(one).width));
  }

  draw({ width, gutter, ratio, inks }: Frame): void {
    [this.x.start, this.x.end] = [gutter, width - RIGHT];
    const { canvas, height, axis, reading, options } = this;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = this.context();
    if (!context) return; // a browser that has no canvas has the table
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const box = { ...this.box, left: gutter, right: width - RIGHT };
    const pen = new Pen(context, box, this.x, this.y, inks, ratio);
    paintGrid(pen, this.labels);
    context.save();
    context.beginPath();
    context.rect(box.left - 5, box.top - 5, box.right - box.left + 10, box.bottom - box.top + 10);
    context.clip();
    paintReleases(pen, axis);
    paintBands(pen, axis, reading);
    paintPoints(pen, axis, reading);
    paintLevels(pen, axis, reading);
    paintMachines(pen, axis);
    paintHarm(pen, axis);
    context.restore();
    if (options.first) paintReleaseNames(pen, axis);
    paintChanges(pen, axis, reading);
    if (options.last) paintDates(pen, dateLabels(this.x, axis));
  }

  /** Put the cursor at a place; null for none. */
  point(place: number | null): void {
    const at = place === null ? NaN : (this.axis.x[place] ?? NaN);
    this.line.hidden = !holds(this.x, at);
    const value = place === null ? null : (this.reading.values[place] ?? null);
    this.dot.hidden = this.line.hidden || value === null || !holds(this.y, value);
    const x = position(this.x, at);
    if (!this.line.hidden) this.line.style.transform = `translateX(${x}px)`;
    if (!this.dot.hidden) {
      this.dot.style.transform = `translate(${x}px, ${position(this.y, value ?? 0)}px)`;
    }
  }

  /** Show what is being selected, between two pixels; null for nothing. */
  select(pixels: [number, number] | null): void {
    this.selection.hidden = pixels === null;
    if (!pixels) return;
    this.selection.style.left = `${Math.min(...pixels)}px`;
    this.selection.style.width = `${Math.abs(pixels[1] - pixels[0])}px`;
  }

  private get box(): Box {
    const top = this.options.first ? 40 : 22;
    const bottom = this.height - (this.options.last ? 26 : 10);
    return { left: this.x.start, right: this.x.end, top, bottom };
  }

  private context(): CanvasRenderingContext2D | null {
    return this.canvas.getContext("2d");
  }
}

// What everything on a canvas is drawn with. Coordinates are CSS pixels from the canvas's corner.

import { colours } from "../theme";
import { position } from "./scale";
import type { Scale } from "./scale";

export const SMALL = "11px system-ui, sans-serif";
export const STRONG = "600 12px system-ui, sans-serif";

const INKS = [
  "card",
  "muted",
  "line",
  "line-strong",
  "level",
  "band",
  "data",
  "worse",
  "better",
] as const;

/** The colours of the theme. */
export type Inks = Record<(typeof INKS)[number], string>;

export function inks(): Inks {
  return colours(INKS);
}

/** Where points stand, without axes and headings. */
export interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export class Pen {
  constructor(
    readonly context: CanvasRenderingContext2D,
    readonly box: Box,
    readonly x: Scale,
    readonly y: Scale,
    readonly ink: Inks,
    /** Pixels of the screen to one of CSS. */
    private readonly ratio: number,
  ) {}

  across(value: number): number {
    return position(this.x, value);
  }

  up(value: number): number {
    return position(this.y, value);
  }

  /** The nearest coordinate at which a line of one pixel is sharp. */
  sharp(at: number): number {
    return (Math.round(at * this.ratio - 0.5) + 0.5) / this.ratio;
  }

  /** Lines from point to point; a new one begins where three numbers are not enough. */
  lines(paths: [number, number][][], width: number, style: string, dash: number[] = []): void {
    const { context } = this;
    context.strokeStyle = style;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.beginPath();
    for (const path of paths) {
      path.forEach(([x, y], at) => (at === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
    }
    context.stroke();
    context.setLineDash([]);
  }

  /** Filled shapes, each by its corners. */
  shapes(paths: [number, number][][], style: string): void {
    const { context } = this;
    context.fillStyle = style;
    context.beginPath();
    for (const path of paths) {
      path.forEach(([x, y], at) => (at === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
      context.closePath();
    }
    context.fill();
  }

  write(
    text: string,
    x: number,
    y: number,
    font: string,
    style: string,
    align: CanvasTextAlign,
  ): void {
    const { context } = this;
    context.font = font;
    context.fillStyle = style;
    context.textAlign = align;
    // a rim in the colour of the card, so that lines below don't cross the letters
    context.strokeStyle = this.ink.card;
    context.lineWidth = 3;
    context.lineJoin = "round";
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }

  widthOf(text: string, font: string): number {
    this.context.font = font;
    return this.context.measureText(text).width;
  }
}

export function inkOf(verdict: number): "worse" | "better" | "level" {
  return verdict > 0 ? "worse" : verdict < 0 ? "better" : "level";
}

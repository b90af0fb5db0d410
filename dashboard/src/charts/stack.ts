// The charts of a test, stacked on one cursor, with the tooltip that can be pinned.

import { h, replace } from "../dom";
import { minute, moved, plural, quantity } from "../format";
import { effect, leftOf, metricLabel, nowOf } from "../parts";
import * as theme from "../theme";
import type { CaseHistory, Index } from "../types";
import { inks } from "./pen";
import type { Inks } from "./pen";
import { Plot } from "./plot";
import type { Frame } from "./plot";
import { follow } from "./pointer";
import type { Reading } from "./reading";
import { nearest, position, valueAt } from "./scale";
import { onResize } from "./resize";
import type { SessionAxis } from "./sessions";
import { describe } from "./tooltip";
import { Zoom } from "./zoom";

export interface Charts {
  element: HTMLElement;
  start: () => void;
  stop: () => void;
  step: (by: number) => void;
  jump: (by: number) => void;
  pin: () => void;
  leave: () => void;
  /** Show half of what is in sight, or twice as much; all by 0. */
  zoom: (by: number) => void;
}

export interface Settings {
  fromZero: boolean;
  /** Sessions, -1 for none. */
  pinned: number;
  from: number;
  to: number;
  onPin: (session: number) => void;
  onZoom: (from: number, to: number) => void;
}

/** Charts that are drawn at once; the others follow when the page stands. */
const AT_ONCE = 2;

/** What A4 and Letter have room for. */
const PAPER = 680;

const WITHOUT_LABELS = 14;

export function charts(
  index: Index,
  history: CaseHistory,
  axis: SessionAxis,
  readings: Reading[],
  settings: Settings,
): Charts {
  const zoom = new Zoom(axis.x, axis.dates, [
    axis.sessions.indexOf(settings.from),
    axis.sessions.indexOf(settings.to),
  ]);
  let at: number | null = null;
  let under: number | null = null; // the mouse
  let pinned = axis.sessions.indexOf(settings.pinned);
  let pending = 0;
  let colours: Inks | null = null;
  const tip = h("div", { id: "tooltip", class: "tooltip", hidden: true });
  const live = h("p.heard", { role: "status", id: "reading" });
  const all = h("button", { id: "unzoom", hidden: true, onclick: () => look(null) }, "Show all");
  const plots = readings.map(
    (one, number) =>
      new Plot(
        axis,
        one,
        {
          unit: index.metrics[one.metric].unit,
          fromZero: settings.fromZero,
          first: number === 0,
          last: number === readings.length - 1,
        },
        summary(index, one, axis),
      ),
  );
  const area = h(
    "div.card.charts",
    {
      id: "charts",
      tabindex: 0,
      role: "group",
      "aria-label":
        "Charts of all metrics: arrows step from session to session, brackets to change points, Enter pins",
    },
    all,
    ...plots.map((plot, number) => panel(index, readings[number], plot)),
    tip,
    live,
  );

  const held = (): number | null => (pinned >= 0 ? pinned : at);
  const show = (): void => {
    const place = held();
    for (const plot of plots) plot.point(place);
    tip.hidden = place === null;
    tip.classList.toggle("pinned", pinned >= 0);
    if (place === null) return;
    replace(
      tip,
      describe(index, history, axis, readings, place),
      pinned >= 0 && h("button.close", { "aria-label": "Unpin", onclick: unpin }, "✕"),
    );
    stand(place);
  };
  /** Beside the cursor, on the side that has room; on a phone below the first chart. */
  const stand = (place: number): void => {
    const plot = plots[0];
    if (!plot) return;
    const box = plot.element.getBoundingClientRect();
    const frame = area.getBoundingClientRect();
    const x = box.left - frame.left + position(plot.x, axis.x[place] ?? 0);
    const narrow = frame.width < 560;
    const wide = tip.offsetWidth;
    const left = x + 16 + wide > frame.width ? x - wide - 16 : x + 16;
    tip.style.left = narrow ? "8px" : `${Math.max(8, left)}px`;
    tip.style.top = `${(narrow ? box.bottom + 8 : box.top + 64) - frame.top}px`;
  };
  const go = (place: number): void => {
    at = place;
    if (pinned >= 0) {
      pinned = place;
      settings.onPin(axis.sessions[place] ?? -1);
    }
    if (zoom.reveal(place)) draw();
    show();
    live.textContent = spoken(index, axis, readings, place);
  };
  const unpin = (): void => {
    pinned = -1;
    at = null;
    settings.onPin(-1);
    show();
    area.focus({ preventScroll: true });
  };
  const pin = (): void => {
    if (pinned >= 0) unpin();
    else if (at !== null) {
      pinned = at;
      settings.onPin(axis.sessions[at] ?? -1);
      show();
      live.textContent = "Pinned: Tab leads to its links, Escape lets go";
    }
  };

  const frame = (): Frame => {
    const printing = document.documentElement.classList.contains("printing");
    const { from, to } = zoom;
    return {
      width: printing ? PAPER : Math.max(200, plots[0]?.element.clientWidth ?? 0),
      gutter: Math.max(...plots.map((plot) => plot.look(from, to))) + WITHOUT_LABELS,
      ratio: Math.max(window.devicePixelRatio || 1, printing ? 3 : 1),
      inks: (colours ??= inks()),
    };
  };
  const draw = (at_once = plots.length): void => {
    cancelAnimationFrame(pending);
    const common = frame();
    for (const plot of plots.slice(0, at_once)) plot.draw(common);
    const rest = (): void => {
      for (const plot of plots.slice(at_once)) plot.draw(common);
      show();
    };
    if (at_once < plots.length) pending = requestAnimationFrame(rest);
    else rest();
    all.hidden = zoom.isWhole;
  };
  /** Zoom to what lies between two values of the axis; null for all. */
  const look = (range: [number, number] | null): void => {
    zoom.show(range);
    draw();
    tell();
  };
  const tell = (): void => {
    const [from, to] = zoom.places;
    const session = (place: number): number => axis.sessions[place] ?? -1;
    settings.onZoom(zoom.isWhole ? -1 : session(from), zoom.isWhole ? -1 : session(to));
  };

  const hand = (plot: Plot): void => {
    const value = (pixel: number): number => valueAt(plot.x, pixel);
    const near = (pixel: number): number => nearest(axis.x, value(pixel));
    let grabbed: [number, number] = [0, 0];
    follow(plot.element, {
      over: (pixel) => {
        const inside = pixel !== null && pixel >= plot.x.start - 12 && pixel <= plot.x.end + 12;
        const place = inside ? near(pixel) : null;
        if (place === under) return;
        under = place;
        if (pinned >= 0) return;
        at = place;
        show();
      },
      drag: (from, to) => plots.forEach((one) => one.select([from, to])),
      drop: (from, to) => {
        for (const one of plots) one.select(null);
        look([value(Math.min(from, to)), value(Math.max(from, to))]);
      },
      click: (pixel) => {
        const place = near(pixel);
        if (pinned >= 0 && place !== pinned) go(place);
        else pin();
      },
      doubleClick: () => look(null),
      grab: (fingers) => (grabbed = [value(fingers[0]), value(fingers[1])]),
      pinch: (fingers) => {
        zoom.pinch(grabbed, fingers, plot.x);
        draw();
      },
      release: tell,
    });
  };
  plots.forEach(hand);

  const again = (): void => {
    colours = null;
    draw();
  };
  const ends: (() => void)[] = [];
  return {
    element: area,
    start: () => {
      draw(document.hidden ? plots.length : AT_ONCE);
      ends.push(
        theme.onChange(again),
        onResize(area, () => draw()),
      );
    },
    stop: () => {
      cancelAnimationFrame(pending);
      for (const end of ends) end();
    },
    step: (by) => {
      const start = held() ?? (by > 0 ? -1 : axis.sessions.length);
      go(Math.max(0, Math.min(axis.sessions.length - 1, start + by)));
    },
    jump: (by) => {
      const stops = readings
        .flatMap((each) => each.series.changes.map((one) => each.places[one.point] ?? 0))
        .sort((one, two) => (one - two) * by);
      const now = held() ?? (by > 0 ? -1 : axis.sessions.length);
      const next = stops.find((stop) => (stop - now) * by > 0);
      if (next !== undefined) go(next);
      else live.textContent = "No further change point";
    },
    pin,
    leave: () => {
      if (held() !== null) unpin();
      else if (!zoom.isWhole) look(null);
    },
    zoom: (by) => look(by === 0 ? null : zoom.scaled(by > 0 ? 0.5 : 2, held())),
  };
}

/** A chart in words, for who sees none. */
function summary(index: Index, one: Reading, axis: SessionAxis): string {
  const { changes, drift } = one.series;
  const found = changes.map((each) => {
    const started = axis.started(one.places[each.point] ?? 0);
    return `${moved(each.effect, leftOf(index, one.metric, each.before))} on ${minute(started)} UTC`;
  });
  const slow = drift
    ? `slow drift ${moved(drift.effect, leftOf(index, one.metric, drift.before))}`
    : "no change";
  return [
    `${metricLabel(index, one.metric)}: now ${nowOf(index, one.series.series)}`,
    plural(one.places.length, "session"),
    found.length > 0 ? `changes ${found.join(", ")}` : slow,
  ].join("; ");
}

/** A session in words. */
function spoken(index: Index, axis: SessionAxis, readings: Reading[], place: number): string {
  const values = readings.flatMap((one) => {
    const value = one.values[place] ?? null;
    if (value === null) return [];
    return `${metricLabel(index, one.metric)} ${quantity(value, index.metrics[one.metric].unit)}`;
  });
  return [`${minute(axis.started(place))} UTC`, ...values].join(", ");
}

function panel(index: Index, one: Reading | undefined, plot: Plot): HTMLElement | null {
  if (!one) return null;
  const metric = index.metrics[one.metric];
  const { changes, drift } = one.series;
  const newest = changes[changes.length - 1];
  const told = newest ?? drift;
  return h(
    "section.chart",
    { "data-metric": metric.name },
    h(
      "h2",
      metricLabel(index, one.metric),
      " ",
      h("span.now", nowOf(index, one.series.series)),
      " ",
      told && effect(told.effect, told.verdict, leftOf(index, one.metric, told.before)),
      !newest && drift && h("small", " slow drift"),
    ),
    plot.element,
  );
}

// The charts of a test, stacked on one cursor, with the tooltip that can be pinned.

import type uPlot from "uplot";
import { draw, whole } from "./chart";
import type { Axis, Plot } from "./chart";
import { h, replace } from "./dom";
import { change, minute, plural, quantity } from "./format";
import { effect, metricLabel } from "./parts";
import * as theme from "./theme";
import { describe } from "./tooltip";
import type { Reading } from "./tooltip";
import type { CaseHistory, Index } from "./types";

export interface Charts {
  element: HTMLElement;
  start: () => void;
  stop: () => void;
  step: (by: number) => void;
  jump: (by: number) => void;
  pin: () => void;
  leave: () => boolean;
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

export function charts(
  index: Index,
  history: CaseHistory,
  axis: Axis,
  readings: Reading[],
  settings: Settings,
): Charts {
  let plots: uPlot[] = [];
  let at: number | null = null;
  let pinned = axis.sessions.indexOf(settings.pinned);
  let quiet = false;
  let pending = 0;
  let range: [number, number] | null = null;
  const places = [settings.from, settings.to].map((session) => axis.sessions.indexOf(session));
  if ((places[0] ?? -1) >= 0 && (places[1] ?? -1) > (places[0] ?? -1)) {
    range = [axis.x[places[0] ?? 0] ?? 0, axis.x[places[1] ?? 0] ?? 1];
  }
  const tip = h("div", { id: "tooltip", class: "tooltip", hidden: true });
  const live = h("p.heard", { role: "status", id: "reading" });
  const targets = readings.map((one, number) => panel(index, one, number, axis));
  const area = h(
    "div.card.charts",
    {
      id: "charts",
      tabindex: 0,
      role: "group",
      "aria-label":
        "Charts of all metrics: arrows step from session to session, brackets to change points, Enter pins",
    },
    ...targets.map((one) => one.element),
    tip,
    live,
  );

  const cursor = (place: number | null, source?: uPlot): void => {
    if (quiet) return;
    if (source && pinned >= 0) return;
    if (place === at && source) {
      if (place !== null) stand(place);
      return;
    }
    at = place;
    if (source) point(place, source);
    show();
  };
  const show = (): void => {
    const place = pinned >= 0 ? pinned : at;
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
  /** Beside the cursor, on the side that has room. */
  const stand = (place: number): void => {
    const plot = plots[0];
    if (!plot) return;
    const box = plot.over.getBoundingClientRect();
    const frame = area.getBoundingClientRect();
    const x = box.left - frame.left + plot.valToPos(axis.x[place] ?? 0, "x");
    const narrow = frame.width < 560;
    const wide = tip.offsetWidth;
    const left = x + 16 + wide > frame.width ? x - wide - 16 : x + 16;
    tip.style.left = narrow ? "8px" : `${Math.max(8, left)}px`;
    tip.style.top = narrow ? `${box.bottom - frame.top + 8}px` : `${box.top - frame.top + 24}px`;
  };
  /** Put the cursors of all charts, but of the one under the mouse, at a place. */
  const point = (place: number | null, but?: uPlot): void => {
    quiet = true;
    for (const plot of plots) {
      const left = place === null ? -10 : plot.valToPos(axis.x[place] ?? 0, "x");
      if (plot !== but) plot.setCursor({ left, top: place === null ? -10 : 20 }, false);
    }
    quiet = false;
  };
  const tell = (place: number): void => {
    const session = axis.sessions[place] ?? 0;
    const values = readings.map((one) => {
      const value = one.values[place] ?? null;
      return value === null
        ? ""
        : `${metricLabel(index, one.metric)} ${quantity(value, index.metrics[one.metric].unit)}`;
    });
    live.textContent = [
      `${minute(index.sessions.started[session])} UTC`,
      ...values.filter(Boolean),
    ].join(", ");
  };
  const go = (place: number): void => {
    at = place;
    if (pinned >= 0) {
      pinned = place;
      settings.onPin(axis.sessions[place] ?? -1);
    }
    point(place);
    show();
    tell(place);
  };
  const unpin = (): void => {
    pinned = -1;
    at = null;
    settings.onPin(-1);
    show();
    point(null);
    area.focus({ preventScroll: true });
  };
  const pin = (): void => {
    if (pinned >= 0 && (at === null || at === pinned)) {
      unpin();
      return;
    }
    if (at === null) return;
    pinned = at;
    settings.onPin(axis.sessions[at] ?? -1);
    point(at);
    show();
  };
  const zoom = (from: number, to: number, source: uPlot): void => {
    if (quiet || plots.length === 0) return;
    if (range && range[0] === from && range[1] === to) return;
    quiet = true;
    range = whole(axis, from, to) ? null : [from, to];
    for (const plot of plots) {
      if (plot !== source || range === null) plot.setScale("x", { min: from, max: to });
    }
    quiet = false;
    const inside = axis.x.flatMap((x, place) => (x >= from && x <= to ? place : []));
    const ends =
      range && inside.length > 1 ? [inside[0] ?? 0, inside[inside.length - 1] ?? 0] : null;
    settings.onZoom(
      ends ? (axis.sessions[ends[0] ?? 0] ?? -1) : -1,
      ends ? (axis.sessions[ends[1] ?? 0] ?? -1) : -1,
    );
    if (pinned >= 0) requestAnimationFrame(() => (point(pinned), stand(pinned)));
  };
  const one = (number: number, width: number): void => {
    const target = targets[number];
    const reading = readings[number];
    if (!target || !reading) return;
    const plot: Plot = {
      axis,
      unit: index.metrics[reading.metric].unit,
      series: reading.series,
      values: reading.values,
      places: reading.places,
      fromZero: settings.fromZero,
      first: number === 0,
      last: number === readings.length - 1,
      height: (number === 0 ? 240 : 130) + (number === readings.length - 1 ? 30 : 0),
      width,
      onCursor: cursor,
      onZoom: zoom,
      onPin: () => {
        if (pinned >= 0) {
          const to = plots[0]?.cursor.idx ?? null;
          if (to === null || to === pinned) unpin();
          else go(to);
        } else {
          pin();
        }
      },
    };
    const made = draw(plot, target.canvas);
    plots.push(made);
    if (range) {
      quiet = true;
      made.setScale("x", { min: range[0], max: range[1] });
      quiet = false;
    }
  };
  const make = (): void => {
    for (const plot of plots) plot.destroy();
    cancelAnimationFrame(pending);
    plots = [];
    // paper is narrower than a screen
    const printing = document.documentElement.classList.contains("printing");
    const width = printing ? 680 : Math.max(240, targets[0]?.canvas.clientWidth ?? 600);
    const rest = (from: number): void => {
      const to =
        printing || document.hidden ? readings.length : Math.min(readings.length, from + AT_ONCE);
      for (let number = from; number < to; number++) one(number, width);
      if (to < readings.length) pending = requestAnimationFrame(() => rest(to));
      else if (pinned >= 0) {
        point(pinned);
        show();
      }
    };
    rest(0);
  };
  let stopTheme = (): void => undefined;
  let wide = 0;
  const resize = (): void => {
    const now = targets[0]?.canvas.clientWidth ?? 0;
    if (now !== wide && now > 0 && !document.documentElement.classList.contains("printing")) {
      wide = now;
      make();
    }
  };
  return {
    element: area,
    start: () => {
      wide = targets[0]?.canvas.clientWidth ?? 0;
      make();
      stopTheme = theme.onChange(make);
      window.addEventListener("resize", resize);
    },
    stop: () => {
      cancelAnimationFrame(pending);
      for (const plot of plots) plot.destroy();
      stopTheme();
      window.removeEventListener("resize", resize);
    },
    step: (by) => {
      const now = pinned >= 0 ? pinned : at;
      const start = now === null ? (by > 0 ? -1 : axis.sessions.length) : now;
      go(Math.max(0, Math.min(axis.sessions.length - 1, start + by)));
    },
    jump: (by) => {
      const stops = [
        ...new Set(
          readings.flatMap((each) => each.series.changes.map((c) => each.places[c.point] ?? 0)),
        ),
      ];
      stops.sort((a, b) => a - b);
      const now = (pinned >= 0 ? pinned : at) ?? (by > 0 ? -1 : axis.sessions.length);
      const next =
        by > 0 ? stops.find((stop) => stop > now) : stops.reverse().find((stop) => stop < now);
      if (next !== undefined) go(next);
      else live.textContent = "No further change point";
    },
    pin,
    leave: () => {
      if (pinned < 0 && at === null) return false;
      unpin();
      return true;
    },
  };
}

function panel(
  index: Index,
  one: Reading,
  number: number,
  axis: Axis,
): { element: HTMLElement; canvas: HTMLElement } {
  const unit = index.metrics[one.metric].unit;
  const now = index.series.now[one.series.series];
  const label = metricLabel(index, one.metric);
  const newest = one.series.changes[one.series.changes.length - 1];
  const drift = one.series.drift;
  const changes = one.series.changes.map((each) => {
    const session = axis.sessions[one.places[each.point] ?? 0] ?? 0;
    return `${change(each.effect)} on ${minute(index.sessions.started[session])} UTC`;
  });
  const said = `${label}: now ${quantity(now, unit)}; ${plural(one.places.length, "session")}; ${
    changes.length > 0
      ? `changes ${changes.join(", ")}`
      : drift
        ? `slow drift ${change(drift.effect)}`
        : "no change"
  }`;
  const canvas = h("div.canvas", { role: "img", "aria-label": said });
  const element = h(
    "section.chart",
    { "data-metric": index.metrics[one.metric]?.name },
    h(
      "h2",
      { id: `chart-${number}` },
      label,
      " ",
      h("span.now", quantity(now, unit)),
      " ",
      newest ? effect(newest.effect, newest.verdict) : drift && effect(drift.effect, drift.verdict),
      !newest && drift && h("small", " slow drift"),
    ),
    canvas,
  );
  return { element, canvas };
}

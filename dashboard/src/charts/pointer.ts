// A mouse or fingers on a chart: to look, to pin, to zoom. Where things are is told in pixels.

export interface Hand {
  /** It is above a pixel; null if it left. */
  over: (at: number | null) => void;
  /** It drags from one pixel to another. */
  drag: (from: number, to: number) => void;
  /** It let go there. */
  drop: (from: number, to: number) => void;
  click: (at: number) => void;
  doubleClick: () => void;
  /** Two fingers are put down, and then moved. */
  grab: (fingers: [number, number]) => void;
  pinch: (fingers: [number, number]) => void;
  release: () => void;
}

/** Less than this is a click with an unsteady hand. */
const LEAST = 10;

export function follow(element: HTMLElement, hand: Hand): void {
  const down = new Map<number, { from: number; to: number }>();
  let pinching = false;
  const place = (event: MouseEvent): number => event.clientX - element.getBoundingClientRect().left;
  const fingers = (): [number, number] => {
    const [one, two] = [...down.values()];
    return [one?.to ?? 0, two?.to ?? 0];
  };
  const far = ({ from, to }: { from: number; to: number }): boolean => Math.abs(to - from) >= LEAST;

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const at = place(event);
    down.set(event.pointerId, { from: at, to: at });
    element.setPointerCapture(event.pointerId);
    if (down.size === 2) {
      pinching = true;
      hand.grab(fingers());
    } else {
      hand.over(at);
    }
  });
  element.addEventListener("pointermove", (event) => {
    const at = place(event);
    const held = down.get(event.pointerId);
    if (held) held.to = at;
    if (pinching) {
      if (down.size === 2) hand.pinch(fingers());
    } else {
      hand.over(at);
      // one finger looks: it would hide what it selects
      if (held && event.pointerType === "mouse" && far(held)) hand.drag(held.from, at);
    }
  });
  element.addEventListener("pointerup", (event) => {
    const held = down.get(event.pointerId);
    down.delete(event.pointerId);
    if (pinching) {
      if (down.size > 0) return;
      pinching = false;
      hand.release();
    } else if (held && far(held)) {
      if (event.pointerType === "mouse") hand.drop(held.from, held.to);
    } else if (held) {
      hand.click(held.to);
    }
  });
  element.addEventListener("pointercancel", (event) => {
    down.delete(event.pointerId);
    if (down.size === 0 && pinching) {
      pinching = false;
      hand.release();
    }
  });
  element.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") hand.over(null);
  });
  element.addEventListener("dblclick", () => hand.doubleClick());
}

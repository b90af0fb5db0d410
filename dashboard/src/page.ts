// What every page gets, and gives back.

import type { Key } from "./keys";
import type { Index } from "./types";
import type { State } from "./url";

export interface Shown {
  title: string;
  element: HTMLElement;
  keys?: Key[];
  /** Called when the element is in the document. */
  start?: () => void;
  /** Called when another page comes. */
  stop?: () => void;
}

export type Page = (index: Index, state: State) => Promise<Shown> | Shown;

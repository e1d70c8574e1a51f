/**
 * Which rows are in view, and how far it is scrolled: what is read stays where it is when rows come before it or turn out higher than thought.
 * Pure: each step gives another value.
 */
import type { Card } from "../stores/cards";
import { Heights } from "./heights";

/** How it stands. */
export interface Window {
  readonly rows: readonly Card[];
  readonly heights: Heights;
  /** Scrolled so far, in pixels. */
  readonly top: number;
  /** Pixels in view. */
  readonly height: number;
  /** The end stays in view while rows come. */
  readonly following: boolean;
  /** Counts the times that `top` was decided here, and has to be written. */
  readonly writes: number;
  /** The card that is to stay in its place while heights become known around it: one that was just scrolled to. */
  readonly pinned: number | undefined;
  /** Changes with each measure: heights change in place. */
  readonly measures: number;
}

const HEAD = 8; // pixels above the first row
const FOOT = 16; // and below the last one
const NEAR = 48; // pixels that still count as the end
const BEYOND = 400; // pixels that are drawn on both sides of what is in view

/** Heights that were measured, by the cards' ids; what is not among them is estimated. */
export type Known = Map<number, number>;

const GUESSES: Partial<Record<Card["kind"], number>> = {
  message: 72,
  tool: 110,
  output: 180,
  plan: 120,
  request: 110,
  error: 64,
  hole: 50,
};
const LINE = 36; // pixels of a card of one line

const guess = (card: Card | undefined): number => GUESSES[card?.kind ?? "notice"] ?? LINE;
const heightsOf = (rows: readonly Card[], known: Known): Heights =>
  new Heights(rows.length, (index) => known.get((rows[index] as Card).id) ?? guess(rows[index]), HEAD);

/** Before anything was measured. */
export function begin(rows: readonly Card[], known: Known, following: boolean): Window {
  const heights = heightsOf(rows, known);
  return fitted({ rows, heights, top: 0, height: 800, following, writes: 1, pinned: undefined, measures: 0 }, 0);
}

/** How far all of it goes. */
export const totalOf = ({ heights }: Window): number => heights.total + FOOT;

/** Whether the end is in view, or nearly. */
export const isAtEnd = (view: Window): boolean => totalOf(view) - view.top - view.height <= NEAR;

/** The rows to draw: from the first to the last one, both with it. */
export function drawn({ heights, top, height }: Window): { first: number; last: number } {
  return { first: heights.at(top - BEYOND), last: heights.at(top + height + BEYOND) };
}

/** Other rows. */
export function withRows(view: Window, rows: readonly Card[], known: Known): Window {
  const heights = heightsOf(rows, known);
  const next = { ...view, rows, heights };
  if (view.following || rows.length === 0) return fitted(next, view.top);
  const places = new Map(inView(view).map((index) => [(view.rows[index] as Card).id, view.heights.top(index) - view.top]));
  for (const [index, card] of rows.entries()) {
    const offset = places.get(card.id);
    if (offset !== undefined) return fitted(next, heights.top(index) - offset);
  }
  return fitted(next, view.top);
}

/** Some rows are so high. Rows that are not there any more are left out. */
export function measured(
  view: Window,
  sizes: Iterable<readonly [index: number, id: number, pixels: number]>,
  known: Known,
): Window {
  const { heights, rows } = view;
  const anchor = anchorOf(view, known);
  const offset = heights.top(anchor) - view.top;
  let changed = false;
  for (const [index, id, pixels] of sizes) {
    if (rows[index]?.id !== id || (known.get(id) === pixels && heights.size(index) === pixels)) continue;
    known.set(id, pixels);
    heights.set(index, pixels);
    changed = true;
  }
  return changed ? fitted({ ...view, measures: view.measures + 1 }, heights.top(anchor) - offset) : view;
}

/**
 * Somebody scrolled, or what was written here arrived. `height`: the pixels in view by now, of which it may not have been told yet; where
 * they are more, the browser goes up at the end by itself.
 */
export function scrolled(view: Window, top: number, height = view.height): Window {
  if (Math.abs(top - view.top) < 1) return view;
  const up = top < view.top - 1; // what grows at the end leaves it behind, and is followed; who scrolls up stays there
  const next = { ...view, top };
  return { ...next, following: isAtEnd({ ...next, height }) || (view.following && !up) };
}

/** So many pixels are in view. */
export const resized = (view: Window, height: number): Window =>
  height === view.height ? view : fitted({ ...view, height }, view.top);

/** A row comes to the middle, or to the top where it is higher. */
export function shown(view: Window, index: number): Window {
  const { heights, height, rows } = view;
  const above = Math.max(HEAD, (height - heights.size(index)) / 2);
  return fitted({ ...view, following: false, pinned: rows[index]?.id }, heights.top(index) - above);
}

/** The end comes into view, and stays there. */
export const toEnd = (view: Window): Window => fitted({ ...view, following: true, pinned: undefined }, view.top);

/** Nothing is pinned any more: somebody scrolls. */
export const unpinned = (view: Window): Window => (view.pinned === undefined ? view : { ...view, pinned: undefined });

/** With `top`, as far as there is something, and the end where it is followed. */
function fitted(view: Window, top: number): Window {
  const most = Math.max(0, totalOf(view) - view.height);
  const to = view.following ? most : Math.max(0, Math.min(top, most));
  return to === view.top ? view : { ...view, top: to, writes: view.writes + 1 };
}

/** The rows in view. */
function inView({ heights, top, height, rows }: Window): number[] {
  if (rows.length === 0) return [];
  const first = heights.at(top);
  return Array.from({ length: heights.at(top + height) - first + 1 }, (_, step) => first + step);
}

/** The row that stays in its place. */
function anchorOf(view: Window, known: Known): number {
  const { heights, top, rows, pinned } = view;
  if (pinned !== undefined) {
    const index = rows.findIndex((card) => card.id === pinned);
    if (index >= 0) return index;
  }
  const first = heights.at(top);
  const isNew = heights.top(first) < top && !known.has(rows[first]?.id ?? 0); // it is above, and only now known: what is below it stays
  return isNew && first + 1 < rows.length ? first + 1 : first;
}

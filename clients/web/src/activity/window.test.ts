import { expect, test } from "vitest";
import type { Card } from "../stores/cards";
import {
  begin,
  drawn,
  isAtEnd,
  type Known,
  measured,
  resized,
  scrolled,
  shown,
  toEnd,
  totalOf,
  unpinned,
  type Window,
  withRows,
} from "./window";

const card = (id: number): Card => ({
  id,
  kind: "message",
  seq: id,
  last: id,
  parent: "",
  joint: "",
  run: false,
  entries: [],
  count: 0,
  bad: false,
  open: false,
  replaced: false,
});
const cards = (from: number, to: number): Card[] => Array.from({ length: to - from + 1 }, (_, step) => card(from + step));
const HIGH = 100; // pixels of a card that was measured

/** All that is drawn is measured, as a browser would. */
function settled(view: Window, known: Known): Window {
  let next = view;
  for (let round = 0; round < 10; round++) {
    const { first, last } = drawn(next);
    const sizes = next.rows.slice(first, last + 1).map((one, step) => [first + step, one.id, HIGH] as const);
    const after = measured(next, sizes, known);
    if (after === next) return next;
    next = after;
  }
  throw new Error("it does not settle");
}

const start = (from: number, to: number, following: boolean): [Window, Known] => {
  const known: Known = new Map();
  return [settled(resized(begin(cards(from, to), known, following), 500), known), known];
};
/** Where a card is in what is in view. */
const placeOf = ({ rows, heights, top }: Window, id: number): number => heights.top(rows.findIndex((one) => one.id === id)) - top;

test("it begins at the end, and follows it while cards come and grow", () => {
  const [view, known] = start(1, 1000, true);
  expect(isAtEnd(view)).toBe(true);
  const more = settled(withRows(view, cards(1, 1020), known), known);
  expect(isAtEnd(more)).toBe(true);
  const grown = measured(more, [[1019, 1020, 900]], known);
  expect(totalOf(grown) - grown.top).toBe(500);
});

test("only what is in view and a little around it is drawn, of however many", () => {
  const [view] = start(1, 100_000, true);
  const { first, last } = drawn(view);
  expect(last).toBe(99_999);
  expect(last - first).toBeLessThan(20);
});

test("who scrolls up stays there, whatever comes before and behind", () => {
  const [view, known] = start(500, 1000, true);
  const up = settled(scrolled(view, view.top - 5000), known);
  expect(up.following).toBe(false);
  const read = up.rows[drawn(up).first + 6] as Card;
  const place = placeOf(up, read.id);
  const after = settled(withRows(up, cards(1, 1100), known), known);
  expect(placeOf(after, read.id)).toBe(place);
  expect(after.writes).toBeGreaterThan(up.writes);
});

test("what was read stays where it is also when the card at the edge has gone", () => {
  const [view, known] = start(1, 1000, true);
  const up = settled(scrolled(view, 50_030), known);
  const edge = up.rows[up.heights.at(up.top)] as Card;
  const next = placeOf(up, edge.id + 1);
  const after = withRows(
    up,
    up.rows.filter((one) => one.id !== edge.id),
    known,
  );
  expect(placeOf(after, edge.id + 1)).toBe(next);
});

test("scrolling up over cards that were never measured does not jump", () => {
  let [view, known] = start(1, 1000, true);
  view = settled(scrolled(view, view.top - 3000), known);
  for (let step = 0; step < 40; step++) {
    const at = view.rows[view.heights.at(view.top) + 1] as Card;
    const place = placeOf(view, at.id);
    view = settled(scrolled(view, view.top - 90), known);
    expect(placeOf(view, at.id)).toBe(place + 90);
  }
});

test("a card that grows at its end while it reaches over the edge does not move what is read of it", () => {
  const [view, known] = start(1, 100, true);
  const up = settled(scrolled(view, 2050), known);
  const index = up.heights.at(up.top);
  const place = placeOf(up, (up.rows[index] as Card).id);
  const after = measured(up, [[index, (up.rows[index] as Card).id, 300]], known);
  expect(placeOf(after, (up.rows[index] as Card).id)).toBe(place);
});

test("a card that is scrolled to stays in the middle while what is around it becomes known", () => {
  const [view, known] = start(1, 5000, true);
  const there = settled(shown(view, 2000), known);
  expect(placeOf(there, 2001)).toBe(200 + (100 - 72) / 2); // in the middle as it was thought to be, by its top since
  expect(there.following).toBe(false);
  expect(unpinned(there).pinned).toBeUndefined();
});

test("back at the end it follows again, by scrolling or by the button", () => {
  const [view, known] = start(1, 1000, true);
  const up = settled(scrolled(view, 1000), known);
  expect(settled(toEnd(up), known).following).toBe(true);
  const down = settled(scrolled(up, totalOf(up) - 500), known);
  expect(down.following).toBe(true);
});

test("the end stays in view where more comes into view: that the browser goes up by itself is nobody's scrolling", () => {
  const [view] = start(1, 1000, true);
  const most = totalOf(view) - 900; // as far as it can be scrolled with 900 pixels in view
  const taller = resized(scrolled(view, most, 900), 900);
  expect(taller.following).toBe(true);
  expect(taller.top).toBe(most);
  expect(scrolled(view, most - 100, 900).following).toBe(false);
});

test("sizes of cards that are not there any more are left out, and nothing changes where nothing does", () => {
  const [view, known] = start(1, 10, true);
  expect(measured(view, [[3, 999, 5]], known)).toBe(view);
  expect(scrolled(view, view.top)).toBe(view);
  expect(resized(view, 500)).toBe(view);
});

test("no cards are a window too", () => {
  const known: Known = new Map();
  const view = withRows(begin([], known, true), cards(1, 3), known);
  expect(drawn(view)).toEqual({ first: 0, last: 2 });
  expect(withRows(view, [], known).top).toBe(0);
});

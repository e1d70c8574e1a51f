/** Which cards are shown, and in which order: the deck seen through a tab, a filter, and what somebody has folded. Pure. */
import type { Card, CardKind, Mark } from "./cards";
import type { Deck } from "./deck";
import { place } from "./places";

/** The tabs, in their order. */
export const TABS = ["all", "tools", "output", "files", "errors"] as const;
/** One of them. */
export type Tab = (typeof TABS)[number];

/** What is to be shown. */
export interface Filter {
  readonly tab: Tab;
  /** Kinds that are left out of the tab `all`. */
  readonly hidden: ReadonlySet<CardKind>;
  /** Ids of calls whose subagents' cards are folded away; in the tab `all`. */
  readonly folded: ReadonlySet<number>;
}

/** Whether a card belongs to a tab. */
export function inTab(card: Card, tab: Tab): boolean {
  switch (tab) {
    case "all":
      return true;
    case "tools":
      return card.kind === "tool";
    case "output":
      return card.kind === "output" || card.kind === "lost";
    case "files":
      return card.kind === "file";
    case "errors":
      return card.bad;
  }
}

/** The cards to show: those of a subagent behind the call they belong to. Holes are where events are that are not loaded. */
export function rowsOf(deck: Deck, holes: readonly Mark[], filter: Filter): Card[] {
  const { tab, hidden, folded } = filter;
  const all = tab === "all";
  const top = deck.nested ? merged(deck.root, deck.orphans()) : deck.root;
  let rows: Card[];
  if (all && hidden.size === 0 && !deck.nested) rows = top.slice();
  else if (!deck.nested) rows = top.filter((card) => (all ? !hidden.has(card.kind) : inTab(card, tab)));
  else rows = unfolded(deck, top, (card) => (all ? !hidden.has(card.kind) : inTab(card, tab)), all ? folded : new Set());
  for (const hole of holes) rows.splice(deck.nested ? after(rows, hole.first) : place(rows, hole.first), 0, holeOf(hole));
  return rows;
}

/** Walks down without recursion: how deep subagents go is not ours to say. */
function unfolded(deck: Deck, top: readonly Card[], shown: (card: Card) => boolean, folded: ReadonlySet<number>): Card[] {
  const rows: Card[] = [];
  const under: { cards: readonly Card[]; at: number }[] = [{ cards: top, at: 0 }];
  for (let level = under.at(-1); level !== undefined; level = under.at(-1)) {
    const card = level.cards[level.at++];
    if (card === undefined) {
      under.pop();
      continue;
    }
    if (shown(card)) rows.push(card);
    if (card.kind !== "tool" || folded.has(card.id)) continue;
    const cards = deck.children(card);
    if (cards.length > 0) under.push({ cards, at: 0 });
  }
  return rows;
}

function merged(root: readonly Card[], orphans: readonly Card[]): readonly Card[] {
  return orphans.length === 0 ? root : [...root, ...orphans].sort((a, b) => a.seq - b.seq);
}

/** Where a place in the log is among rows that are not all in its order. */
function after(rows: readonly Card[], seq: number): number {
  const at = rows.findIndex((card) => card.seq >= seq);
  return at < 0 ? rows.length : at;
}

const holeOf = (mark: Mark): Card => ({
  id: -mark.last,
  kind: "hole",
  seq: mark.first,
  last: mark.last,
  parent: "",
  joint: "",
  run: false,
  entries: [],
  count: 0,
  bad: false,
  open: false,
  replaced: false,
  mark,
});

/** Searching the cards that are loaded, in slices: a hundred thousand are looked through without the page standing still. */
import { useEffect, useRef, useState } from "react";
import { takeTurns } from "../bridge/turns";
import type { Card } from "../stores/cards";
import { plainText } from "../stores/content";
import { plain } from "../ui/plain";

/** What was found. */
export interface Found {
  /** The ids of the cards, in their order. */
  readonly ids: readonly number[];
  /** Cards that are still to be looked through. */
  readonly left: number;
}

const AT_ONCE = 20; // cards between two looks at the clock
const TOLD = 2_000; // cards between two changes that are told
const NONE: Found = { ids: [], left: 0 };

/** Whether a card says it. `sought` is in lower case. */
export const says = (card: Card, sought: string): boolean => plain(plainText(card)).toLowerCase().includes(sought);

/** The cards that say it, kept up to date while cards come; empty: nothing is sought. */
export function useFind(rows: readonly Card[], sought: string): Found {
  const [found, setFound] = useState(NONE);
  const known = useRef({ sought: "", cards: new WeakMap<Card, boolean>() });
  useEffect(() => {
    if (sought === "") {
      setFound(NONE);
      return;
    }
    if (known.current.sought !== sought) known.current = { sought, cards: new WeakMap() };
    const { cards } = known.current;
    const ids: number[] = [];
    let at = 0;
    let told = TOLD;
    let over = false;
    takeTurns(() => {
      if (over) return false;
      for (const end = at + AT_ONCE; at < end && at < rows.length; at++) {
        const card = rows[at] as Card;
        let yes = cards.get(card);
        if (yes === undefined) {
          yes = says(card, sought);
          cards.set(card, yes);
        }
        if (yes) ids.push(card.id);
      }
      if (at < rows.length && at < told) return true;
      told = at + TOLD;
      setFound({ ids: [...ids], left: rows.length - at });
      return at < rows.length;
    });
    return () => {
      over = true;
    };
  }, [rows, sought]);
  return found;
}

/** What the cards of a view share: whose they are, and what can be done with them. */
import { createContext, useContext } from "react";
import type { Card } from "../stores/cards";

/** What a card can do. */
export interface Here {
  /** The session's id. */
  readonly session: string;
  /** Nothing is answered any more. */
  readonly ended: boolean;
  /** Answers a request. Rejects with what the service says. */
  readonly answer: (requestId: string, answer: { optionId?: string; text?: string }) => Promise<void>;
  /** Loads what was cut off events. */
  readonly whole: (seqs: readonly number[]) => Promise<void>;
  /** Loads some of a hole. */
  readonly load: (hole: Card) => void;
  readonly copyLink: (card: Card) => void;
  /** What a subagent did on behalf of a call: how many cards, and whether they are folded away. */
  readonly under: (card: Card) => { readonly count: number; readonly folded: boolean };
  readonly foldUnder: (card: Card) => void;
  readonly depth: (card: Card) => number;
}

const context = createContext<Here | undefined>(undefined);

/** Gives it to the cards inside. */
export const HereProvider = context.Provider;

/** What a card can do. */
export function useHere(): Here {
  const here = useContext(context);
  if (here === undefined) throw new Error("useHere: there is no HereProvider around this");
  return here;
}

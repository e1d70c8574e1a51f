/** Text of others: what is unseen in it made seen, and what was searched for marked. Everything that others wrote is drawn by this. */
import { createContext, useContext, useMemo } from "react";
import { plain } from "../ui/plain";

/** What is searched for in the cards, in lower case; empty: nothing. */
export const Sought = createContext("");

/** Draws it. */
export function Words({ text }: { readonly text: string }) {
  const sought = useContext(Sought);
  const safe = useMemo(() => plain(text), [text]);
  if (sought === "") return safe;
  return split(safe, sought).map((part, at) =>
    // biome-ignore lint/suspicious/noArrayIndexKey: the parts have no other name, and none of them has a state
    at % 2 === 1 ? <mark key={at}>{part}</mark> : part,
  );
}

/** The text cut at each place of `sought`: every second part is one. */
export function split(text: string, sought: string): string[] {
  const parts: string[] = [];
  const low = text.toLowerCase();
  let from = 0;
  if (low.length !== text.length) return [text]; // its letters change their number: places would be wrong
  for (let at = low.indexOf(sought); at >= 0; at = low.indexOf(sought, from)) {
    parts.push(text.slice(from, at), text.slice(at, at + sought.length));
    from = at + sought.length;
  }
  parts.push(text.slice(from));
  return parts;
}

/** Long text, cut until somebody wants all of it. How far it is open is kept for each card, also while it is not drawn. */
import { createContext, type ReactNode, useContext, useMemo } from "react";
import styles from "./Card.module.css";
import { Sought, Words } from "./Words";

/** What is kept of how cards are drawn: whatever somebody has opened or closed. */
export interface Keeper {
  get(key: string): number | undefined;
  set(key: string, value: number): void;
}

/** Where it is kept. */
export const Kept = createContext<Keeper>({ get: () => undefined, set: () => {} });

const STEP = 400; // lines that are shown more at each press: a thousand at once would stop the page
const WIDE = 2000; // characters of a line

interface Props {
  /** Under which it is kept. */
  readonly name: string;
  readonly text: string;
  /** Lines that are always shown. */
  readonly lines: number;
}

/** Text in lines, as it was written. */
export function Cut({ name, text, lines }: Props) {
  const all = useMemo(() => linesOf(text), [text]);
  const sought = useContext(Sought);
  const first = useMemo(() => Math.max(lines, placeOf(all, sought)), [all, lines, sought]);
  return (
    <Some name={name} count={all.length} first={first}>
      {(shown) => (
        <pre className={styles.pre}>
          <Words text={all.slice(0, shown).join("\n")} />
        </pre>
      )}
    </Some>
  );
}

/** How many lines show the first place of what is sought; 0: it is nowhere, or too far down. */
function placeOf(lines: readonly string[], sought: string): number {
  const at = sought === "" ? -1 : lines.findIndex((line) => line.toLowerCase().includes(sought));
  return at < STEP ? at + 1 : 0;
}

interface SomeProps {
  /** Under which it is kept. */
  readonly name: string;
  /** Lines that there are. */
  readonly count: number;
  /** Lines that are always shown. */
  readonly first: number;
  /** Draws so many. */
  readonly children: (shown: number) => ReactNode;
}

/** Some of many lines, and buttons for more and for less. */
export function Some({ name, count, first, children }: SomeProps) {
  const kept = useContext(Kept);
  const shown = kept.get(name) ?? first;
  const more = Math.max(0, count - shown);
  return (
    <div className={styles.cut}>
      {children(shown)}
      {more > 0 ? (
        <button type="button" className={styles.more} onClick={() => kept.set(name, shown + STEP)}>
          {more > STEP ? `Show ${STEP} more of ${more} lines` : `Show all: ${more} more ${more === 1 ? "line" : "lines"}`}
        </button>
      ) : null}
      {shown > first ? (
        <button type="button" className={styles.more} onClick={() => kept.set(name, first)}>
          Show less
        </button>
      ) : null}
    </div>
  );
}

/** The lines of a text; what is very long counts as several. */
export const linesOf = (text: string): string[] => text.replace(/\n$/, "").split("\n").flatMap(wrapped);

function wrapped(line: string): string[] {
  if (line.length <= WIDE) return [line];
  const parts: string[] = [];
  for (let at = 0; at < line.length; at += WIDE) parts.push(line.slice(at, at + WIDE));
  return parts;
}

/**
 * The cards, of which only those in view are drawn. What is read does not move when cards come before it; at the end it follows what comes,
 * until somebody scrolls up. `window.ts` decides; here it meets the browser.
 */
import { type Ref, useCallback, useEffect, useImperativeHandle, useLayoutEffect, useReducer, useRef, useState } from "react";
import { flushSync } from "react-dom";
import type { Card } from "../stores/cards";
import { Button } from "../ui/Button";
import { CardView } from "./CardView";
import styles from "./Feed.module.css";
import {
  begin,
  drawn,
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

/** What can be done with it from outside. */
export interface FeedHandle {
  /** Scrolls to a card and, where wanted, puts the focus on it. */
  show(index: number, focus: boolean): void;
  toEnd(): void;
}

interface Props {
  readonly rows: readonly Card[];
  /** The id of the card that keys act on. */
  readonly current: number | undefined;
  /** The id of the card that is marked. */
  readonly marked: number | undefined;
  /** Whether it begins at its end and follows it. */
  readonly follow: boolean;
  readonly busy: boolean;
  readonly label: string;
  readonly onCurrent: (id: number) => void;
  /** A hole came into view. */
  readonly onHole: (hole: Card) => void;
  readonly ref: Ref<FeedHandle>;
}

/** Draws them. */
export function Feed({ rows, current, marked, follow, busy, label, onCurrent, onHole, ref }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const { view, known, change } = useWindow(rows, follow, scroller);
  const observer = useSizes(scroller, known, change);

  useImperativeHandle(
    ref,
    () => ({
      show: (index, focus) => {
        change((now) => shown(now, index));
        if (focus) focusSoon(scroller.current, index);
      },
      toEnd: () => change(toEnd),
    }),
    [change],
  );

  const { first, last } = drawn(view);
  const currentAt = current === undefined ? -1 : rows.findIndex((card) => card.id === current);
  const indexes = Array.from({ length: Math.max(0, last - first + 1) }, (_, step) => first + step);
  if (currentAt >= 0 && currentAt < first) indexes.unshift(currentAt); // with the card that has the focus the focus would go
  if (currentAt > last) indexes.push(currentAt);
  useHoles(rows, first, last, onHole);
  const fresh = useFresh(view);
  const release = () => change(unpinned);
  return (
    <div className={styles.frame}>
      <div
        ref={scroller}
        className={styles.scroller}
        data-following={view.following}
        onScroll={() => change((now) => now)} // it takes in itself how far
        onWheel={release}
        onTouchMove={release}
        onPointerDown={release}
      >
        <div className={styles.all} role="feed" aria-busy={busy} aria-label={label} style={{ height: totalOf(view) }}>
          {indexes.map((index) => {
            const card = rows[index];
            return card === undefined ? null : (
              <CardView
                key={card.id}
                card={card}
                index={index}
                count={rows.length}
                top={view.heights.top(index)}
                current={index === (currentAt < 0 ? rows.length - 1 : currentAt)}
                marked={card.id === marked}
                observer={observer}
                onFocus={onCurrent}
              />
            );
          })}
        </div>
      </div>
      {view.following ? null : (
        <Button className={styles.end} onClick={() => change(toEnd)}>
          {fresh > 0 ? `${fresh} new ↓` : "To the end ↓"}
        </Button>
      )}
    </div>
  );
}

/** Does a step with what is in view, as it is scrolled by now. It is done at once, and drawn soon. */
type Change = (step: (now: Window) => Window) => void;

/**
 * What is in view. It is not React's state, which after a scroll that changes nothing may come back as it was before rows that were drawn
 * already: decided anew from there, where to be has the number of what is written, is not written, and the end is lost.
 */
function useWindow(
  rows: readonly Card[],
  follow: boolean,
  scroller: { readonly current: HTMLDivElement | null },
): { view: Window; known: Known; change: Change } {
  const [known] = useState<Known>(() => new Map());
  const [, draw] = useReducer((times: number) => times + 1, 0);
  const written = useRef(0);
  const latest = useRef<Window>(undefined);
  let view = latest.current ?? begin(rows, known, follow);
  if (view.rows !== rows) view = withRows(arrived(view, written.current, scroller.current), rows, known);
  latest.current = view;
  const { writes } = view;
  useLayoutEffect(() => {
    written.current = writes; // only what was decided here is written: else it would fight who scrolls
    if (scroller.current !== null && latest.current !== undefined) scroller.current.scrollTop = latest.current.top;
  }, [scroller, writes]);
  const change = useCallback<Change>(
    (step) => {
      if (latest.current === undefined) return;
      const next = step(arrived(latest.current, written.current, scroller.current));
      if (next === latest.current) return;
      latest.current = next;
      draw();
    },
    [scroller],
  );
  return { view, known, change };
}

/** As far as it is scrolled by now. Where it was decided here where to be, and that is not written yet, that comes first. */
const arrived = (view: Window, written: number, scroller: HTMLElement | null): Window =>
  scroller === null || written !== view.writes ? view : scrolled(view, scroller.scrollTop, scroller.clientHeight);

/** Hears how high cards are as soon as they are laid out, and how much is in view; what moves by that is right before it is painted. */
function useSizes(
  scroller: { readonly current: HTMLDivElement | null },
  known: Known,
  change: Change,
): ResizeObserver | undefined {
  const [observer, setObserver] = useState<ResizeObserver>();
  useLayoutEffect(() => {
    const mine = new ResizeObserver((entries) => {
      let height: number | undefined;
      const sizes: [number, number, number][] = [];
      for (const { target, borderBoxSize } of entries) {
        const pixels = Math.round(borderBoxSize[0]?.blockSize ?? 0);
        const { index, card } = (target as HTMLElement).dataset;
        if (target === scroller.current) height = pixels;
        else if (pixels > 0) sizes.push([Number(index), Number(card), pixels]);
      }
      flushSync(() => change((now) => measured(resized(now, height ?? now.height), sizes, known)));
    });
    if (scroller.current !== null) mine.observe(scroller.current);
    setObserver(mine);
    return () => mine.disconnect();
  }, [scroller, known, change]);
  return observer;
}

/** Tells of holes that come into view, of each once: what could not be loaded then is loaded when somebody asks. */
function useHoles(rows: readonly Card[], first: number, last: number, onHole: (hole: Card) => void): void {
  const tried = useRef(new Set<string>());
  let hole: Card | undefined;
  for (let index = first; index <= last && hole === undefined; index++) if (rows[index]?.kind === "hole") hole = rows[index];
  useEffect(() => {
    const name = `${hole?.seq} ${hole?.last}`;
    if (hole === undefined || tried.current.has(name)) return;
    tried.current.add(name);
    onHole(hole);
  }, [hole, onHole]);
}

const MOST = 999; // that are counted

/** How many cards have come since the end was left. */
function useFresh({ following, rows }: Window): number {
  const seen = useRef(0);
  const lastSeq = rows.at(-1)?.seq ?? 0;
  useEffect(() => {
    if (following) seen.current = lastSeq;
  }, [following, lastSeq]);
  if (following || seen.current === 0) return 0;
  let count = 0;
  for (let at = rows.length - 1; at >= 0 && count < MOST && (rows[at] as Card).seq > seen.current; at--) count += 1;
  return count;
}

const FRAMES = 30; // until a card that was scrolled to is drawn

function focusSoon(scroller: HTMLElement | null, index: number, frames = FRAMES): void {
  const card = scroller?.querySelector<HTMLElement>(`[data-index="${index}"]`);
  if (card) card.focus({ preventScroll: true });
  else if (frames > 0) requestAnimationFrame(() => focusSoon(scroller, index, frames - 1));
}

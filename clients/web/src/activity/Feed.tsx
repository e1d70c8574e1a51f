/**
 * The cards, of which only those in view are drawn. What is read does not move when cards come before it; at the end it follows what comes,
 * until somebody scrolls up.
 */
import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import { type Ref, useCallback, useEffect, useImperativeHandle, useRef, useState } from "react";
import type { Card } from "../stores/cards";
import { Button } from "../ui/Button";
import { CardView } from "./CardView";
import styles from "./Feed.module.css";

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

const NEAR_END = 48; // pixels that still count as the end
const HEIGHTS: Partial<Record<Card["kind"], number>> = {
  message: 72,
  tool: 96,
  output: 160,
  plan: 120,
  request: 96,
  error: 60,
  hole: 44,
};
const LINE = 34; // pixels of a card of one line

/** Draws them. */
export function Feed({ rows, current, marked, follow, busy, label, onCurrent, onHole, ref }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(follow);
  const seen = useRef(0);
  const currentAt = current === undefined ? -1 : rows.findIndex((card) => card.id === current);
  const feed = useVirtualizer<HTMLDivElement, HTMLElement>({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => HEIGHTS[rows[index]?.kind ?? "notice"] ?? LINE,
    getItemKey: useCallback((index: number) => rows[index]?.id ?? index, [rows]),
    rangeExtractor: useCallback(
      (range: Range) => {
        const shown = defaultRangeExtractor(range); // the card with the focus stays, or the focus would be lost
        return currentAt < 0 || shown.includes(currentAt) ? shown : [...shown, currentAt].sort((a, b) => a - b);
      },
      [currentAt],
    ),
    overscan: 6,
    anchorTo: "end",
    followOnAppend: following,
    scrollEndThreshold: NEAR_END,
    directDomUpdates: true,
    paddingStart: 8,
    paddingEnd: 16,
  });
  const end = useRef(feed);
  end.current = feed;
  const lastSeq = rows.at(-1)?.last ?? 0;

  const top = useRef(0);
  const onScroll = useCallback(() => {
    const at = scroller.current?.scrollTop ?? 0;
    const up = at < top.current - 1; // what grows at the end leaves it behind, and is followed; who scrolls up stays there
    top.current = at;
    if (end.current.isAtEnd(NEAR_END)) setFollowing(true);
    else if (up) setFollowing(false);
  }, []);
  useEffect(() => {
    if (!following || rows.length === 0) return;
    seen.current = lastSeq;
    if (!end.current.isAtEnd(NEAR_END)) end.current.scrollToEnd();
  }, [following, lastSeq, rows.length]);
  useImperativeHandle(
    ref,
    () => ({
      show: (index, focus) => {
        setFollowing(false);
        end.current.scrollToIndex(index, { align: "center" });
        if (focus) focusSoon(scroller.current, index);
      },
      toEnd: () => {
        end.current.scrollToEnd();
        setFollowing(true);
      },
    }),
    [],
  );

  const items = feed.getVirtualItems();
  const tried = useRef(new Set<string>());
  const hole = items.map((item) => rows[item.index]).find((card) => card?.kind === "hole");
  useEffect(() => {
    const name = `${hole?.seq} ${hole?.last}`;
    if (hole === undefined || tried.current.has(name)) return; // what could not be loaded once is loaded when somebody asks
    tried.current.add(name);
    onHole(hole);
  }, [hole, onHole]);
  const fresh = following ? 0 : countAfter(rows, seen.current);
  return (
    <div className={styles.frame}>
      <div ref={scroller} className={styles.scroller} onScroll={onScroll} data-following={following}>
        <div ref={feed.containerRef} className={styles.all} role="feed" aria-busy={busy} aria-label={label}>
          {items.map((item) => {
            const card = rows[item.index];
            return card === undefined ? null : (
              <CardView
                key={card.id}
                card={card}
                index={item.index}
                count={rows.length}
                current={card.id === current || (currentAt < 0 && item.index === rows.length - 1)}
                marked={card.id === marked}
                measure={feed.measureElement}
                onFocus={onCurrent}
              />
            );
          })}
        </div>
      </div>
      {following ? null : (
        <Button
          className={styles.end}
          onClick={() => {
            end.current.scrollToEnd();
            setFollowing(true);
          }}
        >
          {fresh > 0 ? `${fresh} new ↓` : "To the end ↓"}
        </Button>
      )}
    </div>
  );
}

const MOST = 999; // that are counted

function countAfter(rows: readonly Card[], seq: number): number {
  let count = 0;
  for (let at = rows.length - 1; at >= 0 && count < MOST && (rows[at] as Card).seq > seq; at--) count += 1;
  return count;
}

const FRAMES = 30; // until a card that was scrolled to is drawn

function focusSoon(scroller: HTMLElement | null, index: number, frames = FRAMES): void {
  const card = scroller?.querySelector<HTMLElement>(`[data-index="${index}"]`);
  if (card) card.focus({ preventScroll: true });
  else if (frames > 0) requestAnimationFrame(() => focusSoon(scroller, index, frames - 1));
}

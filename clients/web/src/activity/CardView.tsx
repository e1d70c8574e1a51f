/** One card: its frame, its first line, and what is under it. */
import { memo, useContext, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Card } from "../stores/cards";
import { href } from "../stores/route";
import { bytes } from "../ui/format";
import styles from "./Card.module.css";
import { Kept } from "./Cut";
import { type Face, faceOf } from "./faces";
import { useHere } from "./here";
import { When } from "./When";
import { Words } from "./Words";

interface Props {
  readonly card: Card;
  /** Its place among those that are shown, from 0, and how many there are. */
  readonly index: number;
  readonly count: number;
  /** It is the one that keys act on. */
  readonly current: boolean;
  /** It is the one that the address names, or that was just found. */
  readonly marked: boolean;
  /** Where it is, in pixels. */
  readonly top: number;
  /** Wants to know how high it is. */
  readonly observer: ResizeObserver | undefined;
  readonly onFocus: (id: number) => void;
}

const DEEPEST = 4; // steps that are drawn apart

/** Draws it. */
export const CardView = memo(function CardView({ card, index, count, current, marked, top, observer, onFocus }: Props) {
  const here = useHere();
  const depth = Math.min(DEEPEST, here.depth(card));
  const element = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const mine = element.current;
    if (mine === null || observer === undefined) return;
    observer.observe(mine, { box: "border-box" });
    return () => observer.unobserve(mine);
  }, [observer]);
  return (
    <article
      ref={element}
      className={styles.place}
      style={{ transform: `translateY(${top}px)` }}
      data-index={index}
      data-card={card.id}
      data-seq={card.seq}
      data-kind={card.kind}
      data-depth={depth}
      data-marked={marked}
      aria-posinset={index + 1}
      aria-setsize={count}
      aria-current={marked ? "true" : undefined}
      aria-labelledby={`card-${card.id}`}
      tabIndex={current ? 0 : -1}
      onFocus={() => onFocus(card.id)}
    >
      {card.kind === "hole" ? <Hole card={card} /> : <Inside card={card} />}
    </article>
  );
});

function Hole({ card }: { readonly card: Card }) {
  const { load } = useHere();
  const count = card.last - card.seq + 1;
  return (
    <div className={styles.hole} id={`card-${card.id}`}>
      <span>
        {card.mark?.text || `Events ${card.seq} to ${card.last}`}
        {": not loaded"}
      </span>
      <button type="button" className={styles.more} onClick={() => load(card)}>
        Load {count > 1 ? "some of them" : "it"}
      </button>
    </div>
  );
}

/** Whether what is under a card's line is there: as somebody has set it, or as it is by itself. */
export const isOpen = (face: Face, kept: number | undefined): boolean => (kept === undefined ? face.open : kept === 1);

const Inside = memo(function Inside({ card }: { readonly card: Card }) {
  const { session, copyLink, under, foldUnder } = useHere();
  const kept = useContext(Kept);
  const face = useMemo(() => faceOf(card), [card]);
  const open = isOpen(face, kept.get(`${card.id} open`));
  const { count, folded } = under(card);
  const foldable = face.body !== undefined && face.body !== null;
  const body = `body-${card.id}`;
  const line = face.line === "" ? null : <Words text={face.line} />;
  return (
    <div className={styles.card} data-kind={card.kind} data-bad={card.bad} data-open={card.open}>
      <header className={styles.head}>
        {foldable ? (
          <button
            type="button"
            className={styles.fold}
            aria-expanded={open}
            aria-controls={body}
            aria-label={`${open ? "Fold" : "Unfold"}: ${face.label}`}
            data-fold
            onClick={() => kept.set(`${card.id} open`, open ? 0 : 1)}
          >
            {open ? "▾" : "▸"}
          </button>
        ) : (
          <span className={styles.fold} aria-hidden="true" />
        )}
        <h3 className={styles.title} id={`card-${card.id}`}>
          <span className={styles.label}>{face.label}</span>
          {face.mono ? <code className={styles.line}>{line}</code> : <span className={styles.line}>{line}</span>}
        </h3>
        <span className={styles.facts}>
          {face.facts.map((fact) => (
            <span key={fact.text} className={styles.fact} data-tone={fact.tone}>
              {fact.text}
            </span>
          ))}
          {count > 0 ? (
            <button type="button" className={styles.more} aria-expanded={!folded} onClick={() => foldUnder(card)}>
              {folded ? `Show ${count} of its agent` : "Fold its agent"}
            </button>
          ) : null}
          {face.time > 0 ? <When at={face.time} /> : null}
          <a
            className={styles.link}
            href={href({ session, view: "activity", seq: card.seq || undefined } as Parameters<typeof href>[0])}
            aria-label={`Copy link to event ${card.seq}`}
            title={`Event ${card.seq}: copy link`}
            onClick={(event) => {
              if (event.metaKey || event.ctrlKey || event.shiftKey) return;
              event.preventDefault();
              event.stopPropagation();
              copyLink(card);
            }}
          >
            #{card.seq}
          </a>
        </span>
      </header>
      {foldable && open ? (
        <div id={body} className={styles.body}>
          {face.body}
        </div>
      ) : null}
      {face.cut.length > 0 ? <Whole seqs={face.cut} missing={face.missing} /> : null}
    </div>
  );
});

function Whole({ seqs, missing }: { readonly seqs: readonly number[]; readonly missing: number }) {
  const { whole } = useHere();
  const [state, setState] = useState<"" | "loading" | { problem: string }>("");
  const load = () => {
    setState("loading");
    whole(seqs).then(
      () => setState(""),
      (error: Error) => setState({ problem: error.message }),
    );
  };
  return (
    <p className={styles.whole}>
      {bytes(missing)} did not fit the log's entry.{" "}
      <button type="button" className={styles.more} disabled={state === "loading"} onClick={load}>
        {state === "loading" ? "Loading…" : "Show whole"}
      </button>
      {typeof state === "object" ? <span role="alert"> {state.problem}</span> : null}
    </p>
  );
}

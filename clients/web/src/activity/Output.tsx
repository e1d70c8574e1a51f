/** The end of what a program printed, as text; more of it when somebody asks. */
import { useContext, useMemo } from "react";
import type { Card } from "../stores/cards";
import { endOfOutput } from "../stores/content";
import { bytes } from "../ui/format";
import styles from "./Card.module.css";
import { Kept, linesOf } from "./Cut";
import { Words } from "./Words";

const LINES = 16;
const STEP = 400;

/** Draws it. */
export function Output({ name, card }: { readonly name: string; readonly card: Card }) {
  const kept = useContext(Kept);
  const shown = kept.get(`${name} output`) ?? LINES;
  const { text, before } = useMemo(() => endOfOutput(card, shown), [card, shown]);
  const lines = useMemo(() => linesOf(text).slice(-shown).join("\n"), [text, shown]);
  return (
    <div className={styles.cut}>
      {before > 0 ? (
        <button type="button" className={styles.more} onClick={() => kept.set(`${name} output`, shown + STEP)}>
          Show more: {bytes(before)} before this
        </button>
      ) : null}
      <pre className={styles.pre}>
        <Words text={lines} />
      </pre>
    </div>
  );
}

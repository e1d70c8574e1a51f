/** A word on a ground of its tone: a state, a kind, a count. */
import type { ReactNode } from "react";
import styles from "./Chip.module.css";

/** What a thing is like; each has its colours in tokens.css. */
export type Tone = "plain" | "accent" | "good" | "warn" | "bad";

interface Props {
  /** Default: `plain`. */
  readonly tone?: Tone;
  /** A dot before the word, in the tone's colour. Default: none. */
  readonly dot?: boolean;
  /** For who points at it. */
  readonly title?: string;
  readonly children: ReactNode;
}

/** The tone is never all that tells: the word says it too. */
export function Chip({ tone = "plain", dot = false, title, children }: Props) {
  return (
    <span className={styles.chip} data-tone={tone} title={title}>
      {dot ? <span className={styles.dot} aria-hidden="true" /> : null}
      <span className={styles.word}>{children}</span>
    </span>
  );
}

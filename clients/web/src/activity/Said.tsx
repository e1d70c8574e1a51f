/** What somebody says: drawn as it was meant, and cut where it is very long. */
import { useContext, useMemo } from "react";
import styles from "./Card.module.css";
import { Kept } from "./Cut";
import { Markdown } from "./Markdown";

const LONG = 6000; // characters that are drawn at once

interface Props {
  /** Under which it is kept how much of it is shown. */
  readonly name: string;
  readonly text: string;
}

/** Draws it. */
export function Said({ name, text }: Props) {
  const kept = useContext(Kept);
  const shown = kept.get(`${name} said`) ?? LONG;
  const part = useMemo(() => (text.length > shown ? text.slice(0, lineEnd(text, shown)) : text), [text, shown]);
  return (
    <>
      <Markdown text={part} />
      {part.length < text.length ? (
        <button type="button" className={styles.more} onClick={() => kept.set(`${name} said`, shown + 5 * LONG)}>
          Show more: {text.length - part.length} more characters
        </button>
      ) : null}
    </>
  );
}

function lineEnd(text: string, before: number): number {
  const at = text.lastIndexOf("\n", before);
  return at > before / 2 ? at : before;
}

/** Which kinds of cards are left out of the tab of all. */
import { useId, useState } from "react";
import type { CardKind } from "../stores/cards";
import { useStore } from "../stores/use";
import { Button } from "../ui/Button";
import styles from "./ActivityView.module.css";
import { times } from "./When";

const KINDS: readonly (readonly [CardKind, string])[] = [
  ["message", "Messages"],
  ["thinking", "Thinking"],
  ["tool", "Tools"],
  ["output", "Output"],
  ["file", "Files"],
  ["plan", "Plans"],
  ["progress", "Progress"],
  ["usage", "Usage"],
  ["turn", "Turns"],
  ["state", "States"],
  ["input", "Typed"],
  ["notice", "Notices"],
  ["line", "Lines that add nothing"],
  ["agent", "Agent"],
  ["resized", "Sizes"],
];

interface Props {
  readonly hidden: ReadonlySet<CardKind>;
  readonly disabled: boolean;
  readonly onChange: (hidden: ReadonlySet<CardKind>) => void;
}

/** A button, and the list that it opens. */
export function KindFilter({ hidden, disabled, onChange }: Props) {
  const [open, setOpen] = useState(false);
  const which = useStore(times);
  const list = useId();
  const out = KINDS.filter(([kind]) => hidden.has(kind)).length;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it hears where the focus inside it goes
    <div
      className={styles.filter}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) setOpen(false);
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.stopPropagation();
        setOpen(false);
      }}
    >
      <Button weight="quiet" aria-expanded={open} aria-controls={list} onClick={() => setOpen(!open)}>
        Filter{out > 0 ? ` (${out} off)` : ""}
      </Button>
      <fieldset id={list} className={styles.kinds} hidden={!open}>
        <legend className="visually-hidden">Kinds of cards that are shown</legend>
        {KINDS.map(([kind, word]) => (
          <label key={kind}>
            <input
              type="checkbox"
              checked={!hidden.has(kind)}
              disabled={disabled}
              onChange={() => onChange(toggled(hidden, kind))}
            />
            {word}
          </label>
        ))}
        <label>
          <input type="checkbox" checked={which === "ago"} onChange={() => times.set(which === "ago" ? "clock" : "ago")} />
          Times as “ago”
        </label>
      </fieldset>
    </div>
  );
}

/** The set with one more, or one less. */
export function toggled<T>(set: ReadonlySet<T>, one: T): ReadonlySet<T> {
  const next = new Set(set);
  if (!next.delete(one)) next.add(one);
  return next;
}

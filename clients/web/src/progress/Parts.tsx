/** The parts that the strip and the panel share: a clock that runs, a bar, tokens, cost. */
import { now } from "../stores/clock";
import type { Used } from "../stores/tally";
import { useSelected } from "../stores/use";
import { duration, cost as money, short } from "../ui/format";
import { elapsed, type Facts } from "./facts";
import styles from "./Progress.module.css";

/** How long it has run: it goes on while the session lives. */
export function Elapsed({ facts }: { readonly facts: Pick<Facts, "began" | "ended"> }) {
  return useSelected(now, (time) => duration(elapsed(facts, time)));
}

/** How long ago something began. */
export function Since({ at }: { readonly at: number }) {
  return useSelected(now, (time) => duration(Math.max(0, time - at)));
}

interface BarProps {
  readonly label: string;
  readonly done: number;
  readonly total: number;
}

/** A part of a whole. */
export function Bar({ label, done, total }: BarProps) {
  return <progress className={styles.bar} aria-label={label} value={Math.min(done, total)} max={total} />;
}

/** `4.6k in (512 cached), 230 out`; empty: none were counted. */
export function tokens({ read, cached, written }: Used): string {
  if (read === 0 && written === 0) return "";
  return `${short(read)} in${cached > 0 ? ` (${short(cached)} cached)` : ""}, ${short(written)} out`;
}

/** `0.0084 USD`; empty: no agent said one. */
export const costs = ({ cost }: Used): string =>
  Object.entries(cost)
    .filter(([, amount]) => amount > 0)
    .map(([currency, amount]) => money(amount, currency))
    .join(" + ");

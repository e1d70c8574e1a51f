/** How far a session is, in one row. */
import { memo } from "react";
import { duration } from "../ui/format";
import { plain } from "../ui/plain";
import type { Facts } from "./facts";
import { Bar, costs, Elapsed, Since, tokens } from "./Parts";
import styles from "./Progress.module.css";

interface Props {
  readonly facts: Facts;
  /** Whether the panel is open. */
  readonly open: boolean;
  readonly onToggle: () => void;
}

const QUIET = 30_000; // ms without a word that are worth a word

/** Draws it. */
export const ProgressStrip = memo(function ProgressStrip({ facts, open, onToggle }: Props) {
  const { usage } = facts;
  const used = tokens(usage);
  const cost = costs(usage);
  return (
    <section className={styles.strip} aria-label="Progress">
      {facts.phase === "" ? null : <strong className={styles.phase}>{plain(facts.phase)}</strong>}
      <span title={facts.ended > 0 ? "how long it ran" : "how long it has run"}>
        <Elapsed facts={facts} />
      </span>
      {facts.turnSince > 0 ? (
        <span>
          turn <Since at={facts.turnSince} />
        </span>
      ) : null}
      {facts.total > 0 ? (
        <span className={styles.part}>
          <Bar label="Done" done={facts.done} total={facts.total} />
          {facts.done} of {facts.total}
        </span>
      ) : null}
      {facts.planTotal > 0 ? (
        <span className={styles.part}>
          <Bar label="Plan" done={facts.planDone} total={facts.planTotal} />
          plan {facts.planDone}/{facts.planTotal}
        </span>
      ) : null}
      {facts.tools === "" ? null : (
        <span>
          {facts.tools} {facts.tools === "1" ? "tool call" : "tool calls"}
        </span>
      )}
      {used === "" ? null : <span>tokens {used}</span>}
      {cost === "" ? null : <span>{cost}</span>}
      {usage.contextSize > 0 ? (
        <span className={styles.part}>
          <Bar label="Context used" done={usage.contextUsed} total={usage.contextSize} />
          context {Math.round((100 * usage.contextUsed) / usage.contextSize)}%
        </span>
      ) : null}
      {facts.silent >= QUIET ? <span className={styles.quiet}>silent for {duration(facts.silent)}</span> : null}
      <button type="button" className={styles.toggle} aria-expanded={open} aria-controls="progress-panel" onClick={onToggle}>
        {open ? "Less" : "More"}
      </button>
    </section>
  );
});

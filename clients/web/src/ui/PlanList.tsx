/** A plan's entries, each with how it stands. */
import { type Plan, PlanPriority, PlanStatus } from "../gen/sightline/v1/event_pb";
import styles from "./PlanList.module.css";
import { plain } from "./plain";

const WORDS: Readonly<Record<PlanStatus, string>> = {
  [PlanStatus.UNSPECIFIED]: "to do",
  [PlanStatus.PENDING]: "to do",
  [PlanStatus.IN_PROGRESS]: "under way",
  [PlanStatus.COMPLETED]: "done",
};
const SIGNS: Readonly<Record<PlanStatus, string>> = {
  [PlanStatus.UNSPECIFIED]: "○",
  [PlanStatus.PENDING]: "○",
  [PlanStatus.IN_PROGRESS]: "▸",
  [PlanStatus.COMPLETED]: "✓",
};

/** Draws them. */
export function PlanList({ plan }: { readonly plan: Plan }) {
  return (
    <ol className={styles.plan}>
      {plan.entries.map((entry, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: entries have no other name, and no state
        <li key={at} data-status={PlanStatus[entry.status]}>
          <span className={styles.sign} aria-hidden="true">
            {SIGNS[entry.status] ?? "○"}
          </span>
          <span>
            {plain(entry.content)}
            <span className="visually-hidden">, {WORDS[entry.status] ?? "to do"}</span>
            {entry.priority === PlanPriority.HIGH ? <span className={styles.high}> important</span> : null}
          </span>
        </li>
      ))}
    </ol>
  );
}

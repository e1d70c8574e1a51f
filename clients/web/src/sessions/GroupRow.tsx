/** The head of a group in the list, which folds it. */
import { memo } from "react";
import type { Group } from "./arrange";
import styles from "./SessionList.module.css";

const WORDS: Record<Group, string> = { needs: "Needs you", runs: "Running", ended: "Ended" };

interface Props {
  readonly group: Group;
  readonly count: number;
  readonly folded: boolean;
  readonly onFold: (group: Group) => void;
}

/** Draws it. */
export const GroupRow = memo(function GroupRow({ group, count, folded, onFold }: Props) {
  return (
    <h2 className={styles.group} data-group={group}>
      <button type="button" aria-expanded={!folded} onClick={() => onFold(group)}>
        <span className={styles.turn} aria-hidden="true">
          ▾
        </span>
        {WORDS[group]}
        <span className={styles.count}>{count}</span>
      </button>
    </h2>
  );
});

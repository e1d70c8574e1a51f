/** A switch: on or off, at once. */
import type { ReactNode } from "react";
import styles from "./Switch.module.css";

interface Props {
  readonly on: boolean;
  readonly onChange: (on: boolean) => void;
  readonly disabled?: boolean;
  /** For who points at it. */
  readonly title?: string;
  readonly children: ReactNode;
}

/** Its label is what it switches; it says itself whether that is on. */
export function Switch({ on, onChange, disabled = false, title, children }: Props) {
  return (
    <button
      type="button"
      role="switch"
      aria-checked={on}
      className={styles.switch}
      disabled={disabled}
      title={title}
      onClick={() => onChange(!on)}
    >
      <span className={styles.track} aria-hidden="true">
        <span className={styles.knob} />
      </span>
      {children}
    </button>
  );
}

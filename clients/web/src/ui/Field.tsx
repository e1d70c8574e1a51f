/** Fields of forms: a label above, a hint and what is wrong below, all of it known to screen readers. */
import { type ReactNode, useId } from "react";
import styles from "./Field.module.css";

/** What the field itself must be given. */
export interface FieldProps {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": boolean | undefined;
}

interface Props {
  readonly label: string;
  /** What to put there; empty: nothing is said. */
  readonly hint?: ReactNode;
  /** What is wrong with it; empty: nothing. */
  readonly problem?: string | undefined;
  /** Draws the field with what it is given. */
  readonly children: (props: FieldProps) => ReactNode;
}

/** One field. */
export function Field({ label, hint, problem, children }: Props) {
  const id = useId();
  const said = [hint ? `${id}-hint` : "", problem ? `${id}-problem` : ""].filter(Boolean).join(" ");
  return (
    <div className={styles.field} data-wrong={problem ? true : undefined}>
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-describedby": said || undefined, "aria-invalid": problem ? true : undefined })}
      {hint ? (
        <div id={`${id}-hint`} className={styles.hint}>
          {hint}
        </div>
      ) : null}
      {problem ? (
        <p id={`${id}-problem`} className={styles.problem} role="alert">
          {problem}
        </p>
      ) : null}
    </div>
  );
}

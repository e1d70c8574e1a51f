/** What somebody who looks at a terminal has to know beside what is on it. */
import { Button } from "../ui/Button";
import styles from "./TerminalView.module.css";

interface Props {
  /** Each is empty or left out where there is nothing to say. */
  readonly ended?: string | undefined;
  readonly broken?: string | undefined;
  readonly error?: string | undefined;
  readonly typing?: string | undefined;
  readonly missing: readonly string[];
  readonly onTypingRead?: () => void;
  readonly onMissingRead: () => void;
}

/** Draws them. */
export function Notices({ ended, broken, error, typing, missing, onTypingRead, onMissingRead }: Props) {
  return (
    <div role="status" className={styles.notices}>
      {ended ? <p className={styles.notice}>{ended}</p> : null}
      {broken ? (
        <p className={styles.notice} data-tone="warn">
          {broken}
        </p>
      ) : null}
      {error ? (
        <p className={styles.notice} data-tone="bad">
          {error}
        </p>
      ) : null}
      {typing ? (
        <p className={styles.notice} data-tone="bad">
          {typing}
          <Button weight="quiet" onClick={() => onTypingRead?.()} aria-label="Close this message about typing">
            Close
          </Button>
        </p>
      ) : null}
      {missing.length > 0 ? (
        <div className={styles.notice} data-tone="warn">
          <ul aria-label="What is missing">
            {missing.map((text, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: they are never moved, and may be the same
              <li key={at}>{text}</li>
            ))}
          </ul>
          <Button weight="quiet" onClick={onMissingRead} aria-label="Close the list of what is missing">
            Close
          </Button>
        </div>
      ) : null}
    </div>
  );
}

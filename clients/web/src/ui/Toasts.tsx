/** Draws the toasts, and the place from which screen readers read aloud. */
import { useStore } from "../stores/use";
import styles from "./Toasts.module.css";
import { dismiss, spoken, toasts } from "./toasts";

/** Draws them; once for the page. */
export function Toasts() {
  const all = useStore(toasts);
  const aloud = useStore(spoken);
  return (
    <>
      <section className={styles.toasts} aria-label="Notices" aria-live="polite">
        {all.map((one) => (
          <p key={one.id} className={styles.toast} data-tone={one.tone} role={one.tone === "bad" ? "alert" : undefined}>
            <span>{one.text}</span>
            <button type="button" aria-label="Dismiss" onClick={() => dismiss(one.id)}>
              ×
            </button>
          </p>
        ))}
      </section>
      <p className="visually-hidden" aria-live="polite">
        {aloud}
      </p>
    </>
  );
}

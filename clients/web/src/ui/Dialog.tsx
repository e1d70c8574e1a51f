/** A dialog: the browser's own element, which keeps the focus inside and closes at Escape. */
import { type ReactNode, useLayoutEffect, useRef, useState } from "react";
import styles from "./Dialog.module.css";

interface Props {
  readonly title: string;
  /** Called when it wants to close: Escape, or a press outside. */
  readonly onClose: () => void;
  /** What is typed into it would be lost by a press outside: only Escape closes it. Default: false. */
  readonly sticky?: boolean;
  readonly children: ReactNode;
}

/** Open for as long as it is drawn. */
export function Dialog({ title, onClose, sticky = false, children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const [open, setOpen] = useState(false); // what is inside is drawn behind that: a closed dialog gives nobody the focus
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    setOpen(true);
    return () => dialog?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape is the keyboard's way, and the element's own
    <dialog
      ref={element}
      className={styles.dialog}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === element.current && !sticky) onClose();
      }}
    >
      <div className={styles.inside}>
        <h2 className={styles.title}>{title}</h2>
        {open ? children : null}
      </div>
    </dialog>
  );
}

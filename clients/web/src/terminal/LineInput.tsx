/** A line for a program that reads from a pipe: there is no terminal that would show what is typed. */
import { type FormEvent, useId, useState } from "react";
import { Button } from "../ui/Button";
import { toast } from "../ui/toasts";
import type { InputQueue } from "./inputQueue";
import styles from "./TerminalView.module.css";

interface Props {
  readonly queue: InputQueue;
  /** Closes the program's stdin. */
  readonly onEof: () => Promise<unknown>;
}

const encoder = new TextEncoder();

/** Draws it. */
export function LineInput({ queue, onEof }: Props) {
  const [line, setLine] = useState("");
  const field = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    queue.type(encoder.encode(`${line}\n`));
    setLine("");
  };
  return (
    <form className={styles.line} onSubmit={submit}>
      <label htmlFor={field} className="visually-hidden">
        Send a line
      </label>
      <input
        id={field}
        value={line}
        placeholder="Send a line to its standard input"
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setLine(event.target.value)}
      />
      <Button type="submit">Send</Button>
      <Button
        weight="quiet"
        onClick={() => onEof().catch((error: Error) => toast(error.message, "bad"))}
        title="Closes its standard input"
      >
        End input
      </Button>
    </form>
  );
}

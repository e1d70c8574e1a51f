/** What somebody sees who is not logged in: how to get a ticket, and a place to put it. */
import { type FormEvent, useId, useState } from "react";
import { Button } from "../ui/Button";
import styles from "./LoginPage.module.css";
import { ticketIn } from "./login";

interface Props {
  /** A ticket is being exchanged. */
  readonly waiting: boolean;
  /** Why the last try failed; empty: it did not. */
  readonly problem: string;
  readonly onTicket: (ticket: string) => void;
}

/** Draws it. */
export function LoginPage({ waiting, problem, onTicket }: Props) {
  const [text, setText] = useState("");
  const field = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const ticket = ticketIn(text.trim());
    if (ticket !== undefined) onTicket(ticket);
  };
  return (
    <main className={styles.page}>
      <h1>Sightline</h1>
      {waiting ? <p role="status">Logging in…</p> : null}
      {problem ? (
        <p role="alert" className={styles.problem}>
          {problem}
        </p>
      ) : null}
      <p>
        In a terminal on the machine where it runs, <code>sightline open</code> prints an address that logs in once. Open it, or
        put it here:
      </p>
      <form onSubmit={submit} className={styles.form}>
        <label htmlFor={field}>Address or ticket</label>
        <input id={field} value={text} onChange={(event) => setText(event.target.value)} autoComplete="off" spellCheck={false} />
        <Button type="submit" weight="main" disabled={text.trim() === ""}>
          Log in
        </Button>
      </form>
    </main>
  );
}

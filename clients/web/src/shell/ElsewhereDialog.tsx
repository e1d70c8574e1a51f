/** Another tab or device: an address that logs in once, for a minute. */
import { useCallback, useEffect, useState } from "react";
import { copied } from "../sessions/actions";
import { now } from "../stores/clock";
import { useSelected } from "../stores/use";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import styles from "./ElsewhereDialog.module.css";
import { newTicket } from "./login";

interface Props {
  readonly onClose: () => void;
}

/** Open for as long as it is drawn; asks for one ticket, and for another when it is told to. */
export function ElsewhereDialog({ onClose }: Props) {
  const [address, setAddress] = useState<{ text: string; until: number }>();
  const [problem, setProblem] = useState("");
  const left = useSelected(now, (time) => Math.max(0, Math.round(((address?.until ?? 0) - time) / 1000)));
  const ask = useCallback(async () => {
    try {
      const { ticket, seconds } = await newTicket();
      setAddress({
        text: `${location.origin}${location.pathname}${location.search}#ticket=${ticket}`,
        until: Date.now() + seconds * 1000,
      });
      setProblem("");
    } catch (error) {
      setProblem((error as Error).message);
    }
  }, []);
  useEffect(() => void ask(), [ask]);
  const spent = address !== undefined && left === 0;
  return (
    <Dialog title="Open elsewhere" onClose={onClose}>
      <p>This address opens what you see in another tab, browser or device that reaches the bridge. It works once.</p>
      {problem === "" ? null : (
        <p role="alert" className={styles.problem}>
          {problem}
        </p>
      )}
      {address === undefined ? null : (
        <>
          <input
            className={styles.address}
            aria-label="Address"
            readOnly
            value={spent ? "This address works no longer." : address.text}
            onFocus={(event) => event.target.select()}
          />
          <p className={styles.left} role="timer">
            {spent ? "Its minute is over." : `It works for ${left} s more.`}
          </p>
        </>
      )}
      <div className={styles.buttons}>
        <Button onClick={onClose}>Close</Button>
        {spent || problem !== "" ? (
          <Button weight="main" onClick={() => void ask()}>
            New address
          </Button>
        ) : (
          <>
            <Button disabled={address === undefined} onClick={() => void copied(address?.text ?? "")}>
              Copy
            </Button>
            <a className={styles.open} href={address?.text} target="_blank" rel="noopener noreferrer" onClick={onClose}>
              Open in a new tab
            </a>
          </>
        )}
      </div>
    </Dialog>
  );
}

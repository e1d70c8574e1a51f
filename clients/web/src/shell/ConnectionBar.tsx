/** How the connection stands: always there, loud only when it is not well. */
import { useEffect, useState } from "react";
import { useServices } from "../stores/services";
import { useStore } from "../stores/use";
import { Button } from "../ui/Button";
import styles from "./ConnectionBar.module.css";

/** Draws it. */
export function ConnectionBar() {
  const { client } = useServices();
  const connection = useStore(client.connection);
  return (
    <div className={styles.bar} role="status" data-status={connection.status}>
      <span className={styles.dot} aria-hidden="true" />
      {connection.status === "open" ? "Connected" : connection.status === "connecting" ? "Connecting…" : null}
      {connection.status === "waiting" ? (
        <>
          <span>
            Not connected. Again <Countdown until={connection.retryAt} />
          </span>
          <Button weight="quiet" onClick={() => client.connect()}>
            Now
          </Button>
        </>
      ) : null}
    </div>
  );
}

const SECOND = 1000; // ms

function Countdown({ until }: { readonly until: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), SECOND / 4);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.ceil((until - now) / SECOND);
  return seconds > 0 ? `in ${seconds} s` : "now…";
}

/** How the connection stands: always there, loud only when it is not well, and then it says how old is what the page shows. */
import { now } from "../stores/clock";
import { useServices } from "../stores/services";
import { useSelected, useStore } from "../stores/use";
import { Button } from "../ui/Button";
import { clock, duration } from "../ui/format";
import styles from "./ConnectionBar.module.css";

const PATIENCE_MS = 1500; // a server that is a moment late is no news

/** Draws it. */
export function ConnectionBar() {
  const { client, sessions } = useServices();
  const connection = useStore(client.connection);
  const loaded = useStore(sessions.loaded);
  const { live, since } = useStore(sessions.health);
  const late = useSelected(now, (time) => !live && time - since > PATIENCE_MS);
  const cut = connection.status === "waiting";
  const silent = connection.status === "open" && late;
  const word = cut
    ? "Not connected"
    : silent
      ? "The server does not answer"
      : connection.status === "open"
        ? "Connected"
        : "Connecting…";
  return (
    <div className={styles.bar} data-status={silent ? "waiting" : connection.status}>
      <span className={styles.dot} aria-hidden="true" />
      <span role="status" className={styles.word}>
        {word}
      </span>
      {cut ? (
        <span className={styles.times} aria-hidden="true">
          <Since since={connection.since} />, again <Countdown until={connection.retryAt} />
        </span>
      ) : null}
      {(cut || silent) && loaded ? <span>What you see is as of {clock(since)}</span> : null}
      {cut ? (
        <Button weight="quiet" className={styles.retry} onClick={() => client.connect()}>
          Retry now
        </Button>
      ) : null}
    </div>
  );
}

function Since({ since }: { readonly since: number }) {
  return useSelected(now, (time) => `for ${duration(Math.max(1000, time - Math.floor(since / 1000) * 1000))}`);
}

function Countdown({ until }: { readonly until: number }) {
  return useSelected(now, (time) => {
    const seconds = Math.ceil((until - time) / 1000);
    return seconds > 0 ? `in ${seconds} s` : "now";
  });
}

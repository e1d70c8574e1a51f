/** What stands beside the list while no session is chosen: how many there are of what, and how to begin. */
import { useMemo } from "react";
import { SessionState } from "../gen/sightline/v1/event_pb";
import { href } from "../stores/route";
import { useServices } from "../stores/services";
import { useStore } from "../stores/use";
import { Button } from "../ui/Button";
import styles from "./Overview.module.css";
import { hasEnded, needsYou, stateWord } from "./words";

const NAMED = 6; // of those that wait

interface Props {
  readonly onCreate: () => void;
}

/** Draws it. */
export function Overview({ onCreate }: Props) {
  const { sessions } = useServices();
  const all = useStore(sessions.all);
  const loaded = useStore(sessions.loaded);
  const { waiting, working, idle, ended } = useMemo(() => {
    const found = [...all.values()];
    const live = found.filter((one) => !hasEnded(one));
    const working = live.filter((one) => [SessionState.WORKING, SessionState.STARTING].includes(one.state)).length;
    const waiting = live.filter(needsYou);
    return { waiting, working, idle: live.length - working - waiting.length, ended: found.length - live.length };
  }, [all]);
  if (!loaded) return null;
  const counts = [
    ["need you", waiting.length, "warn"],
    ["working", working, "accent"],
    ["idle or unknown", idle, "plain"],
    ["ended", ended, "plain"],
  ] as const;
  return (
    <section className={styles.overview} aria-label="Overview">
      <dl className={styles.counts}>
        {counts.map(([word, count, tone]) => (
          <div key={word} data-tone={count > 0 ? tone : "plain"}>
            <dt>{word}</dt>
            <dd>{count}</dd>
          </div>
        ))}
      </dl>
      {waiting.length === 0 ? null : (
        <ul className={styles.waiting} aria-label="Needs you">
          {waiting.slice(0, NAMED).map((one) => (
            <li key={one.id}>
              <a href={href({ session: one.id })}>{one.name}</a> {stateWord(one)}
            </li>
          ))}
        </ul>
      )}
      {all.size === 0 ? (
        <p>
          Nothing runs yet. Start something here, or in a terminal: <code>sightline run -d -- CMD</code>
        </p>
      ) : null}
      <div>
        <Button weight="main" onClick={onCreate}>
          New session
        </Button>
      </div>
      <p className={styles.hint}>
        {all.size === 0 ? "" : "Choose a session in the list. "}
        <kbd>?</kbd> shows the keys.
      </p>
    </section>
  );
}

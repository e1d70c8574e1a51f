/** What stands above every view of a session: what it is, how it stands and why, and what can be done with it. */
import { useEffect, useId, useState } from "react";
import type { Session } from "../gen/sightline/v1/session_pb";
import { useServices } from "../stores/services";
import { useStore } from "../stores/use";
import { Button } from "../ui/Button";
import { Chip } from "../ui/Chip";
import { bytes, clock } from "../ui/format";
import { MenuButton } from "../ui/Menu";
import { itemsFor, useActions } from "./actions";
import { Details } from "./Details";
import { Age, StateChip } from "./Marks";
import styles from "./SessionHead.module.css";
import { captureTrouble, hasEnded, kindWord, TROUBLES, whatRuns } from "./words";

const LOOK_MS = 5_000; // how old the shown size may be

interface Props {
  readonly session: Session;
  /** It has the button that interrupts; false: the view below has it. */
  readonly interrupts: boolean;
}

/** Draws it. */
export function SessionHead({ session, interrupts }: Props) {
  const { sessions } = useServices();
  const { live, since } = useStore(sessions.health);
  const actions = useActions();
  const [told, setTold] = useState(false);
  const details = useId();
  useFresh(session);
  const trouble = captureTrouble(session);
  const ended = hasEnded(session);
  return (
    <header className={styles.head}>
      <div className={styles.top}>
        <h2 className={styles.name} title={session.name}>
          {session.name}
        </h2>
        <button type="button" className={styles.why} aria-expanded={told} aria-controls={details} onClick={() => setTold(!told)}>
          <StateChip session={session} /> <span className="visually-hidden">: state and details of {session.name}</span>
          <span className={styles.turn} data-open={told} aria-hidden="true">
            ▾
          </span>
        </button>
        {live ? null : (
          <span className={styles.asOf}>
            <Chip tone="warn">as of {clock(since)}</Chip>
          </span>
        )}
        <span className={styles.space} />
        {ended ? (
          <Button weight="quiet" onClick={() => actions.ask("delete", session)}>
            Delete
          </Button>
        ) : (
          <>
            {interrupts ? (
              <Button onClick={() => actions.interrupt(session)} title="What Ctrl-C means there">
                Interrupt
              </Button>
            ) : null}
            <Button weight="danger" onClick={() => actions.ask("stop", session)}>
              Stop
            </Button>
          </>
        )}
        <MenuButton
          label="More actions"
          items={itemsFor(session, actions).filter((item) => !["Open", "Interrupt", "Stop…"].includes(item.label))}
        >
          ⋯
        </MenuButton>
      </div>
      <p className={styles.facts}>
        <span>{session.agent || kindWord(session)}</span>
        {session.host === "" ? null : <span>{session.host}</span>}
        {whatRuns(session) === "" ? null : (
          <code className={styles.command} title={whatRuns(session)}>
            {whatRuns(session)}
          </code>
        )}
        {session.cwd === "" ? null : (
          <code className={styles.cwd} title={session.cwd}>
            {session.cwd}
          </code>
        )}
        <span>
          {ended ? "ended " : ""}
          <Age session={session} />
          {ended ? " ago" : ""}
        </span>
        <span>{bytes(session.bytes)}</span>
      </p>
      {trouble === undefined ? null : (
        <p className={styles.trouble} role="alert">
          <b>{trouble[0]?.toUpperCase() + trouble.slice(1)}.</b> {TROUBLES[trouble]}
          {session.captureReason === "" ? null : <> It says: {session.captureReason}</>}
        </p>
      )}
      <div id={details}>{told ? <Details session={session} /> : null}</div>
    </header>
  );
}

/** Asks now and then how large its log is, while it grows and somebody looks: no event tells that. */
function useFresh({ id }: Session): void {
  const { client, sessions } = useServices();
  useEffect(() => {
    let asked = -1;
    const ask = async () => {
      const head = sessions.pulse.head(id);
      if (document.hidden || head === asked || client.connection.get().status !== "open") return;
      asked = head;
      const { session } = await client.call("get", { session: id });
      if (session !== undefined) sessions.put(session);
    };
    const look = () => void ask().catch(() => void sessions.refresh()); // deleted meanwhile, or the way is cut
    look();
    const timer = setInterval(look, LOOK_MS);
    return () => clearInterval(timer);
  }, [client, sessions, id]);
}

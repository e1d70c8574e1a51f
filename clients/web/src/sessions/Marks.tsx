/** The small signs of a session: how it stands, since when, how busy it is, whether there is news. Each is drawn again only when it changes. */
import type { Session } from "../gen/sightline/v1/session_pb";
import { now } from "../stores/clock";
import { useServices } from "../stores/services";
import { useSelected } from "../stores/use";
import { Chip } from "../ui/Chip";
import { millis, moment } from "../ui/format";
import styles from "./Marks.module.css";
import { sparkline } from "./sparkline";
import { age, captureTrouble, hasEnded, stateTone, stateWord, TROUBLES } from "./words";

interface Props {
  readonly session: Session;
}

/** How it stands. */
export const StateChip = ({ session }: Props) => (
  <Chip tone={stateTone(session)} dot={!hasEnded(session)}>
    {stateWord(session)}
  </Chip>
);

/** What is wrong with its capture; nothing where nothing is. */
export function TroubleChip({ session }: Props) {
  const trouble = captureTrouble(session);
  if (trouble === undefined) return null;
  return (
    <Chip tone="bad" title={session.captureReason || (TROUBLES[trouble] ?? "")}>
      {trouble}
    </Chip>
  );
}

/** How old it is, or how long ago it ended. */
export function Age({ session }: Props) {
  const since = millis(session.endTime ?? session.createTime);
  const text = useSelected(now, (time) => age(since, time));
  const what = session.endTime === undefined ? "started" : "ended";
  return (
    <time className={styles.age} dateTime={new Date(since).toISOString()} title={`${what} ${moment(since)}`}>
      {text}
    </time>
  );
}

/** How busy it was in the last seconds; it does not move by itself, so that fifty of them cost as little as one. */
export function Activity({ session }: Props) {
  const { pulse } = useServices().sessions;
  const path = useSelected(now, (time) => sparkline(pulse.counts(session.id, time)));
  if (hasEnded(session)) return null;
  return (
    <svg className={styles.activity} viewBox="0 0 48 14" aria-hidden="true" data-busy={path !== ""}>
      <path d="M0 13.5h48" className={styles.base} />
      <path d={path} />
    </svg>
  );
}

/** Whether it has something that nobody has looked at. */
export function useUnread(session: Session): boolean {
  const { sessions, seen } = useServices();
  const isUnread = () => seen.isUnread(session, Math.max(sessions.pulse.head(session.id), Number(session.headSeq)));
  const byHead = useSelected(sessions.pulse.ticks, isUnread);
  const bySeen = useSelected(seen.changes, isUnread);
  return byHead && bySeen;
}

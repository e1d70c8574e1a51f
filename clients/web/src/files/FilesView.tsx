/** The files of a session. */
import type { Session } from "../gen/sightline/v1/session_pb";

/** What a view is given: the session, and the event to show (undefined: the latest). */
interface Props {
  readonly session: Session;
  readonly seq: number | undefined;
}

/** Draws it. */
export function FilesView({ session }: Props) {
  return <p>{session.name}</p>;
}

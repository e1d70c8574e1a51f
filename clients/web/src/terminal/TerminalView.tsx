/** The terminal of a session: live, or from an event of its past on. */
import type { Session } from "../gen/sightline/v1/session_pb";
import { LiveTerminal } from "./LiveTerminal";
import { ReplayTerminal } from "./ReplayTerminal";

/** What a view is given: the session, and the event to show (undefined: the latest). */
interface Props {
  readonly session: Session;
  readonly seq: number | undefined;
}

/** Draws it. */
export function TerminalView({ session, seq }: Props) {
  return seq === undefined ? <LiveTerminal session={session} /> : <ReplayTerminal session={session} seq={seq} />;
}

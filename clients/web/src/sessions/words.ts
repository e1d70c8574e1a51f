/** What is known of a session, in words and tones for people. Pure. */
import { CaptureState, Outcome, SessionState, WaitingFor } from "../gen/sightline/v1/event_pb";
import { type Session, SessionKind } from "../gen/sightline/v1/session_pb";
import type { Tone } from "../ui/Chip";

const WAITS: Record<WaitingFor, string> = {
  [WaitingFor.UNSPECIFIED]: "somebody",
  [WaitingFor.PERMISSION]: "permission",
  [WaitingFor.ANSWER]: "an answer",
  [WaitingFor.INPUT]: "input",
  [WaitingFor.LOGIN]: "a login",
};
const OUTCOMES: Record<Outcome, string> = {
  [Outcome.UNSPECIFIED]: "ended",
  [Outcome.SUCCEEDED]: "succeeded",
  [Outcome.FAILED]: "failed",
  [Outcome.INTERRUPTED]: "interrupted",
  [Outcome.CANCELLED]: "stopped",
  [Outcome.RELEASED]: "released",
  [Outcome.LOST]: "lost",
};
const STATES: Record<SessionState, string> = {
  [SessionState.UNSPECIFIED]: "unknown",
  [SessionState.STARTING]: "starting",
  [SessionState.WORKING]: "working",
  [SessionState.WAITING]: "waiting",
  [SessionState.IDLE]: "idle",
  [SessionState.UNKNOWN]: "unknown",
  [SessionState.ENDED]: "ended",
};
const KINDS: Record<SessionKind, string> = {
  [SessionKind.UNSPECIFIED]: "session",
  [SessionKind.COMMAND]: "command",
  [SessionKind.TERMINAL]: "terminal",
  [SessionKind.TMUX]: "tmux pane",
  [SessionKind.SCREEN]: "screen window",
  [SessionKind.TYPESCRIPT]: "typescript",
  [SessionKind.TRANSCRIPT]: "transcript",
  [SessionKind.PUBLISHED]: "published",
};

/** Whether it is over. */
export const hasEnded = (session: Session): boolean => session.state === SessionState.ENDED || session.endTime !== undefined;

/** Whether it cannot go on without somebody. */
export const needsYou = (session: Session): boolean => session.state === SessionState.WAITING && !hasEnded(session);

/** Whether it runs in somebody's own terminal or file: it can be let go, and goes on. */
export const isAdopted = (session: Session): boolean =>
  [SessionKind.TMUX, SessionKind.SCREEN, SessionKind.TYPESCRIPT, SessionKind.TRANSCRIPT].includes(session.kind);

/** What it follows: `command`, `tmux pane`. */
export const kindWord = (session: Session): string => KINDS[session.kind] ?? "session";

/** How it stands, in a few words: `working`, `waits for permission`, `failed (2)`, `stopped`. */
export function stateWord(session: Session): string {
  if (hasEnded(session)) return outcomeWord(session);
  if (session.state === SessionState.WAITING) return `waits for ${WAITS[session.waitingFor] ?? "somebody"}`;
  return STATES[session.state] ?? "unknown";
}

function outcomeWord({ outcome, exitCode, signal }: Session): string {
  const word = OUTCOMES[outcome] ?? "ended";
  if (outcome !== Outcome.FAILED) return word;
  if (signal > 0) return `${word} (signal ${signal})`;
  return exitCode === undefined ? word : `${word} (${exitCode})`;
}

/** The tone of how it stands. */
export function stateTone(session: Session): Tone {
  if (hasEnded(session)) {
    if (session.outcome === Outcome.SUCCEEDED) return "good";
    return session.outcome === Outcome.FAILED || session.outcome === Outcome.LOST ? "bad" : "plain";
  }
  if (session.state === SessionState.WAITING) return "warn";
  return session.state === SessionState.WORKING || session.state === SessionState.STARTING ? "accent" : "plain";
}

/** What is wrong with the way from its source to the log, in one word; undefined: nothing is, or it is over. */
export function captureTrouble(session: Session): string | undefined {
  if (hasEnded(session)) return undefined;
  if (session.capture === CaptureState.DISCONNECTED) return "disconnected";
  if (session.capture === CaptureState.PAUSED) return "paused";
  return session.capture === CaptureState.BLIND ? "blind" : undefined;
}

/** What each trouble means, for people. */
export const TROUBLES: Readonly<Record<string, string>> = {
  disconnected: "The way to it is cut. It goes on there; the log goes on at the exact byte as soon as the way is back.",
  paused: "The log cannot be written. Nothing is lost meanwhile; it goes on when it can.",
  blind: "It lives, and what it writes cannot be seen.",
};

/** A command as one would type it. */
export const commandLine = (argv: readonly string[]): string =>
  argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");

/** What runs in it, in one line; empty where only its kind is known. */
export function whatRuns(session: Session): string {
  if (session.argv.length > 0) return commandLine(session.argv);
  return (
    session.tmux?.target ||
    session.tmux?.paneId ||
    session.screen?.name ||
    session.typescript?.path ||
    session.transcript?.path ||
    stepsWord(session.steps)
  );
}

const stepsWord = (steps: number): string => (steps === 0 ? "" : steps === 1 ? "1 step" : `${steps} steps`);

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long ago, in the one unit that matters: `7 s`, `12 min`, `3 h`, `5 d`. Times in milliseconds. */
export function age(since: number, now: number): string {
  const seconds = Math.max(0, Math.floor((now - since) / 1000));
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  return seconds < DAY ? `${Math.floor(seconds / HOUR)} h` : `${Math.floor(seconds / DAY)} d`;
}

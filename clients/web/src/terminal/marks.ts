/** What happened in a session beside its output: where to jump to in a replay, and which size the terminal had. */
import type { BridgeClient } from "../bridge/client";
import { type Event, EventKind, Outcome, SessionState, WaitingFor } from "../gen/sightline/v1/event_pb";
import type { Session } from "../gen/sightline/v1/session_pb";
import { bytes, millis } from "../ui/format";
import type { Size } from "./screen";

const KINDS = [
  EventKind.INPUT,
  EventKind.OUTPUT_LOST,
  EventKind.RESIZED,
  EventKind.STATE_CHANGED,
  EventKind.STEP_STARTED,
  EventKind.STEP_FINISHED,
  EventKind.TURN_STARTED,
  EventKind.TURN_FINISHED,
  EventKind.REQUEST,
  EventKind.ERROR,
  EventKind.COMPLETED,
];
const PAGE = 1000; // events
const MOST = 5000; // marks
const SAME_TYPING_MS = 5000; // between keys of one mark
const LONGEST = 60; // characters of a label

/** What a mark is like; each has a colour. */
export type Tone = "plain" | "accent" | "warn" | "bad";

/** One event. */
export interface Mark {
  readonly seq: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly tone: Tone;
  /** What happened, for people; empty: it is of no interest by itself. */
  readonly label: string;
  /** The terminal's size from here on. */
  readonly size?: Size;
  /** What was typed; signs that are not kept are dots. */
  readonly typed?: string;
}

/** All of a session's marks, oldest first; `more`: there are more than are kept. */
export async function loadMarks(
  client: BridgeClient,
  session: Session,
  signal: AbortSignal,
): Promise<{ marks: Mark[]; more: boolean }> {
  const marks: Mark[] = [];
  let pageToken = "";
  do {
    const request = { session: session.id, pageSize: PAGE, pageToken, filter: { kinds: KINDS } };
    const page = await client.call("listEvents", request, signal);
    for (const event of page.events) add(marks, markOf(event));
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && marks.length < MOST);
  return { marks, more: pageToken !== "" };
}

/** Adds a mark; keys that follow each other are one. */
export function add(marks: Mark[], mark: Mark): void {
  const last = marks.at(-1);
  if (last?.typed === undefined || mark.typed === undefined || mark.time - last.time > SAME_TYPING_MS) marks.push(mark);
  else marks[marks.length - 1] = typing(last, last.typed + mark.typed);
}

const typing = (mark: Mark, typed: string): Mark => ({ ...mark, typed, label: short(`Typed: ${typed}`) });
const short = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

/** The size that a terminal had after an event; undefined: its log does not say. */
export function sizeAt(marks: readonly Mark[], seq: number): Size | undefined {
  return (marks.findLast((mark) => mark.size !== undefined && mark.seq <= seq) ?? marks.find((mark) => mark.size !== undefined))
    ?.size;
}

/** What an event is in a time line. */
export function markOf({ seq, time, payload }: Event): Mark {
  const mark = (label: string, tone: Tone = "plain"): Mark => ({
    seq: Number(seq),
    time: millis(time),
    tone,
    label: short(label),
  });
  switch (payload.case) {
    case "input": {
      const { data, interrupt, redacted, length, eof, keys, submit } = payload.value;
      if (interrupt) return mark("Interrupt", "warn");
      const text = redacted ? "•".repeat(Math.min(Number(length), LONGEST)) : readable(new TextDecoder().decode(data));
      const typed = text + keys.map((key) => `<${key}>`).join("") + (submit ? "⏎" : "");
      return eof && typed === "" ? mark("End of input", "accent") : typing(mark("", "accent"), typed);
    }
    case "outputLost":
      return mark(`Output lost: ${payload.value.bytes > 0n ? bytes(payload.value.bytes) : "some"}`, "bad");
    case "resized": {
      const { columns, rows } = payload.value;
      return { ...mark(`Size ${columns} × ${rows}`), size: { columns, rows } };
    }
    case "stateChanged": {
      const { state, waitingFor } = payload.value;
      const waits = state === SessionState.WAITING;
      const what = waits && waitingFor !== WaitingFor.UNSPECIFIED ? ` for ${word(WaitingFor[waitingFor])}` : "";
      return mark(sentence(SessionState[state]) + what, waits ? "warn" : "plain");
    }
    case "stepStarted":
      return mark(`Step ${payload.value.step}`);
    case "stepFinished":
      return mark(
        `Step ${payload.value.step} ended${payload.value.exitCode === 0 ? "" : ` with ${payload.value.exitCode}`}`,
        payload.value.exitCode === 0 ? "plain" : "bad",
      );
    case "turnStarted":
      return mark(`Turn: ${readable(payload.value.prompt)}`, "accent");
    case "turnFinished":
      return mark("Turn ended", "accent");
    case "request":
      return mark("Asks for something", "warn");
    case "error":
      return mark(`Error: ${payload.value.message}`, "bad");
    case "completed":
      return mark(`End: ${word(Outcome[payload.value.outcome])}`, payload.value.outcome === Outcome.FAILED ? "bad" : "plain");
    default:
      return mark("");
  }
}

const word = (name: string | undefined): string => (name ?? "unknown").toLowerCase().replaceAll("_", " ");
const sentence = (name: string | undefined): string => word(name).replace(/^./, (first) => first.toUpperCase());

/** Text on one line, its control characters shown. */
const readable = (text: string): string =>
  text.replace(/\p{Cc}/gu, (sign) => {
    if (sign === "\r" || sign === "\n") return "⏎";
    if (sign === "\t") return "⇥";
    if (sign === "\x1b") return "␛";
    return sign < " " ? `^${String.fromCharCode(sign.charCodeAt(0) + 0x40)}` : "⌫";
  });

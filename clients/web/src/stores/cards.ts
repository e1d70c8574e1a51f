/** What the activity is made of: a card is one thing that happened, told by one event or by several that belong together. No decoded event is kept in it. */
import type { Entry } from "../bridge/entries";
import { EventKind, Outcome, ToolStatus } from "../gen/sightline/v1/event_pb";
import type { Peek } from "./peek";

/** What a card tells of. */
export type CardKind =
  | "message"
  | "thinking"
  | "tool"
  | "request"
  | "plan"
  | "progress"
  | "usage"
  | "file"
  | "output"
  | "lost"
  | "input"
  | "resized"
  | "step"
  | "state"
  | "turn"
  | "agent"
  | "notice"
  /** A line of an agent's that adds nothing to what was told. */
  | "line"
  | "error"
  | "completed"
  | "unknown"
  /** Events that will not come: nobody has them any more. */
  | "gap"
  /** Another incarnation of the log begins. */
  | "epoch"
  /** Events that are there and not loaded. */
  | "hole";

/** A card. It is never changed: what happens to it makes another one of the same `id`. */
export interface Card {
  /** The same for as long as the card is there, whatever joins it. */
  readonly id: number;
  readonly kind: CardKind;
  /** Its place: the first event of it. */
  readonly seq: number;
  /** Its newest event. */
  readonly last: number;
  /** The subagent's tool call to which it belongs; empty: the main agent. */
  readonly parent: string;
  /** What joins others to it: `tool_call_id`, `request_id`, and so on. */
  readonly joint: string;
  /** Neighbours of the same `joint` are one card, and what comes between them parts them. */
  readonly run: boolean;
  /** Its events, by `seq`; only the first `count` are this card's. */
  readonly entries: readonly Entry[];
  readonly count: number;
  /** Something went wrong here. */
  readonly bad: boolean;
  /** Something is to come: a call without its result, a request without an answer. */
  readonly open: boolean;
  /** A plan that a later one has replaced. */
  readonly replaced: boolean;
  /** For `gap`, `epoch` and `hole`. */
  readonly mark?: Mark;
}

/** What is said of events that are not there. */
export interface Mark {
  readonly first: number;
  readonly last: number;
  /** For people. */
  readonly text: string;
}

/** The kinds of cards by the kinds of events. */
export const KIND_OF: Readonly<Record<number, CardKind>> = {
  [EventKind.OUTPUT]: "output",
  [EventKind.OUTPUT_LOST]: "lost",
  [EventKind.INPUT]: "input",
  [EventKind.RESIZED]: "resized",
  [EventKind.STEP_STARTED]: "step",
  [EventKind.STEP_FINISHED]: "step",
  [EventKind.STATE_CHANGED]: "state",
  [EventKind.TURN_STARTED]: "turn",
  [EventKind.TURN_FINISHED]: "turn",
  [EventKind.AGENT_INFO]: "agent",
  [EventKind.NOTICE]: "notice",
  [EventKind.MESSAGE]: "message",
  [EventKind.THINKING]: "thinking",
  [EventKind.TOOL_CALL]: "tool",
  [EventKind.TOOL_RESULT]: "tool",
  [EventKind.PLAN]: "plan",
  [EventKind.FILE_CHANGED]: "file",
  [EventKind.PROGRESS]: "progress",
  [EventKind.USAGE]: "usage",
  [EventKind.REQUEST]: "request",
  [EventKind.REQUEST_RESOLVED]: "request",
  [EventKind.ERROR]: "error",
  [EventKind.COMPLETED]: "completed",
};

/** The code of the notices that keep such lines. */
export const NOTHING_NEW = "nothing_new";

/** The kinds of which two events make one card: what begins it, and what ends it. */
export const ENDS: Readonly<Partial<Record<EventKind, boolean>>> = {
  [EventKind.TOOL_CALL]: false,
  [EventKind.TOOL_RESULT]: true,
  [EventKind.REQUEST]: false,
  [EventKind.REQUEST_RESOLVED]: true,
  [EventKind.STEP_STARTED]: false,
  [EventKind.STEP_FINISHED]: true,
};

/** Whether an event tells of something that went wrong. */
export function isBad(kind: EventKind, { numbers }: Peek): boolean {
  switch (kind) {
    case EventKind.ERROR:
    case EventKind.OUTPUT_LOST:
      return true;
    case EventKind.TOOL_RESULT:
      return numbers[2] === ToolStatus.FAILED;
    case EventKind.STEP_FINISHED:
      return (numbers[2] ?? 0) !== 0 && numbers[4] !== 1;
    case EventKind.TURN_FINISHED:
    case EventKind.COMPLETED:
      return [Outcome.FAILED, Outcome.LOST].includes(numbers[1] ?? 0);
    default:
      return false;
  }
}

/** Whether a result says that more of it is to come. */
export const isUnderWay = (kind: EventKind, { numbers }: Peek): boolean =>
  kind === EventKind.TOOL_RESULT && [ToolStatus.PENDING, ToolStatus.IN_PROGRESS].includes(numbers[2] ?? 0);

/** The events that are a card's own. */
export const entriesOfCard = (card: Card): readonly Entry[] =>
  card.entries.length === card.count ? card.entries : card.entries.slice(0, card.count);

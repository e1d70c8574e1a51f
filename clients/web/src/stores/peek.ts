/**
 * What is looked at in an event to give it its place among the cards: read from the bytes, because decoding a hundred thousand events would
 * cost a second that nobody has. Knows the numbers of fields, and no card.
 */
import type { Entry } from "../bridge/entries";
import { Reader } from "../bridge/wire";
import { EventKind } from "../gen/sightline/v1/event_pb";

/** The few things in an event that decide where it belongs. */
export interface Peek {
  /** First of the events merged into this one. */
  readonly first: number;
  readonly source: string;
  readonly turn: string;
  /** The tool call on whose behalf a subagent acts; empty: the main agent. */
  readonly parent: string;
  /** What joins events: `message_id`, `tool_call_id`, `request_id`, a step's label, a notice's code; empty: nothing does. */
  readonly id: string;
  /** Numbers of the payload by their fields: enums, exit codes, flags. Those over 32 bits, and negative ones, are only known not to be 0. */
  readonly numbers: Readonly<Record<number, number>>;
  /** Size of the payload, in bytes. */
  readonly size: number;
}

/** The field that joins events of a kind. */
const ID: Partial<Record<EventKind, number>> = {
  [EventKind.MESSAGE]: 3,
  [EventKind.THINKING]: 2,
  [EventKind.TOOL_CALL]: 1,
  [EventKind.TOOL_RESULT]: 1,
  [EventKind.REQUEST]: 1,
  [EventKind.REQUEST_RESOLVED]: 1,
  [EventKind.STEP_STARTED]: 1,
  [EventKind.STEP_FINISHED]: 1,
  [EventKind.FILE_CHANGED]: 4,
  [EventKind.NOTICE]: 1,
};
const PAYLOADS = 20; // field numbers of payloads begin here
const DELIMITED = 2;
const utf8 = new TextDecoder();

/** Looks into an event without decoding it. */
export function peek(entry: Entry): Peek {
  const reader = new Reader(entry.bytes);
  let first = entry.seq;
  let source = "";
  let turn = "";
  let parent = "";
  while (reader.more) {
    const tag = reader.varint();
    const field = tag >>> 3;
    if (field === 3) first = reader.varint() || entry.seq;
    else if (field === 6) source = text(reader.delimited());
    else if (field === 8) turn = text(reader.delimited());
    else if (field === 9) parent = text(reader.delimited());
    else if (field >= PAYLOADS && (tag & 7) === DELIMITED) {
      const payload = reader.delimited();
      return { first, source, turn, parent, ...inside(payload, ID[entry.kind]), size: payload.length };
    } else reader.skip(tag & 7);
  }
  return { first, source, turn, parent, id: "", numbers: {}, size: 0 };
}

function inside(payload: Uint8Array, idField: number | undefined): { id: string; numbers: Record<number, number> } {
  const reader = new Reader(payload);
  const numbers: Record<number, number> = {};
  let id = "";
  while (reader.more) {
    const tag = reader.varint();
    const field = tag >>> 3;
    if ((tag & 7) === 0) numbers[field] = reader.varint();
    else if (field === idField) id = text(reader.delimited());
    else reader.skip(tag & 7);
  }
  return { id, numbers };
}

/** Short texts are nearly always ASCII, for which a decoder's call costs more than the text. */
function text(bytes: Uint8Array): string {
  if (bytes.length > 64) return utf8.decode(bytes);
  for (const byte of bytes) if (byte > 0x7f) return utf8.decode(bytes);
  return String.fromCharCode(...bytes);
}

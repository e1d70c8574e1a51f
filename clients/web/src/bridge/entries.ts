/**
 * Events as they came: the bytes, and the few things that are looked at in each of them. Decoding one costs microseconds, so that a
 * hundred thousand are decoded only when they are shown.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { type Event, type EventKind, EventSchema } from "../gen/sightline/v1/event_pb";
import { Reader } from "./wire";

const FIRST_PAYLOAD = 20; // the field numbers of payloads begin here, and are the numbers of EventKind
const EVENTS = 1; // SubscribeResponse.events, ListEventsResponse.events
const DELIMITED = 2;

/** One event of a log. */
export class Entry {
  /** Its place in the session's log. */
  readonly seq: number;
  /** Which payload it has; 0: none that was known when it was written. */
  readonly kind: EventKind;
  readonly #session: Uint8Array;
  #event: Event | undefined;

  constructor(readonly bytes: Uint8Array) {
    const reader = new Reader(bytes);
    let seq = 0;
    let kind = 0;
    let session: Uint8Array = bytes.subarray(0, 0);
    while (reader.more) {
      const tag = reader.varint();
      const field = tag >>> 3;
      if (field >= FIRST_PAYLOAD) {
        kind = field;
        break; // the payload is written last
      }
      if (field === 1) session = reader.delimited();
      else if (field === 2) seq = reader.varint();
      else reader.skip(tag & 7);
    }
    this.seq = seq;
    this.kind = kind;
    this.#session = session;
  }

  /** The id of the session that it belongs to. */
  get sessionId(): string {
    return String.fromCharCode(...this.#session); // ids are ASCII
  }

  /** The event, decoded when it is first asked for and kept. */
  get event(): Event {
    this.#event ??= fromBinary(EventSchema, this.bytes);
    return this.#event;
  }

  /** The event, decoded and not kept: for whoever takes out of it what it needs. */
  decode(): Event {
    return this.#event ?? fromBinary(EventSchema, this.bytes);
  }
}

/** The events at the head of an encoded response; undefined where it holds a sign, or nothing. */
export function entriesOf(response: Uint8Array): Iterable<Entry> | undefined {
  return response[0] === ((EVENTS << 3) | DELIMITED) ? walk(response) : undefined;
}

function* walk(response: Uint8Array): Generator<Entry, void> {
  const reader = new Reader(response);
  while (reader.more) {
    const tag = reader.varint();
    if (tag >>> 3 === EVENTS) yield new Entry(reader.delimited());
    else reader.skip(tag & 7);
  }
}

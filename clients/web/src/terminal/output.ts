/** What an output event says, taken out of its bytes without decoding the event: a flood is thousands of these a second. */
import type { Entry } from "../bridge/entries";
import { Reader } from "../bridge/wire";
import { Channel, EventKind } from "../gen/sightline/v1/event_pb";

const TIME = 4; // Event.time
const MS = 1000; // in a second
const NS = 1_000_000; // in a millisecond

/** A program's output, as it wrote it. */
export interface Output {
  readonly channel: Channel;
  /** A view into the event's bytes. */
  readonly data: Uint8Array;
}

/** The output of an event; undefined: it has another payload. */
export function outputOf(entry: Entry): Output | undefined {
  if (entry.kind !== EventKind.OUTPUT) return undefined;
  const body = field(entry.bytes, EventKind.OUTPUT);
  if (body === undefined) return undefined;
  const reader = new Reader(body);
  let channel: Channel = Channel.UNSPECIFIED;
  let data = body.subarray(0, 0);
  while (reader.more) {
    const tag = reader.varint();
    if (tag >>> 3 === 1) channel = reader.varint();
    else if (tag >>> 3 === 2) data = reader.delimited();
    else reader.skip(tag & 7);
  }
  return { channel, data };
}

/** When an event was logged, in milliseconds since 1970; 0: it does not say. */
export function timeOf(entry: Entry): number {
  const body = field(entry.bytes, TIME);
  if (body === undefined) return 0;
  const reader = new Reader(body);
  let time = 0;
  while (reader.more) {
    const tag = reader.varint();
    if (tag >>> 3 === 1) time += reader.varint() * MS;
    else if (tag >>> 3 === 2) time += reader.varint() / NS;
    else reader.skip(tag & 7);
  }
  return time;
}

/** The bytes of a message's field; undefined: it has none. */
function field(message: Uint8Array, number: number): Uint8Array | undefined {
  const reader = new Reader(message);
  while (reader.more) {
    const tag = reader.varint();
    if (tag >>> 3 === number) return reader.delimited();
    reader.skip(tag & 7);
  }
  return undefined;
}

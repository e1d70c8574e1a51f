import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { Channel, EventKind, EventSchema } from "../gen/sightline/v1/event_pb";
import { SubscribeResponseSchema } from "../gen/sightline/v1/session_service_pb";
import { Entry, entriesOf } from "./entries";
import { Reader } from "./wire";

const event = (seq: bigint) =>
  create(EventSchema, {
    sessionId: "0123456789abcdef",
    seq,
    time: { seconds: 1_800_000_000n, nanos: 5 },
    source: "stdout",
    raw: new Uint8Array([0, 255]),
    payload: { case: "output", value: { channel: Channel.STDOUT, data: new TextEncoder().encode("é\n") } },
  });

test.each([1n, 127n, 128n, 16_384n, 4_294_967_296n, 9_007_199_254_740_991n])(
  "an entry with seq %s is known by its head alone",
  (seq) => {
    const entry = new Entry(toBinary(EventSchema, event(seq)));
    expect([entry.seq, entry.kind, entry.sessionId]).toEqual([Number(seq), EventKind.OUTPUT, "0123456789abcdef"]);
    expect(entry.event).toEqual(event(seq));
    expect(entry.event).toBe(entry.event);
  },
);

test("an event of a kind that is not known here has the number of its field", () => {
  const head = toBinary(EventSchema, create(EventSchema, { sessionId: "a", seq: 3n }));
  const unknown = new Uint8Array([...head, ((99 << 3) & 0x7f) | 2 | 0x80, (99 << 3) >> 7, 0]);
  expect(new Entry(unknown).kind).toBe(99);
  expect(new Entry(unknown).event.payload.case).toBeUndefined();
});

test("a response gives its events in order, and a sign gives none", () => {
  const response = toBinary(
    SubscribeResponseSchema,
    create(SubscribeResponseSchema, { events: [event(1n), event(2n), event(3n)] }),
  );
  expect([...(entriesOf(response) ?? [])].map((entry) => entry.seq)).toEqual([1, 2, 3]);
  const sign = toBinary(SubscribeResponseSchema, create(SubscribeResponseSchema, { sign: { case: "heartbeat", value: {} } }));
  expect(entriesOf(sign)).toBeUndefined();
  expect(entriesOf(new Uint8Array())).toBeUndefined();
});

test("bytes that end too early are an error, wherever they end", () => {
  const whole = toBinary(SubscribeResponseSchema, create(SubscribeResponseSchema, { events: [event(1n)] }));
  for (let end = 1; end < whole.length; end++) {
    expect(() => [...(entriesOf(whole.subarray(0, end)) ?? [])], `cut at ${end}`).toThrow(RangeError);
  }
});

test("a number that never ends is an error", () => {
  expect(() => new Reader(new Uint8Array([0x80])).varint()).toThrow(RangeError);
});

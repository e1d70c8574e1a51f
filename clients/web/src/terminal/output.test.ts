import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { Entry } from "../bridge/entries";
import { Channel, EventSchema } from "../gen/sightline/v1/event_pb";
import { outputOf, timeOf } from "./output";

const entry = (init: MessageInitShape<typeof EventSchema>) => new Entry(toBinary(EventSchema, create(EventSchema, init)));
const whole = {
  sessionId: "0123456789abcdef",
  seq: 123_456_789n,
  firstSeq: 123_456_780n,
  time: { seconds: 1_764_000_000n, nanos: 123_456_789 },
  sourceTime: { seconds: 1n, nanos: 2 },
  source: "terminal",
  causeSeq: 7n,
  turnId: "t",
  parentToolCallId: "p",
  truncatedBytes: 9n,
  raw: Uint8Array.of(1, 2, 3),
};

describe("the output of an event, read without decoding it,", () => {
  test.each([
    ["bare", { sessionId: "a", seq: 1n }],
    ["with everything that an event can have", whole],
  ])("is what decoding gives: %s", (_name, head) => {
    for (const channel of [Channel.TERMINAL, Channel.STDOUT, Channel.STDERR]) {
      for (const size of [0, 1, 127, 128, 70_000]) {
        const data = Uint8Array.from({ length: size }, (_, n) => n % 256);
        const one = entry({ ...head, payload: { case: "output", value: { channel, data } } });
        const { payload, time } = one.decode();
        const read = outputOf(one);
        if (payload.case !== "output" || read === undefined) throw new Error("it is an output");
        expect(read.channel).toBe(payload.value.channel);
        expect(Buffer.compare(read.data, payload.value.data)).toBe(0);
        expect(timeOf(one)).toBeCloseTo(time ? Number(time.seconds) * 1000 + time.nanos / 1e6 : 0, 3);
      }
    }
  });

  test("is a view into its bytes, not a copy", () => {
    const one = entry({ seq: 1n, payload: { case: "output", value: { channel: Channel.STDOUT, data: Uint8Array.of(1, 2) } } });
    expect(outputOf(one)?.data.buffer).toBe(one.bytes.buffer);
  });

  test("is none where the event is another", () => {
    expect(outputOf(entry({ seq: 1n, payload: { case: "resized", value: { columns: 80, rows: 24 } } }))).toBeUndefined();
    expect(outputOf(entry({ seq: 1n }))).toBeUndefined();
  });
});

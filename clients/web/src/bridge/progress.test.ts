import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { EventSchema } from "../gen/sightline/v1/event_pb";
import { type PlaceSchema, type SubscribeResponse, SubscribeResponseSchema } from "../gen/sightline/v1/session_service_pb";
import { Entry } from "./entries";
import { Progress } from "./progress";

type Sign = NonNullable<MessageInitShape<typeof SubscribeResponseSchema>["sign"]>;

const signed = (sign: Sign): SubscribeResponse["sign"] => create(SubscribeResponseSchema, { sign }).sign;
const at = (seq: bigint) => ({ sessionId: "a", epoch: 7n, seq });
const PLACE = { epoch: 7n, seq: 5n, askedAs: "build", snapshotDue: true };
const HEADER: Sign = { case: "header", value: { session: { id: "a" }, moment: 3n, place: PLACE } };
const event = (seq: bigint, completed = false) =>
  new Entry(
    toBinary(
      EventSchema,
      create(EventSchema, { sessionId: "a", seq, ...(completed && { payload: { case: "completed", value: {} } }) }),
    ),
  );

function begun(): Progress {
  const progress = new Progress({ sessions: ["build"], start: { case: "tail", value: 9 } });
  progress.heard(signed(HEADER));
  return progress;
}

test.each<[string, Sign | Entry, MessageInitShape<typeof PlaceSchema>]>([
  ["an event", event(6n), { seq: 6n, snapshotDue: false }],
  ["the last event of a session", event(6n, true), { seq: 6n, snapshotDue: false, completed: true }],
  ["a screen", { case: "snapshot", value: { sessionId: "a", asOfSeq: 8n } }, { seq: 8n, snapshotDue: false }],
  ["a screen of before", { case: "snapshot", value: { sessionId: "a", asOfSeq: 2n } }, { snapshotDue: false }],
  ["a gap", { case: "gap", value: { sessionId: "a", firstSeq: 6n, lastSeq: 9n } }, { seq: 9n, snapshotDue: false }],
  ["a gap with its screen", { case: "gap", value: { sessionId: "a", lastSeq: 9n, snapshotDue: true } }, { seq: 9n }],
  ["the head", { case: "caughtUp", value: { cursor: at(9n) } }, { seq: 9n, caughtUp: true }],
  ["a heartbeat", { case: "heartbeat", value: { moment: 4n, positions: [{ cursor: at(9n) }] } }, { seq: 9n }],
  ["a heartbeat of before", { case: "heartbeat", value: { positions: [{ cursor: at(2n) }] } }, {}],
  ["a session that no header named", { case: "caughtUp", value: { cursor: { ...at(9n), sessionId: "b" } } }, {}],
])("%s is taken into the place that the header brought", (_, what, change) => {
  const progress = begun();
  if (what instanceof Entry) progress.passed(what);
  else progress.heard(signed(what));
  expect(progress.request).toMatchObject({ sessions: ["build"], start: { case: "tail", value: 9 }, resume: { moment: 3n } });
  expect(progress.request.resume?.places).toEqual({ a: expect.objectContaining({ ...PLACE, ...change }) });
});

test("the moment of a stream without sessions is in its first heartbeat", () => {
  const progress = new Progress({ sessions: ["*"] });
  for (const moment of [4n, 5n]) progress.heard(signed({ case: "heartbeat", value: { moment } }));
  expect(progress.request.resume?.moment).toBe(4n);
  expect(progress.begun).toBe(false);
});

test("what was reset asks as at first", () => {
  const progress = begun();
  progress.reset();
  expect(progress.request.resume).toMatchObject({ moment: 0n, places: {} });
  expect(progress.begun).toBe(false);
});

test("heartbeats that were not asked for come each 15 s, and are not told", () => {
  const quiet = new Progress({ sessions: ["a"] });
  expect([quiet.request.heartbeatInterval?.seconds, quiet.tellsHeartbeats]).toEqual([15n, false]);
  const asking = new Progress({ sessions: ["a"], heartbeatInterval: { seconds: 1n } });
  expect([asking.request.heartbeatInterval?.seconds, asking.tellsHeartbeats]).toEqual([1n, true]);
});

/** What comes is taken into the place of its session, and asked with. What the server makes of it is tried by tests/conformance/clients. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { EventKind, PlaceSchema, SubscribeRequestSchema, SubscribeResponseSchema } from "@sightline/client";
import { Progress } from "../src/progress.js";

type Response = MessageInitShape<typeof SubscribeResponseSchema>;
type Place = MessageInitShape<typeof PlaceSchema>;

const following = (init: MessageInitShape<typeof SubscribeRequestSchema>) => new Progress(create(SubscribeRequestSchema, init));

/** The server sends it, and it is handed over: what was. */
function come(progress: Progress, response: Response): (string | undefined)[] {
  return progress.items(create(SubscribeResponseSchema, response)).map((item) => {
    progress.advance(item);
    return item.case;
  });
}

const header = (place: Place, moment = 9n): Response => ({
  sign: { case: "header", value: { session: { id: "id" }, place, moment } },
});
const beat = (seq: bigint, moment = 9n): Response => ({
  sign: { case: "heartbeat", value: { moment, positions: [{ cursor: { sessionId: "id", seq } }] } },
});
const output = { case: "output", value: {} } as const;
const completed = { case: "completed", value: {} } as const;

const begun = { epoch: 7n, seq: 3n, askedAs: "name" };
const owed = { ...begun, snapshotDue: true };
const cursor = { sessionId: "id", epoch: 7n, seq: 5n };
const lost = { sessionId: "id", firstSeq: 4n, lastSeq: 5n };
const kinds = [EventKind.OUTPUT];

for (const [what, before, response, after] of [
  ["an event", owed, { events: [{ sessionId: "id", seq: 4n, payload: output }] }, { ...begun, seq: 4n }],
  ["an event of no kind that is known", begun, { events: [{ sessionId: "id", seq: 4n }] }, { ...begun, seq: 4n }],
  [
    "the last event",
    begun,
    { events: [{ sessionId: "id", seq: 4n, payload: completed }] },
    { ...begun, seq: 4n, completed: true },
  ],
  ["a screen", owed, { sign: { case: "snapshot", value: { sessionId: "id", asOfSeq: 5n } } }, { ...begun, seq: 5n }],
  ["a screen from before the start", owed, { sign: { case: "snapshot", value: { sessionId: "id", asOfSeq: 1n } } }, begun],
  ["a gap", owed, { sign: { case: "gap", value: lost } }, { ...begun, seq: 5n }],
  ["a gap of some kinds", begun, { sign: { case: "gap", value: { ...lost, kinds } } }, { ...begun, seq: 5n }],
  ["a gap that a screen follows", begun, { sign: { case: "gap", value: { ...lost, snapshotDue: true } } }, { ...owed, seq: 5n }],
  ["caughtUp", begun, { sign: { case: "caughtUp", value: { cursor } } }, { ...begun, seq: 5n, caughtUp: true }],
  ["a heartbeat", owed, beat(5n), { ...owed, seq: 5n }],
  ["a heartbeat that is behind", begun, beat(1n), begun],
  ["what no contract has yet", begun, {}, begun],
] satisfies [string, Place, Response, Place][]) {
  test(`${what} is taken into the place`, () => {
    const progress = following({ sessions: ["name"], heartbeatInterval: { seconds: 1n } });
    come(progress, header(before));
    come(progress, response);
    assert.deepEqual(progress.request.resume?.places, { id: create(PlaceSchema, after) });
    assert.deepEqual(
      progress.cursors.map(({ sessionId, epoch, seq }) => ({ sessionId, epoch, seq })),
      [{ sessionId: "id", epoch: 7n, seq: progress.request.resume.places.id?.seq }],
    );
  });
}

test("only what was handed over moves the place", () => {
  const progress = following({ sessions: ["name"] });
  come(progress, header(begun));
  const events = [4n, 5n].map((seq) => ({ sessionId: "id", seq, payload: output }));
  const [first] = progress.items(create(SubscribeResponseSchema, { events }));
  assert.ok(first);
  progress.advance(first);
  assert.equal(progress.request.resume?.places.id?.seq, 4n);
});

test("the first moment stays, a header's or a heartbeat's, and all else is asked as at first", () => {
  for (const first of [header(begun, 8n), beat(1n, 8n)]) {
    const progress = following({ sessions: ["name", "*"], start: { case: "tail", value: 2 }, snapshot: true });
    const { resume: _, ...asked } = { ...progress.request };
    assert.equal(progress.request.resume?.moment, 0n);
    for (const response of [first, header(begun), beat(4n)]) come(progress, response);
    assert.equal(progress.request.resume?.moment, 8n);
    const { resume: __, ...now } = { ...progress.request };
    assert.deepEqual(now, asked);
  }
});

test("heartbeats are asked for where only they tell how far a stream is, and shown to those who asked for them", () => {
  for (const [init, asked, shown] of [
    [{ sessions: ["name"] }, undefined, []],
    [{ sessions: ["name"], filter: { kinds } }, 15n, []],
    [{ sessions: ["*"] }, 15n, []],
    [{ sessions: ["*"], heartbeatInterval: { seconds: 1n } }, 1n, ["heartbeat"]],
  ] satisfies [MessageInitShape<typeof SubscribeRequestSchema>, bigint | undefined, string[]][]) {
    const progress = following(init);
    assert.equal(progress.request.heartbeatInterval?.seconds, asked);
    come(progress, header(begun));
    assert.deepEqual(come(progress, beat(4n)), shown);
    assert.equal(progress.cursors[0]?.seq, 4n);
  }
});

test("a request that comes with places is gone on from there", () => {
  const progress = following({ sessions: ["name"], resume: { moment: 9n, places: { id: begun } } });
  come(progress, { events: [{ sessionId: "id", seq: 4n, payload: output }] });
  assert.deepEqual(progress.request.resume?.places, { id: create(PlaceSchema, { ...begun, seq: 4n }) });
});

test("a request that the caller changes afterwards is followed as it was, and is not changed itself", () => {
  const given = create(SubscribeRequestSchema, { sessions: ["*"] });
  const progress = new Progress(given);
  assert.deepEqual(given, create(SubscribeRequestSchema, { sessions: ["*"] }));
  given.sessions.push("name");
  assert.deepEqual(progress.request.sessions, ["*"]);
});

test("the caller's cursor stands until the header", () => {
  const progress = following({ sessions: ["name"], start: { case: "after", value: { cursors: [{ ...cursor, seq: 1n }] } } });
  const seqs = () => progress.cursors.map(({ seq }) => seq);
  assert.deepEqual(seqs(), [1n]);
  come(progress, header(begun));
  assert.deepEqual(seqs(), [3n]);
});

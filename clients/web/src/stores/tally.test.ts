import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { Entry } from "../bridge/entries";
import { type Event, EventSchema, Outcome, PlanStatus } from "../gen/sightline/v1/event_pb";
import { Tally } from "./tally";

type Payload = MessageInitShape<typeof EventSchema>["payload"];

const entry = (seq: number, turnId: string, payload: Payload): Entry =>
  new Entry(
    toBinary(
      EventSchema,
      create(EventSchema, {
        sessionId: "s",
        seq: BigInt(seq),
        time: { seconds: BigInt(seq) },
        turnId,
        payload: payload as Event["payload"],
      }),
    ),
  );
const began = (seq: number, turn: string) => entry(seq, turn, { case: "turnStarted", value: {} });
const used = (seq: number, turn: string, tokens: number, cost?: number) =>
  entry(seq, turn, {
    case: "usage",
    value: {
      inputTokens: BigInt(tokens),
      cachedTokens: 1n,
      outputTokens: 2n,
      currency: "USD",
      ...(cost === undefined ? {} : { cost }),
    },
  });
const over = (seq: number, turn: string, tokens: number, cost: number) =>
  entry(seq, turn, {
    case: "turnFinished",
    value: {
      outcome: Outcome.SUCCEEDED,
      usage: {
        inputTokens: BigInt(tokens),
        cachedTokens: 1n,
        outputTokens: 2n,
        cost,
        currency: "USD",
        contextUsed: 50n,
        contextSize: 100n,
      },
    },
  });
const plan = (seq: number, status: PlanStatus) =>
  entry(seq, "1", { case: "plan", value: { entries: [{ content: `${seq}`, status }] } });

const STORY = [
  began(1, "1"),
  plan(2, PlanStatus.IN_PROGRESS),
  used(3, "1", 10, 0.1),
  over(4, "1", 10, 0.1),
  began(5, "2"),
  plan(6, PlanStatus.COMPLETED),
  used(7, "2", 20, 0.2),
];

test("a turn's usage counts once, however often it is told, and all turns are added up", () => {
  const tally = new Tally();
  for (const one of STORY) tally.take(one);
  const { usage, turns, turnSince } = tally.now;
  expect([usage.read, usage.cached, usage.written, turns, turnSince]).toEqual([32, 2, 4, 2, 5000]);
  expect(usage.cost.USD).toBeCloseTo(0.3);
  expect([usage.contextUsed, usage.contextSize]).toEqual([50, 100]);
});

test("the order does not matter, and an event that comes twice changes nothing", () => {
  const forth = new Tally();
  const back = new Tally();
  for (const one of STORY) forth.take(one);
  for (const one of [...STORY].reverse()) back.take(one);
  expect(back.now).toEqual(forth.now);
  for (const one of STORY) back.take(one);
  expect(back.now).toEqual(forth.now);
  expect(back.now.plan?.entries[0]?.content).toBe("6");
});

test("what the end says in all is what it was in all, and no turn is under way behind it", () => {
  const tally = new Tally();
  for (const one of STORY) tally.take(one);
  tally.take(
    entry(8, "", { case: "completed", value: { outcome: Outcome.SUCCEEDED, usage: { inputTokens: 100n, outputTokens: 9n } } }),
  );
  expect([tally.now.usage.read, tally.now.usage.written, tally.now.turnSince]).toEqual([100, 9, 0]);
});

test("it is the same object until something changes", () => {
  const tally = new Tally();
  tally.take(STORY[0] as Entry);
  const known = tally.now;
  tally.take(entry(9, "", { case: "notice", value: {} }));
  expect(tally.now).toBe(known);
});

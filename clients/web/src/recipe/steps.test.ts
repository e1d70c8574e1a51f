import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { Entry } from "../bridge/entries";
import { Channel, EventSchema } from "../gen/sightline/v1/event_pb";
import { MAX_LOG, StepFold } from "./steps";

let seq = 0n;
const entry = (init: MessageInitShape<typeof EventSchema>) =>
  new Entry(toBinary(EventSchema, create(EventSchema, { ...(init as object), seq: ++seq })));
const began = (step: string, index: number) =>
  entry({ time: { seconds: 10n }, payload: { case: "stepStarted", value: { step, index, count: 2 } } });
const printed = (source: string, data: Uint8Array | string) =>
  entry({
    source,
    payload: {
      case: "output",
      value: { channel: Channel.STDOUT, data: typeof data === "string" ? new TextEncoder().encode(data) : data },
    },
  });
const finished = (step: string, exitCode: number, failureAllowed = false) =>
  entry({ payload: { case: "stepFinished", value: { step, exitCode, failureAllowed, duration: { seconds: 3n } } } });

function fold(...entries: Entry[]): StepFold {
  const steps = new StepFold();
  for (const one of entries) steps.take([one]);
  return steps;
}

test("a step has its own output, its duration and how it ended", () => {
  const { steps, count } = fold(
    began("git", 1),
    printed("git", "done\n"),
    printed("stdout", "not mine"),
    finished("git", 1, true),
  ).state;
  expect(count).toBe(2);
  expect(steps).toMatchObject([
    { label: "git", index: 1, began: 10_000, log: "done\n", end: { exitCode: 1, duration: 3000, allowed: true } },
  ]);
});

test("a character that was cut between two events is whole", () => {
  const [first, second] = [new Uint8Array([0xc3]), new Uint8Array([0xa9])];
  expect(fold(began("git", 1), printed("git", first), printed("git", second)).state.steps[0]?.log).toBe("é");
});

test("of a long output the end is kept, from the beginning of a line, and how much is missing is known", () => {
  const line = `${"x".repeat(99)}\n`;
  const [step] = fold(began("git", 1), printed("git", line.repeat(1500)), printed("git", line.repeat(1500))).state.steps;
  expect(step?.log.length).toBeLessThanOrEqual(MAX_LOG);
  expect(step?.log.startsWith("xxx")).toBe(true);
  expect((step?.log.length ?? 0) + (step?.cut ?? 0)).toBe(300_000);
});

test("two steps of one name are two steps", () => {
  const { steps } = fold(began("script", 1), finished("script", 0), began("script", 2), printed("script", "second")).state;
  expect(steps.map((step) => [step.log, step.end?.exitCode])).toEqual([
    ["", 0],
    ["second", undefined],
  ]);
});

test("output of the session's own command changes nothing", () => {
  const steps = fold(began("git", 1));
  expect(steps.take([printed("stdout", "make")])).toBe(false);
});

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { EventSchema, Outcome, SessionState, WaitingFor } from "../gen/sightline/v1/event_pb";
import { add, type Mark, markOf, sizeAt } from "./marks";
import { utf8 } from "./scripted";
import { ticksOf } from "./Timeline";

type Payload = MessageInitShape<typeof EventSchema>["payload"];
const mark = (payload: Payload, seq = 1, seconds = 0): Mark =>
  markOf(create(EventSchema, { seq: BigInt(seq), time: { seconds: BigInt(seconds) }, payload: payload as never }));

describe("a mark of a time line", () => {
  test.each<[string, Payload]>([
    ["Typed: ls -l⏎", { case: "input", value: { data: utf8("ls -l\r") } }],
    ["Typed: ␛[A^C⌫", { case: "input", value: { data: utf8("\x1b[A\x03\x7f") } }],
    ["Typed: ••••", { case: "input", value: { length: 4n, redacted: true } }],
    ["Typed: y<Tab>⏎", { case: "input", value: { data: utf8("y"), keys: ["Tab"], submit: true } }],
    ["Interrupt", { case: "input", value: { interrupt: true } }],
    ["End of input", { case: "input", value: { eof: true } }],
    [
      "Waiting for permission",
      { case: "stateChanged", value: { state: SessionState.WAITING, waitingFor: WaitingFor.PERMISSION } },
    ],
    ["Idle", { case: "stateChanged", value: { state: SessionState.IDLE } }],
    ["Output lost: 1.5 KB", { case: "outputLost", value: { bytes: 1500n } }],
    ["Size 80 × 24", { case: "resized", value: { columns: 80, rows: 24 } }],
    ["Step setup ended with 3", { case: "stepFinished", value: { step: "setup", exitCode: 3 } }],
    ["Error: no disk", { case: "error", value: { message: "no disk" } }],
    ["End: succeeded", { case: "completed", value: { outcome: Outcome.SUCCEEDED } }],
  ])("says what happened: %s", (label, payload) => {
    expect(mark(payload).label).toBe(label);
  });

  test("is short, however much was typed", () => {
    expect(mark({ case: "input", value: { data: utf8("x".repeat(100_000)) } }).label).toHaveLength(60);
  });

  test("stands for the keys that were typed one after the other", () => {
    const marks: Mark[] = [];
    for (const [at, key] of [...["l", "s", "\r"].entries()])
      add(marks, mark({ case: "input", value: { data: utf8(key) } }, at + 1, at));
    add(marks, mark({ case: "input", value: { data: utf8("w") } }, 9, 60));
    add(marks, mark({ case: "input", value: { interrupt: true } }, 10, 61));
    expect(marks.map(({ seq, label }) => [seq, label])).toEqual([
      [1, "Typed: ls⏎"],
      [9, "Typed: w"],
      [10, "Interrupt"],
    ]);
  });
});

test("a terminal's size is that of the last change before, or else of the first one", () => {
  const marks = [
    mark({ case: "input", value: {} }, 1),
    mark({ case: "resized", value: { columns: 80, rows: 24 } }, 5),
    mark({ case: "resized", value: { columns: 100, rows: 30 } }, 9),
  ];
  expect([1, 5, 8, 9, 99].map((seq) => sizeAt(marks, seq)?.columns)).toEqual([80, 80, 80, 100, 100]);
  expect(sizeAt([], 3)).toBeUndefined();
});

test("marks that stand at one place are one tick, of the gravest", () => {
  const at = (seq: number, tone: Mark["tone"]): Mark => ({ seq, tone, time: 0, label: "x" });
  const ticks = ticksOf([at(1, "plain"), at(2, "bad"), at(3, "accent"), at(100_000, "warn")], 1, 100_000);
  expect(ticks).toEqual([
    { place: 0, tone: "bad" },
    { place: 1, tone: "warn" },
  ]);
  expect(ticksOf([at(1, "plain")], 1, 1)).toEqual([{ place: 0, tone: "plain" }]);
});

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { Entry } from "../bridge/entries";
import { type Event, EventSchema } from "../gen/sightline/v1/event_pb";
import type { CardKind } from "./cards";
import { Deck } from "./deck";
import { holesOf, joined } from "./ranges";
import { type Filter, rowsOf } from "./rows";

type Payload = MessageInitShape<typeof EventSchema>["payload"];

const entry = (seq: number, payload: Payload, parent = ""): Entry =>
  new Entry(
    toBinary(
      EventSchema,
      create(EventSchema, { sessionId: "s", seq: BigInt(seq), parentToolCallId: parent, payload: payload as Event["payload"] }),
    ),
  );
const says = (seq: number, parent = "") => entry(seq, { case: "message", value: { text: "x" } }, parent);
const call = (seq: number, id: string, parent = "") => entry(seq, { case: "toolCall", value: { toolCallId: id } }, parent);
const fails = (seq: number, parent = "") => entry(seq, { case: "error", value: { message: "x" } }, parent);

const ALL: Filter = { tab: "all", hidden: new Set<CardKind>(), folded: new Set() };

function deckOf(...entries: Entry[]): Deck {
  const deck = new Deck();
  deck.add(entries);
  return deck;
}

const seqs = (deck: Deck, filter: Partial<Filter> = {}, holes: { first: number; last: number }[] = []): number[] =>
  rowsOf(
    deck,
    holes.map((hole) => ({ ...hole, text: "" })),
    { ...ALL, ...filter },
  ).map((card) => (card.kind === "hole" ? -card.seq : card.seq));

test("what a subagent did stands behind its call, and is gone where it is folded", () => {
  const deck = deckOf(call(1, "t"), says(2), says(3, "t"), call(4, "u", "t"), says(5), says(6, "u"));
  expect(seqs(deck)).toEqual([1, 3, 4, 6, 2, 5]);
  expect(seqs(deck, { folded: new Set([deck.at(4)?.id ?? 0]) })).toEqual([1, 3, 4, 2, 5]);
  expect(seqs(deck, { folded: new Set([deck.at(1)?.id ?? 0]) })).toEqual([1, 2, 5]);
});

test("tabs show what is of their kind wherever it is, and folding hides nothing there", () => {
  const deck = deckOf(call(1, "t"), fails(2, "t"), fails(3), entry(4, { case: "fileChanged", value: { path: "a" } }));
  expect(seqs(deck, { tab: "errors", folded: new Set([deck.at(1)?.id ?? 0]) })).toEqual([2, 3]);
  expect(seqs(deck, { tab: "files" })).toEqual([4]);
  expect(seqs(deck, { tab: "tools" })).toEqual([1]);
});

test("kinds that are left out are left out of all, and not of their own tab", () => {
  const deck = deckOf(says(1), call(2, "t"));
  expect(seqs(deck, { hidden: new Set(["tool"]) })).toEqual([1]);
  expect(seqs(deck, { tab: "tools", hidden: new Set(["tool"]) })).toEqual([2]);
});

test("holes stand where events are missing", () => {
  expect(
    seqs(deckOf(says(10), says(11), says(50)), {}, [
      { first: 1, last: 9 },
      { first: 12, last: 49 },
    ]),
  ).toEqual([-1, 10, 11, -12, 50]);
  expect(seqs(deckOf(call(10, "t"), says(50), says(11, "t")), {}, [{ first: 12, last: 49 }])).toEqual([10, 11, -12, 50]);
});

test("subagents a thousand deep are shown without recursion", () => {
  const deck = deckOf(...Array.from({ length: 20_000 }, (_, at) => call(at + 1, `${at}`, at === 0 ? "" : `${at - 1}`)));
  expect(seqs(deck).length).toBe(20_000);
});

test("stretches that touch are one, and what is between others is a hole", () => {
  const ranges = joined(joined(joined([], { from: 50, to: Number.POSITIVE_INFINITY }), { from: 10, to: 20 }), {
    from: 21,
    to: 30,
  });
  expect(ranges).toEqual([
    { from: 10, to: 30 },
    { from: 50, to: Number.POSITIVE_INFINITY },
  ]);
  expect(holesOf(ranges, 5)).toEqual([
    { from: 5, to: 9 },
    { from: 31, to: 49 },
  ]);
  expect(joined(ranges, { from: 31, to: 49 })).toEqual([{ from: 10, to: Number.POSITIVE_INFINITY }]);
});

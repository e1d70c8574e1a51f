import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { Entry } from "../bridge/entries";
import { Channel, type Event, EventSchema, Outcome, Role, ToolStatus } from "../gen/sightline/v1/event_pb";
import { type Card, entriesOfCard } from "./cards";
import { Deck } from "./deck";

type Init = MessageInitShape<typeof EventSchema>;
type Payload = NonNullable<Init["payload"]>;

const entry = (seq: number, payload: Payload, more: Init = {}): Entry =>
  new Entry(
    toBinary(
      EventSchema,
      create(EventSchema, { sessionId: "s", seq: BigInt(seq), source: "claude", ...more, payload: payload as Event["payload"] }),
    ),
  );

const text = (
  seq: number,
  piece: string,
  more: { id?: string; delta?: boolean; role?: Role; turn?: string; parent?: string } = {},
) =>
  entry(
    seq,
    {
      case: "message",
      value: { text: piece, messageId: more.id ?? "", delta: more.delta ?? false, role: more.role ?? Role.ASSISTANT },
    },
    { turnId: more.turn ?? "1", parentToolCallId: more.parent ?? "" },
  );
const thought = (seq: number, piece: string) => entry(seq, { case: "thinking", value: { text: piece, delta: true } });
const call = (seq: number, id: string, parent = "") =>
  entry(seq, { case: "toolCall", value: { toolCallId: id, name: "Bash" } }, { parentToolCallId: parent });
const result = (seq: number, id: string, status = ToolStatus.COMPLETED) =>
  entry(seq, { case: "toolResult", value: { toolCallId: id, status, content: "x" } });
const output = (seq: number, channel = Channel.STDERR) =>
  entry(seq, { case: "output", value: { channel, data: new Uint8Array([65, 10]) } }, { source: "stderr" });
const request = (seq: number, id: string) => entry(seq, { case: "request", value: { requestId: id, text: "may I?" } });
const resolved = (seq: number, id: string) =>
  entry(seq, { case: "requestResolved", value: { requestId: id, optionId: "allow" } });
const plan = (seq: number) => entry(seq, { case: "plan", value: { entries: [{ content: `${seq}` }] } });
const progress = (seq: number, turn = "1") => entry(seq, { case: "progress", value: { phase: "x" } }, { turnId: turn });

function deckOf(...entries: Entry[]): Deck {
  const deck = new Deck();
  deck.add(entries);
  return deck;
}

/** What a deck shows, without the cards' own numbers. */
function shown(deck: Deck): unknown[] {
  const tell = (card: Card): unknown => [
    card.kind,
    entriesOfCard(card).map((one) => one.seq),
    { last: card.last, bad: card.bad, open: card.open, replaced: card.replaced, parent: card.parent },
    deck.children(card).map(tell),
  ];
  return [deck.root.map(tell), deck.orphans().map(tell), deck.counts, deck.asked.map((card) => card.seq)];
}

const seqs = (deck: Deck): number[][] => deck.root.map((card) => entriesOfCard(card).map((one) => one.seq));
const kinds = (deck: Deck): string[] => deck.root.map((card) => card.kind);

describe("messages", () => {
  test("pieces of one id are one message, whatever comes between them", () => {
    expect(seqs(deckOf(text(1, "a", { id: "m", delta: true }), call(2, "t"), text(3, "b", { id: "m", delta: true })))).toEqual([
      [1, 3],
      [2],
    ]);
  });
  test("an id counts within its turn, its kind and its subagent", () => {
    const deck = deckOf(
      text(1, "a", { id: "m" }),
      text(2, "b", { id: "m", turn: "2" }),
      text(3, "c", { id: "m", role: Role.USER }),
    );
    expect(seqs(deck)).toEqual([[1], [2], [3]]);
  });
  test("pieces without an id are one message for as long as nothing comes between them", () => {
    const deck = deckOf(
      text(1, "a", { delta: true }),
      text(2, "b", { delta: true }),
      call(3, "t"),
      text(4, "c", { delta: true }),
    );
    expect(seqs(deck)).toEqual([[1, 2], [3], [4]]);
  });
  test("a whole message without an id stands alone, and thinking is not saying", () => {
    const deck = deckOf(text(1, "a"), text(2, "b", { delta: true }), thought(3, "c"), thought(4, "d"));
    expect(seqs(deck)).toEqual([[1], [2], [3, 4]]);
  });
});

describe("calls and results", () => {
  test("a result joins its call, and says whether it went well", () => {
    const [card] = deckOf(call(1, "t"), result(2, "t", ToolStatus.FAILED)).root;
    expect([card?.count, card?.open, card?.bad]).toEqual([2, false, true]);
  });
  test("a call without a result is open, and so is one whose result says that it goes on", () => {
    expect(deckOf(call(1, "t")).root[0]?.open).toBe(true);
    expect(deckOf(call(1, "t"), result(2, "t", ToolStatus.IN_PROGRESS)).root[0]?.open).toBe(true);
  });
  test("the later of two results is right", () => {
    const [card] = deckOf(call(1, "t"), result(2, "t"), result(3, "t", ToolStatus.FAILED)).root;
    expect([card?.count, card?.bad]).toEqual([3, true]);
  });
  test("an id that is used again is another call", () => {
    expect(seqs(deckOf(call(1, "t"), result(2, "t"), call(3, "t"), result(4, "t")))).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });
  test("a result whose call is loaded later moves to it", () => {
    const deck = deckOf(text(2, "a"), result(3, "t"));
    deck.add([call(1, "t")]);
    expect(seqs(deck)).toEqual([[1, 3], [2]]);
  });
  test("what a subagent does stands under its call, each under the call before it where an id is used again", () => {
    const deck = deckOf(call(1, "t"), text(2, "a", { parent: "t" }), result(3, "t"), call(4, "t"), text(5, "b", { parent: "t" }));
    expect(deck.root.map((card) => deck.children(card).map((one) => one.seq))).toEqual([[2], [5]]);
    expect(deck.owner(deck.at(5) as Card)?.seq).toBe(4);
  });
  test("what a subagent does whose call is not loaded, or is its own, is not lost", () => {
    const deck = deckOf(text(5, "a", { parent: "t" }), call(6, "self", "self"), call(7, "x", "y"), call(8, "y", "x"));
    expect(deck.orphans().map((card) => card.seq)).toEqual([5, 6, 7]);
    expect(deck.children(deck.at(7) as Card).map((card) => card.seq)).toEqual([8]);
  });
});

describe("the rest", () => {
  test("a request is asked until its answer comes", () => {
    const deck = deckOf(request(1, "a"), request(2, "b"));
    expect(deck.asked.map((card) => card.seq)).toEqual([1, 2]);
    deck.add([resolved(3, "a")]);
    expect(deck.asked.map((card) => card.seq)).toEqual([2]);
  });
  test("only the latest plan is not replaced", () => {
    expect(deckOf(plan(1), plan(2), plan(3)).root.map((card) => card.replaced)).toEqual([true, true, false]);
  });
  test("progress of one turn is one card", () => {
    expect(seqs(deckOf(progress(1), call(2, "t"), progress(3), progress(4, "2")))).toEqual([[1, 3], [2], [4]]);
  });
  test("output of one channel is one card until something else happens", () => {
    const deck = deckOf(output(1), output(2), output(3, Channel.STDOUT), output(4), text(5, "a"), output(6));
    expect(seqs(deck)).toEqual([[1, 2], [3], [4], [5], [6]]);
  });
  test("a step is one card from its start to its end", () => {
    const step = { case: "stepStarted", value: { step: "git", index: 1, count: 1 } } as const;
    const done = { case: "stepFinished", value: { step: "git", exitCode: 1 } } as const;
    const [card] = deckOf(entry(1, step), output(2), entry(3, done)).root;
    expect([card?.kind, card?.count, card?.bad]).toEqual(["step", 2, true]);
  });
  test("each payload has its kind of card, and one that is not known has one too", () => {
    const payloads: Payload[] = [
      { case: "outputLost", value: {} },
      { case: "input", value: {} },
      { case: "resized", value: {} },
      { case: "stateChanged", value: {} },
      { case: "turnStarted", value: {} },
      { case: "turnFinished", value: {} },
      { case: "agentInfo", value: {} },
      { case: "notice", value: {} },
      { case: "fileChanged", value: {} },
      { case: "usage", value: {} },
      { case: "error", value: {} },
      { case: "toolCall", value: {} },
      { case: "requestResolved", value: {} },
      { case: "completed", value: { outcome: Outcome.FAILED } },
      { case: undefined },
    ];
    const deck = deckOf(...payloads.map((payload, at) => entry(at + 1, payload)));
    expect(kinds(deck).join(" ")).toBe(
      "lost input resized state turn turn agent notice file usage error tool request completed unknown",
    );
    expect(deck.counts).toEqual({ all: 15, tools: 1, output: 1, files: 1, errors: 3 });
  });
  test("an event that comes twice is there once", () => {
    expect(deckOf(text(1, "a", { delta: true }), text(1, "a", { delta: true })).root[0]?.count).toBe(1);
  });
  test("a mark parts what it stands between", () => {
    const deck = deckOf(output(1), output(9));
    deck.mark("gap", 2, 8, "gone");
    expect(kinds(deck)).toEqual(["output", "gap", "output"]);
  });
  test("cards that nothing happens to stay the same objects, and a card keeps its id", () => {
    const deck = deckOf(text(1, "a"), call(2, "t"));
    const [said, called] = deck.root;
    deck.add([result(3, "t")]);
    expect(deck.root[0]).toBe(said);
    expect(deck.root[1]).not.toBe(called);
    expect(deck.root[1]?.id).toBe(called?.id);
    expect(called?.count).toBe(1); // what somebody holds does not change
  });
  test("the card of an event is found, and for one that is not there the one before", () => {
    const deck = deckOf(text(3, "a"), call(5, "t"), result(8, "t"));
    expect([1, 3, 4, 6, 8, 99].map((seq) => deck.at(seq)?.seq)).toEqual([3, 3, 3, 5, 5, 5]);
  });
  test("old output can be dropped, and what it parted is one again", () => {
    const deck = deckOf(text(1, "a", { delta: true }), output(2), text(3, "b", { delta: true }), output(4));
    deck.dropOutput(3);
    expect(seqs(deck)).toEqual([[1, 3], [4]]);
    expect(deck.has(2)).toBe(false);
    expect(deck.counts.output).toBe(1);
  });
});

/** Numbers that look random and are the same each time. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

function story(roll: (sides: number) => number, length: number): Entry[] {
  const ids = ["a", "b", "c"];
  const id = () => ids[roll(3)] ?? "a";
  const makers: ((seq: number) => Entry)[] = [
    (seq) => text(seq, "x", { delta: true, parent: roll(4) === 0 ? id() : "" }),
    (seq) => text(seq, "x", { delta: true }),
    (seq) => text(seq, "x", { delta: roll(2) === 0, id: id() }),
    (seq) => thought(seq, "x"),
    (seq) => call(seq, id(), roll(3) === 0 ? id() : ""),
    (seq) => result(seq, id(), [ToolStatus.COMPLETED, ToolStatus.FAILED, ToolStatus.IN_PROGRESS][roll(3)]),
    (seq) => output(seq, [Channel.STDERR, Channel.STDOUT][roll(2)]),
    (seq) => output(seq),
    (seq) => request(seq, id()),
    (seq) => resolved(seq, id()),
    plan,
    (seq) => progress(seq, id()),
    (seq) => entry(seq, { case: "error", value: { message: "x" } }),
  ];
  return Array.from({ length }, (_, at) => (makers[roll(makers.length)] as (seq: number) => Entry)(at + 1));
}

const clone = (one: Entry): Entry => new Entry(one.bytes);

describe("whatever the pieces and their order", () => {
  test.each(Array.from({ length: 100 }, (_, seed) => seed))("the cards are the same (%i)", (seed) => {
    const roll = dice(seed * 7919 + 1);
    const told = story(roll, 40);
    const expected = shown(deckOf(...told.map(clone)));
    const shuffled = told.map(clone);
    for (let at = shuffled.length - 1; at > 0; at--) {
      const other = roll(at + 1);
      [shuffled[at], shuffled[other]] = [shuffled[other] as Entry, shuffled[at] as Entry];
    }
    expect(shown(deckOf(...shuffled))).toEqual(expected);
    const backwards = new Deck();
    for (let end = told.length; end > 0; ) {
      const size = 1 + roll(9);
      backwards.add(told.slice(Math.max(0, end - size), end).map(clone));
      end -= size;
    }
    expect(shown(backwards)).toEqual(expected);
  });

  test("each event is found at the card that it is in, after any order", () => {
    const roll = dice(5);
    const told = story(roll, 200);
    const deck = deckOf(...told.toReversed());
    for (const one of told) expect(entriesOfCard(deck.at(one.seq) as Card)).toContain(one);
  });
});

test("a line that adds nothing is a card of its own kind, so that it can be left out; other notices are not", () => {
  const deck = new Deck();
  deck.add([
    entry(1, { case: "notice", value: { code: "nothing_new", text: "assistant" } }),
    entry(2, { case: "notice", value: { code: "retry" } }),
  ]);
  expect(deck.root.map((card) => card.kind)).toEqual(["line", "notice"]);
});

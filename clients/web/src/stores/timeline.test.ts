import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test, vi } from "vitest";
import type { BridgeClient, RequestOf } from "../bridge/client";
import { Entry } from "../bridge/entries";
import { CallError, Code } from "../bridge/errors";
import type { Handlers } from "../bridge/subscription";
import { Channel, type Event, EventKind, EventSchema } from "../gen/sightline/v1/event_pb";
import { CursorSchema, SessionSchema } from "../gen/sightline/v1/session_pb";
import { EndReason, GapReason, GapSchema, HeaderSchema, ListEventsResponseSchema } from "../gen/sightline/v1/session_service_pb";
import { Timeline } from "./timeline";

const event = (seq: number, payload: Event["payload"], firstSeq = 0): Event =>
  create(EventSchema, { sessionId: "s", seq: BigInt(seq), firstSeq: BigInt(firstSeq), payload });
const says = (seq: number): Event =>
  event(seq, create(EventSchema, { payload: { case: "message", value: { text: `${seq}`, messageId: `${seq}` } } }).payload);
const prints = (seq: number, first = 0): Event =>
  event(
    seq,
    create(EventSchema, { payload: { case: "output", value: { channel: Channel.STDOUT, data: new Uint8Array([65]) } } }).payload,
    first,
  );
const entries = (...events: Event[]): Entry[] => events.map((one) => new Entry(toBinary(EventSchema, one)));
const session = (oldest: number, head: number, epoch = 1n) =>
  create(SessionSchema, { id: "s", epoch, oldestSeq: BigInt(oldest), headSeq: BigInt(head) });

/** A log behind a client: pages are read from it; what subscriptions hear is said by the test. */
function behind(log: Event[]) {
  const asked: { request: { filter?: unknown; start?: unknown }; handlers: Handlers; closed: boolean }[] = [];
  let broken: CallError | undefined;
  let pages = 0;
  const client = {
    ready: async () => {},
    cancel: () => {},
    subscribe: (request: object, handlers: Handlers) => {
      const one = { request, handlers, closed: false };
      asked.push(one);
      return { close: () => (one.closed = true) };
    },
    open: (
      { value }: { value: RequestOf<"listEvents"> },
      handlers: { onResponse(body: Uint8Array): void; onEnd(error?: CallError): void },
    ) => {
      pages += 1;
      const { afterSeq = 0n, pageSize = 0, pageToken = "" } = value;
      const from = pageToken === "" ? Number(afterSeq) : Number(pageToken);
      const found = log.filter((one) => one.seq > from).slice(0, pageSize);
      const last = Number(found.at(-1)?.seq ?? 0n);
      const next = last > 0 && last < log.length ? `${last}` : "";
      const body = toBinary(ListEventsResponseSchema, create(ListEventsResponseSchema, { events: found, nextPageToken: next }));
      queueMicrotask(() => (broken === undefined ? handlers.onResponse(body) : handlers.onEnd(broken)));
      return pages;
    },
  };
  return {
    client: client as unknown as BridgeClient,
    asked,
    pages: () => pages,
    breaks: (error: CallError | undefined) => {
      broken = error;
    },
  };
}

/** Starts one, and tells it of the last `tail` events. */
function started(log: Event[], tail: number, oldest = 1) {
  const server = behind(log);
  const timeline = new Timeline(server.client, session(oldest, log.length));
  const stop = timeline.start();
  const main = server.asked[0]?.handlers as Handlers;
  const first = log.length - tail;
  main.onHeader?.(
    create(HeaderSchema, { session: session(oldest, log.length), cursor: { sessionId: "s", epoch: 1n, seq: BigInt(first) } }),
  );
  main.onLive?.(true);
  main.onEntries(entries(...log.slice(first)));
  return { ...server, timeline, main, stop };
}
const caughtUp = (main: Handlers, seq: number) =>
  main.onCaughtUp?.(create(CursorSchema, { sessionId: "s", epoch: 1n, seq: BigInt(seq) }));
const LOG = Array.from({ length: 9000 }, (_, at) => says(at + 1));

test("the end is there at once, with a hole before it, and then all of it", async () => {
  const { timeline, main, stop } = started(LOG, 2000);
  expect(timeline.deck.size).toBe(2000);
  caughtUp(main, 9000);
  expect(timeline.standing.get().holes).toEqual([{ first: 1, last: 7000, text: "" }]);
  await vi.waitFor(() => expect(timeline.standing.get().holes).toEqual([]));
  expect(timeline.deck.root.map((card) => card.seq)).toEqual(LOG.map((one) => Number(one.seq)));
  stop();
});

test("an event that is jumped to comes with what is around it, and the hole on both sides is filled later", async () => {
  const { timeline, main, stop } = started(LOG, 2000);
  await timeline.reveal(3000);
  expect(timeline.deck.at(3000)?.seq).toBe(3000);
  const [before, between] = timeline.standing.get().holes;
  expect([before?.first, between?.last]).toEqual([1, 7000]);
  caughtUp(main, 9000);
  await vi.waitFor(() => expect(timeline.standing.get().holes).toEqual([]));
  expect(timeline.deck.size).toBe(9000);
  stop();
});

test("what cannot be loaded stays a hole, and can be asked for again", async () => {
  const { timeline, main, stop, breaks, pages } = started(LOG, 2000);
  breaks(new CallError(Code.UNAVAILABLE, "gone"));
  caughtUp(main, 9000);
  await vi.waitFor(() => expect(pages()).toBe(1));
  const [hole] = timeline.standing.get().holes;
  breaks(undefined);
  await timeline.load(hole ?? { first: 0, last: 0, text: "" });
  await vi.waitFor(() => expect(timeline.standing.get().holes).toEqual([]));
  stop();
});

test("events that are no longer kept are named, and not looked for", async () => {
  const { timeline, main, stop } = started(LOG, 100, 8801);
  caughtUp(main, 9000);
  await vi.waitFor(() => expect(timeline.standing.get().holes).toEqual([]));
  expect(timeline.deck.root[0]?.mark).toEqual({ first: 1, last: 8800, text: "no longer kept" });
  expect(timeline.deck.size).toBe(200);
  stop();
});

test("text that stands for several events is placed where it begins, beside the event that ends it", () => {
  const { timeline, asked, stop } = started([says(1)], 1);
  timeline.wantOutput();
  timeline.wantOutput();
  expect(asked.length).toBe(2);
  asked[1]?.handlers.onEntries(entries(prints(9, 7)));
  timeline.deck.add(entries(says(9)));
  expect(timeline.deck.root.map((card) => [card.kind, card.seq])).toEqual([
    ["message", 1],
    ["output", 7],
    ["message", 9],
  ]);
  stop();
});

test("where the log begins anew, what was shown goes, and that is said", () => {
  const { timeline, main, asked, stop } = started([says(1), says(2)], 2);
  timeline.wantOutput();
  main.onReset?.();
  main.onHeader?.(create(HeaderSchema, { session: session(1, 1, 2n), cursor: { sessionId: "s", epoch: 2n, seq: 0n } }));
  main.onEntries(entries(says(1)));
  expect(timeline.deck.root.map((card) => card.kind)).toEqual(["epoch", "message"]);
  expect(asked.map((one) => one.closed)).toEqual([false, true, false]); // output is asked for anew
  stop();
});

test("a gap is a card, a break is said, and an end for good too", async () => {
  const { timeline, main, stop } = started([says(1), says(2)], 2);
  main.onGap?.(create(GapSchema, { sessionId: "s", firstSeq: 3n, lastSeq: 8n, reason: GapReason.DAMAGED }));
  expect(timeline.deck.root.at(-1)).toMatchObject({ kind: "gap", seq: 3, last: 8, bad: true });
  main.onLive?.(false);
  await vi.waitFor(() => expect(timeline.standing.get().live).toBe(false));
  main.onEnd?.(new CallError(Code.NOT_FOUND, "deleted"), EndReason.UNSPECIFIED);
  expect(timeline.standing.get().problem?.message).toBe("deleted");
  stop();
});

test("a request of long ago without an answer is asked all the same", async () => {
  const { timeline, main, asked, stop } = started(LOG, 100);
  caughtUp(main, 9000);
  const requests = asked.find(
    (one) => JSON.stringify(one.request.filter) === JSON.stringify({ kinds: [EventKind.REQUEST, EventKind.REQUEST_RESOLVED] }),
  );
  const request = (seq: number, id: string) =>
    event(seq, create(EventSchema, { payload: { case: "request", value: { requestId: id, text: "may I?" } } }).payload);
  const resolved = event(6, create(EventSchema, { payload: { case: "requestResolved", value: { requestId: "a" } } }).payload);
  requests?.handlers.onEntries(entries(request(4, "a"), request(5, "b"), resolved));
  requests?.handlers.onEnd?.(undefined, EndReason.CAUGHT_UP);
  await vi.waitFor(() => expect(timeline.deck.asked.map((card) => card.seq)).toEqual([5]));
  stop();
});

import { clone, create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  EndReason,
  type SubscribeRequest,
  SubscribeRequestSchema,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "../gen/sightline/v1/session_service_pb";
import type { Pending } from "./client";
import { CallError, Code, connectionLost } from "./errors";
import type { Connection } from "./socket";
import { Store } from "./store";
import { type Caller, type Handlers, Subscription } from "./subscription";

const OPEN: Connection = { status: "open", since: 0, version: "" };
const WAITING: Connection = { status: "waiting", since: 0, retryAt: 0, attempts: 1 };

/** The other side of a wire: a test says what comes. */
class Wire implements Caller {
  readonly connection = new Store<Connection>(OPEN);
  readonly requests: SubscribeRequest[] = [];
  readonly granted: number[] = [];
  cancelled = 0;
  #pending: Pending | undefined;

  open(say: { value: object }, pending: Pending): number {
    this.#pending = pending;
    return this.requests.push(clone(SubscribeRequestSchema, say.value as SubscribeRequest)); // as it is sent: it moves on
  }

  grant(_call: number, credit: number): void {
    this.granted.push(credit);
  }

  cancel(): void {
    this.cancelled += 1;
  }

  say(...responses: SubscribeResponse[]): void {
    for (const response of responses) this.#pending?.onResponse(toBinary(SubscribeResponseSchema, response));
  }

  end(error?: CallError): void {
    this.#pending?.onEnd(error);
  }

  /** The socket is cut, or back. */
  cut(): void {
    this.connection.set(WAITING);
    this.end(connectionLost());
  }

  mend(): void {
    this.connection.set(OPEN);
  }
}

const sign = (what: MessageInitShape<typeof SubscribeResponseSchema>["sign"]) =>
  create(SubscribeResponseSchema, { sign: what ?? { case: undefined } });
const header = () =>
  sign({
    case: "header",
    value: { session: { id: "a", name: "build" }, moment: 3n, place: { epoch: 7n, seq: 0n, askedAs: "build" } },
  });
const heartbeat = () => sign({ case: "heartbeat", value: { moment: 3n } });
const end = (reason: EndReason) => sign({ case: "end", value: { reason } });
const events = (...seqs: number[]) =>
  create(SubscribeResponseSchema, { events: seqs.map((seq) => ({ sessionId: "a", seq: BigInt(seq) })) });

/** A subscription on a wire of its own, and what it tells. */
function subscribed(more: Partial<Handlers> = {}, request: MessageInitShape<typeof SubscribeRequestSchema> = {}) {
  const wire = new Wire();
  const told: (number | string)[] = [];
  const subscription = new Subscription(
    wire,
    { sessions: ["build"], ...request },
    {
      onEntries: (entries) => told.push(...entries.map((entry) => entry.seq)),
      onHeader: ({ session }) => told.push(`header ${session?.name}`),
      onCaughtUp: () => told.push("caught up"),
      onGap: ({ lastSeq }) => told.push(`gap ${lastSeq}`),
      onSnapshot: () => told.push("screen"),
      onHeartbeat: () => told.push("heartbeat"),
      onLive: (live) => told.push(live ? "live" : "lost"),
      onReset: () => told.push("reset"),
      onEnd: (error, reason) => told.push(`end ${error?.reason ?? EndReason[reason]}`),
      ...more,
    },
  );
  return { wire, told, subscription };
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 1000) throw new Error(`it did not come to hold: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const seq = (request: SubscribeRequest | undefined) => request?.resume?.places.a?.seq;

test("all that comes is told in order", async () => {
  const { wire, told } = subscribed();
  const caughtUp = sign({ case: "caughtUp", value: { cursor: { sessionId: "a", seq: 9n } } });
  const gap = sign({ case: "gap", value: { sessionId: "a", firstSeq: 3n, lastSeq: 5n } });
  const screen = sign({ case: "snapshot", value: { sessionId: "a", asOfSeq: 5n } });
  wire.say(header(), events(1, 2), gap, screen, events(6), heartbeat(), caughtUp, end(EndReason.ALL_ENDED));
  wire.end();
  await until(() => told.includes("end ALL_ENDED"));
  expect(told).toEqual(["live", "header build", 1, 2, "gap 5", "screen", 6, "caught up", "end ALL_ENDED"]);
  expect(wire.requests).toHaveLength(1);
});

test("heartbeats are told to whoever asked for them", async () => {
  const { wire, told } = subscribed({}, { heartbeatInterval: { seconds: 1n } });
  wire.say(heartbeat());
  await until(() => told.includes("heartbeat"));
});

test("a broken stream is asked for as at first, with how far it came, once the socket is back", async () => {
  const { wire, told } = subscribed({}, { start: { case: "tail", value: 9 } });
  wire.say(header(), events(1, 2));
  wire.cut();
  await until(() => told.includes("lost"));
  expect(wire.requests).toHaveLength(1);
  wire.mend();
  wire.say(heartbeat(), events(3));
  await until(() => told.includes(3));
  expect(told).toEqual(["live", "header build", 1, 2, "lost", "live", 3]);
  const [first, second] = wire.requests;
  expect(second).toEqual({ ...first, resume: expect.objectContaining({ moment: 3n, places: expect.anything() }) });
  expect(seq(second)).toBe(2n);
});

test.each<[string, (wire: Wire) => void]>([
  ["a server that is not there", (wire) => wire.end(new CallError(Code.UNAVAILABLE, "", "SERVER_NOT_FOUND"))],
  ["a server that goes", (wire) => wire.end(new CallError(Code.UNAVAILABLE, "", "DRAINING"))],
  ["a stream without an end", (wire) => wire.end()],
  [
    "the end of a server that goes",
    (wire) => {
      wire.say(end(EndReason.DRAINING));
      wire.end();
    },
  ],
])("%s is told as one outage, however often it is tried", async (_, fail) => {
  const { wire, told } = subscribed();
  wire.say(header());
  for (let tries = 1; tries <= 2; tries++) {
    fail(wire);
    await until(() => wire.requests.length === tries + 1);
  }
  wire.say(heartbeat());
  await until(() => told.length === 4);
  expect(told).toEqual(["live", "header build", "lost", "live"]);
});

test("a large response is handed over in pieces, and more may come when all of it is taken", async () => {
  const sizes: number[] = [];
  const { wire } = subscribed({ onEntries: (entries) => sizes.push(entries.length) });
  wire.say(header(), events(...Array.from({ length: 1000 }, (_, n) => n + 1)));
  await until(() => wire.granted.length === 2);
  expect(sizes).toEqual([256, 256, 256, 232]);
});

test("nothing more is told or let come, nor asked for anew, until what was told is taken", async () => {
  let take = () => {};
  const seqs: number[] = [];
  const { wire, told } = subscribed({
    onEntries: (entries) => {
      seqs.push(...entries.map((entry) => entry.seq));
      return new Promise<void>((resolve) => {
        take = resolve;
      });
    },
  });
  wire.say(header(), events(1, 2), events(3));
  await until(() => seqs.length === 2);
  wire.cut();
  wire.mend();
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect({ seqs, told, granted: wire.granted.length }).toEqual({ seqs: [1, 2], told: ["live", "header build"], granted: 1 });
  expect(wire.requests).toHaveLength(1);
  take();
  await until(() => seqs.length === 3);
  take();
  await until(() => wire.requests.length === 2);
  expect(seq(wire.requests[1])).toBe(3n);
});

test("another incarnation of the log is said, and asked for as at first", async () => {
  const { wire, told } = subscribed();
  wire.say(header(), events(1));
  await until(() => told.includes(1));
  wire.end(new CallError(Code.FAILED_PRECONDITION, "another epoch", "EPOCH_CHANGED"));
  await until(() => wire.requests.length === 2);
  expect(wire.requests[1]).toEqual(wire.requests[0]);
  expect(told).toEqual(["live", "header build", 1, "reset"]);
  wire.end(new CallError(Code.FAILED_PRECONDITION, "another epoch", "EPOCH_CHANGED"));
  expect(told.at(-1)).toBe("end EPOCH_CHANGED"); // of the start that was asked for: again would be the same
});

test.each([
  new CallError(Code.RESOURCE_EXHAUSTED, "no", "TOO_MANY_CALLS"),
  new CallError(Code.NOT_FOUND, "it was deleted", "SESSION_NOT_FOUND"),
])("what the service refuses is over, with its reason", async (error) => {
  const { wire, told } = subscribed();
  wire.say(header());
  await until(() => told.includes("header build"));
  wire.end(error);
  expect(told.at(-1)).toBe(`end ${error.reason}`);
  wire.cut();
  wire.mend();
  expect(wire.requests).toHaveLength(1);
});

test("what is closed is let go of, and tells nothing more", async () => {
  const { wire, told, subscription } = subscribed({ onHeader: () => subscription.close() });
  wire.say(header(), events(1));
  await until(() => wire.cancelled === 1);
  wire.say(events(2));
  wire.cut();
  wire.mend();
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(told).toEqual(["live"]);
  expect(wire.requests).toHaveLength(1);
});

test("a handler that fails ends the stream, and that is said", async () => {
  const failed = new Promise((resolve) => process.once("uncaughtException", resolve));
  const { wire, told } = subscribed({
    onEntries: () => {
      throw new Error("no");
    },
  });
  wire.say(header(), events(1));
  await until(() => told.includes("end PAGE_FAILED"));
  expect(await failed).toEqual(new Error("no"));
});

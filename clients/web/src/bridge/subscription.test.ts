import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { EventKind, EventSchema } from "../gen/sightline/v1/event_pb";
import {
  EndReason,
  GapReason,
  type SubscribeRequest,
  type SubscribeRequestSchema,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "../gen/sightline/v1/session_service_pb";
import type { Pending } from "./client";
import { CallError, Code, connectionLost } from "./errors";
import type { Connection } from "./socket";
import { Store } from "./store";
import { type Caller, type Handlers, Subscription } from "./subscription";

const OPEN: Connection = { status: "open", since: 0, version: "" };
const EPOCH = 7n;

type Sign = SubscribeResponse["sign"];

/** A log on the other side of a wire that can be cut: answers requests as the contract says. */
class Log implements Caller {
  readonly connection = new Store<Connection>(OPEN);
  readonly requests: SubscribeRequest[] = [];
  readonly granted: number[] = [];
  /** Messages before the wire is cut, counted from here; undefined: it holds. */
  cutAfter: number | undefined;
  epoch = EPOCH;
  /** The last event that is not kept any more. */
  gone = 0;
  #calls = 0;
  #open = new Map<number, Pending>();

  constructor(
    readonly head: number,
    readonly batch = 3,
  ) {}

  open(say: { value: object }, pending: Pending): number {
    const call = ++this.#calls;
    const request = say.value as SubscribeRequest;
    this.requests.push(request);
    this.#open.set(call, pending);
    queueMicrotask(() => this.#serve(call, pending, request));
    return call;
  }

  grant(_call: number, credit: number): void {
    this.granted.push(credit);
  }

  cancel(call: number): void {
    this.#open.delete(call);
  }

  /** The wire comes back. */
  mend(): void {
    this.connection.set(OPEN);
  }

  end(error: CallError): void {
    for (const pending of [...this.#open.values()]) pending.onEnd(error);
    this.#open.clear();
  }

  #serve(call: number, pending: Pending, request: SubscribeRequest): void {
    const cursor = request.start.case === "after" ? request.start.value.cursors[0] : undefined;
    if (cursor !== undefined && cursor.epoch !== this.epoch) {
      pending.onEnd(new CallError(Code.FAILED_PRECONDITION, "another epoch", "EPOCH_CHANGED"));
      return;
    }
    const from = Number(cursor?.seq ?? 0n);
    const at = (seq: number) => ({ sessionId: "a", epoch: this.epoch, seq: BigInt(seq) });
    const said: SubscribeResponse[] = [
      sign({ case: "header", value: { session: { id: "a", name: "build" }, cursor: at(from) } } as Sign),
    ];
    const gap = { sessionId: "a", firstSeq: BigInt(from + 1), lastSeq: BigInt(this.gone), reason: GapReason.RETENTION };
    if (from < this.gone) said.push(sign({ case: "gap", value: gap } as Sign));
    for (let seq = Math.max(from, this.gone) + 1; seq <= this.head; seq += this.batch) {
      const size = Math.min(this.batch, this.head - seq + 1);
      const events = Array.from({ length: size }, (_, n) => create(EventSchema, { sessionId: "a", seq: BigInt(seq + n) }));
      said.push(create(SubscribeResponseSchema, { events }));
    }
    said.push(sign({ case: "caughtUp", value: { cursor: at(this.head) } } as Sign));
    for (const response of said) {
      if (!this.#open.has(call)) return;
      if (this.cutAfter !== undefined && this.cutAfter-- === 0) {
        this.cutAfter = undefined;
        this.connection.set({ status: "waiting", since: 0, retryAt: 0, attempts: 1 });
        this.end(connectionLost());
        return;
      }
      pending.onResponse(toBinary(SubscribeResponseSchema, response));
    }
  }
}

const sign = (what: Sign): SubscribeResponse => create(SubscribeResponseSchema, { sign: what as never });

/** Writes down what a subscription tells. */
function notes(log: Log, more: Partial<Handlers> = {}) {
  const told: (number | string)[] = [];
  const handlers: Handlers = {
    onEntries: (entries) => told.push(...entries.map((entry) => entry.seq)),
    onHeader: ({ session }) => told.push(`header ${session?.name}`),
    onCaughtUp: () => told.push("caught up"),
    onReset: () => told.push("reset"),
    onEnd: (error, reason) => told.push(`end ${error?.reason ?? EndReason[reason]}`),
    ...more,
  };
  return { told, subscription: new Subscription(log, { sessions: ["build"] }, handlers) };
}

const whole = (head: number) => ["header build", ...Array.from({ length: head }, (_, n) => n + 1), "caught up"];

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 1000) throw new Error("it did not come to hold");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe("a subscription", () => {
  test.each(Array.from({ length: 9 }, (_, cut) => cut))(
    "that is cut after %i messages loses nothing and repeats nothing",
    async (cut) => {
      const log = new Log(20);
      log.cutAfter = cut;
      const { told, subscription } = notes(log);
      await until(() => log.connection.get().status === "waiting");
      log.mend();
      await until(() => told.includes("caught up"));
      expect(told).toEqual(whole(20));
      expect(log.requests).toHaveLength(2);
      subscription.close();
    },
  );

  test("hands a large response over in pieces, and lets more come when all of it is taken", async () => {
    const log = new Log(1000, 1000);
    const sizes: number[] = [];
    const { subscription } = notes(log, { onEntries: (entries) => sizes.push(entries.length) });
    await until(() => log.granted.length === 3);
    expect(sizes).toEqual([256, 256, 256, 232]);
    subscription.close();
  });

  test("tells nothing more, and lets no more come, until what was told is taken", async () => {
    const log = new Log(6);
    let take = () => {};
    const seqs: number[] = [];
    const taking: Handlers["onEntries"] = (entries) => {
      seqs.push(...entries.map((entry) => entry.seq));
      return new Promise<void>((resolve) => {
        take = resolve;
      });
    };
    const { told, subscription } = notes(log, { onEntries: taking });
    await until(() => seqs.length === 3);
    log.connection.set({ status: "waiting", since: 0, retryAt: 0, attempts: 1 });
    log.end(connectionLost());
    log.mend();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect({ seqs, told, granted: log.granted.length }).toEqual({ seqs: [1, 2, 3], told: ["header build"], granted: 1 });
    expect(subscription.cursors[0]?.seq).toBe(0n); // not taken: it would come again
    take();
    await until(() => seqs.length === 6);
    take();
    await until(() => told.includes("caught up"));
    expect(seqs).toEqual([1, 2, 3, 4, 5, 6]);
    subscription.close();
  });

  test("of another incarnation of the log says so and begins anew", async () => {
    const log = new Log(4);
    const { told, subscription } = notes(log);
    await until(() => told.includes("caught up"));
    log.epoch = 8n;
    log.end(connectionLost());
    await until(() => told.filter((one) => one === "caught up").length === 2);
    expect(told).toEqual([...whole(4), "reset", ...whole(4)]);
    subscription.close();
  });

  test("that the service refuses is over, with its reason", async () => {
    const log = new Log(1);
    const { told } = notes(log);
    await until(() => told.includes("caught up"));
    log.end(new CallError(Code.RESOURCE_EXHAUSTED, "no", "TOO_MANY_CALLS"));
    await until(() => told.includes("end TOO_MANY_CALLS"));
    expect(log.requests).toHaveLength(1);
  });

  test("that is cut behind a gap goes on behind it", async () => {
    const log = new Log(5);
    log.gone = 3;
    log.cutAfter = 2; // the header and the gap have come
    const gaps: bigint[] = [];
    const { told, subscription } = notes(log, { onGap: ({ lastSeq }) => gaps.push(lastSeq) });
    await until(() => log.connection.get().status === "waiting");
    log.mend();
    await until(() => told.includes("caught up"));
    expect(told).toEqual(["header build", 4, 5, "caught up"]);
    expect(gaps).toEqual([3n]);
    subscription.close();
  });

  test("that is closed tells nothing more", async () => {
    const log = new Log(9);
    const { told, subscription } = notes(log);
    subscription.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(told).toEqual([]);
  });
});

/** A wire on which each stream says what it was told to, and then is cut. */
class Scripted implements Caller {
  readonly connection = new Store<Connection>(OPEN);
  readonly requests: SubscribeRequest[] = [];

  constructor(readonly streams: SubscribeResponse[][]) {}

  open(say: { value: object }, pending: Pending): number {
    const said = this.streams[this.requests.push(say.value as SubscribeRequest) - 1];
    queueMicrotask(() => {
      for (const response of said ?? []) pending.onResponse(toBinary(SubscribeResponseSchema, response));
      if (said !== undefined) pending.onEnd(connectionLost());
    });
    return this.requests.length;
  }

  grant(): void {}
  cancel(): void {}
}

const at = (sessionId: string, seq: number) => ({ sessionId, epoch: EPOCH, seq: BigInt(seq) });
const header = (id: string, seq = 0) =>
  sign({ case: "header", value: { session: { id, name: id }, cursor: at(id, seq) } } as Sign);
const caughtUp = (id: string, seq = 0) => sign({ case: "caughtUp", value: { cursor: at(id, seq) } } as Sign);
const screen = (id: string, seq: number) => sign({ case: "snapshot", value: { sessionId: id, asOfSeq: BigInt(seq) } } as Sign);
const completed = (id: string, seq: number) =>
  create(SubscribeResponseSchema, { events: [{ sessionId: id, seq: BigInt(seq), payload: { case: "completed", value: {} } }] });

/** What it asks, and tells, until it has asked so often, or is over. */
async function asked(request: MessageInitShape<typeof SubscribeRequestSchema>, ...streams: SubscribeResponse[][]) {
  const wire = new Scripted(streams);
  const told: string[] = [];
  const subscription = new Subscription(wire, request, {
    onEntries: (entries) => told.push(...entries.map((entry) => `${entry.sessionId} ${entry.seq}`)),
    onHeader: ({ session }) => told.push(`header ${session?.id}`),
    onSnapshot: () => told.push("screen"),
    onHeartbeat: () => told.push("heartbeat"),
    onReset: () => told.push("reset"),
    onEnd: (_, reason) => told.push(`end ${EndReason[reason]}`),
  });
  await until(() => wire.requests.length > streams.length || told.some((one) => one.startsWith("end")));
  subscription.close();
  return { told, requests: wire.requests };
}

/** Where a request goes on, by session. */
const after = ({ start }: SubscribeRequest) =>
  start.case === "after"
    ? Object.fromEntries(start.value.cursors.map(({ sessionId, seq }) => [sessionId, Number(seq)]))
    : start.case;

describe("a subscription that breaks", () => {
  test("before the screen that it asked for has come asks for it again, and afterwards goes on behind it", async () => {
    const { requests, told } = await asked(
      { sessions: ["a"], snapshot: true },
      [header("a", 3)],
      [header("a", 5), screen("a", 6)],
    );
    expect(requests.map(({ snapshot }) => snapshot)).toEqual([true, true, false]);
    expect(requests.map(after)).toEqual([undefined, undefined, { a: 6 }]);
    expect(told).toEqual(["header a", "reset", "header a", "screen"]);
  });

  test("before all sessions have a header asks for the same moment's start again", async () => {
    const { requests } = await asked(
      { sessions: ["*"], start: { case: "latest", value: {} } },
      [header("a", 3)],
      [header("a", 4), header("b", 2), caughtUp("a", 4)],
    );
    expect(requests.map(after)).toEqual(["latest", "latest", { a: 4, b: 2 }]);
  });

  test("behind its header alone keeps the moment of its start", async () => {
    const { requests, told } = await asked({ sessions: ["a"], start: { case: "tail", value: 9 } }, [header("a", 3)]);
    expect(requests.map(after)).toEqual(["tail", { a: 3 }]);
    expect(told).toEqual(["header a"]);
  });

  test("does not ask again for a session of which all has come", async () => {
    const { requests } = await asked({ sessions: ["a", "b"] }, [header("a"), header("b"), completed("a", 1), caughtUp("a", 1)]);
    expect(requests[1]?.sessions).toEqual(["b"]);
    const over = await asked({ sessions: ["a"] }, [header("a"), completed("a", 1)], [header("a"), caughtUp("a", 1)]);
    expect(over.requests).toHaveLength(2); // whether it had caught up was not told yet
    expect(over.told).toEqual(["header a", "a 1", "end ALL_ENDED"]);
  });

  test("does not ask again for a session that has caught up where that is all that was wanted", async () => {
    const { told } = await asked({ sessions: ["a"], untilCaughtUp: true }, [header("a"), caughtUp("a", 4)]);
    expect(told).toEqual(["header a", "end CAUGHT_UP"]);
  });

  test("does not ask again for what a filter hides: heartbeats say how far it is, and are kept to itself", async () => {
    const beat = sign({ case: "heartbeat", value: { positions: [{ cursor: at("a", 9) }] } } as Sign);
    const { requests, told } = await asked({ sessions: ["a"], filter: { kinds: [EventKind.COMPLETED] } }, [header("a"), beat]);
    expect(requests[0]?.heartbeatInterval?.seconds).toBe(15n);
    expect(requests.map(after)).toEqual([undefined, { a: 9 }]);
    expect(told).toEqual(["header a"]);
    expect((await asked({ sessions: ["a"], heartbeatInterval: { seconds: 1n } }, [header("a"), beat])).told).toContain(
      "heartbeat",
    );
  });

  test("whose handler fails ends, and says so", async () => {
    const failed = new Promise((resolve) => process.once("uncaughtException", resolve));
    const log = new Log(9);
    const { told } = notes(log, {
      onEntries: () => {
        throw new Error("no");
      },
    });
    await until(() => told.includes("end PAGE_FAILED"));
    expect(await failed).toEqual(new Error("no"));
  });
});

import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { EventSchema } from "../gen/sightline/v1/event_pb";
import {
  EndReason,
  GapReason,
  type SubscribeRequest,
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

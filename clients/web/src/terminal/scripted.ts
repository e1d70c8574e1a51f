/** A session's log for tests: answers subscriptions as the contract says, through the real wire format and the real `Subscription`. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Pending } from "../bridge/client";
import { CallError, Code, connectionLost } from "../bridge/errors";
import type { Connection } from "../bridge/socket";
import { Store } from "../bridge/store";
import { type Caller, type Handlers, Subscription } from "../bridge/subscription";
import { Channel, type Event, type EventKind, EventSchema } from "../gen/sightline/v1/event_pb";
import { type Session, SessionSchema, SnapshotSchema } from "../gen/sightline/v1/session_pb";
import {
  EndReason,
  HeaderSchema,
  PlaceSchema,
  type SubscribeRequest,
  type SubscribeRequestSchema,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "../gen/sightline/v1/session_service_pb";

type Payload = MessageInitShape<typeof EventSchema>["payload"];

const KINDS: Partial<Record<string, number>> = {
  output: 20,
  outputLost: 21,
  input: 22,
  resized: 23,
  stateChanged: 26,
  completed: 42,
};

/** The bytes of a text. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A log that tests write. */
export class ScriptedLog implements Caller {
  readonly connection = new Store<Connection>({ status: "open", since: 0, version: "" });
  readonly requests: SubscribeRequest[] = [];
  /** The screen that `snapshot` gives; exact, unless it says otherwise. */
  snapshot: MessageInitShape<typeof SnapshotSchema> | undefined;
  ended = false;
  #epoch = 3n;
  readonly #events: Event[] = [];
  readonly #calls = new Map<number, { pending: Pending; kinds: readonly EventKind[] }>();
  #last = 0;

  constructor(private readonly init: MessageInitShape<typeof SessionSchema> = { terminal: { columns: 20, rows: 4 } }) {}

  /** The session as it is now. */
  get session(): Session {
    const bytes = this.#events.reduce((sum, event) => sum + toBinary(EventSchema, event).length, 0);
    const head = BigInt(this.#events.length);
    return create(SessionSchema, {
      id: "s1",
      name: "build",
      epoch: this.#epoch,
      oldestSeq: 1n,
      headSeq: head,
      bytes: BigInt(bytes),
      ...this.init,
    });
  }

  subscribe(
    request: MessageInitShape<typeof SubscribeRequestSchema>,
    handlers: Handlers,
    options?: { window?: number },
  ): Subscription {
    return new Subscription(this, request, handlers, options?.window);
  }

  /** Adds an event, `at` milliseconds after the first. */
  add(payload: Payload, at = 0): void {
    const event = this.#keep(payload, at);
    for (const { pending, kinds } of this.#calls.values()) this.#send(pending, kinds, [event]);
  }

  /** Adds output that nobody is told of: those who follow were too slow. */
  pass(data: string, channel = Channel.STDOUT): void {
    this.#keep({ case: "output", value: { channel, data: utf8(data) } }, 0);
  }

  #keep(payload: Payload, at: number): Event {
    const time = { seconds: BigInt(1000 + Math.floor(at / 1000)), nanos: (at % 1000) * 1e6 };
    const event = create(EventSchema, { sessionId: "s1", seq: BigInt(this.#events.length + 1), time, payload: payload as never });
    this.#events.push(event);
    return event;
  }

  /** Adds output. */
  write(data: string | Uint8Array, at = 0, channel = Channel.TERMINAL): void {
    this.add({ case: "output", value: { channel, data: typeof data === "string" ? utf8(data) : data } }, at);
  }

  /** Says something to all who follow. */
  sign(sign: SubscribeResponse["sign"]): void {
    for (const { pending } of this.#calls.values()) this.#sign(pending, sign);
  }

  /** Becomes another incarnation, without events, and breaks all streams. */
  begin(epoch: bigint): void {
    this.#epoch = epoch;
    this.#events.length = 0;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { pending } of calls) pending.onEnd(connectionLost());
  }

  open(say: { value: object }, pending: Pending): number {
    const call = ++this.#last;
    const request = say.value as SubscribeRequest;
    this.requests.push(request);
    queueMicrotask(() => this.#serve(call, pending, request));
    return call;
  }

  grant(): void {}

  cancel(call: number): void {
    this.#calls.delete(call);
  }

  #serve(call: number, pending: Pending, request: SubscribeRequest): void {
    const { start, resume } = request;
    const cursor = resume?.places.s1 ?? (start.case === "after" ? start.value.cursors[0] : undefined);
    const head = this.#events.length;
    const live = start.case === "latest" || request.snapshot;
    if (cursor !== undefined && cursor.epoch !== this.#epoch) {
      pending.onEnd(new CallError(Code.FAILED_PRECONDITION, "another epoch", "EPOCH_CHANGED"));
      return;
    }
    const from = cursor === undefined ? (live ? head : 0) : Number(cursor.seq);
    const kinds = request.filter?.kinds ?? [];
    const at = (seq: number) => ({ sessionId: "s1", epoch: this.#epoch, seq: BigInt(seq) });
    this.#calls.set(call, { pending, kinds });
    const header = {
      session: this.session,
      cursor: at(from),
      place: create(PlaceSchema, { epoch: this.#epoch, seq: BigInt(from) }),
    };
    this.#sign(pending, { case: "header", value: create(HeaderSchema, header) });
    if (request.snapshot && this.snapshot !== undefined) {
      const screen = create(SnapshotSchema, { sessionId: "s1", asOfSeq: BigInt(from), exact: true, ...this.snapshot });
      this.#sign(pending, { case: "snapshot", value: screen });
    }
    this.#send(pending, kinds, this.#events.slice(from));
    this.#sign(pending, { case: "caughtUp", value: { cursor: at(head) } } as never);
    if (!this.ended && !request.untilCaughtUp) return;
    this.#sign(pending, { case: "end", value: { reason: EndReason.ALL_ENDED } } as never);
    this.#calls.delete(call);
    pending.onEnd(undefined);
  }

  #send(pending: Pending, kinds: readonly number[], events: readonly Event[]): void {
    const wanted = events.filter(({ payload }) => kinds.length === 0 || kinds.includes(KINDS[payload.case ?? ""] ?? 0));
    if (wanted.length > 0)
      pending.onResponse(toBinary(SubscribeResponseSchema, create(SubscribeResponseSchema, { events: wanted })));
  }

  #sign(pending: Pending, sign: SubscribeResponse["sign"]): void {
    pending.onResponse(toBinary(SubscribeResponseSchema, create(SubscribeResponseSchema, { sign })));
  }
}

/** Returns when something holds; throws when it does not come to hold. */
export async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 2000) throw new Error(`it did not come to hold: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** A log and a service that follow the contract, small enough to cut behind every message. Knows no client. */
import { clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Cursor,
  CursorSchema,
  EndReason,
  type Event,
  EventSchema,
  GapReason,
  HeaderSchema,
  SessionKind,
  type SubscribeRequest,
  SubscribeRequestSchema,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "@sightline/client";

const EPOCH = 7n;

const response = (init: MessageInitShape<typeof SubscribeResponseSchema>) => create(SubscribeResponseSchema, init);

/** One session whose events all exist, and become visible bit by bit; the last is `completed`. */
export class Log {
  constructor(
    readonly id: string,
    readonly name: string,
    readonly length: number,
    public head: number,
    readonly oldest = 1,
    readonly kind = SessionKind.COMMAND,
  ) {}

  event(seq: number): Event {
    const output = { case: "output", value: { data: Uint8Array.of(seq) } } as const;
    const payload = seq === this.length ? ({ case: "completed", value: {} } as const) : output;
    return create(EventSchema, { sessionId: this.id, seq: BigInt(seq), payload });
  }

  cursor(seq: number): Cursor {
    return create(CursorSchema, { sessionId: this.id, epoch: EPOCH, seq: BigInt(seq) });
  }

  header(seq: number): SubscribeResponse {
    const session = { id: this.id, name: this.name, epoch: EPOCH, headSeq: BigInt(this.head), kind: this.kind };
    return response({ sign: { case: "header", value: create(HeaderSchema, { session, cursor: this.cursor(seq) }) } });
  }
}

/** Two sessions: one that is half written, one that has just begun. */
export const logs = (): Log[] => [new Log("id0", "name0", 7, 4), new Log("id1", "name1", 5, 0)];

/** `Subscribe` as the contract has it. The world goes on, by two events a session, whenever a stream has nothing left to send, and between streams. */
export class Service {
  readonly seen: SubscribeRequest[] = [];

  constructor(
    readonly logs: Log[],
    readonly batch = 2,
  ) {}

  #grow(): boolean {
    const growing = this.logs.filter((log) => log.head < log.length);
    for (const log of growing) log.head = Math.min(log.length, log.head + 2);
    return growing.length > 0;
  }

  #start({ start }: SubscribeRequest, log: Log): number {
    if (start.case === "latest") return log.head;
    if (start.case === "tail") return Math.max(log.oldest - 1, log.head - start.value);
    const cursor = start.case === "after" ? start.value.cursors.find(({ sessionId }) => sessionId === log.id) : undefined;
    if (cursor === undefined) return log.oldest - 1;
    if (cursor.epoch !== EPOCH || cursor.seq > log.head) throw new Error("a cursor that no stream has given");
    return Number(cursor.seq);
  }

  /** What is sent. One that has nothing left to say under `*` just stops: the wire breaks. */
  *stream(asked: SubscribeRequest): Generator<SubscribeResponse> {
    const request = clone(SubscribeRequestSchema, asked);
    if (this.seen.length > 0) this.#grow();
    this.seen.push(request);
    const all = request.sessions.includes("*");
    const places = new Map<Log, number>();
    const targets = new Map<Log, number>();
    for (const log of this.logs) {
      if (!all && !request.sessions.includes(log.id) && !request.sessions.includes(log.name)) continue;
      places.set(log, this.#start(request, log));
      targets.set(log, log.head);
      yield log.header(places.get(log) ?? 0);
    }
    for (;;) {
      for (const log of places.keys()) yield* this.#advance(request, log, places, targets);
      if (request.untilCaughtUp && targets.size === 0) {
        yield response({ sign: { case: "end", value: { reason: EndReason.CAUGHT_UP } } });
        return;
      }
      if (!all && [...places].every(([log, seq]) => seq >= log.length)) {
        yield response({ sign: { case: "end", value: { reason: EndReason.ALL_ENDED } } });
        return;
      }
      if (request.heartbeatInterval !== undefined) {
        const positions = [...places].map(([log, seq]) => ({ cursor: log.cursor(seq) }));
        yield response({ sign: { case: "heartbeat", value: { positions } } });
      }
      if (!this.#grow()) return;
    }
  }

  *#advance(
    request: SubscribeRequest,
    log: Log,
    places: Map<Log, number>,
    targets: Map<Log, number>,
  ): Generator<SubscribeResponse> {
    let at = places.get(log) ?? 0;
    if (at < log.oldest - 1) {
      const lost = { sessionId: log.id, firstSeq: BigInt(at + 1), lastSeq: BigInt(log.oldest - 1), reason: GapReason.RETENTION };
      at = log.oldest - 1;
      yield response({ sign: { case: "gap", value: lost } });
    }
    while (at < log.head) {
      const batch = Array.from({ length: Math.min(this.batch, log.head - at) }, (_, n) => log.event(at + n + 1));
      at += batch.length;
      const events = batch.filter((event) => request.filter === undefined || event.payload.case === "completed");
      if (events.length > 0) yield response({ events });
    }
    places.set(log, at);
    if (at >= (targets.get(log) ?? Number.POSITIVE_INFINITY)) {
      targets.delete(log);
      yield response({ sign: { case: "caughtUp", value: { cursor: log.cursor(at) } } });
    }
  }
}

/**
 * How far a subscription is, and what to ask after a break: no I/O, no clock, and none of the server's rules. `advance` takes what is handed
 * over into the places of `Resume`; `request` is what to ask: the same as at first, with them.
 */
import { clone, create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import type { Event } from "./gen/sightline/v1/event_pb.js";
import { type Cursor, CursorSchema } from "./gen/sightline/v1/session_pb.js";
import type { Place, Resume, SubscribeRequest, SubscribeResponse } from "./gen/sightline/v1/session_service_pb.js";
import { PlaceSchema, ResumeSchema, SubscribeRequestSchema } from "./gen/sightline/v1/session_service_pb.js";

type Sign = Exclude<SubscribeResponse["sign"], { case: undefined } | { case: "end" }>;

/** What a subscription gives: an event, or a sign of the stream itself: `header`, `snapshot`, `caughtUp`, `gap`, `heartbeat`. */
export type Item = { case: "event"; value: Event } | Sign;

const POSITION_INTERVAL = create(DurationSchema, { seconds: 15n }); // between the heartbeats that a subscription asks for itself

/** The state of one subscription over all its streams. */
export class Progress {
  /** What to ask the server now. */
  readonly request: SubscribeRequest;
  readonly #resume: Resume;
  readonly #showsHeartbeats: boolean;

  constructor(given: SubscribeRequest) {
    this.request = clone(SubscribeRequestSchema, given);
    this.request.resume ??= create(ResumeSchema);
    this.#resume = this.request.resume;
    this.#showsHeartbeats = given.heartbeatInterval !== undefined;
    // Only heartbeats move the position over what is hidden, and say that a stream without sessions has begun.
    if (given.filter || given.sessions.includes("*")) this.request.heartbeatInterval ??= POSITION_INTERVAL;
  }

  /** Where to go on after what was handed over. */
  get cursors(): Cursor[] {
    const { start } = this.request;
    const { places } = this.#resume;
    const given = start.case === "after" ? start.value.cursors.filter(({ sessionId }) => !places[sessionId]) : [];
    const reached = Object.entries(places).map(([sessionId, { epoch, seq }]) => create(CursorSchema, { sessionId, epoch, seq }));
    return [...given, ...reached];
  }

  /** What is to be handed over of a response; nothing of one that a newer contract has. */
  items({ events, sign }: SubscribeResponse): Item[] {
    if (sign.case === undefined) return events.map((value) => ({ case: "event", value }));
    if (sign.case === "end") return [];
    if (sign.case !== "heartbeat" || this.#showsHeartbeats) return [sign];
    this.advance(sign);
    return [];
  }

  /** The item is handed over: its session's place moves over it. */
  advance({ case: kind, value }: Item): void {
    if (kind === "event") {
      const place = this.#move(value.sessionId, value.seq);
      place.snapshotDue = false;
      place.completed ||= value.payload.case === "completed";
    } else if (kind === "header") {
      this.#resume.moment ||= value.moment;
      if (value.session && value.place) this.#resume.places[value.session.id] = clone(PlaceSchema, value.place);
    } else if (kind === "snapshot") this.#move(value.sessionId, value.asOfSeq).snapshotDue = false;
    else if (kind === "gap") this.#move(value.sessionId, value.lastSeq).snapshotDue = value.snapshotDue;
    else if (kind === "heartbeat") {
      this.#resume.moment ||= value.moment;
      for (const { cursor } of value.positions) if (cursor) this.#move(cursor.sessionId, cursor.seq);
    } else if (value.cursor) this.#move(value.cursor.sessionId, value.cursor.seq).caughtUp = true;
  }

  /** The place of a session, at the event or behind it. One without a header has none, and nothing of it is kept. */
  #move(sessionId: string, seq: bigint): Place {
    const place = this.#resume.places[sessionId] ?? create(PlaceSchema);
    if (seq > place.seq) place.seq = seq;
    return place;
  }
}

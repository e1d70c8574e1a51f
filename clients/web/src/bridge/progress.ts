/**
 * How far a subscription is, and what to ask next: what was handed over is taken into `Resume`, and all else the server knows. No
 * connection and no clock.
 */
import { clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { EventKind } from "../gen/sightline/v1/event_pb";
import {
  type Place,
  PlaceSchema,
  ResumeSchema,
  type SubscribeRequest,
  SubscribeRequestSchema,
  type SubscribeResponse,
} from "../gen/sightline/v1/session_service_pb";
import type { Entry } from "./entries";

const POSITION_INTERVAL = 15n; // seconds between the heartbeats that a subscription asks for itself

/** The state of one subscription over all its streams. */
export class Progress {
  /** What to ask the server now: the same as at first, with how far it is. */
  readonly request: SubscribeRequest;
  /** Whether heartbeats were asked for; else they come for the positions alone, which only they move over what a filter hides. */
  readonly tellsHeartbeats: boolean;
  #resume = create(ResumeSchema);

  constructor(request: MessageInitShape<typeof SubscribeRequestSchema>) {
    this.request = create(SubscribeRequestSchema, { ...request, resume: this.#resume });
    this.tellsHeartbeats = this.request.heartbeatInterval !== undefined;
    this.request.heartbeatInterval ??= create(DurationSchema, { seconds: POSITION_INTERVAL });
  }

  /** Whether it has come to a session. */
  get begun(): boolean {
    return Object.keys(this.#resume.places).length > 0;
  }

  /** Forgets all: what is asked next is what was asked at first. */
  reset(): void {
    this.#resume = this.request.resume = create(ResumeSchema);
  }

  /** The event was handed over. */
  passed({ sessionId, seq, kind }: Entry): void {
    this.#move(sessionId, BigInt(seq), { snapshotDue: false, ...(kind === EventKind.COMPLETED && { completed: true }) });
  }

  /** The sign was handed over. */
  heard({ case: kind, value }: SubscribeResponse["sign"]): void {
    switch (kind) {
      case "header":
        this.#began(value.moment);
        if (value.session && value.place) this.#resume.places[value.session.id] = clone(PlaceSchema, value.place);
        break;
      case "snapshot":
        this.#move(value.sessionId, value.asOfSeq, { snapshotDue: false });
        break;
      case "gap":
        this.#move(value.sessionId, value.lastSeq, { snapshotDue: value.snapshotDue });
        break;
      case "caughtUp":
        if (value.cursor) this.#move(value.cursor.sessionId, value.cursor.seq, { caughtUp: true });
        break;
      case "heartbeat":
        this.#began(value.moment);
        for (const { cursor } of value.positions) if (cursor) this.#move(cursor.sessionId, cursor.seq);
        break;
    }
  }

  #began(moment: bigint): void {
    this.#resume.moment ||= moment;
  }

  #move(sessionId: string, seq: bigint, told: Partial<Pick<Place, "snapshotDue" | "caughtUp" | "completed">> = {}): void {
    const place = this.#resume.places[sessionId];
    if (place === undefined) return; // no header came: nothing that is to be kept
    if (seq > place.seq) place.seq = seq;
    Object.assign(place, told);
  }
}

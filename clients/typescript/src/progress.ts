/**
 * How far a subscription is, and what to ask after a break: no I/O, no clock. `receive` takes what the server sent; `show` gives on what is
 * to be shown, and moves the cursors over it; `request` comes when nothing is left to show. Together: each event is shown once, whatever
 * breaks, wherever.
 */
import { clone, create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import type { Event } from "./gen/sightline/v1/event_pb.js";
import { type Cursor, CursorSchema, SessionKind } from "./gen/sightline/v1/session_pb.js";
import type { SubscribeResponse } from "./gen/sightline/v1/session_service_pb.js";
import {
  CursorsSchema,
  GapReason,
  type SubscribeRequest,
  SubscribeRequestSchema,
} from "./gen/sightline/v1/session_service_pb.js";

type Sign = Exclude<SubscribeResponse["sign"], { case: undefined } | { case: "end" }>;

/** What a subscription gives: an event, or a sign of the stream itself: `header`, `snapshot`, `caughtUp`, `gap`, `heartbeat`. */
export type Item = { case: "event"; value: Event } | Sign;

/** How far one session is. */
export interface Place {
  readonly cursor: Cursor;
  headed: boolean;
  caughtUp: boolean;
  /** It has a screen that can be asked for. */
  screen: boolean;
  /** A screen was promised and has not come. */
  owed: boolean;
}

const SCREENS = [SessionKind.TERMINAL, SessionKind.TMUX, SessionKind.SCREEN];
const POSITION_INTERVAL = create(DurationSchema, { seconds: 15n }); // between the heartbeats that a subscription asks for itself

/** The state of one subscription over all its streams. */
export class Progress {
  /** By the id of the session. */
  readonly places = new Map<string, Place>();
  /** It follows every session. */
  readonly all: boolean;
  readonly #given: SubscribeRequest;
  #asked: SubscribeRequest | undefined;
  /** The start is a moment, which the headers fix, and they are not complete: nothing is shown yet. */
  #opening = false;
  #items: Item[] = [];
  #shown = 0;

  constructor(given: SubscribeRequest) {
    this.#given = clone(SubscribeRequestSchema, given);
    this.all = given.sessions.includes("*");
  }

  /** Where to go on after what was shown. */
  get cursors(): Cursor[] {
    return [...this.places.values()].map(({ cursor }) => clone(CursorSchema, cursor));
  }

  /** What to ask the server now; undefined: nothing is left to come. */
  request(): SubscribeRequest | undefined {
    const { start, snapshot, filter, heartbeatInterval } = this.#given;
    const first = this.#asked === undefined || this.#opening || (start.case === undefined && this.places.size === 0);
    if (!first && this.#asked?.sessions.length === 0) return undefined;
    if (first) {
      this.#opening = snapshot || (start.case !== undefined && start.case !== "after");
      this.#items = [];
      this.#shown = 0;
      this.places.clear();
      this.#asked = clone(SubscribeRequestSchema, this.#given);
      // Only heartbeats move the position over what is hidden.
      if (heartbeatInterval === undefined && (this.all || filter)) this.#asked.heartbeatInterval = POSITION_INTERVAL;
      if (start.case === "after") for (const cursor of start.value.cursors) this.#move(cursor);
    } else if (this.#asked) {
      this.#asked.snapshot = false;
      this.#asked.start = { case: "after", value: create(CursorsSchema, { cursors: this.cursors }) };
    }
    return this.#asked;
  }

  /** Takes what the server sent. */
  receive({ events, sign }: SubscribeResponse): void {
    if (this.#shown === this.#items.length) {
      this.#items = [];
      this.#shown = 0;
    }
    for (const value of events) this.#items.push({ case: "event", value });
    if (sign.case === "header") {
      const { session, cursor } = sign.value;
      const known = this.places.get(session?.id ?? "");
      if (session === undefined || known?.headed) return; // it was shown before a break
      // A caller's cursor stays: behind it may be a gap whose sign has not come.
      const here = known ?? this.#move(cursor ?? create(CursorSchema, { sessionId: session.id }));
      here.headed = true;
      here.screen = SCREENS.includes(session.kind) && session.endTime === undefined;
      here.owed = here.screen && this.#given.snapshot;
      this.#drop(session.id, session.name, `${session.name}@${session.host}`);
      if (!this.all) this.#asked?.sessions.push(session.id); // its name may be another's by the time of a break
    }
    if (sign.case !== undefined && sign.case !== "end") this.#items.push(sign);
    const nameless = this.#asked?.sessions.some((name) => !this.places.get(name)?.headed);
    this.#opening &&= sign.case === "header" && nameless === true;
  }

  /** The next item to be shown; undefined: there is none. */
  show(): Item | undefined {
    while (!this.#opening && this.#shown < this.#items.length) {
      const item = this.#items[this.#shown++];
      if (item === undefined || this.#advance(item)) return item;
    }
    return undefined;
  }

  /** Moves over an item. False: it is not for the caller. */
  #advance(item: Item): boolean {
    const { value } = item;
    if (item.case === "event") {
      this.#move(item.value).owed = false;
      if (item.value.payload.case === "completed") this.#drop(item.value.sessionId);
    } else if (item.case === "snapshot") {
      this.#move({ sessionId: item.value.sessionId, seq: item.value.asOfSeq }).owed = false;
    } else if (item.case === "gap") {
      const here = this.#move({ sessionId: item.value.sessionId, seq: item.value.lastSeq }); // also a gap of some kinds: nothing of its range follows
      here.owed ||= here.screen && item.value.reason === GapReason.SLOW;
    } else if (item.case === "caughtUp" && item.value.cursor) {
      const here = this.#move(item.value.cursor);
      if (here.caughtUp) return false; // it was shown before a break
      here.caughtUp = true;
      if (this.#given.untilCaughtUp) this.#drop(item.value.cursor.sessionId);
    } else if (item.case === "heartbeat") {
      for (const { cursor } of item.value.positions) if (cursor) this.#move(cursor);
      return this.#given.heartbeatInterval !== undefined;
    }
    return value !== undefined;
  }

  /** A session's place, at the position or behind it; the epoch counts where the session is new. */
  #move(to: { sessionId: string; seq: bigint; epoch?: bigint }): Place {
    let here = this.places.get(to.sessionId);
    if (here === undefined) {
      const cursor = create(CursorSchema, { sessionId: to.sessionId, seq: to.seq, epoch: to.epoch ?? 0n });
      here = { cursor, headed: false, caughtUp: false, screen: false, owed: false };
      this.places.set(to.sessionId, here);
    } else if (to.seq > here.cursor.seq) here.cursor.seq = to.seq;
    return here;
  }

  /** Leaves a session out of what is asked for after a break. */
  #drop(...words: string[]): void {
    if (this.#asked) this.#asked.sessions = this.#asked.sessions.filter((name) => !words.includes(name));
  }
}

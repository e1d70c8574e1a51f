/**
 * A stream that resumes by itself where it was. It takes what comes in slices, and lets more come when that is done: a slow page is held back
 * at the server, and never grows.
 */
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { EventKind } from "../gen/sightline/v1/event_pb";
import type { Cursor, Snapshot } from "../gen/sightline/v1/session_pb";
import {
  CursorsSchema,
  EndReason,
  type Gap,
  type Header,
  type Heartbeat,
  type SubscribeRequest,
  SubscribeRequestSchema,
  SubscribeResponseSchema,
} from "../gen/sightline/v1/session_service_pb";
import type { BridgeClient } from "./client";
import { type Entry, entriesOf } from "./entries";
import { CallError, Code } from "./errors";
import { takeTurns } from "./turns";

/**
 * What a handler returns counts only when it is a promise, for one that needs longer: nothing more is told, and once the window is full no more
 * comes, until it is fulfilled. A handler that throws, or whose promise is rejected, ends the stream.
 */
export type Taken = unknown;

/** What a stream tells. All of it comes in order; `onEntries` in pieces of at most 256. */
export interface Handlers {
  onEntries(entries: Entry[]): Taken;
  /** A session that the stream will carry; once for each, also over resumes. */
  onHeader?(header: Header): Taken;
  onSnapshot?(snapshot: Snapshot): Taken;
  /** All that was there at the start has come; once for each session. */
  onCaughtUp?(cursor: Cursor): Taken;
  /** Events that will not come. */
  onGap?(gap: Gap): Taken;
  /** Only where the request asks for them. */
  onHeartbeat?(heartbeat: Heartbeat): void;
  /** What came so far is of another incarnation of the log, or it broke before its start was fixed: forget it, everything comes anew. */
  onReset?(): void;
  /** It is over, for good; undefined: well, with the server's reason. */
  onEnd?(error: CallError | undefined, reason: EndReason): void;
  /** It broke (false) or goes on again (true). */
  onLive?(live: boolean): void;
}

/** What a subscription needs of the client. */
export type Caller = Pick<BridgeClient, "connection" | "open" | "grant" | "cancel">;

const WINDOW = 1024 * 1024; // bytes of responses on the way at once
const PIECE = 256; // events handed over at once
const FIRST_PAUSE = 100; // ms before a stream that broke while the socket did not is asked for again
const MAX_PAUSE = 2_000; // ms
const POSITION_INTERVAL = 15n; // seconds between the heartbeats that a subscription asks for itself

/** Events of one, several or all sessions. Made by `BridgeClient.subscribe`. */
export class Subscription {
  readonly #request: SubscribeRequest;
  readonly #cursors = new Map<string, Cursor>();
  readonly #caughtUp = new Set<string>();
  readonly #completed = new Set<string>();
  readonly #tellsHeartbeats: boolean;
  readonly #queue: Uint8Array[] = [];
  readonly #stopWatching: () => void;
  #piece: Iterator<Entry> | undefined;
  #pieceSize = 0;
  #call = 0;
  #headers = 0;
  #opening = true; // nothing but headers has come of what the request began with
  #working = false;
  #over = false;
  #ended: { error: CallError | undefined } | undefined;
  #reason = EndReason.UNSPECIFIED;
  #pause = FIRST_PAUSE;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly client: Caller,
    request: MessageInitShape<typeof SubscribeRequestSchema>,
    private readonly handlers: Handlers,
    private readonly window = WINDOW,
  ) {
    this.#request = create(SubscribeRequestSchema, request);
    const { filter, heartbeatInterval, sessions } = this.#request;
    this.#tellsHeartbeats = heartbeatInterval !== undefined;
    // Only they move the position over what a filter hides, and over sessions that are quiet.
    if (!this.#tellsHeartbeats && (filter !== undefined || sessions.includes("*"))) {
      this.#request.heartbeatInterval = create(DurationSchema, { seconds: POSITION_INTERVAL });
    }
    this.#stopWatching = client.connection.subscribe(this.#look);
    this.#look();
  }

  /** Where to go on after what was handed over so far. */
  get cursors(): Cursor[] {
    return [...this.#cursors.values()];
  }

  /** Ends it: nothing is handed over any more. May be called again. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#forget();
    this.#stopWatching();
    clearTimeout(this.#timer);
    this.client.cancel(this.#call);
  }

  readonly #look = (): void => {
    if (this.client.connection.get().status === "open" && this.#call === 0 && !this.#over && !this.#working) this.#open();
  };

  #open(): void {
    clearTimeout(this.#timer);
    this.#ended = undefined;
    if (this.#cursors.size > 0 && this.#opening && !this.#isFixed()) this.#reset();
    const request = this.#cursors.size === 0 ? this.#request : this.#resumed();
    if (request !== this.#request && request.sessions.length === 0) {
      this.#finish(this.#request.untilCaughtUp ? EndReason.CAUGHT_UP : EndReason.ALL_ENDED); // all came but the end itself
      return;
    }
    const call = this.client.open(
      { case: "subscribe", value: request },
      {
        onResponse: (body) => this.#arrived(call, body),
        onEnd: (error) => this.#hungUp(call, error),
      },
      this.window,
    );
    this.#call = call;
  }

  /** Whether the headers that came say all about the start: the screen is not in them, nor the moment of those that had none yet. */
  #isFixed(): boolean {
    const { sessions, snapshot, start } = this.#request;
    if (snapshot) return false;
    return sessions.includes("*") ? start.case === undefined : this.#headers === sessions.length;
  }

  /** A session is followed by its id from its header on, and no more when all of it has come. */
  #resumed(): SubscribeRequest {
    const { sessions, untilCaughtUp } = this.#request;
    const isOver = (id: string) => this.#caughtUp.has(id) && (untilCaughtUp || this.#completed.has(id));
    return create(SubscribeRequestSchema, {
      ...this.#request,
      sessions: sessions.includes("*") ? ["*"] : [...this.#cursors.keys()].filter((id) => !isOver(id)),
      start: { case: "after", value: create(CursorsSchema, { cursors: this.cursors }) },
      snapshot: false,
    });
  }

  #arrived(call: number, body: Uint8Array): void {
    if (call !== this.#call) return;
    this.#queue.push(body);
    this.#work();
  }

  #work(): void {
    if (this.#working) return;
    this.#working = true;
    this.#takeTurns();
  }

  #takeTurns(): void {
    takeTurns(() => {
      let taken: Taken;
      try {
        taken = this.#over ? undefined : this.#step();
      } catch (error) {
        this.#fail();
        throw error;
      }
      if (taken instanceof Promise) {
        taken.then(
          () => this.#takeTurns(),
          (error: unknown) => {
            this.#fail();
            throw error;
          },
        );
        return false;
      }
      this.#working = !this.#over && (this.#piece !== undefined || this.#queue.length > 0);
      if (!this.#working && !this.#over && this.#ended !== undefined) this.#judge(this.#ended.error);
      return this.#working;
    });
  }

  /** A handler has failed: what it was told is lost, and nothing more comes; whoever shows it has to say so. */
  #fail(): void {
    if (this.#over) return;
    this.close();
    this.handlers.onEnd?.(
      new CallError(Code.INTERNAL, "the page failed to show what came: load it again", "PAGE_FAILED"),
      EndReason.UNSPECIFIED,
    );
  }

  /** Hands a piece over. */
  #step(): Taken {
    if (this.#piece === undefined) {
      const body = this.#queue.shift();
      if (body === undefined) return undefined;
      const entries = entriesOf(body);
      if (entries === undefined) return then(this.#sign(body), () => this.#done(body.length));
      this.#piece = entries[Symbol.iterator]();
      this.#pieceSize = body.length;
    }
    this.#opening = false;
    const found: Entry[] = [];
    let next = this.#piece.next();
    while (next.done !== true) {
      found.push(next.value);
      if (found.length === PIECE) break;
      next = this.#piece.next();
    }
    if (next.done === true) this.#piece = undefined;
    return then(found.length > 0 ? this.handlers.onEntries(found) : undefined, () => {
      for (const entry of found) this.#advance(entry);
      if (next.done === true) this.#done(this.#pieceSize);
    });
  }

  #done(size: number): void {
    if (this.#call !== 0) this.client.grant(this.#call, size);
  }

  #advance(entry: Entry): void {
    const cursor = this.#cursors.get(entry.sessionId);
    if (cursor !== undefined) cursor.seq = BigInt(entry.seq);
    if (entry.kind === EventKind.COMPLETED) this.#completed.add(entry.sessionId);
  }

  #sign(body: Uint8Array): Taken {
    const { sign } = fromBinary(SubscribeResponseSchema, body);
    this.#opening &&= sign.case === "header";
    switch (sign.case) {
      case "header": {
        this.handlers.onLive?.(true);
        this.#pause = FIRST_PAUSE;
        const { session, cursor } = sign.value;
        if (session === undefined || cursor === undefined || this.#cursors.has(session.id)) return undefined;
        this.#headers += 1;
        this.#cursors.set(session.id, { ...cursor });
        return this.handlers.onHeader?.(sign.value);
      }
      case "snapshot": {
        const cursor = this.#cursors.get(sign.value.sessionId);
        const screen = sign.value;
        return then(this.handlers.onSnapshot?.(screen), () => {
          if (cursor !== undefined && screen.asOfSeq > cursor.seq) cursor.seq = screen.asOfSeq;
        });
      }
      case "caughtUp": {
        const { cursor } = sign.value;
        if (cursor === undefined) return undefined;
        this.#cursors.set(cursor.sessionId, { ...cursor });
        if (this.#caughtUp.has(cursor.sessionId)) return undefined;
        this.#caughtUp.add(cursor.sessionId);
        return this.handlers.onCaughtUp?.(cursor);
      }
      case "gap": {
        const cursor = this.#cursors.get(sign.value.sessionId);
        if (cursor !== undefined && sign.value.lastSeq > cursor.seq) cursor.seq = sign.value.lastSeq;
        return this.handlers.onGap?.(sign.value);
      }
      case "heartbeat":
        for (const { cursor } of sign.value.positions) {
          if (cursor !== undefined && this.#cursors.has(cursor.sessionId)) this.#cursors.set(cursor.sessionId, { ...cursor });
        }
        if (this.#tellsHeartbeats) this.handlers.onHeartbeat?.(sign.value);
        return undefined;
      case "end":
        this.#reason = sign.value.reason;
        return undefined;
      default:
        return undefined;
    }
  }

  #hungUp(call: number, error: CallError | undefined): void {
    if (call !== this.#call) return;
    this.#call = 0;
    if (this.#over) return;
    this.#ended = { error };
    if (!this.#working) this.#judge(error); // else when all that came before is handed over
  }

  #judge(error: CallError | undefined): void {
    this.#ended = undefined;
    const drained = error === undefined && [EndReason.DRAINING, EndReason.UNSPECIFIED].includes(this.#reason);
    if (drained || error?.broken) {
      this.#reason = EndReason.UNSPECIFIED;
      this.handlers.onLive?.(false);
      this.#retry();
    } else if (error?.reason === "EPOCH_CHANGED" && this.#cursors.size > 0) {
      this.#reset();
      this.#retry();
    } else if (error?.code === Code.NOT_FOUND && this.#cursors.delete(error.metadata.session ?? "") && this.#cursors.size > 0) {
      this.#retry(); // one of several was deleted meanwhile
    } else {
      this.#finish(this.#reason, error);
    }
  }

  #finish(reason: EndReason, error?: CallError): void {
    this.#over = true;
    this.#stopWatching();
    this.handlers.onEnd?.(error, reason);
  }

  #reset(): void {
    this.#cursors.clear();
    this.#caughtUp.clear();
    this.#completed.clear();
    this.#headers = 0;
    this.#opening = true;
    this.handlers.onReset?.();
  }

  #retry(): void {
    if (this.client.connection.get().status !== "open") return; // `#look` is called when it is
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#look, this.#pause * (0.8 + 0.4 * Math.random()));
    this.#pause = Math.min(this.#pause * 2, MAX_PAUSE);
  }

  #forget(): void {
    this.#queue.length = 0;
    this.#piece = undefined;
  }
}

/** Does `next` when something was taken: now, unless that needs longer. */
const then = (taken: Taken, next: () => void): Taken => (taken instanceof Promise ? taken.then(next) : next());

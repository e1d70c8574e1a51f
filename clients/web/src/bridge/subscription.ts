/**
 * A stream that resumes by itself where it was: calls, breaks and pauses, and no positions. It takes what comes in slices, and lets more come
 * when that is done: a slow page is held back at the server, and never grows.
 */
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type { Cursor, Snapshot } from "../gen/sightline/v1/session_pb";
import {
  EndReason,
  type Gap,
  type Header,
  type Heartbeat,
  type SubscribeRequestSchema,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "../gen/sightline/v1/session_service_pb";
import type { BridgeClient } from "./client";
import { type Entry, entriesOf } from "./entries";
import { CallError, Code } from "./errors";
import { Progress } from "./progress";
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
  /** What came so far is of another incarnation of the log: forget it, everything comes anew. */
  onReset?(): void;
  /** It is over, for good; undefined: well, with the server's reason. */
  onEnd?(error: CallError | undefined, reason: EndReason): void;
  /** It broke (false), or it began or goes on again (true): once for each time. */
  onLive?(live: boolean): void;
}

/** What a subscription needs of the client. */
export type Caller = Pick<BridgeClient, "connection" | "open" | "grant" | "cancel">;

const WINDOW = 1024 * 1024; // bytes of responses on the way at once
const PIECE = 256; // events handed over at once
const FIRST_PAUSE = 100; // ms before a stream that broke while the socket did not is asked for again
const MAX_PAUSE = 2_000; // ms

/** Events of one, several or all sessions. Made by `BridgeClient.subscribe`. */
export class Subscription {
  readonly #progress: Progress;
  readonly #queue: Uint8Array[] = [];
  readonly #stopWatching: () => void;
  #piece: Iterator<Entry> | undefined;
  #pieceSize = 0;
  #call = 0;
  #live: boolean | undefined; // as it was told
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
    this.#progress = new Progress(request);
    this.#stopWatching = client.connection.subscribe(this.#look);
    this.#look();
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
    const call = this.client.open(
      { case: "subscribe", value: this.#progress.request },
      {
        onResponse: (body) => this.#arrived(call, body),
        onEnd: (error) => this.#hungUp(call, error),
      },
      this.window,
    );
    this.#call = call;
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
    this.#say(true);
    const found: Entry[] = [];
    let next = this.#piece.next();
    while (next.done !== true) {
      found.push(next.value);
      if (found.length === PIECE) break;
      next = this.#piece.next();
    }
    if (next.done === true) this.#piece = undefined;
    return then(found.length > 0 ? this.handlers.onEntries(found) : undefined, () => {
      for (const entry of found) this.#progress.passed(entry);
      if (next.done === true) this.#done(this.#pieceSize);
    });
  }

  #done(size: number): void {
    if (this.#call !== 0) this.client.grant(this.#call, size);
  }

  #sign(body: Uint8Array): Taken {
    const { sign } = fromBinary(SubscribeResponseSchema, body);
    if (sign.case === "end") this.#reason = sign.value.reason;
    if (this.#reason !== EndReason.DRAINING) this.#say(true);
    return then(this.#tell(sign), () => this.#progress.heard(sign));
  }

  #tell({ case: kind, value }: SubscribeResponse["sign"]): Taken {
    switch (kind) {
      case "header":
        return this.handlers.onHeader?.(value);
      case "snapshot":
        return this.handlers.onSnapshot?.(value);
      case "caughtUp":
        return value.cursor && this.handlers.onCaughtUp?.(value.cursor);
      case "gap":
        return this.handlers.onGap?.(value);
      case "heartbeat":
        return this.#progress.tellsHeartbeats ? this.handlers.onHeartbeat?.(value) : undefined;
      default:
        return undefined;
    }
  }

  #say(live: boolean): void {
    if (live) this.#pause = FIRST_PAUSE;
    if (this.#live === live) return;
    this.#live = live;
    this.handlers.onLive?.(live);
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
      this.#say(false);
      this.#retry();
    } else if (error?.reason === "EPOCH_CHANGED" && this.#progress.begun) {
      this.#progress.reset();
      this.handlers.onReset?.();
      this.#retry();
    } else {
      this.#over = true;
      this.#stopWatching();
      this.handlers.onEnd?.(error, this.#reason);
    }
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

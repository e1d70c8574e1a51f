/** A stream of events that resumes by itself: the I/O around `Progress`. Knows calls, breaks and pauses, and no positions. */
import { setTimeout as sleep } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { SightlineError } from "./errors.js";
import type { Cursor } from "./gen/sightline/v1/session_pb.js";
import {
  EndReason,
  type SessionService,
  SubscribeRequestSchema,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "./gen/sightline/v1/session_service_pb.js";
import { type Item, Progress } from "./progress.js";

const FIRST_PAUSE = 100; // ms before the first try to resume; each further one is twice as long
const MAX_PAUSE = 2_000; // ms between tries at most
const MAX_PAUSE_HERE = 1_000; // the same, where the server is on this machine
const KNOCK = 50; // ms between looks whether the server is back on this machine, which cost nothing
const JITTER = 0.2; // of a pause, so that a thousand clients do not come back at once

/** What a subscription needs of its client. */
export interface Wire {
  readonly calls: Client<typeof SessionService>;
  /** The server is on this machine. */
  readonly here: boolean;
  judge(raised: unknown): SightlineError;
  /** The server has answered. */
  reached: boolean;
  readonly following: Set<Subscription>;
}

/** Of `Client.subscribe`. */
export interface SubscribeOptions {
  /** Lets go of the server; the iteration throws its reason. */
  signal?: AbortSignal;
  /** Called once an outage, before the first try to resume. */
  onLost?: (error: SightlineError) => void;
}

/**
 * Each item once, in order, whatever breaks. Iterate it once; to leave the loop lets go of the server. Throws what the service says when it
 * refuses, as a `SightlineError`.
 */
export class Subscription implements AsyncIterable<Item> {
  /** Why the stream is over; undefined while it is not. */
  end: EndReason | undefined;
  readonly #progress: Progress;
  readonly #items: AsyncGenerator<Item, void>;
  #call = new AbortController();
  #stream: AsyncIterator<SubscribeResponse> | undefined;
  #closed = false;
  #down = false;
  #pause = FIRST_PAUSE;

  /** Made by `Client.subscribe`. */
  constructor(
    private readonly wire: Wire,
    private readonly request: MessageInitShape<typeof SubscribeRequestSchema>,
    private readonly options: SubscribeOptions = {},
  ) {
    this.#progress = new Progress(create(SubscribeRequestSchema, request));
    this.#items = this.#follow();
  }

  [Symbol.asyncIterator](): AsyncGenerator<Item, void> {
    return this.#items;
  }

  /** Where to go on after the items taken so far, for a request's `after`: keep them to resume in another process. */
  get cursors(): Cursor[] {
    return this.#progress.cursors;
  }

  /** Lets go of the server at once; an iteration under way stops. May be called again. */
  readonly close = (): void => {
    this.#closed = true;
    this.#call.abort();
  };

  async *#follow(): AsyncGenerator<Item, void> {
    const { signal } = this.options;
    signal?.throwIfAborted();
    signal?.addEventListener("abort", this.close);
    this.wire.following.add(this);
    try {
      while (!this.#closed) {
        const item = this.#progress.show();
        if (item !== undefined) yield item;
        else if (this.end !== undefined) return;
        else await this.#read().catch((raised) => this.#mend(this.wire.judge(raised)));
      }
      signal?.throwIfAborted();
    } finally {
      this.close();
      this.wire.following.delete(this);
      signal?.removeEventListener("abort", this.close);
    }
  }

  /** Takes one response, or fetches one screen that was lost. */
  async #read(): Promise<void> {
    if (this.#stream === undefined) {
      const request = this.#progress.request();
      for (const [session, here] of this.#progress.places) if (here.owed) return this.#fetch(session, here);
      if (request === undefined) {
        this.end = this.request.untilCaughtUp ? EndReason.CAUGHT_UP : EndReason.ALL_ENDED; // everything came, only not the end
        return;
      }
      this.#stream = this.wire.calls.subscribe(request, { signal: this.#call.signal })[Symbol.asyncIterator]();
    }
    const next = await this.#stream.next();
    if (next.done) throw new SightlineError("UNAVAILABLE", "the stream broke off without its end");
    const { sign } = next.value;
    this.wire.reached = true;
    if (sign.case !== "end") {
      this.#down = false;
      this.#pause = FIRST_PAUSE;
      this.#progress.receive(next.value);
    } else if (sign.value.reason !== EndReason.DRAINING) this.end = sign.value.reason; // else the server closes it: a break like any other
  }

  async #fetch(session: string, here: { owed: boolean }): Promise<void> {
    try {
      const { snapshot } = await this.wire.calls.snapshot({ session }, { signal: this.#call.signal });
      if (snapshot) this.#progress.receive(create(SubscribeResponseSchema, { sign: { case: "snapshot", value: snapshot } }));
    } catch (raised) {
      if (this.wire.judge(raised).broken) throw raised;
    }
    here.owed = false; // there is none to be had
  }

  /** Returns when it is time to go on; throws what trying again does not mend. */
  async #mend(error: SightlineError): Promise<void> {
    if (this.#closed) return;
    this.#call.abort();
    this.#call = new AbortController();
    this.#stream = undefined;
    const { all, places } = this.#progress;
    if (all && error.code === "NOT_FOUND" && places.delete(error.metadata.session ?? "")) return; // it was deleted, and nobody named it
    if (!error.broken) throw error;
    if (!this.#down) this.options.onLost?.(error);
    this.#down = true;
    const knocks = this.wire.here && error.nobody;
    const pause = (knocks ? KNOCK : this.#pause) * (1 - JITTER + 2 * JITTER * Math.random());
    await sleep(pause, undefined, { signal: this.#call.signal }).catch(() => {});
    if (!knocks) this.#pause = Math.min(this.#pause * 2, this.wire.here ? MAX_PAUSE_HERE : MAX_PAUSE);
  }
}

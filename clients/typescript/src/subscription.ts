/** A stream of events that resumes by itself: the I/O around `Progress`. Knows calls, breaks and pauses, and no positions. */
import { setTimeout as sleep } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { SightlineError } from "./errors.js";
import type { Cursor } from "./gen/sightline/v1/session_pb.js";
import type { SessionService, SubscribeResponse } from "./gen/sightline/v1/session_service_pb.js";
import { EndReason, SubscribeRequestSchema } from "./gen/sightline/v1/session_service_pb.js";
import { type Item, Progress } from "./progress.js";

const FIRST_PAUSE = 100; // ms before the first try to resume; each further one is twice as long
const MAX_PAUSE = 1_000; // ms between tries at most
const KNOCK = 50; // ms between looks whether the server is back on this machine, which cost nothing
const JITTER = 0.2; // of a pause, so that a thousand clients do not come back at once

/** What a subscription needs of its client. */
export interface Wire {
  readonly calls: Client<typeof SessionService>;
  /** The server is on this machine. */
  readonly here: boolean;
  readonly judge: (raised: unknown) => SightlineError;
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
  readonly #items = this.#follow();
  readonly #leaving = new AbortController();
  #stream: AsyncIterator<SubscribeResponse> | undefined;
  #pause = 0; // ms, the last one of an outage; 0: there is none

  /** Made by `Client.subscribe`. */
  constructor(
    private readonly wire: Wire,
    request: MessageInitShape<typeof SubscribeRequestSchema>,
    private readonly options: SubscribeOptions = {},
  ) {
    this.#progress = new Progress(create(SubscribeRequestSchema, request));
  }

  [Symbol.asyncIterator](): AsyncGenerator<Item, void> {
    return this.#items;
  }

  /** Where to go on after the items taken so far, for a request's `after`: keep them to resume in another process. */
  get cursors(): Cursor[] {
    return this.#progress.cursors;
  }

  /** Lets go of the server at once; an iteration under way stops. May be called again. */
  readonly close = (): void => this.#leaving.abort();

  async *#follow(): AsyncGenerator<Item, void> {
    const { signal } = this.options;
    signal?.throwIfAborted();
    signal?.addEventListener("abort", this.close);
    this.wire.following.add(this);
    try {
      while (this.end === undefined && !this.#leaving.signal.aborted) {
        for (const item of await this.#next()) {
          if (this.#leaving.signal.aborted) break;
          this.#progress.advance(item);
          yield item;
        }
      }
      signal?.throwIfAborted();
    } finally {
      this.close();
      this.wire.following.delete(this);
      signal?.removeEventListener("abort", this.close);
    }
  }

  /** What came; nothing, where the stream broke and it is time to ask again. */
  async #next(): Promise<Item[]> {
    const { signal } = this.#leaving;
    try {
      this.#stream ??= this.wire.calls.subscribe(this.#progress.request, { signal })[Symbol.asyncIterator]();
      const { done, value } = await this.#stream.next();
      if (done) throw new SightlineError("UNAVAILABLE", "the stream broke off without its end");
      if (value.sign.case !== "end") this.#pause = 0;
      else if (value.sign.value.reason !== EndReason.DRAINING) this.end = value.sign.value.reason; // else the server closes it: a break like any other
      return this.#progress.items(value);
    } catch (raised) {
      this.#stream = undefined;
      if (!signal.aborted) await this.#mend(this.wire.judge(raised));
      return [];
    }
  }

  /** Returns when it is time to go on; throws what trying again does not mend. */
  async #mend(error: SightlineError): Promise<void> {
    if (!error.broken) throw error;
    if (this.#pause === 0) this.options.onLost?.(error);
    const longer = Math.min(Math.max(2 * this.#pause, FIRST_PAUSE), MAX_PAUSE);
    this.#pause = this.wire.here && error.nobody ? KNOCK : longer;
    const { signal } = this.#leaving;
    await sleep(this.#pause * (1 - JITTER + 2 * JITTER * Math.random()), undefined, { signal }).catch(() => {});
  }
}

/**
 * What somebody types, on its way: one call at a time, what is typed meanwhile goes with the next. A piece whose answer was lost is asked for
 * again under its own id, which the server types once. Knows no terminal and no React.
 */
import { CallError } from "../bridge/errors";
import { type Readable, Store } from "../bridge/store";
import { Delivery } from "../gen/sightline/v1/session_service_pb";
import { joined } from "./bytes";

const PIECE = 256 * 1024; // bytes of one call; the service takes 1 MiB
const MAX_WAITING = 64 * 1024 * 1024; // bytes that may wait
const GIVE_UP_MS = 30_000; // with an answer outstanding: what was typed so long ago should not appear any more
const PAUSE_MS = 250; // between two tries
const UNKNOWN = "The server was restarted meanwhile: the last keys may have been typed or not.";

/** How it stands. */
export interface Typing {
  /** Bytes that are not known to have been typed yet. */
  readonly waiting: number;
  /** What went wrong last, for people; empty: nothing. */
  readonly problem: string;
}

/** Types a piece, once for each id, and says whether it reached the program. @throws {CallError} */
export type Send = (data: Uint8Array, requestId: string) => Promise<Delivery>;

/** What is needed from outside. */
export interface Surroundings {
  /** A new id for a piece. */
  readonly newId: () => string;
  /** Milliseconds, growing. */
  readonly now: () => number;
  /** Returns after so many milliseconds. */
  readonly pause: (ms: number) => Promise<void>;
}

const PAGE: Surroundings = {
  newId: () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  now: () => performance.now(),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** Bytes in the order in which they were typed. */
export class InputQueue {
  readonly #state = new Store<Typing>({ waiting: 0, problem: "" });
  readonly #gathered: Uint8Array[] = [];
  #inFlight = false;
  #closed = false;

  constructor(
    private readonly send: Send,
    private readonly around: Surroundings = PAGE,
  ) {}

  /** How it stands. */
  get state(): Readable<Typing> {
    return this.#state;
  }

  /** Types these bytes behind all that came before. */
  type(data: Uint8Array): void {
    if (this.#closed || data.length === 0) return;
    const { waiting } = this.#state.get();
    if (waiting + data.length > MAX_WAITING) {
      this.#say({ problem: `Not typed: more than ${MAX_WAITING / 1024 / 1024} MiB would wait.` });
      return;
    }
    this.#gathered.push(data);
    this.#say({ waiting: waiting + data.length });
    if (!this.#inFlight) void this.#work();
  }

  /** What went wrong was read. */
  dismiss(): void {
    this.#say({ problem: "" });
  }

  /** Forgets what has not been sent yet. */
  drop(): void {
    const dropped = this.#gathered.splice(0).reduce((sum, data) => sum + data.length, 0);
    this.#say({ waiting: this.#state.get().waiting - dropped });
  }

  /** Forgets everything, for good. */
  close(): void {
    this.#closed = true;
    this.#gathered.length = 0;
  }

  async #work(): Promise<void> {
    this.#inFlight = true;
    try {
      await this.#sendAll();
    } finally {
      this.#inFlight = false;
    }
  }

  async #sendAll(): Promise<void> {
    for (let piece = this.#next(); piece.length > 0; piece = this.#next()) {
      const problem = await this.#deliver(piece);
      if (this.#closed) return;
      this.#say({ waiting: this.#state.get().waiting - piece.length });
      if (problem !== undefined) this.#say({ problem });
      if (problem !== undefined && problem !== UNKNOWN) this.drop(); // what follows a piece that is missing means something else
    }
  }

  /** The next piece: all that was gathered, up to its size. */
  #next(): Uint8Array {
    const parts: Uint8Array[] = [];
    let size = 0;
    for (let first = this.#gathered[0]; first !== undefined && size < PIECE; first = this.#gathered[0]) {
      const part = first.subarray(0, PIECE - size);
      if (part.length === first.length) this.#gathered.shift();
      else this.#gathered[0] = first.subarray(part.length);
      parts.push(part);
      size += part.length;
    }
    return joined(parts);
  }

  /** Types a piece, however often that has to be asked for; returns what went wrong. */
  async #deliver(piece: Uint8Array): Promise<string | undefined> {
    const id = this.around.newId();
    const since = this.around.now();
    for (;;) {
      try {
        return (await this.send(piece, id)) === Delivery.UNKNOWN ? UNKNOWN : undefined;
      } catch (error) {
        if (!(error instanceof CallError)) return `Not typed: ${error}`;
        if (!error.broken) return `Not typed: ${error.message}`;
        if (this.#closed) return undefined;
        if (this.around.now() - since > GIVE_UP_MS)
          return "The connection is lost: the last keys may have been typed or not, later ones were not.";
        await this.around.pause(PAUSE_MS);
      }
    }
  }

  #say(change: Partial<Typing>): void {
    this.#state.update((before) => ({ ...before, ...change }));
  }
}

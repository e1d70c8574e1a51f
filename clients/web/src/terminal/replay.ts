/**
 * A session's past on a screen, at the pace it had. One stream through the log, from a place from which the screen comes out right: forward it
 * goes on, back it begins again. What is in memory is what is on the way.
 */
import type { Entry } from "../bridge/entries";
import type { CallError } from "../bridge/errors";
import { type Readable, Store } from "../bridge/store";
import type { Subscription } from "../bridge/subscription";
import type { Session } from "../gen/sightline/v1/session_pb";
import { DRAWN, Drawing } from "./drawing";
import { eventsBefore, eventsIn, fromClear, type Subscriber } from "./history";
import { timeOf } from "./output";
import { Pace } from "./pace";
import type { Screen, Size } from "./screen";

const WINDOW = 256 * 1024; // bytes on the way
const WHOLE = 8 * 1024 * 1024; // bytes: a place so near the beginning is drawn from the beginning on
const NEAR = 2 * 1024 * 1024; // bytes drawn before a place that is further away

/** How it stands. */
export interface Playing {
  /** The event that is shown. */
  readonly seq: number;
  /** When it was logged, in milliseconds since 1970; 0: nothing is drawn yet. */
  readonly time: number;
  readonly playing: boolean;
  /** Times as fast as it was; Infinity: without pauses. */
  readonly speed: number;
  /** It draws what comes before the place that was asked for. */
  readonly seeking: boolean;
  /** The screen is as it was; false: it was drawn from a place in the midst, and what stood there before may be missing. */
  readonly exact: boolean;
  /** There is nothing behind it. */
  readonly atEnd: boolean;
  readonly error: CallError | undefined;
}

/** Before anything is drawn. */
export const UNPLAYED: Playing = {
  seq: 0,
  time: 0,
  playing: false,
  speed: 1,
  seeking: true,
  exact: true,
  atEnd: false,
  error: undefined,
};

/** Plays one session until it is closed. */
export class Replay {
  readonly #state = new Store(UNPLAYED);
  readonly #pace = new Pace();
  #run = new AbortController();
  #subscription: Subscription | undefined;
  #drawing: Drawing;
  #target = 0;
  #drawn = 0;
  #caughtUp = false;
  #wake = () => {};

  /** @param sizeAt the terminal's size after an event, as far as it is known. */
  constructor(
    private readonly client: Subscriber,
    private readonly session: () => Session,
    private readonly screen: Screen,
    private readonly sizeAt: (seq: number) => Size | undefined,
    private readonly missed: (text: string) => void = () => {},
  ) {
    this.#drawing = new Drawing(screen, missed);
  }

  /** How it stands. */
  get state(): Readable<Playing> {
    return this.#state;
  }

  /** Plays on; at the end it begins anew. */
  play(): void {
    const { atEnd } = this.#state.get();
    if (atEnd && this.session().endTime !== undefined) this.seek(Number(this.session().oldestSeq));
    this.#say({ playing: true });
    this.#pace.reset();
    this.#wake();
  }

  /** Holds it. */
  pause(): void {
    this.#say({ playing: false });
    this.#wake();
  }

  /** Times as fast as it was; Infinity: without pauses. */
  set speed(speed: number) {
    this.#say({ speed });
    this.#wake();
  }

  /** Shows the screen as it was after an event. */
  seek(seq: number): void {
    const session = this.session();
    const target = Math.min(Math.max(seq, Number(session.oldestSeq)), Math.max(Number(session.headSeq), 1));
    this.#pace.reset();
    const near = target - this.#drawn <= Number(eventsIn(session, NEAR));
    if (this.#subscription === undefined || target < this.#state.get().seq || !near) {
      void this.#begin(target);
      return;
    }
    this.#target = target; // forward: the stream goes on to there
    this.#say({ seeking: true });
    if (this.#caughtUp) this.#arrived({});
    this.#wake();
  }

  /** Ends it. */
  close(): void {
    this.#run.abort();
    this.#subscription?.close();
    this.#wake();
  }

  async #begin(target: number): Promise<void> {
    this.#run.abort();
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#wake();
    this.#run = new AbortController();
    const { signal } = this.#run;
    const session = this.session();
    const oldest = Number(session.oldestSeq);
    const exact = target - oldest <= Number(eventsIn(session, WHOLE)) && oldest <= 1;
    this.#target = target;
    this.#drawn = 0;
    this.#caughtUp = false;
    this.#drawing = new Drawing(this.screen, this.missed);
    this.#say({ seeking: true, exact, atEnd: false, error: undefined });
    await this.screen.reset();
    let from = oldest - 1;
    if (exact) this.#resize(from);
    else {
      const entries = fromClear(await eventsBefore(this.client, session, BigInt(target), NEAR, signal));
      if (signal.aborted) return;
      this.#resize((entries[0]?.seq ?? target) - 1);
      await this.#drawing.draw(entries);
      const last = entries.at(-1);
      this.#say({ time: last === undefined ? 0 : timeOf(last) });
      from = target;
      this.#drawn = target;
    }
    if (signal.aborted) return;
    this.#subscription = this.client.subscribe(
      {
        sessions: [session.id],
        start: { case: "after", value: { cursors: [{ sessionId: session.id, epoch: session.epoch, seq: BigInt(from) }] } },
        filter: { kinds: DRAWN },
      },
      {
        onEntries: (entries) => this.#play(entries, signal),
        onCaughtUp: () => {
          this.#caughtUp = true;
          this.#arrived({ atEnd: true });
        },
        onReset: () => void this.#begin(1),
        onEnd: (error) => this.#arrived({ atEnd: error === undefined, error, playing: false }),
      },
      { window: WINDOW },
    );
    if (from >= target) this.#arrived({});
  }

  /** Draws what is due, then waits for what comes next; what is before the place that was asked for is due. */
  async #play(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    let due: Entry[] = [];
    const draw = async () => {
      const last = due.at(-1);
      if (last === undefined) return;
      await this.#drawing.draw(due);
      due = [];
      this.#drawn = last.seq;
      this.#say(last.seq > this.#target ? { seq: last.seq, time: timeOf(last), atEnd: false } : { time: timeOf(last) });
    };
    for (const entry of entries) {
      if (entry.seq > this.#target) {
        const { speed, seeking, playing } = this.#state.get();
        const pause = this.#pace.before(timeOf(entry), speed);
        if (pause > 0 || seeking || !playing) await draw();
        await this.#until(entry.seq, seeking ? 0 : pause, signal);
      }
      if (signal.aborted) return;
      due.push(entry);
    }
    await draw();
  }

  /** Returns when the event that comes next is due: what is before it is drawn, and so is every place asked for before it meanwhile. */
  async #until(next: number, pause: number, signal: AbortSignal): Promise<void> {
    let slept = pause === 0;
    while (next > this.#target && !signal.aborted) {
      this.#arrived({});
      if (!slept) await this.#sleep(pause);
      else if (this.#state.get().playing) return;
      else await this.#change();
      slept = true;
    }
  }

  /** The place that was asked for is drawn. */
  #arrived(change: Partial<Playing>): void {
    if (this.#state.get().seeking) this.#say({ seeking: false, seq: this.#target, ...change });
    else this.#say(change);
  }

  async #sleep(ms: number): Promise<void> {
    const began = performance.now();
    await this.#change(ms);
    this.#pace.overslept(Math.max(0, performance.now() - began - ms));
  }

  /** Returns when something is wanted otherwise, or after so many milliseconds. */
  #change(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #resize(seq: number): void {
    const size = this.sizeAt(seq);
    if (size !== undefined && !this.screen.options.pipes) this.screen.resize(size);
  }

  #say(change: Partial<Playing>): void {
    this.#state.update((before) => ({ ...before, ...change }));
  }
}

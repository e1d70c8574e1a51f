/** A session's output on a screen, as it comes: the screen as it is, what was written just before it, and everything from then on. */
import type { Entry } from "../bridge/entries";
import type { CallError } from "../bridge/errors";
import { type Readable, Store } from "../bridge/store";
import type { Subscription } from "../bridge/subscription";
import type { Session, Snapshot } from "../gen/sightline/v1/session_pb";
import { type Gap, GapReason, OnSlow } from "../gen/sightline/v1/session_service_pb";
import { bytes } from "../ui/format";
import { joined } from "./bytes";
import { DRAWN, Drawing } from "./drawing";
import { Gate } from "./gate";
import { eventsBefore, type Subscriber, sinceClear, unfinished } from "./history";
import { outputOf } from "./output";
import type { Screen } from "./screen";

const WINDOW = 512 * 1024; // bytes on the way
const MAX_LAG = 4n * 1024n * 1024n; // bytes: who is further behind sees what is there now, and that something is missing
const EARLIER = 512 * 1024; // bytes from before the screen, to scroll back to
const REST = 64 * 1024; // bytes of the end of what was skipped, where no screen shows it
const NOTHING = new Uint8Array();

/** How it stands. */
export interface Following {
  /** Something was drawn, or there is nothing to draw. */
  readonly shown: boolean;
  /** The stream is there; false: it broke and comes back by itself. */
  readonly live: boolean;
  readonly paused: boolean;
  /** All that there will ever be is drawn. */
  readonly ended: boolean;
  /** The last event that is drawn. */
  readonly seq: number;
  /** What is missing, for people, oldest first. */
  readonly missing: readonly string[];
  /** What came faster than it could be drawn. */
  readonly skipped: { readonly times: number; readonly bytes: bigint };
  /** Why it cannot be followed. */
  readonly error: CallError | undefined;
}

/** Before anything came. */
export const BEGINNING: Following = {
  shown: false,
  live: true,
  paused: false,
  ended: false,
  seq: 0,
  missing: [],
  skipped: { times: 0, bytes: 0n },
  error: undefined,
};

/** Follows a session until it is closed. */
export class Follow {
  readonly #state = new Store(BEGINNING);
  readonly #subscription: Subscription;
  readonly #drawing: Drawing;
  readonly #closing = new AbortController();
  readonly #gate = new Gate();
  #skipped = "";

  constructor(
    private readonly client: Subscriber,
    private session: Session,
    private readonly screen: Screen,
  ) {
    this.#drawing = new Drawing(screen, (text) => this.#miss(text));
    const start = screen.options.pipes ? ({ start: { case: "latest", value: {} } } as const) : { snapshot: true };
    this.#subscription = client.subscribe(
      { sessions: [session.id], ...start, filter: { kinds: DRAWN }, onSlow: OnSlow.TO_LATEST, maxLagBytes: MAX_LAG },
      {
        onHeader: ({ session: now, cursor }) => {
          if (now !== undefined) this.session = now;
          return screen.options.pipes && cursor !== undefined ? this.#begin(cursor.seq) : undefined;
        },
        onSnapshot: (snapshot) => this.#show(snapshot),
        onEntries: (entries) => this.#draw(entries),
        onGap: (gap) => this.#gap(gap),
        onCaughtUp: (cursor) => (this.#state.get().shown ? undefined : this.#begin(cursor.seq)),
        onReset: () => this.#forget(),
        onLive: (live) => this.#say({ live }),
        onEnd: (error) => this.#say({ ended: error === undefined, live: true, error }),
      },
      { window: WINDOW },
    );
  }

  /** How it stands. */
  get state(): Readable<Following> {
    return this.#state;
  }

  /** Holds the screen as it is; what comes waits at the server. */
  pause(): void {
    this.#gate.close();
    this.#say({ paused: true });
  }

  /** Goes on where it was held. */
  resume(): void {
    this.#gate.open();
    this.#say({ paused: false });
  }

  /** What is missing was read. */
  dismiss(): void {
    this.#say({ missing: [], skipped: BEGINNING.skipped });
  }

  /** Ends it. */
  close(): void {
    this.#closing.abort();
    this.#subscription.close();
    this.resume();
  }

  async #draw(entries: readonly Entry[]): Promise<void> {
    await this.#gate.passed();
    if (this.#closing.signal.aborted) return;
    await this.#drawing.draw(entries);
    const last = entries.at(-1);
    if (last !== undefined) this.#say({ seq: last.seq });
  }

  /** The first screen stands behind what was written before it; a later one behind what could not be shown. */
  async #show({ ansi, columns, rows, modes, asOfSeq, exact }: Snapshot): Promise<void> {
    await this.#gate.passed();
    // A screen that was taken while its program wrote may be ahead of the log, and what comes next would be drawn twice: the log is right.
    const drawable = !modes.includes("alternate_screen") || this.session.bytes <= EARLIER;
    if (!exact && drawable && !this.#state.get().shown) return this.#begin(asOfSeq);
    const size = { columns, rows };
    let cut: Uint8Array = NOTHING;
    if (!this.#state.get().shown) {
      this.screen.resize(size);
      const earlier = await this.#bytesBefore(asOfSeq);
      if (!modes.includes("alternate_screen")) await this.screen.write(sinceClear(earlier));
      cut = unfinished(earlier);
    }
    if (this.#closing.signal.aborted) return;
    await this.screen.show(ansi, size, this.#skipped);
    await this.screen.write(cut);
    this.#skipped = "";
    this.#say({ shown: true, seq: Number(asOfSeq) });
  }

  /** Where there is no screen to begin with: what was written last. */
  async #begin(through: bigint): Promise<void> {
    const { terminal } = this.session;
    if (terminal !== undefined && !this.screen.options.pipes) this.screen.resize(terminal);
    const entries = await eventsBefore(this.client, this.session, through, EARLIER, this.#closing.signal);
    const first = entries[0];
    if (this.#closing.signal.aborted) return;
    if (first !== undefined && this.session.bytes > 2 * EARLIER)
      await this.#drawing.note("What came before this is in the replay");
    await this.#drawing.draw(entries);
    this.#say({ shown: true, seq: Number(through) });
  }

  async #bytesBefore(through: bigint): Promise<Uint8Array> {
    const entries = await eventsBefore(this.client, this.session, through, EARLIER, this.#closing.signal);
    return joined(entries.map((entry) => outputOf(entry)?.data ?? NOTHING));
  }

  async #gap({ reason, bytes: size, firstSeq, lastSeq }: Gap): Promise<void> {
    const what = size > 0n ? bytes(size) : `${lastSeq - firstSeq + 1n} events`;
    if (reason !== GapReason.SLOW) {
      this.#miss(`${what} ${reason === GapReason.DAMAGED ? "cannot be read" : "are not kept any more"}`);
      return;
    }
    const { skipped } = this.#state.get();
    this.#say({ skipped: { times: skipped.times + 1, bytes: skipped.bytes + size } });
    this.#skipped = `${what} not shown`;
    await this.#drawing.note(this.#skipped);
    if (!this.screen.options.pipes) return; // a screen comes next
    const session = { ...this.session, headSeq: lastSeq, bytes: this.session.bytes + size };
    const entries = await eventsBefore(this.client, session, lastSeq, REST, this.#closing.signal);
    await this.#drawing.draw(entries.filter((entry) => entry.seq >= Number(firstSeq)));
  }

  async #forget(): Promise<void> {
    this.#say({ shown: false });
    await this.screen.reset();
  }

  #miss(text: string): void {
    this.#say({ missing: [...this.#state.get().missing.slice(-9), text] });
  }

  #say(change: Partial<Following>): void {
    this.#state.update((before) => ({ ...before, ...change }));
  }
}

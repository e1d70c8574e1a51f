/**
 * The activity of one session, loaded as it is looked at: its end first, at once, then what came before, in slices and without moving what is
 * read. Output comes on its own, as text, because there may be a thousand times as much of it. Knows the connection; no React.
 */

import { toBinary } from "@bufbuild/protobuf";
import type { BridgeClient } from "../bridge/client";
import { Entry } from "../bridge/entries";
import { CallError } from "../bridge/errors";
import { type Readable, Store } from "../bridge/store";
import type { Subscription } from "../bridge/subscription";
import { EventKind, EventSchema } from "../gen/sightline/v1/event_pb";
import type { Session } from "../gen/sightline/v1/session_pb";
import { type Gap, GapReason, OnSlow, View } from "../gen/sightline/v1/session_service_pb";
import type { Mark } from "./cards";
import { Deck } from "./deck";
import { peek } from "./peek";
import { holesOf, joined, type Range } from "./ranges";
import { readRange, readStream, readWhole } from "./reading";
import { TALLIED, type Tallied, Tally } from "./tally";

/** How it stands; another object after each change of it or of the deck. */
export interface Standing {
  readonly version: number;
  /** The end of the log as it was at the start is here. */
  readonly loaded: boolean;
  /** What happens now comes. */
  readonly live: boolean;
  /** Why nothing comes any more; undefined: it does, or all has come. */
  readonly problem: CallError | undefined;
  /** Stretches that are there and not loaded. */
  readonly holes: readonly Mark[];
  /** The same of output. */
  readonly outputHoles: readonly Mark[];
  readonly tallied: Tallied;
}

const KINDS = Object.values(EventKind).filter((kind): kind is EventKind => typeof kind === "number" && kind > 0);
const BUT_OUTPUT = KINDS.filter((kind) => kind !== EventKind.OUTPUT);
const TAIL = 2000; // events that are there at once
const KEPT_EVENTS = 300_000; // loaded without being asked for
const KEPT_BYTES = 64 * 1024 * 1024; // the same
const OUTPUT_TAIL = 500; // events of output that are there at once
const OUTPUT_BYTES = 8 * 1024 * 1024; // of text that is kept; the older half goes when there is more
const AROUND = 150; // events to each side of one that is jumped to
const REQUESTS = 200; // that are looked through for those without an answer
const TOLD_MS = 50; // at least between two changes that are told
const FILL_TOLD_MS = 300; // the same while what came before is filled in
const LIVE_LAG = 4n * 1024n * 1024n; // bytes of output that may wait before the latest is what counts

const REASONS: Readonly<Partial<Record<GapReason, string>>> = {
  [GapReason.RETENTION]: "no longer kept",
  [GapReason.SHED]: "left out",
  [GapReason.SLOW]: "skipped, because there were more than could be shown",
  [GapReason.DAMAGED]: "damaged on the disk",
};

/** Loads and follows one session. */
export class Timeline {
  readonly deck = new Deck();
  readonly #tally = new Tally();
  readonly #standing: Store<Standing>;
  readonly #stops = new Set<() => void>();
  #ranges: readonly Range[] = [];
  #oldest: number;
  #epoch: bigint;
  #loaded = false;
  #live = false;
  #problem: CallError | undefined;
  #filling = false;
  #span = TAIL;
  #bytes = 0;
  #output: Subscription | undefined;
  #outputFrom = 0; // output is loaded from this event on; 0: none is
  #outputBytes = 0;
  #readingOutput = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #told = 0;
  #closed = false;

  constructor(
    private readonly client: BridgeClient,
    session: Session,
  ) {
    this.session = session.id;
    this.#oldest = Math.max(1, Number(session.oldestSeq));
    this.#epoch = session.epoch;
    this.#standing = new Store<Standing>(this.#now(0));
  }

  /** The session's id. */
  readonly session: string;

  /** How it stands. */
  get standing(): Readable<Standing> {
    return this.#standing;
  }

  /** Begins; returns how to end it. */
  start(): () => void {
    const main = this.client.subscribe(
      { sessions: [this.session], start: { case: "tail", value: TAIL }, filter: { kinds: BUT_OUTPUT } },
      {
        onHeader: ({ session, cursor }) => {
          this.#epoch = session?.epoch ?? this.#epoch;
          this.#oldest = Math.max(1, Number(session?.oldestSeq ?? 1n));
          if (this.#oldest > 1) this.deck.mark("gap", 1, this.#oldest - 1, "no longer kept");
          this.#ranges = joined([], { from: Number(cursor?.seq ?? 0n) + 1, to: Number.POSITIVE_INFINITY });
        },
        onEntries: (entries) => this.#take(entries),
        onCaughtUp: () => {
          this.#loaded = true;
          this.#tell();
          this.#complete();
        },
        onGap: (gap) => this.#gap(gap),
        onReset: () => this.#reset(),
        onLive: (live) => {
          this.#live = live;
          this.#soon(0);
        },
        onEnd: (error) => {
          this.#problem = error;
          this.#loaded = true;
          this.#tell();
        },
      },
    );
    this.#stops.add(() => main.close());
    return () => {
      this.#closed = true;
      clearTimeout(this.#timer);
      this.#output?.close();
      for (const stop of this.#stops) stop();
    };
  }

  /** From now on output is wanted too, as text. */
  wantOutput(): void {
    if (this.#output !== undefined || this.#closed) return;
    this.#output = this.client.subscribe(
      {
        sessions: [this.session],
        start: { case: "tail", value: OUTPUT_TAIL },
        filter: { kinds: [EventKind.OUTPUT] },
        view: View.TEXT,
        onSlow: OnSlow.TO_LATEST,
        maxLagBytes: LIVE_LAG,
      },
      {
        onHeader: ({ cursor }) => {
          this.#outputFrom = Number(cursor?.seq ?? 0n) + 1;
        },
        onEntries: (entries) => this.#takeOutput(entries.map(beginning)),
        onGap: (gap) => this.#gap(gap),
        onReset: () => this.deck.dropOutput(Number.POSITIVE_INFINITY),
        onCaughtUp: () => this.#soon(0),
      },
    );
  }

  /** Loads some of a hole, from both of its ends. Nothing, while something is being loaded. */
  async load(hole: Mark): Promise<void> {
    await this.#fill(async () => {
      if (this.#ranges.some((range) => range.to === hole.first - 1)) await this.#newer(hole);
      await this.#older(hole.last + 1);
      return false;
    });
    if (this.#loaded) this.#backwards();
  }

  /** Loads output that came before what is loaded of it. */
  async loadOutput(): Promise<void> {
    if (this.#readingOutput || this.#outputFrom <= this.#oldest) return;
    this.#readingOutput = true;
    const before = this.#outputFrom;
    let after = before - 1;
    try {
      for (let found = 0, span = OUTPUT_TAIL; found === 0 && after >= this.#oldest; span *= 4) {
        after = Math.max(this.#oldest - 1, after - span);
        found = await this.#readText(after, before);
      }
      this.#outputFrom = after + 1;
    } finally {
      this.#readingOutput = false;
      this.#soon(0);
    }
  }

  /** Sees to it that an event, and what is around it, is in the deck. @throws {CallError} it cannot be loaded. */
  async reveal(seq: number): Promise<void> {
    await this.client.ready(10_000);
    if (this.deck.has(seq)) return;
    if (!this.#ranges.some(({ from, to }) => from <= seq && seq <= to)) {
      const after = Math.max(this.#oldest - 1, seq - AROUND - 1);
      const before = this.#ranges.find(({ from }) => from > seq)?.from ?? Number.POSITIVE_INFINITY;
      const { entries, through } = await readRange(this.client, this.session, BUT_OUTPUT, {
        after,
        before: Math.min(before, seq + 50 * AROUND),
        most: 2 * AROUND,
      });
      this.#put(entries);
      this.#ranges = joined(this.#ranges, { from: after + 1, to: through });
    }
    if (!this.deck.has(seq)) await this.#readText(Math.max(this.#oldest - 1, seq - AROUND), seq + AROUND);
    this.#tell();
  }

  /** Puts back what had been cut off the events of a card. @throws {CallError} it is not there any more. */
  async whole(seqs: readonly number[]): Promise<void> {
    for (const seq of seqs) this.deck.swap(await readWhole(this.client, this.session, seq));
    this.#tell();
  }

  // --- what comes

  #take(entries: Entry[]): void {
    this.#put(entries);
    this.#soon(TOLD_MS);
  }

  #put(entries: Entry[]): void {
    for (const entry of entries) {
      this.#tally.take(entry);
      this.#bytes += entry.bytes.length;
    }
    this.deck.add(entries);
  }

  #takeOutput(entries: Entry[]): void {
    this.deck.add(entries);
    for (const entry of entries) this.#outputBytes += entry.bytes.length;
    if (this.#outputBytes > OUTPUT_BYTES) {
      const [oldest, newest] = this.deck.outputBounds();
      this.#outputFrom = Math.ceil((oldest + newest) / 2);
      this.deck.dropOutput(this.#outputFrom);
      this.#outputBytes /= 2;
    }
    this.#soon(TOLD_MS);
  }

  #gap({ firstSeq, lastSeq, reason }: Gap): void {
    if (reason === GapReason.RETENTION && Number(lastSeq) < this.#oldest) return; // it was said at the start
    const text = REASONS[reason] ?? "missing";
    this.deck.mark("gap", Number(firstSeq), Number(lastSeq), text, reason !== GapReason.RETENTION);
    this.#soon(0);
  }

  #reset(): void {
    this.deck.clear();
    this.#ranges = [];
    this.#bytes = 0;
    this.#outputBytes = 0;
    this.#outputFrom = 0;
    this.deck.mark("epoch", 0, 0, "The log begins anew here: what was shown before may not be in it.");
    const wanted = this.#output;
    this.#output = undefined;
    wanted?.close();
    if (wanted !== undefined) this.wantOutput();
    this.#soon(0);
  }

  // --- what came before

  /** Goes back to the beginning, as far as the page can hold. */
  #backwards(): void {
    void this.#fill(async () => {
      const first = this.#ranges.at(-1)?.from ?? 0;
      if (first <= this.#oldest || this.deck.size >= KEPT_EVENTS || this.#bytes >= KEPT_BYTES) return false;
      await this.#older(first);
      return true;
    });
  }

  #complete(): void {
    this.#backwards();
    const kinds = TALLIED.filter((kind) => kind !== EventKind.PLAN && kind !== EventKind.PROGRESS);
    this.#once({ filter: { kinds } });
    this.#once({ filter: { kinds: [EventKind.PLAN] }, start: { case: "tail", value: 1 } });
    this.#once({ filter: { kinds: [EventKind.PROGRESS] }, start: { case: "tail", value: 1 } });
    const requests: Entry[] = [];
    const asked = { kinds: [EventKind.REQUEST, EventKind.REQUEST_RESOLVED] };
    this.#read({ filter: asked, start: { case: "tail", value: REQUESTS } }, (entries) => requests.push(...entries) > 0).then(
      () => {
        const open = new Deck();
        open.add(requests);
        this.deck.add(open.asked.flatMap((card) => card.entries));
        this.#soon(0);
      },
      () => {}, // the requests that are loaded stay
    );
  }

  #once(request: Asked): void {
    const take = (entries: Entry[]) => {
      for (const entry of entries) this.#tally.take(entry);
      this.#soon(TOLD_MS);
      return true;
    };
    this.#read(request, take).catch(() => {}); // what is not known is not counted
  }

  /** Works until it says that it is done, or cannot go on; one at a time. */
  async #fill(step: () => Promise<boolean>): Promise<void> {
    if (this.#filling) return;
    this.#filling = true;
    try {
      while (!this.#closed && (await step())) this.#soon(FILL_TOLD_MS);
    } catch (error) {
      if (!(error instanceof CallError)) throw error; // of the service: the hole stays, and can be asked for again
    } finally {
      this.#filling = false;
      this.#soon(0);
    }
  }

  async #older(first: number): Promise<void> {
    const floor = Math.max(this.#oldest, ...this.#ranges.filter(({ to }) => to < first).map(({ to }) => to + 1));
    const after = Math.max(floor - 1, first - 1 - this.#span);
    const { entries } = await readRange(this.client, this.session, BUT_OUTPUT, { after, before: first });
    this.#put(entries);
    this.#ranges = joined(this.#ranges, { from: after + 1, to: first - 1 });
    if (entries.length < TAIL / 4) this.#span *= 4;
    else if (entries.length > TAIL) this.#span = Math.max(TAIL / 4, Math.floor(this.#span / 2));
  }

  async #newer(hole: Mark): Promise<void> {
    const { entries, through } = await readRange(this.client, this.session, BUT_OUTPUT, {
      after: hole.first - 1,
      before: hole.last + 1,
      most: TAIL / 4,
    });
    this.#put(entries);
    this.#ranges = joined(this.#ranges, { from: hole.first, to: through });
  }

  /** Puts the output between two events in, as text; returns how many events of it there were. */
  async #readText(after: number, before: number): Promise<number> {
    let found = 0;
    const cursor = { sessionId: this.session, epoch: this.#epoch, seq: BigInt(after) };
    await this.#read(
      { start: { case: "after", value: { cursors: [cursor] } }, filter: { kinds: [EventKind.OUTPUT] }, view: View.TEXT },
      (entries) => {
        const wanted = entries.map(beginning).filter((entry) => entry.seq < before);
        found += wanted.length;
        this.#takeOutput(wanted);
        return wanted.length === entries.length;
      },
    );
    return found;
  }

  async #read(request: Asked, take: (entries: Entry[]) => boolean): Promise<void> {
    const { done, stop } = readStream(this.client, { ...request, sessions: [this.session] }, take);
    this.#stops.add(stop);
    try {
      await done;
    } finally {
      this.#stops.delete(stop);
    }
  }

  // --- what is told

  #soon(ms: number): void {
    if (this.#closed || this.#timer !== undefined) return;
    const wait = Math.max(0, ms - (performance.now() - this.#told));
    this.#timer = setTimeout(() => this.#tell(), wait);
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#closed) return;
    this.#told = performance.now();
    this.#standing.set(this.#now(this.#standing.get().version + 1));
  }

  #now(version: number): Standing {
    const marks = (ranges: Range[]): Mark[] => ranges.map(({ from, to }) => ({ first: from, last: to, text: "" }));
    const output = this.#outputFrom > this.#oldest ? [{ from: this.#oldest, to: this.#outputFrom - 1 }] : [];
    return {
      version,
      loaded: this.#loaded,
      live: this.#live,
      problem: this.#problem,
      holes: marks(holesOf(this.#ranges, this.#oldest)),
      outputHoles: marks(output),
      tallied: this.#tally.now,
    };
  }
}

/** Text stands where it begins: its `seq` says how far it goes, up to an event that is another's. */
function beginning(entry: Entry): Entry {
  const { first } = peek(entry);
  return first === entry.seq ? entry : new Entry(toBinary(EventSchema, { ...entry.decode(), seq: BigInt(first) }));
}

type Asked = Omit<Parameters<BridgeClient["subscribe"]>[0], "$typeName" | "sessions">;

/** How far somebody has looked at each session, in this browser: over reloads, and for all of its tabs. */
import { type Readable, Store } from "../bridge/store";
import type { Session } from "../gen/sightline/v1/session_pb";

const KEY = "sightline.seen";
const MAX_ENTRIES = 5000; // about 160 KB of the 5 MB that a browser keeps
const SAVE_MS = 1000;

interface Kept {
  /** When this browser first looked, in milliseconds: what had ended before is not news. */
  since: number;
  seqs: Record<string, number>;
}

/** What was seen. `storage` is the browser's `localStorage`, or what behaves like it; one that refuses is done without. */
export class Seen {
  readonly #changes = new Store(0);
  #seqs = new Map<string, number>();
  #since = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly storage: Storage) {
    this.#read();
  }

  /** Another number after each change. */
  get changes(): Readable<number> {
    return this.#changes;
  }

  /** The first look of this browser: what these sessions have written so far is no news. Does nothing the next times. */
  begin(sessions: Iterable<Session>, now: number): void {
    if (this.#since !== 0) return;
    this.#since = now;
    for (const session of sessions) if (session.endTime === undefined) this.#seqs.set(session.id, Number(session.headSeq));
    this.#changed();
  }

  /** Somebody looks at a session whose log reaches `head`. */
  mark(id: string, head: number): void {
    if ((this.#seqs.get(id) ?? 0) >= head) return;
    this.#seqs.delete(id); // the one looked at last stands last
    this.#seqs.set(id, head);
    this.#changed();
  }

  /** Whether a session whose log reaches `head` has something that nobody has looked at. */
  isUnread(session: Session, head: number): boolean {
    const seen = this.#seqs.get(session.id);
    if (seen !== undefined) return head > seen;
    return this.#since !== 0 && head > 0 && Number(session.createTime?.seconds ?? 0n) * 1000 >= this.#since;
  }

  /** Follows the other tabs; returns how to stop that. */
  start(): () => void {
    const look = (event: StorageEvent) => {
      if (event.key !== KEY) return;
      this.#read();
      this.#changes.update((count) => count + 1);
    };
    const save = () => this.#save();
    addEventListener("storage", look);
    addEventListener("pagehide", save);
    return () => {
      removeEventListener("storage", look);
      removeEventListener("pagehide", save);
      this.#save();
    };
  }

  #changed(): void {
    this.#changes.update((count) => count + 1);
    this.#timer ??= setTimeout(() => this.#save(), SAVE_MS);
  }

  #read(): void {
    try {
      const { since, seqs } = JSON.parse(this.storage.getItem(KEY) ?? "{}") as Partial<Kept>;
      if (typeof since === "number") this.#since = since;
      for (const [id, seq] of Object.entries(seqs ?? {})) {
        if (typeof seq === "number" && seq > (this.#seqs.get(id) ?? 0)) this.#seqs.set(id, seq);
      }
    } catch {
      // Whatever stands there, it is not ours: as if nothing had been seen.
    }
  }

  #save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#seqs = new Map([...this.#seqs].slice(-MAX_ENTRIES));
    try {
      this.storage.setItem(KEY, JSON.stringify({ since: this.#since, seqs: Object.fromEntries(this.#seqs) } satisfies Kept));
    } catch {
      // It is full or forbidden: marks then last as long as the page.
    }
  }
}

/** All sessions, live: the list as the server has it, kept right by one stream over everything. */
import { equals } from "@bufbuild/protobuf";
import type { BridgeClient } from "../bridge/client";
import type { Entry } from "../bridge/entries";
import { CallError } from "../bridge/errors";
import { type Readable, Store } from "../bridge/store";
import { EventKind } from "../gen/sightline/v1/event_pb";
import { type Session, SessionSchema } from "../gen/sightline/v1/session_pb";
import { Pulse } from "./pulse";

/** Kinds that change what is known of a session. */
const KINDS = [
  EventKind.RESIZED,
  EventKind.STATE_CHANGED,
  EventKind.TURN_STARTED,
  EventKind.TURN_FINISHED,
  EventKind.AGENT_INFO,
  EventKind.REQUEST,
  EventKind.REQUEST_RESOLVED,
  EventKind.COMPLETED,
];
const HEARTBEAT = { seconds: 1n };
const PAGE = 500; // sessions
const PUBLISH_MS = 100; // at least between two values of `all`
const RETRY_MS = 2_000; // a list that could not be had is asked for again
const COUNT_MS = 10_000; // no event tells of a deletion: how many there are is asked for so often

/** How well this is kept right. `live` false: what is known is as of `since`, in milliseconds since 1970. */
export interface Health {
  readonly live: boolean;
  readonly since: number;
  /** Why the list is not whole, for people; empty: it is. */
  readonly problem: string;
}

/** What became of a session: `before` undefined, it is new; `after` undefined, it is gone. */
export type ChangeListener = (before: Session | undefined, after: Session | undefined) => void;

/**
 * The sessions by id. A session's object is another one after each change of it, and the same where nothing changed; that its log grows is no
 * change: `headSeq` and `bytes` are as of the last one, and `pulse` says where the log is now.
 */
export class Sessions {
  /** How far each log is, and how busy. */
  readonly pulse = new Pulse();
  readonly #all = new Store<ReadonlyMap<string, Session>>(new Map());
  readonly #loaded = new Store(false);
  readonly #health = new Store<Health>({ live: false, since: Date.now(), problem: "" });
  readonly #known = new Map<string, Session>();
  readonly #listeners = new Set<ChangeListener>();
  #published = 0;
  #publishing: ReturnType<typeof setTimeout> | undefined;
  #refreshing: Promise<void> | undefined;
  #again = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #started = false;
  #miscount = 0;

  constructor(private readonly client: BridgeClient) {}

  /** By id; a new map at most ten times a second. */
  get all(): Readable<ReadonlyMap<string, Session>> {
    return this.#all;
  }

  /** Whether the first list is there. */
  get loaded(): Readable<boolean> {
    return this.#loaded;
  }

  /** Whether it is kept right. */
  get health(): Readable<Health> {
    return this.#health;
  }

  /** The session of an id, or else the live, or else the newest one of a name; `NAME@HOST` for one elsewhere. */
  find(ref: string): Session | undefined {
    const all = this.#all.get();
    const byId = all.get(ref);
    if (byId !== undefined) return byId;
    const at = ref.lastIndexOf("@");
    const [name, host] = at < 0 ? [ref, undefined] : [ref.slice(0, at), ref.slice(at + 1)];
    let best: Session | undefined;
    for (const one of all.values()) {
      if (one.name !== name || (host !== undefined && one.host !== host)) continue;
      if (best === undefined || rank(one) > rank(best)) best = one;
    }
    return best;
  }

  /** Calls `listener` for each change of a session, as it comes; not for the first list. Returns how to stop that. */
  watch(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins to follow; returns how to stop that. */
  start(): () => void {
    this.#started = true;
    const subscription = this.client.subscribe(
      { sessions: ["*"], start: { case: "latest", value: {} }, filter: { kinds: KINDS }, heartbeatInterval: HEARTBEAT },
      {
        onHeader: ({ session }) => session && this.#learn(session),
        onEntries: (entries) => this.#changed(entries),
        onHeartbeat: (heartbeat) => {
          this.#alive(true);
          this.pulse.take(heartbeat, Date.now());
        },
        onReset: () => void this.refresh(),
        onLive: (live) => {
          const was = this.#health.get().live;
          this.#alive(live);
          if (live && !was) void this.refresh();
        },
        onEnd: (error) => this.#set({ live: false, problem: error?.message ?? "the stream of all sessions ended" }),
      },
    );
    const unwatch = this.client.connection.subscribe(() => {
      if (this.client.connection.get().status === "open") void this.refresh();
      else this.#alive(false);
    });
    const counting = setInterval(() => void this.#count(), COUNT_MS);
    void this.refresh();
    return () => {
      this.#started = false;
      subscription.close();
      unwatch();
      clearInterval(counting);
      clearTimeout(this.#retry);
      clearTimeout(this.#publishing);
      this.#publishing = undefined;
    };
  }

  /**
   * Asks for the whole list again: sessions that were deleted are then gone from it. Calls while one is under way are one more. Never
   * rejects: `health` says what went wrong, and it is tried again.
   */
  refresh(): Promise<void> {
    if (this.#refreshing !== undefined) {
      this.#again = true;
      return this.#refreshing;
    }
    clearTimeout(this.#retry);
    this.#refreshing = this.#list()
      .then(
        () => this.#set({ problem: "" }),
        (error: unknown) => this.#failed(error),
      )
      .then(() => {
        this.#refreshing = undefined;
        if (!this.#again) return undefined;
        this.#again = false;
        return this.refresh();
      });
    return this.#refreshing;
  }

  /** Takes what an answer to a call said of a session: seen at once. */
  put(session: Session): void {
    this.#learn(session);
    this.#publish();
  }

  /** A session was deleted: it is gone at once. */
  remove(id: string): void {
    if (this.#forget(id)) this.#publish();
  }

  async #list(): Promise<void> {
    const before = new Set(this.#known.keys());
    let pageToken = "";
    do {
      const page = await this.client.call("list", { pageSize: PAGE, pageToken });
      for (const session of page.sessions) {
        before.delete(session.id);
        this.#learn(session);
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    for (const id of before) this.#forget(id);
    this.#publish();
    this.#loaded.set(true);
  }

  #failed(error: unknown): void {
    if (!this.#started) return;
    const broken = error instanceof CallError && error.broken;
    this.#set({ problem: broken ? "" : `the list of sessions could not be had: ${(error as Error).message}` });
    clearTimeout(this.#retry);
    // Without a connection it is asked for as soon as there is one.
    if (this.client.connection.get().status === "open") this.#retry = setTimeout(() => void this.refresh(), RETRY_MS);
  }

  async #count(): Promise<void> {
    if (!this.#loaded.get() || this.#refreshing !== undefined || !this.#health.get().live || document.hidden) return;
    try {
      const { sessions } = await this.client.call("usage", {});
      const miscount = sessions - this.#known.size;
      if (miscount !== 0 && miscount !== this.#miscount) await this.refresh();
      this.#miscount = sessions - this.#known.size; // what a fresh list does not mend is not asked for again
    } catch {
      // The connection says it already, and the next time is soon.
    }
  }

  #learn(session: Session): void {
    const before = this.#known.get(session.id);
    const sameLog = before?.epoch === session.epoch;
    if (before !== undefined && sameLog && before.headSeq > session.headSeq) return; // an older answer, come late
    if (before !== undefined && sameLog && equals(SessionSchema, before, session)) return;
    if (!sameLog) this.pulse.forget(session.id);
    this.#keep(before, session);
  }

  #changed(entries: Entry[]): void {
    for (const entry of entries) {
      const before = this.#known.get(entry.sessionId);
      if (before !== undefined && BigInt(entry.seq) > before.headSeq) this.#keep(before, after(before, entry));
    }
  }

  #keep(before: Session | undefined, session: Session): void {
    this.#known.set(session.id, session);
    this.pulse.reached(session.id, Number(session.headSeq), Date.now());
    this.#tell(before, session);
    this.#schedule();
  }

  #forget(id: string): boolean {
    const before = this.#known.get(id);
    if (before === undefined) return false;
    this.#known.delete(id);
    this.pulse.forget(id);
    this.#tell(before, undefined);
    this.#schedule();
    return true;
  }

  #tell(before: Session | undefined, session: Session | undefined): void {
    if (this.#loaded.get()) for (const listener of [...this.#listeners]) listener(before, session);
  }

  #schedule(): void {
    if (this.#publishing !== undefined) return;
    const due = Math.max(0, this.#published + PUBLISH_MS - performance.now());
    this.#publishing = setTimeout(() => this.#publish(), due);
  }

  #publish(): void {
    clearTimeout(this.#publishing);
    this.#publishing = undefined;
    this.#published = performance.now();
    this.#all.set(new Map(this.#known));
  }

  #alive(live: boolean): void {
    if (this.#health.get().live !== live) this.#set({ live, since: Date.now() });
  }

  #set(part: Partial<Health>): void {
    const before = this.#health.get();
    const next = { ...before, ...part };
    if (next.live !== before.live || next.since !== before.since || next.problem !== before.problem) this.#health.set(next);
  }
}

/** What a session is after an event. */
export function after(session: Session, entry: Entry): Session {
  const event = entry.decode();
  // biome-ignore lint/complexity/useMathMinMax: Math.max takes no bigint
  const next = { ...session, headSeq: event.seq > session.headSeq ? event.seq : session.headSeq };
  const { payload } = event;
  switch (payload.case) {
    case "resized":
      if (next.terminal !== undefined)
        next.terminal = { ...next.terminal, columns: payload.value.columns, rows: payload.value.rows };
      break;
    case "stateChanged": {
      const { state, waitingFor, capture, reason } = payload.value;
      // One event tells of the state or of the capture, and its reason is that of the one that changed.
      if (capture !== next.capture) next.captureReason = state === next.state ? reason : "";
      next.state = state;
      next.waitingFor = waitingFor;
      next.capture = capture;
      break;
    }
    case "turnStarted":
      next.turnId = event.turnId;
      break;
    case "turnFinished":
      next.turnId = "";
      break;
    case "agentInfo":
      next.agent = payload.value.agent;
      break;
    case "completed":
      next.outcome = payload.value.outcome;
      if (payload.value.exitCode !== undefined) next.exitCode = payload.value.exitCode;
      next.signal = payload.value.signal;
      next.turnId = "";
      if (event.time !== undefined) next.endTime = event.time;
      break;
  }
  return next;
}

/** Live ones before ended ones, newer before older. */
const rank = (session: Session): number => (session.endTime === undefined ? 1e12 : 0) + Number(session.createTime?.seconds ?? 0n);

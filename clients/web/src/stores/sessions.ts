/** All sessions, live: the list as the server has it, kept right by one stream over everything. */
import type { BridgeClient } from "../bridge/client";
import type { Entry } from "../bridge/entries";
import { type Readable, Store } from "../bridge/store";
import type { Subscription } from "../bridge/subscription";
import { EventKind } from "../gen/sightline/v1/event_pb";
import type { Session } from "../gen/sightline/v1/session_pb";

/** Kinds that change what is known of a session. */
const KINDS = [
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

/** The sessions by id. A session's object is another one after each change of it. */
export class Sessions {
  readonly #all = new Store<ReadonlyMap<string, Session>>(new Map());
  readonly #loaded = new Store(false);
  #subscription: Subscription | undefined;

  constructor(private readonly client: BridgeClient) {}

  /** By id. */
  get all(): Readable<ReadonlyMap<string, Session>> {
    return this.#all;
  }

  /** Whether the first list is there. */
  get loaded(): Readable<boolean> {
    return this.#loaded;
  }

  /** The session of an id, or else the live, or else the newest one of a name. */
  find(ref: string): Session | undefined {
    const all = this.#all.get();
    const named = [...all.values()].filter((one) => one.name === ref);
    return all.get(ref) ?? named.find((one) => one.endTime === undefined) ?? named.sort((a, b) => started(b) - started(a))[0];
  }

  /** Begins to follow; returns how to stop that. */
  start(): () => void {
    const ask = () => void this.refresh().catch(() => undefined); // the connection's state says why; asked again when the stream goes on
    this.#subscription = this.client.subscribe(
      { sessions: ["*"], start: { case: "latest", value: {} }, filter: { kinds: KINDS }, heartbeatInterval: HEARTBEAT },
      {
        onHeader: ({ session }) => session && this.#put([session]),
        onEntries: (entries) => this.#changed(entries),
        onHeartbeat: ({ positions }) => {
          const moved: Session[] = [];
          for (const { cursor } of positions) {
            const session = cursor && this.#all.get().get(cursor.sessionId);
            if (session && session.headSeq < cursor.seq) moved.push({ ...session, headSeq: cursor.seq });
          }
          this.#put(moved);
        },
        onLive: (live) => live && ask(),
      },
    );
    ask();
    return () => this.#subscription?.close();
  }

  /** Asks for the whole list again: sessions that were deleted are then gone from it. */
  async refresh(): Promise<void> {
    const found = new Map<string, Session>();
    let pageToken = "";
    do {
      const page = await this.client.call("list", { pageSize: PAGE, pageToken });
      for (const session of page.sessions) found.set(session.id, session);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    this.#all.set(found);
    this.#loaded.set(true);
  }

  #put(sessions: Session[]): void {
    if (sessions.length === 0) return;
    const all = new Map(this.#all.get());
    for (const session of sessions) all.set(session.id, session);
    this.#all.set(all);
  }

  #changed(entries: Entry[]): void {
    const changed = new Map<string, Session>();
    for (const entry of entries) {
      const before = changed.get(entry.sessionId) ?? this.#all.get().get(entry.sessionId);
      if (before !== undefined) changed.set(before.id, after(before, entry));
    }
    this.#put([...changed.values()]);
  }
}

/** What a session is after an event. */
export function after(session: Session, entry: Entry): Session {
  const event = entry.decode();
  // biome-ignore lint/complexity/useMathMinMax: Math.max takes no bigint
  const next = { ...session, headSeq: event.seq > session.headSeq ? event.seq : session.headSeq };
  const { payload } = event;
  switch (payload.case) {
    case "stateChanged":
      next.state = payload.value.state;
      next.waitingFor = payload.value.waitingFor;
      next.capture = payload.value.capture;
      break;
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
      if (event.time !== undefined) next.endTime = event.time;
      break;
  }
  return next;
}

const started = (session: Session): number => Number(session.createTime?.seconds ?? 0n);

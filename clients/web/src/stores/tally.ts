/** How far a session is, added up from its events, in any order and each counted once: phase, turns, tokens, cost, plan. Pure. */
import type { Entry } from "../bridge/entries";
import { type AgentInfo, type Event, EventKind, type Plan, type Progress, type Usage } from "../gen/sightline/v1/event_pb";

/** What is added up. */
export interface Tallied {
  /** The latest of each, and the event that told it. */
  readonly plan: Plan | undefined;
  readonly planSeq: number;
  readonly progress: Progress | undefined;
  readonly agent: AgentInfo | undefined;
  readonly turns: number;
  /** The turn under way began then, in milliseconds since 1970; 0: none is under way. */
  readonly turnSince: number;
  readonly usage: Used;
}

/** Tokens and cost in all; the context as it was last. */
export interface Used {
  /** Tokens read, also from and to a cache. */
  readonly read: number;
  /** Of them, those from a cache. */
  readonly cached: number;
  readonly written: number;
  readonly reasoning: number;
  /** By currency; empty where no agent said one. */
  readonly cost: Readonly<Record<string, number>>;
  readonly contextUsed: number;
  readonly contextSize: number;
}

/** The kinds that it looks at. */
export const TALLIED: readonly EventKind[] = [
  EventKind.PLAN,
  EventKind.PROGRESS,
  EventKind.AGENT_INFO,
  EventKind.TURN_STARTED,
  EventKind.TURN_FINISHED,
  EventKind.USAGE,
  EventKind.COMPLETED,
];

/** Before anything is known. */
export const NOTHING_YET: Tallied = {
  plan: undefined,
  planSeq: 0,
  progress: undefined,
  agent: undefined,
  turns: 0,
  turnSince: 0,
  usage: { read: 0, cached: 0, written: 0, reasoning: 0, cost: {}, contextUsed: 0, contextSize: 0 },
};

interface Turn {
  began: number; // ms
  over: boolean;
}

/** Adds up. */
export class Tally {
  readonly #latest = new Map<EventKind, { seq: number; event: Event }>();
  readonly #turns = new Map<string, Turn>();
  readonly #used = new Map<string, { seq: number; usage: Usage }>();
  #all: { seq: number; usage: Usage } | undefined;
  #now: Tallied | undefined = NOTHING_YET;

  /** What is known now; the same object until something changes. */
  get now(): Tallied {
    this.#now ??= this.#sum();
    return this.#now;
  }

  /** Takes an event in; one that it has had changes nothing. */
  take(entry: Entry): void {
    if (!TALLIED.includes(entry.kind)) return;
    const event = entry.decode();
    const before = this.#latest.get(entry.kind);
    if (before === undefined || before.seq < entry.seq) this.#latest.set(entry.kind, { seq: entry.seq, event });
    const { payload, turnId } = event;
    if (payload.case === "turnStarted") this.#turn(turnId).began = millis(event);
    else if (payload.case === "turnFinished") {
      this.#turn(turnId).over = true;
      if (payload.value.usage !== undefined) this.#spend(`turn ${turnId}`, entry.seq, payload.value.usage);
    } else if (payload.case === "usage")
      this.#spend(turnId === "" ? `event ${entry.seq}` : `turn ${turnId}`, entry.seq, payload.value);
    else if (payload.case === "completed") {
      for (const turn of this.#turns.values()) turn.over = true;
      if (payload.value.usage !== undefined) this.#all = { seq: entry.seq, usage: payload.value.usage };
    }
    this.#now = undefined;
  }

  #turn(id: string): Turn {
    let turn = this.#turns.get(id);
    if (turn === undefined) {
      turn = { began: 0, over: this.#latest.has(EventKind.COMPLETED) };
      this.#turns.set(id, turn);
    }
    return turn;
  }

  #spend(of: string, seq: number, usage: Usage): void {
    const before = this.#used.get(of);
    if (before === undefined || before.seq <= seq) this.#used.set(of, { seq, usage });
  }

  #sum(): Tallied {
    const told = <K extends Event["payload"]["case"]>(kind: EventKind, name: K) => {
      const payload = this.#latest.get(kind)?.event.payload;
      return payload?.case === name ? (payload.value as Extract<Event["payload"], { case: K }>["value"]) : undefined;
    };
    const open = [...this.#turns.values()].filter((turn) => !turn.over && turn.began > 0);
    return {
      plan: told(EventKind.PLAN, "plan"),
      planSeq: this.#latest.get(EventKind.PLAN)?.seq ?? 0,
      progress: told(EventKind.PROGRESS, "progress"),
      agent: told(EventKind.AGENT_INFO, "agentInfo"),
      turns: this.#turns.size,
      turnSince: open.reduce((latest, turn) => Math.max(latest, turn.began), 0),
      usage: summed(this.#all === undefined ? [...this.#used.values()] : [this.#all], [...this.#used.values()]),
    };
  }
}

function summed(parts: readonly { seq: number; usage: Usage }[], turns: readonly { seq: number; usage: Usage }[]): Used {
  const used = {
    read: 0,
    cached: 0,
    written: 0,
    reasoning: 0,
    cost: {} as Record<string, number>,
    contextUsed: 0,
    contextSize: 0,
  };
  for (const { usage } of parts) {
    used.read += Number(usage.inputTokens + usage.cachedTokens + usage.cacheWrittenTokens);
    used.cached += Number(usage.cachedTokens);
    used.written += Number(usage.outputTokens);
    used.reasoning += Number(usage.reasoningTokens);
    if (usage.cost !== undefined) used.cost[usage.currency] = (used.cost[usage.currency] ?? 0) + usage.cost;
  }
  const context = [...parts, ...turns]
    .filter(({ usage }) => usage.contextUsed > 0n)
    .sort((a, b) => a.seq - b.seq)
    .at(-1)?.usage;
  used.contextUsed = Number(context?.contextUsed ?? 0n);
  used.contextSize = Number(context?.contextSize ?? 0n);
  return used;
}

const millis = ({ sourceTime, time }: Event): number => {
  const at = sourceTime ?? time;
  return at === undefined ? 0 : Number(at.seconds) * 1000 + Math.floor(at.nanos / 1e6);
};

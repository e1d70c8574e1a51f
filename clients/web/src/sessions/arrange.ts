/** The order of the list: what needs somebody first, then what runs, then what is over; filtered, sorted, folded. Pure. */
import { SessionState } from "../gen/sightline/v1/event_pb";
import type { Session } from "../gen/sightline/v1/session_pb";
import { hasEnded, kindWord, needsYou, stateWord } from "./words";

/** By what sessions of one group are sorted. */
export const SORTS = ["newest", "oldest", "name", "state", "agent", "host"] as const;
/** One of them. */
export type Sort = (typeof SORTS)[number];

/** The groups, in their order. */
export const GROUPS = ["needs", "runs", "ended"] as const;
/** One of them. */
export type Group = (typeof GROUPS)[number];

/** What is drawn in one row: the head of a group, or a session. */
export type Row = { readonly group: Group; readonly count: number; readonly folded: boolean } | { readonly session: Session };

/** What is asked for. */
export interface Wish {
  /** Words; each must be in the name, agent, host, directory, command, state or a label. */
  readonly filter: string;
  readonly sort: Sort;
  readonly folded: ReadonlySet<Group>;
}

/** What is drawn. `shown` counts the sessions that pass the filter, folded ones too. */
export interface Arranged {
  readonly rows: readonly Row[];
  /** Where in them the heads of groups are. */
  readonly heads: readonly number[];
  readonly shown: number;
}

/** What was made of a group the last time. */
interface Sorted {
  readonly sort: Sort;
  readonly found: readonly Session[];
  readonly rows: readonly Row[];
}

/** Puts sessions in order; remembers each group, so that ten thousand that are over are not sorted again because one that runs has changed. */
export class Arranger {
  readonly #groups = new Map<Group, Sorted>();

  /** The rows; those of a group in which nothing changed are the same objects. */
  arrange(sessions: Iterable<Session>, { filter, sort, folded }: Wish): Arranged {
    const words = wordsOf(filter);
    const groups: Record<Group, Session[]> = { needs: [], runs: [], ended: [] };
    let shown = 0;
    for (const session of sessions) {
      if (!matches(session, words)) continue;
      groups[groupOf(session)].push(session);
      shown += 1;
    }
    const heads: number[] = [];
    let rows: readonly Row[] = [];
    for (const group of GROUPS) {
      const count = groups[group].length;
      if (count === 0) continue;
      const isFolded = folded.has(group);
      heads.push(rows.length);
      rows = [...rows, { group, count, folded: isFolded }, ...(isFolded ? [] : this.#sorted(group, groups[group], sort))];
    }
    return { rows, heads, shown };
  }

  #sorted(group: Group, found: readonly Session[], sort: Sort): readonly Row[] {
    const before = this.#groups.get(group);
    if (before?.sort === sort && isSame(before.found, found)) return before.rows;
    const rows = found.toSorted(ORDER[sort]).map((session): Row => ({ session }));
    this.#groups.set(group, { sort, found, rows });
    return rows;
  }
}

const isSame = (a: readonly Session[], b: readonly Session[]): boolean =>
  a.length === b.length && a.every((one, at) => one === b[at]);

/** Where a session stands. */
export const groupOf = (session: Session): Group => (needsYou(session) ? "needs" : hasEnded(session) ? "ended" : "runs");

/** The words of a filter. */
export const wordsOf = (filter: string): string[] => filter.toLowerCase().split(/\s+/).filter(Boolean);

/** Whether a session has all these words. */
export function matches(session: Session, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = textOf(session);
  return words.every((word) => text.includes(word));
}

const texts = new WeakMap<Session, string>(); // a session's object is another one after each change

function textOf(session: Session): string {
  let text = texts.get(session);
  if (text === undefined) {
    const labels = Object.entries(session.labels).map(([key, value]) => `${key}=${value}`);
    const state = hasEnded(session) ? "ended" : "live";
    text = [
      ...[session.name, session.agent, session.host, session.cwd, kindWord(session), stateWord(session), state],
      ...labels,
      ...session.argv,
      session.id,
    ]
      .join("\n")
      .toLowerCase();
    texts.set(session, text);
  }
  return text;
}

type Order = (a: Session, b: Session) => number;

const by = (text: (session: Session) => string): Order => {
  return (a, b) => {
    const [one, other] = [text(a).toLowerCase(), text(b).toLowerCase()];
    return one < other ? -1 : one > other ? 1 : newest(a, b);
  };
};

/** Ended ones by their end: what ended just now is what is looked for. */
const time = (session: Session): number => {
  const at = session.endTime ?? session.createTime;
  return at === undefined ? 0 : Number(at.seconds) + at.nanos / 1e9;
};
const newest: Order = (a, b) => time(b) - time(a) || (a.id < b.id ? 1 : -1);
const STATES = [SessionState.WAITING, SessionState.WORKING, SessionState.STARTING, SessionState.IDLE, SessionState.UNKNOWN];

const ORDER: Record<Sort, Order> = {
  newest,
  oldest: (a, b) => newest(b, a),
  name: by((session) => session.name),
  state: (a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || a.outcome - b.outcome || newest(a, b),
  agent: (a, b) => Number(a.agent === "") - Number(b.agent === "") || by((session) => session.agent)(a, b),
  host: by((session) => session.host),
};

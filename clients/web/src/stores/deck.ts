/**
 * The cards of one session, in the order in which things happened. Events may be put in in any order and in any pieces: the cards are the same.
 * Each costs O(1) where it comes last, O(log n) else. Pure: knows no connection, no React, and decodes nothing.
 */
import type { Entry } from "../bridge/entries";
import { Channel, EventKind } from "../gen/sightline/v1/event_pb";
import { type Card, type CardKind, ENDS, entriesOfCard, isBad, isUnderWay, KIND_OF, NOTHING_NEW } from "./cards";
import { type Peek, peek } from "./peek";
import { Places } from "./places";

/** How many cards there are of what the tabs show. */
export interface Counts {
  readonly all: number;
  readonly tools: number;
  readonly output: number;
  readonly files: number;
  readonly errors: number;
}

const NOTHING: readonly Card[] = [];

/** Puts events into cards, and cards into their places. */
export class Deck {
  readonly #lists = new Map<string, Places>([["", new Places()]]);
  readonly #cards = new Map<number, Card>();
  readonly #owners = new Map<number, number>(); // seq -> id of the card
  readonly #joined = new Map<string, number>(); // joint -> id of the one card that has it
  readonly #pairs = new Map<string, number | number[]>(); // joint -> ids of the cards that have it, by seq
  readonly #plans = new Map<string, number>(); // parent -> id of the latest plan
  readonly #asked = new Set<number>(); // ids of requests without an answer
  readonly #counts = { all: 0, tools: 0, output: 0, files: 0, errors: 0 };
  #ids = 0;

  /** Of all that is there. */
  get counts(): Counts {
    return { ...this.#counts };
  }

  /** The cards of the main agent, by `seq`. Not to be changed, and not to be kept: it goes on changing. */
  get root(): readonly Card[] {
    return this.#list("").all;
  }

  /** Whether subagents have cards. */
  get nested(): boolean {
    return this.#lists.size > 1;
  }

  /** The requests that nobody has answered, by `seq`. */
  get asked(): Card[] {
    return [...this.#asked].flatMap((id) => this.#cards.get(id) ?? []).sort((a, b) => a.seq - b.seq);
  }

  /** How many events it holds. */
  get size(): number {
    return this.#owners.size;
  }

  /** Whether an event is in it. */
  has(seq: number): boolean {
    return this.#owners.has(seq);
  }

  /** A card by its id. */
  card(id: number): Card | undefined {
    return this.#cards.get(id);
  }

  /** The card in which an event is, or else the last one before it. */
  at(seq: number): Card | undefined {
    const owner = this.#owners.get(seq);
    if (owner !== undefined) return this.#cards.get(owner);
    const root = this.#list("");
    return root.before(seq) ?? root.all[0];
  }

  /** Puts events in; those that are there already are left out. */
  add(entries: Iterable<Entry>): void {
    for (const entry of entries) if (!this.#owners.has(entry.seq)) this.#take(entry, peek(entry));
  }

  /** Says that events are missing, or that the log begins anew. `bad`: they should not be. */
  mark(kind: "gap" | "epoch", first: number, last: number, text: string, bad = false): void {
    this.#insert({ ...this.#blank(kind, first, "", ""), last, mark: { first, last, text }, bad });
  }

  /** Puts an event in the place of the one of the same `seq`: the same one, with what had been cut off. */
  swap(entry: Entry): void {
    const card = this.#cards.get(this.#owners.get(entry.seq) ?? 0);
    if (card === undefined) return;
    this.#set(card, { ...card, entries: entriesOfCard(card).map((one) => (one.seq === entry.seq ? entry : one)) });
  }

  /** Forgets everything. */
  clear(): void {
    for (const map of [this.#lists, this.#cards, this.#owners, this.#joined, this.#pairs, this.#plans, this.#asked]) map.clear();
    this.#lists.set("", new Places());
    for (const name of ["all", "tools", "output", "files", "errors"] as const) this.#counts[name] = 0;
  }

  /** Removes the output before an event: there is more of it than a page can hold. */
  dropOutput(before: number): void {
    for (const card of this.#list("").all.filter((one) => one.kind === "output" && one.last < before)) this.#remove(card);
  }

  /** The first and the last event of output that is there; 0 and 0: none is. */
  outputBounds(): [number, number] {
    const output = this.#list("").all.filter((card) => card.kind === "output");
    return [output[0]?.seq ?? 0, output.at(-1)?.last ?? 0];
  }

  /** What a subagent did on behalf of a call: always after it, so that no chain of calls leads back to itself. */
  children(card: Card): readonly Card[] {
    const list = card.kind === "tool" ? this.#lists.get(card.joint) : undefined;
    if (list === undefined) return NOTHING;
    const calls = this.#pair(card.joint, "tool");
    const next = this.#cards.get(calls[calls.indexOf(card.id) + 1] ?? 0);
    return list.between(card.seq + 1, next?.seq ?? Number.POSITIVE_INFINITY);
  }

  /** The cards of subagents before which no call stands. */
  orphans(): Card[] {
    const found: Card[] = [];
    for (const [parent, list] of this.#lists) {
      if (parent === "") continue;
      const call = this.#cards.get(this.#pair(parent, "tool")[0] ?? 0);
      for (const card of list.between(0, call === undefined ? Number.POSITIVE_INFINITY : call.seq + 1)) found.push(card);
    }
    return found.sort((a, b) => a.seq - b.seq);
  }

  /** The card of the call to which a card of a subagent belongs; undefined: it is the main agent's, or the call is not here. */
  owner(card: Card): Card | undefined {
    if (card.parent === "") return undefined;
    const calls = this.#pair(card.parent, "tool").flatMap((id) => this.#cards.get(id) ?? []);
    return calls.findLast((call) => call.seq < card.seq);
  }

  // --- events

  #take(entry: Entry, seen: Peek): void {
    const { id, numbers } = seen;
    const notice = entry.kind === EventKind.NOTICE;
    const kind = notice && id === NOTHING_NEW ? "line" : (KIND_OF[entry.kind] ?? "unknown");
    const message = entry.kind === EventKind.MESSAGE;
    const told = `${kind}\n${seen.source}\n${seen.turn}`;
    if (ENDS[entry.kind] !== undefined && id !== "") this.#pairUp(entry, seen, kind);
    else if (message || entry.kind === EventKind.THINKING) {
      const joint = `${told}\n${message ? numbers[1] : ""}\n${id}`;
      if (id !== "") this.#join(entry, seen, kind, `${joint}\n${seen.parent}`);
      else if (numbers[message ? 4 : 3] === 1) this.#run(entry, seen, kind, joint);
      else this.#insert(this.#single(entry, seen, kind, ""));
    } else if (entry.kind === EventKind.PROGRESS) this.#join(entry, seen, kind, `${told}\n${seen.parent}`);
    else if (entry.kind === EventKind.OUTPUT)
      this.#run(entry, seen, kind, `${kind}\n${seen.source}\n${numbers[1] ?? Channel.UNSPECIFIED}`);
    else if (entry.kind === EventKind.PLAN) this.#plan(entry, seen);
    else this.#insert(this.#single(entry, seen, kind, notice ? "" : id));
  }

  /** Events of one joint are one card, wherever they stand. */
  #join(entry: Entry, seen: Peek, kind: CardKind, joint: string): void {
    const card = this.#cards.get(this.#joined.get(joint) ?? 0);
    if (card === undefined) this.#joined.set(joint, this.#insert(this.#single(entry, seen, kind, joint)));
    else this.#replace(card, grown(card, entry));
  }

  #plan(entry: Entry, seen: Peek): void {
    const latest = this.#cards.get(this.#plans.get(seen.parent) ?? 0);
    const replaced = latest !== undefined && latest.seq > entry.seq;
    const id = this.#insert({ ...this.#single(entry, seen, "plan", ""), replaced });
    if (replaced) return;
    if (latest !== undefined) this.#replace(latest, { ...latest, replaced: true });
    this.#plans.set(seen.parent, id);
  }

  // --- what two events tell: each beginning makes a card, and what ends it belongs to the last beginning before it

  #pair(id: string, kind: CardKind): readonly number[] {
    const found = this.#pairs.get(`${kind}\n${id}`);
    return found === undefined ? [] : typeof found === "number" ? [found] : found;
  }

  #pairUp(entry: Entry, seen: Peek, kind: CardKind): void {
    const ids = this.#pair(seen.id, kind);
    const last = this.#cards.get(ids.at(-1) ?? 0);
    if (last === undefined) {
      this.#pairs.set(`${kind}\n${seen.id}`, this.#insert(this.#paired([entry], seen.parent, seen.id, kind)));
    } else if (ENDS[entry.kind] === true && isBegun(last) && last.seq < entry.seq) {
      this.#replace(last, this.#paired(sorted(last, entry), last.parent, seen.id, kind, last.id));
    } else {
      this.#pairAnew(entry, seen, kind, ids);
    }
  }

  #pairAnew(entry: Entry, seen: Peek, kind: CardKind, ids: readonly number[]): void {
    const before = ids.flatMap((id) => this.#cards.get(id) ?? []);
    const groups: Entry[][] = [];
    for (const one of [...before.flatMap(entriesOfCard), entry].sort((a, b) => a.seq - b.seq)) {
      if (groups.length === 0 || ENDS[one.kind] === false) groups.push([one]);
      else groups.at(-1)?.push(one);
    }
    const spare = new Map(before.map((card) => [card.entries[0], card]));
    const kept = groups.map((group) => {
      const card = group.map((one) => spare.get(one)).find((one) => one !== undefined);
      if (card !== undefined) spare.delete(card.entries[0]);
      return card;
    });
    for (const card of spare.values()) this.#remove(card);
    const made = groups.map((group, at) => {
      const card = kept[at];
      const parent = group[0] === undefined ? "" : peek(group[0]).parent;
      const next = this.#paired(group, parent, seen.id, kind, card?.id);
      if (card === undefined) return this.#insert(next);
      this.#replace(card, next);
      return card.id;
    });
    this.#pairs.set(`${kind}\n${seen.id}`, made.length === 1 && made[0] !== undefined ? made[0] : made);
  }

  #paired(entries: Entry[], parent: string, joint: string, kind: CardKind, id = ++this.#ids): Card {
    const first = entries[0];
    const end = entries.findLast((one) => ENDS[one.kind] === true);
    const told = end && peek(end);
    return {
      ...this.#blank(kind, first?.seq ?? 0, parent, joint, id),
      last: entries.at(-1)?.seq ?? 0,
      entries,
      count: entries.length,
      bad: end !== undefined && told !== undefined && isBad(end.kind, told),
      open: end === undefined || (told !== undefined && isUnderWay(end.kind, told)),
    };
  }

  // --- runs: neighbours that are one card

  #run(entry: Entry, seen: Peek, kind: CardKind, joint: string): void {
    const list = this.#list(seen.parent);
    const before = list.before(entry.seq);
    const after = list.from(entry.seq);
    if (before?.run && before.joint === joint) this.#replace(before, grown(before, entry));
    else if (after?.run && after.joint === joint && !(before?.run && before.last > entry.seq))
      this.#replace(after, grown(after, entry));
    else this.#insert({ ...this.#single(entry, seen, kind, joint), run: true });
  }

  #split(card: Card, seq: number): void {
    const entries = entriesOfCard(card);
    const at = entries.findIndex((one) => one.seq > seq);
    this.#set(card, runOf(card, entries.slice(0, at)));
    this.#insert(runOf({ ...card, id: ++this.#ids }, entries.slice(at)));
  }

  /** What stood between two neighbours has gone: they may be one. */
  #mend(list: Places, seq: number): void {
    const before = list.before(seq);
    const after = list.from(seq);
    if (!before?.run || !after?.run || before.joint !== after.joint) return;
    this.#drop(after, list);
    this.#set(before, runOf(before, [...entriesOfCard(before), ...entriesOfCard(after)]));
  }

  // --- places

  #list(parent: string): Places {
    let list = this.#lists.get(parent);
    if (list === undefined) {
      list = new Places();
      this.#lists.set(parent, list);
    }
    return list;
  }

  #blank(kind: CardKind, seq: number, parent: string, joint: string, id = ++this.#ids): Card {
    const none = { run: false, bad: false, open: false, replaced: false };
    return { id, kind, seq, last: seq, parent, joint, entries: [], count: 0, ...none };
  }

  #single(entry: Entry, seen: Peek, kind: CardKind, joint: string): Card {
    return { ...this.#blank(kind, entry.seq, seen.parent, joint), entries: [entry], count: 1, bad: isBad(entry.kind, seen) };
  }

  #insert(card: Card): number {
    const list = this.#list(card.parent);
    const before = list.before(card.seq);
    if (before?.run && before.last > card.seq) this.#split(before, card.seq);
    list.add(card);
    this.#note(undefined, card);
    return card.id;
  }

  #remove(card: Card): void {
    const list = this.#list(card.parent);
    this.#drop(card, list);
    this.#mend(list, card.seq);
  }

  #drop(card: Card, list: Places): void {
    list.remove(card);
    this.#note(card, undefined);
  }

  /** A card is now another: it moves where its first event is an earlier one. */
  #replace(card: Card, next: Card): void {
    const before = this.#list(card.parent).before(card.seq);
    const stays = next.parent === card.parent && (next.seq === card.seq || (next.run && (before?.seq ?? -1) < next.seq));
    if (stays) {
      this.#set(card, next);
    } else {
      this.#remove(card);
      this.#insert(next);
    }
  }

  #set(card: Card, next: Card): void {
    this.#list(card.parent).set(card, next);
    this.#note(card, next);
  }

  // --- what is known of all of them

  #note(before: Card | undefined, after: Card | undefined): void {
    if (before !== undefined) this.#tell(before, -1);
    if (after !== undefined) this.#tell(after, 1);
    if (before !== undefined && after?.id !== before.id) {
      this.#cards.delete(before.id);
      this.#asked.delete(before.id);
      if (after === undefined) for (const entry of entriesOfCard(before)) this.#owners.delete(entry.seq);
    }
    if (after === undefined) return;
    this.#cards.set(after.id, after);
    if (after.kind === "request") {
      if (after.open && after.joint !== "") this.#asked.add(after.id);
      else this.#asked.delete(after.id);
    }
    const from = before?.id === after.id && after.entries === before.entries ? before.count : 0; // what was there has its owner
    for (let at = from; at < after.count; at++) this.#owners.set((after.entries[at] as Entry).seq, after.id);
  }

  #tell(card: Card, by: number): void {
    this.#counts.all += by;
    if (card.kind === "tool") this.#counts.tools += by;
    if (card.kind === "output" || card.kind === "lost") this.#counts.output += by;
    if (card.kind === "file") this.#counts.files += by;
    if (card.bad) this.#counts.errors += by;
  }
}

const isBegun = (card: Card): boolean => card.entries[0] !== undefined && ENDS[card.entries[0].kind] === false;

/** A card with one more event. Where that is its newest, the array of events is shared with the card before. */
function grown(card: Card, entry: Entry): Card {
  const entries = sorted(card, entry);
  const seq = Math.min(card.seq, entry.seq);
  return { ...card, seq, last: Math.max(card.last, entry.seq), entries, count: card.count + 1 };
}

function sorted(card: Card, entry: Entry): Entry[] {
  const entries = card.entries as Entry[]; // only its own deck adds to it, and only behind what a card counts as its own
  if (entries.length === card.count && entry.seq > card.last) {
    entries.push(entry);
    return entries;
  }
  const own = entries.slice(0, card.count);
  const at = own.findIndex((one) => one.seq > entry.seq);
  own.splice(at < 0 ? own.length : at, 0, entry);
  return own;
}

const runOf = (card: Card, entries: readonly Entry[]): Card => ({
  ...card,
  entries,
  count: entries.length,
  seq: entries[0]?.seq ?? card.seq,
  last: entries.at(-1)?.seq ?? card.last,
});

/** A list of cards by `seq` that takes new ones anywhere at little cost: in chunks, so that nothing long is ever moved. Pure. */
import type { Card } from "./cards";

const CHUNK = 512; // cards; twice as many are cut in two

/** Cards in their order. */
export class Places {
  readonly #chunks: Card[][] = [];
  #all: Card[] | undefined;
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** All of them; the same array until something changes. Not to be changed. */
  get all(): readonly Card[] {
    this.#all ??= this.#chunks.flat();
    return this.#all;
  }

  /** The last one that begins before `seq`. */
  before(seq: number): Card | undefined {
    const [chunk, at] = this.#find(seq);
    return at > 0 ? this.#chunks[chunk]?.[at - 1] : this.#chunks[chunk - 1]?.at(-1);
  }

  /** The first one that does not. */
  from(seq: number): Card | undefined {
    const [chunk, at] = this.#find(seq);
    return this.#chunks[chunk]?.[at] ?? this.#chunks[chunk + 1]?.[0];
  }

  /** Those from one `seq` on, before another. */
  between(from: number, to: number): readonly Card[] {
    const found: Card[] = [];
    let [chunk, at] = this.#find(from);
    for (; chunk < this.#chunks.length; chunk++, at = 0) {
      for (const card of (this.#chunks[chunk] as Card[]).slice(at)) {
        if (card.seq >= to) return found;
        found.push(card);
      }
    }
    return found;
  }

  /** Puts one in: before those that begin at the same `seq`. */
  add(card: Card): void {
    this.#all = undefined;
    this.#size += 1;
    const last = this.#chunks.at(-1);
    if (last === undefined) {
      this.#chunks.push([card]);
      return;
    }
    let [chunk, at] = this.#find(card.seq);
    if (chunk === this.#chunks.length) [chunk, at] = [chunk - 1, last.length];
    const into = this.#chunks[chunk] as Card[];
    into.splice(at, 0, card);
    if (into.length >= 2 * CHUNK) this.#chunks.splice(chunk + 1, 0, into.splice(CHUNK));
  }

  /** Puts another in the place of one, where it belongs as well. */
  set(card: Card, next: Card): void {
    const [chunk, at] = this.#where(card);
    (this.#chunks[chunk] as Card[])[at] = next;
    if (this.#all !== undefined) this.#all = undefined;
  }

  /** Takes one out. */
  remove(card: Card): void {
    const [chunk, at] = this.#where(card);
    const from = this.#chunks[chunk] as Card[];
    from.splice(at, 1);
    if (from.length === 0) this.#chunks.splice(chunk, 1);
    this.#all = undefined;
    this.#size -= 1;
  }

  /** Where the first one is that does not begin before `seq`: its chunk, and its place there. */
  #find(seq: number): [chunk: number, at: number] {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (((this.#chunks[middle] as Card[]).at(-1) as Card).seq < seq) low = middle + 1;
      else high = middle;
    }
    const chunk = this.#chunks[low];
    return [low, chunk === undefined ? 0 : place(chunk, seq)];
  }

  #where(card: Card): [chunk: number, at: number] {
    let [chunk, at] = this.#find(card.seq);
    for (;;) {
      const cards = this.#chunks[chunk];
      if (cards === undefined) throw new Error(`card ${card.id} is not in its list`);
      if (cards[at]?.id === card.id) return [chunk, at];
      at += 1; // another begins at the same event
      if (at >= cards.length) [chunk, at] = [chunk + 1, 0];
    }
  }
}

/** The index of the first card that does not begin before `seq`. */
export function place(cards: readonly Card[], seq: number): number {
  let low = 0;
  let high = cards.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cards[middle] as Card).seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

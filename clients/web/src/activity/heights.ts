/**
 * Where each of many rows is, while their heights become known one by one: a tree of sums (Fenwick's), so that neither a change nor a question
 * costs more than the logarithm of their number. Pure.
 */

/** The rows' heights, in pixels. */
export class Heights {
  readonly #sizes: Float64Array;
  readonly #sums: Float64Array; // sums[i]: of the rows (i - lowest bit of i, i]
  readonly #top: number; // the largest power of two that is not above the number of rows

  /** `count` rows, each `size(index)` high, behind `head` pixels. */
  constructor(
    readonly count: number,
    size: (index: number) => number,
    readonly head = 0,
  ) {
    this.#sizes = new Float64Array(count);
    this.#sums = new Float64Array(count + 1);
    for (let at = 1; at <= count; at++) {
      const pixels = size(at - 1);
      this.#sizes[at - 1] = pixels;
      const sum = (this.#sums[at] as number) + pixels;
      this.#sums[at] = sum;
      const above = at + (at & -at);
      if (above <= count) this.#sums[above] = (this.#sums[above] as number) + sum;
    }
    let top = 1;
    while (top * 2 <= count) top *= 2;
    this.#top = top;
  }

  /** Of all, with the head. */
  get total(): number {
    return this.top(this.count);
  }

  /** Where a row begins; for `count`: where all end. */
  top(index: number): number {
    let sum = this.head;
    for (let at = Math.min(index, this.count); at > 0; at -= at & -at) sum += this.#sums[at] as number;
    return sum;
  }

  /** How high a row is. */
  size(index: number): number {
    return this.#sizes[index] ?? 0;
  }

  /** Says how high a row is. */
  set(index: number, pixels: number): void {
    const more = pixels - (this.#sizes[index] as number);
    if (more === 0) return;
    this.#sizes[index] = pixels;
    for (let at = index + 1; at <= this.count; at += at & -at) this.#sums[at] = (this.#sums[at] as number) + more;
  }

  /** The row at a place; the first or the last one where it is before or behind all. */
  at(place: number): number {
    let index = 0;
    let left = place - this.head;
    for (let step = this.#top; step > 0; step >>= 1) {
      const next = index + step;
      if (next <= this.count && (this.#sums[next] as number) <= left) {
        index = next;
        left -= this.#sums[next] as number;
      }
    }
    return Math.max(0, Math.min(index, this.count - 1));
  }
}

/** Which stretches of a log are loaded. Pure. */

/** From one event to another, both of them with it; `to` is Infinity for the stretch that goes on. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** The stretches with one more, by their beginnings; those that touch are one. */
export function joined(ranges: readonly Range[], more: Range): Range[] {
  const result: Range[] = [];
  for (const range of [...ranges, more].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last !== undefined && range.from <= last.to + 1)
      result[result.length - 1] = { from: last.from, to: Math.max(last.to, range.to) };
    else if (range.from <= range.to) result.push(range);
  }
  return result;
}

/** What is missing before and between them, from `oldest` on. */
export function holesOf(ranges: readonly Range[], oldest: number): Range[] {
  const found: Range[] = [];
  let next = oldest;
  for (const { from, to } of ranges) {
    if (from > next) found.push({ from: next, to: from - 1 });
    next = Math.max(next, to + 1);
  }
  return found;
}

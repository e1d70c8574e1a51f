/** What changes from one text to another, line by line. Pure. */

/** A line of a change. */
export interface DiffLine {
  readonly sign: "+" | "-" | " " | "@";
  readonly text: string;
}

const MOST = 250_000; // pairs of lines that are compared: above, the old is shown, then the new

/** The lines of both, with what they share once. */
export function diff(before: string, after: string): DiffLine[] {
  const old = linesOf(before);
  const now = linesOf(after);
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const middle = changed(old.slice(head, old.length - tail), now.slice(head, now.length - tail));
  const same = (lines: string[]): DiffLine[] => lines.map((text) => ({ sign: " ", text }));
  return [...same(old.slice(0, head)), ...middle, ...same(tail === 0 ? [] : old.slice(-tail))];
}

const linesOf = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

function changed(old: string[], now: string[]): DiffLine[] {
  const gone = (text: string): DiffLine => ({ sign: "-", text });
  const come = (text: string): DiffLine => ({ sign: "+", text });
  if (old.length * now.length > MOST || old.length === 0 || now.length === 0) return [...old.map(gone), ...now.map(come)];
  const width = now.length + 1;
  const shared = new Uint32Array((old.length + 1) * width); // longest common lines from (i, j) on
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--)
      shared[i * width + j] =
        old[i] === now[j]
          ? 1 + (shared[(i + 1) * width + j + 1] as number)
          : Math.max(shared[(i + 1) * width + j] as number, shared[i * width + j + 1] as number);
  const found: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      found.push({ sign: " ", text: old[i] as string });
      i += 1;
      j += 1;
    } else if ((shared[(i + 1) * width + j] as number) >= (shared[i * width + j + 1] as number))
      found.push(gone(old[i++] as string));
    else found.push(come(now[j++] as string));
  }
  return [...found, ...old.slice(i).map(gone), ...now.slice(j).map(come)];
}

const PATCH_HEAD = /^(\*\*\*|@@|diff |index |--- |\+\+\+ )/;

/** The lines of a text that is a patch already. */
export const patchLines = (patch: string): DiffLine[] =>
  linesOf(patch).map((line) => {
    if (PATCH_HEAD.test(line)) return { sign: "@", text: line };
    const sign = line[0];
    return sign === "+" || sign === "-" ? { sign, text: line.slice(1) } : { sign: " ", text: line.replace(/^ /, "") };
  });

/**
 * A command line as people type it, split into its words: blanks separate, quotes and backslashes keep together, as in a shell. Nothing else
 * of a shell: no variables, no patterns, no pipes; those words are passed on as they are.
 */

/** The words, or why there are none. */
export type Split = { readonly words: string[] } | { readonly problem: string };

/** Splits a line. In `"…"` a backslash keeps `"` and `\` only, in `'…'` it is itself; elsewhere it keeps whatever follows. */
export function split(line: string): Split {
  const words: string[] = [];
  let word: string | undefined; // undefined: between words; "" is a word, if it was quoted
  for (let at = 0; at < line.length; at += 1) {
    const sign = line.charAt(at);
    if (/\s/.test(sign)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (sign === "'") {
      const end = line.indexOf("'", at + 1);
      if (end < 0) return { problem: "a ' has no end: put one more, or write \\' where it means itself" };
      word = (word ?? "") + line.slice(at + 1, end);
      at = end;
    } else if (sign === '"') {
      word ??= "";
      for (at += 1; line.charAt(at) !== '"'; at += 1) {
        if (line.charAt(at) === "\\" && /["\\]/.test(line.charAt(at + 1))) at += 1;
        if (at >= line.length) return { problem: 'a " has no end: put one more, or write \\" where it means itself' };
        word += line.charAt(at);
      }
    } else if (sign === "\\") {
      at += 1;
      if (at >= line.length)
        return { problem: "the line ends with a \\ that keeps nothing: write \\\\ for one that means itself" };
      word = (word ?? "") + line.charAt(at);
    } else {
      word = (word ?? "") + sign;
    }
  }
  if (word !== undefined) words.push(word);
  return { words };
}

/** Signs that mean something to a shell and nothing here; empty: there are none outside of quotes. */
export function shellSigns(line: string): string[] {
  const bare = line.replace(/'[^']*'|"(?:\\.|[^"\\])*"|\\./g, "");
  return [...new Set(bare.match(/\|\||&&|[|<>;&`*?]|\$[\w({]/g) ?? [])];
}

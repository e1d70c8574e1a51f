/**
 * What agents write in, as far as it is drawn: code, lists, headings, quotes, bold, italic, links. A tree of plain values: whatever is not
 * understood stays text. Pure, and linear in the text: it is others who write it.
 */

/** A piece of a line. */
export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "strong" | "emphasis"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly href: string };

/** A block. */
export type Block =
  | { readonly kind: "paragraph" | "quote"; readonly text: string }
  | { readonly kind: "heading"; readonly level: number; readonly text: string }
  | { readonly kind: "code"; readonly language: string; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly Item[] }
  | { readonly kind: "table"; readonly rows: readonly (readonly string[])[] }
  | { readonly kind: "rule" };

/** A list's item: what stands before it, how far in it is, its text. */
export interface Item {
  readonly mark: string;
  readonly depth: number;
  readonly text: string;
}

// A repetition with another one behind it is told where to end: else both are tried at each length, and a long line takes a minute.
const FENCE = /^ {0,3}(`{3,}(?!`)|~{3,}(?!~))\s*(?!\s)([\w+#.-]{0,32})[^`]*$/;
const HEADING = /^ {0,3}(#{1,6}) +(?! )(.+)$/s;
const ITEM = /^(\s{0,24})([-*+]|\d{1,9}[.)]) +(?! )(.*)$/s;
const QUOTE = /^ {0,3}> ?(.*)$/;
const RULE = /^ {0,3}([-*_])( *\1){2,} *$/;
const ROW = /^ {0,3}\|(.+)\| *$/;
const DASHES = /^[\s|:-]+$/;
const MAX_DEPTH = 6;

/** The blocks of a text. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.split("\n");
  let open: string[] = [];
  const close = () => {
    if (open.length > 0) blocks.push({ kind: "paragraph", text: open.join("\n") });
    open = [];
  };
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] as string;
    const taken = fenced(lines, at) ?? listed(lines, at) ?? quoted(lines, at) ?? tabled(lines, at) ?? single(line);
    if (taken !== undefined) {
      close();
      blocks.push(taken.block);
      at += taken.lines - 1;
    } else if (line.trim() === "") close();
    else open.push(line);
  }
  close();
  return blocks;
}

interface Taken {
  readonly block: Block;
  readonly lines: number;
}

function fenced(lines: readonly string[], from: number): Taken | undefined {
  const [, fence, language] = FENCE.exec(lines[from] as string) ?? [];
  if (fence === undefined) return undefined;
  let end = from + 1;
  while (end < lines.length && !(lines[end] as string).trim().startsWith(fence)) end += 1;
  const text = lines.slice(from + 1, end).join("\n");
  return { block: { kind: "code", language: language ?? "", text }, lines: Math.min(end, lines.length - 1) - from + 1 };
}

function listed(lines: readonly string[], from: number): Taken | undefined {
  const items: { mark: string; depth: number; text: string }[] = [];
  let at = from;
  for (; at < lines.length; at++) {
    const line = lines[at] as string;
    const [, indent, mark, text] = RULE.test(line) ? [] : (ITEM.exec(line) ?? []);
    const last = items.at(-1);
    if (mark !== undefined) {
      const depth = Math.min(MAX_DEPTH, Math.floor((indent ?? "").replaceAll("\t", "    ").length / 2));
      items.push({ mark: /\d/.test(mark) ? mark : "•", depth, text: text ?? "" });
    } else if (last !== undefined && /^\s{2,}\S/.test(line) && !FENCE.test(line)) last.text += `\n${line.trim()}`;
    else break;
  }
  return items.length === 0 ? undefined : { block: { kind: "list", items }, lines: at - from };
}

function quoted(lines: readonly string[], from: number): Taken | undefined {
  const found: string[] = [];
  for (let at = from; at < lines.length; at++) {
    const [, text] = QUOTE.exec(lines[at] as string) ?? [];
    if (text === undefined) break;
    found.push(text);
  }
  return found.length === 0 ? undefined : { block: { kind: "quote", text: found.join("\n") }, lines: found.length };
}

function tabled(lines: readonly string[], from: number): Taken | undefined {
  if (!ROW.test(lines[from] as string) || !DASHES.test(lines[from + 1] ?? "x") || !ROW.test(lines[from + 1] ?? ""))
    return undefined;
  const rows: string[][] = [];
  let at = from;
  for (; at < lines.length; at++) {
    const [, cells] = ROW.exec(lines[at] as string) ?? [];
    if (cells === undefined) break;
    if (at !== from + 1) rows.push(cells.split("|").map((cell) => cell.trim()));
  }
  return { block: { kind: "table", rows }, lines: at - from };
}

function single(line: string): Taken | undefined {
  const [, signs, text] = HEADING.exec(line) ?? [];
  if (signs !== undefined) return { block: { kind: "heading", level: signs.length, text: title(text ?? "") }, lines: 1 };
  return RULE.test(line) ? { block: { kind: "rule" }, lines: 1 } : undefined;
}

/** A heading's text without the signs that may close it. */
function title(text: string): string {
  let end = text.trimEnd().length;
  while (end > 1 && text[end - 1] === "#") end -= 1;
  return text.slice(0, end).trimEnd();
}

const INLINE =
  /(?<!`)(`+)(?!`)([^\n]{1,2000}?[^`])\1(?!`)|(`)([^`\n])`|\*\*(?=\S)([^*\n]{1,2000})\*\*|(?<![\w*])\*(?=\S)([^*\n]{1,500})\*(?![\w*])|\[([^\]\n]{1,500})\]\((\S{1,2000}?)\)|(https?:\/\/[^\s<>"'`)\]]{1,2000})/g;

/** The pieces of a text that may hold line ends. */
export function inlinesOf(text: string): Inline[] {
  const found: Inline[] = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    const piece = inlineOf(match);
    if (piece === undefined) continue;
    if (match.index > from) found.push({ kind: "text", text: text.slice(from, match.index) });
    found.push(piece.inline);
    from = match.index + match[0].length - piece.left;
  }
  if (from < text.length) found.push({ kind: "text", text: text.slice(from) });
  return found;
}

function inlineOf(match: RegExpMatchArray): { inline: Inline; left: number } | undefined {
  const [, , code, , letter, strong, emphasis, label, target, url] = match;
  if (code !== undefined || letter !== undefined) return { inline: { kind: "code", text: code ?? letter ?? "" }, left: 0 };
  if (strong !== undefined) return { inline: { kind: "strong", text: strong }, left: 0 };
  if (emphasis !== undefined) return { inline: { kind: "emphasis", text: emphasis }, left: 0 };
  if (label !== undefined && target !== undefined) {
    const href = safeLink(target);
    return href === undefined ? undefined : { inline: { kind: "link", text: label, href }, left: 0 };
  }
  const bare = url?.replace(/[.,;:!?]+$/, "") ?? "";
  const href = safeLink(bare);
  return href === undefined ? undefined : { inline: { kind: "link", text: bare, href }, left: (url?.length ?? 0) - bare.length };
}

/** The address, if it may be followed: the web alone. */
export function safeLink(target: string): string | undefined {
  try {
    const url = new URL(target);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}

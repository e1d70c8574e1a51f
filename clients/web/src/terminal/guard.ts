/**
 * What a program may not do to whoever watches it: ask the terminal (each viewer would answer, and the answer would be typed into the program,
 * again at each replay), change its colours, or reach the clipboard. All of it is taken out of the way before the terminal sees it.
 */
import type { Terminal } from "@xterm/xterm";

type Sequence = Parameters<Terminal["parser"]["registerCsiHandler"]>[0];

/** Questions: DA1-3, DSR and CPR, DECRQM, DECREQTPARM, XTVERSION, the size of the window, kitty's keyboard and DECRQPSR. */
const QUESTIONS: readonly Sequence[] = [
  { final: "c" },
  { prefix: ">", final: "c" },
  { prefix: "=", final: "c" },
  { final: "n" },
  { prefix: "?", final: "n" },
  { prefix: ">", final: "n" },
  { intermediates: "$", final: "p" },
  { prefix: "?", intermediates: "$", final: "p" },
  { final: "x" },
  { prefix: ">", final: "q" },
  { final: "t" },
  { prefix: "?", final: "u" },
  { intermediates: "$", final: "w" },
];

/** Colours (asked for or set: the theme is the page's, and readable), window, clipboard. */
const COMMANDS = [4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 52];

/** DECRQSS, XTGETTCAP. */
const STRINGS: readonly Sequence[] = [
  { intermediates: "$", final: "q" },
  { intermediates: "+", final: "q" },
];

const taken = () => true;

/** Takes all that out of what a terminal is given. */
export function guard({ parser }: Terminal): void {
  for (const one of QUESTIONS) parser.registerCsiHandler(one, taken);
  for (const one of COMMANDS) parser.registerOscHandler(one, taken);
  for (const one of STRINGS) parser.registerDcsHandler(one, taken);
}

/** Whether what a terminal wants to send was typed by somebody; it also tells programs when it gets and loses the focus. */
export const wasTyped = (data: string): boolean => data !== "\x1b[I" && data !== "\x1b[O";

/** Where a link may lead; undefined: nowhere. */
export function linkTarget(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return ["http:", "https:"].includes(url.protocol) ? url.href : undefined;
}

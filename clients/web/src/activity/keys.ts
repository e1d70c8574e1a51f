/** The keys of the activity, while the focus is in it; the help lists them. */

/** One of them, in the words of the help. */
export interface Key {
  readonly keys: string;
  readonly what: string;
  readonly group: string;
  /** It is bound on the whole page while the activity is there; the others count while the focus is in it. */
  readonly everywhere?: true;
}

const group = "Activity";

/** All of them. */
export const ACTIVITY_KEYS: readonly Key[] = [
  { keys: "j k", what: "Next card, card before (also ↓ ↑)", group },
  { keys: "Enter", what: "Fold or unfold the card", group },
  { keys: "Home End", what: "First card, last card", group },
  { keys: "1 … 9", what: "Answer the request that has the focus", group },
  { keys: "r", what: "To the next request that waits", group, everywhere: true },
  { keys: "/", what: "Search", group },
  { keys: "n p", what: "Next and previous found", group },
  { keys: "a", what: "All", group, everywhere: true },
  { keys: "t", what: "Tools", group, everywhere: true },
  { keys: "o", what: "Output", group, everywhere: true },
  { keys: "f", what: "Files", group, everywhere: true },
  { keys: "e", what: "Errors", group, everywhere: true },
  { keys: "c", what: "Copy a link to the card", group },
];

/** What a key does. */
export type Action =
  | { readonly kind: "move"; readonly by: number }
  | { readonly kind: "first" | "last" | "fold" | "request" | "search" | "copy" }
  | { readonly kind: "found"; readonly by: 1 | -1 }
  | { readonly kind: "tab"; readonly tab: "all" | "tools" | "output" | "files" | "errors" }
  | { readonly kind: "answer"; readonly which: number };

const PLAIN: Readonly<Record<string, Action>> = {
  j: { kind: "move", by: 1 },
  ArrowDown: { kind: "move", by: 1 },
  k: { kind: "move", by: -1 },
  ArrowUp: { kind: "move", by: -1 },
  Home: { kind: "first" },
  End: { kind: "last" },
  Enter: { kind: "fold" },
  r: { kind: "request" },
  "/": { kind: "search" },
  n: { kind: "found", by: 1 },
  p: { kind: "found", by: -1 },
  c: { kind: "copy" },
  a: { kind: "tab", tab: "all" },
  t: { kind: "tab", tab: "tools" },
  o: { kind: "tab", tab: "output" },
  f: { kind: "tab", tab: "files" },
  e: { kind: "tab", tab: "errors" },
};

/** What a key does; undefined: nothing. */
export function actionOf(key: { key: string; ctrlKey: boolean; metaKey: boolean; altKey: boolean }): Action | undefined {
  if (key.ctrlKey || key.metaKey || key.altKey) return undefined;
  if (/^[1-9]$/.test(key.key)) return { kind: "answer", which: Number(key.key) };
  return PLAIN[key.key];
}

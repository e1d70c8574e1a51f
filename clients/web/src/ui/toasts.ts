/** Short words about what just happened: shown for a while in a corner, and read aloud. */
import { type Readable, Store } from "../bridge/store";

/** One of them. */
export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: "plain" | "good" | "bad";
}

const SHOWN_MS = { plain: 6_000, good: 6_000, bad: 15_000 };
const MOST = 4;

const shown = new Store<readonly Toast[]>([]);
const said = new Store("");
let last = 0;

/** Those that are shown, the newest last. */
export const toasts: Readable<readonly Toast[]> = shown;

/** What is read aloud, and not seen. */
export const spoken: Readable<string> = said;

/** Shows one; what went wrong stays longer. */
export function toast(text: string, tone: Toast["tone"] = "plain"): void {
  const id = ++last;
  shown.update((all) => [...all.slice(1 - MOST), { id, text, tone }]);
  setTimeout(() => dismiss(id), SHOWN_MS[tone]);
}

/** Takes one away. */
export const dismiss = (id: number): void => shown.update((all) => all.filter((one) => one.id !== id));

/** Reads aloud, once what is being read is over; for changes that matter, not for all. */
export const announce = (text: string): void => said.set(said.get() === text ? `${text}\u00a0` : text);

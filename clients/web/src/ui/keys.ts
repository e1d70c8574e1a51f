/**
 * The page's keys: one listener, and whoever has a use for a key says so. Keys that are typed into a field, a terminal or a dialog belong
 * there and are never taken.
 */
import { useEffect } from "react";
import { type Readable, Store } from "../bridge/store";

/** A key, or two one after the other with a blank between them, as `KeyboardEvent.key` names them: `j`, `g t`, `?`, `Escape`. */
export interface Binding {
  readonly keys: string;
  /** What it does, for the help. */
  readonly what: string;
  /** Under which head the help lists it. */
  readonly group: string;
  readonly run: () => void;
}

/** What is looked at in an event of the keyboard. */
export type KeyLike = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">;

const SECOND_KEY_MS = 1200; // after the first of two

const store = new Store<readonly Binding[]>([]);

/** All that is bound now. */
export const bindings: Readable<readonly Binding[]> = store;

/** Binds keys for as long as the component is drawn. Pass the same array until something changes: `useMemo`. */
export function useKeys(wanted: readonly Binding[]): void {
  useEffect(() => {
    store.update((all) => [...all, ...wanted]);
    return () => store.update((all) => all.filter((one) => !wanted.includes(one)));
  }, [wanted]);
}

/** What a key means behind those pressed before it: who is to run, or what to wait with for the next one (empty: for nothing). */
export function judge(pending: string, key: KeyLike, all: readonly Binding[]): { run?: Binding; pending: string } {
  if (key.ctrlKey || key.metaKey || key.altKey) return { pending: "" };
  for (const keys of pending === "" ? [key.key] : [`${pending} ${key.key}`, key.key]) {
    const run = all.findLast((one) => one.keys === keys); // the innermost came last
    if (run !== undefined) return { run, pending: "" };
    if (all.some((one) => one.keys.startsWith(`${keys} `))) return { pending: keys };
  }
  return { pending: "" };
}

const TYPED_INTO =
  'textarea, select, input:not([type="checkbox"], [type="radio"], [type="button"]), [contenteditable]:not([contenteditable="false"]), ' +
  '[role="textbox"], [role="menu"], .xterm, [data-own-keys], dialog';

/** Whether keys that are pressed there belong there: fields, terminals, menus, dialogs, and whatever has `data-own-keys`. */
export const hasOwnKeys = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest(TYPED_INTO) !== null;

/** Begins to listen; returns how to stop that. Once for the page. */
export function listenForKeys(): () => void {
  let pending = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const listen = (event: KeyboardEvent) => {
    if (
      event.defaultPrevented ||
      event.isComposing ||
      hasOwnKeys(event.target) ||
      document.querySelector("dialog[open]") !== null
    ) {
      return;
    }
    if (["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
    const { run, pending: next } = judge(pending, event, store.get());
    clearTimeout(timer);
    pending = next;
    timer = setTimeout(() => {
      pending = "";
    }, SECOND_KEY_MS);
    if (run === undefined) return;
    event.preventDefault();
    run.run();
  };
  document.addEventListener("keydown", listen);
  return () => {
    clearTimeout(timer);
    document.removeEventListener("keydown", listen);
  };
}

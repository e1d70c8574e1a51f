/** What somebody has chosen for this browser: kept in `localStorage`, the same in all of its tabs. */
import { type Readable, Store } from "../bridge/store";

/** A choice that is kept. */
export interface Setting<T> extends Readable<T> {
  set(value: T): void;
}

/**
 * A choice under `sightline.NAME`. `read` judges what stands there, which may be anything (null: nothing), and gives the default for
 * what it does not know.
 */
export function setting<T>(name: string, read: (text: string | null) => T, write: (value: T) => string = String): Setting<T> {
  const key = `sightline.${name}`;
  const store = new Store(read(stored(key)));
  globalThis.addEventListener?.("storage", (event) => {
    if (event.key === key) store.set(read(event.newValue));
  });
  return {
    get: store.get,
    subscribe: store.subscribe,
    set: (value) => {
      store.set(value);
      try {
        localStorage.setItem(key, write(value));
      } catch {
        // It is full or forbidden: the choice lasts as long as the page.
      }
    },
  };
}

/** One word of several; `otherwise` where another stands there. */
export const oneOf =
  <T extends string>(words: readonly T[], otherwise: T) =>
  (text: string | null): T =>
    words.find((word) => word === text) ?? otherwise;

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

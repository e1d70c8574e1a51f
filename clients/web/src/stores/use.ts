/** How components read what lives outside React. */
import { useSyncExternalStore } from "react";
import type { Readable } from "../bridge/store";

/** A store's value in a component, which is drawn again when it changes. */
export function useStore<T>(store: Readable<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}

/** What `select` takes out of a store's value; drawn again only when that changes (compared with Object.is). */
export function useSelected<T, S>(store: Readable<T>, select: (value: T) => S): S {
  return useSyncExternalStore(store.subscribe, () => select(store.get()));
}

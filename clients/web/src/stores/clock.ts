/** One clock for the page: ages are drawn by it, so that a thousand rows need one timer and none where nobody looks. */
import type { Readable } from "../bridge/store";

const SECOND = 1000; // ms
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Milliseconds since 1970, in whole seconds. Read it with `useSelected`, so that only what reads differently is drawn again. */
export const now: Readable<number> = {
  get: () => Math.floor(Date.now() / SECOND) * SECOND,
  subscribe: (listener) => {
    listeners.add(listener);
    timer ??= setInterval(() => {
      for (const one of [...listeners]) one();
    }, SECOND);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  },
};

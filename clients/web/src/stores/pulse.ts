/** How far each log is, and how busy it was in the last seconds. Costs work only for sessions that move. */
import { type Readable, Store } from "../bridge/store";
import type { Heartbeat } from "../gen/sightline/v1/session_service_pb";

/** So many seconds are remembered. */
export const BEATS = 24;
const SECOND = 1000; // ms

interface Beat {
  head: number;
  /** The second that `counts` ends with. */
  at: number;
  /** Events in each of the last seconds, the newest last. */
  counts: number[];
}

const QUIET: readonly number[] = [];

/** The heads of all logs that are followed. */
export class Pulse {
  readonly #beats = new Map<string, Beat>();
  readonly #ticks = new Store(0);

  /** Another number after each change: what is read here may be another then. */
  get ticks(): Readable<number> {
    return this.#ticks;
  }

  /** The newest event that is known of a session; 0: none. */
  head(id: string): number {
    return this.#beats.get(id)?.head ?? 0;
  }

  /** Takes what a heartbeat says; `now` in milliseconds. */
  take({ positions }: Heartbeat, now: number): void {
    let moved = false;
    for (const { cursor } of positions) {
      if (cursor !== undefined) moved = this.reached(cursor.sessionId, Number(cursor.seq), now) || moved;
    }
    if (moved) this.#ticks.update((count) => count + 1);
  }

  /** A log is known to reach so far: what is news since the last time counts for this second. Says whether it is; tells nobody. */
  reached(id: string, head: number, now: number): boolean {
    const beat = this.#beats.get(id);
    if (beat === undefined) {
      this.#beats.set(id, { head, at: 0, counts: [] });
      return true;
    }
    if (head <= beat.head) return false;
    const second = Math.floor(now / SECOND);
    beat.counts = shifted(beat, second);
    beat.at = second;
    beat.counts[BEATS - 1] = (beat.counts[BEATS - 1] ?? 0) + head - beat.head;
    beat.head = head;
    return true;
  }

  /** A log begins anew, or is gone. */
  forget(id: string): void {
    this.#beats.delete(id);
  }

  /** Events in each of the last `BEATS` seconds, the newest last; empty: none in any of them. */
  counts(id: string, now: number): readonly number[] {
    const beat = this.#beats.get(id);
    const second = Math.floor(now / SECOND);
    return beat === undefined || beat.counts.length === 0 || second - beat.at >= BEATS ? QUIET : shifted(beat, second);
  }
}

/** The counts as they are seen from a second that may be later than their own. */
function shifted({ at, counts }: Beat, second: number): number[] {
  const by = second - at;
  if (by >= BEATS || counts.length === 0) return new Array<number>(BEATS).fill(0);
  return by <= 0 ? counts.slice() : [...counts.slice(by), ...new Array<number>(by).fill(0)];
}

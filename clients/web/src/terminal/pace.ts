/** When what comes next in a replay is due. Pure: it is told times, and knows no clock. */

/** The speeds that there are; Infinity: at once. */
export const SPEEDS = [0.5, 1, 2, 4, 8, 16, Number.POSITIVE_INFINITY] as const;

const IDLE_MS = 1000; // the longest pause that is played, before the speed counts
const LEAST_MS = 8; // shorter pauses are gathered: half a frame

/** Turns the times of events into pauses between them. */
export class Pace {
  #last: number | undefined;
  #owed = 0;

  /** How long to wait before an event of this time, in milliseconds; what is too short to wait for is owed. */
  before(time: number, speed: number): number {
    const passed = this.#last === undefined ? 0 : Math.min(Math.max(time - this.#last, 0), IDLE_MS);
    this.#last = time;
    this.#owed += passed / speed;
    if (this.#owed < LEAST_MS) return 0;
    const pause = this.#owed;
    this.#owed = 0;
    return pause;
  }

  /** So long was waited more than asked for: the next pause is shorter by it. */
  overslept(ms: number): void {
    this.#owed -= ms;
  }

  /** Begins anew: the next event is due at once. */
  reset(): void {
    this.#last = undefined;
    this.#owed = 0;
  }
}

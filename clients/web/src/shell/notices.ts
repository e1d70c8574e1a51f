/** What the browser tells somebody who looks elsewhere: a session waits, or has ended. Facts alone, never what a program wrote. */
import type { Session } from "../gen/sightline/v1/session_pb";
import { hasEnded, needsYou, stateWord } from "../sessions/words";

/** One notice. */
export interface Notice {
  /** A session's id: its newer notice takes the place of the older; empty: of all of them together. */
  readonly session: string;
  readonly title: string;
  readonly body: string;
}

const MOST = 4; // at once; more become one
const TOGETHER_MS = 150; // what comes within this comes at once

/** What a change is worth telling; undefined: nothing. `before` undefined: it is new. */
export function noticeOf(before: Session | undefined, after: Session | undefined): Notice | undefined {
  if (after === undefined) return undefined;
  const waits = needsYou(after) && !(before !== undefined && needsYou(before) && before.waitingFor === after.waitingFor);
  const ends = after.endTime !== undefined && before !== undefined && before.endTime === undefined; // how it ended is known then
  if (!waits && !ends) return undefined;
  const body = [after.agent, after.host, after.cwd].filter(Boolean).join(" · ");
  return { session: after.id, title: `${after.name} ${stateWord(after)}`, body };
}

/** Several at once, as many as somebody can take in. */
export function together(notices: readonly Notice[]): readonly Notice[] {
  const latest = [...new Map(notices.map((one) => [one.session, one])).values()];
  if (latest.length <= MOST) return latest;
  const names = latest.slice(0, MOST).map((one) => one.title);
  return [{ session: "", title: `${latest.length} sessions wait or have ended`, body: `${names.join("\n")}\n…` }];
}

/** What can be shown and taken away; the browser's `Notification` is one. */
export interface Shown {
  onclick: ((event: Event) => unknown) | null;
  close(): void;
}

/** How notices reach somebody, so that the rules can be tried without a browser. */
export interface Outside {
  /** Shows one; may throw where the browser does not let pages do that. */
  show(notice: Notice): Shown;
  /** Whether somebody looks at the session just now. */
  isLooking(session: string): boolean;
  /** Goes to a session; empty: to the list. */
  open(session: string): void;
}

/** Tells them: one for each change, not for what is looked at, and takes them away when they are no longer true. */
export class Notices {
  readonly #shown = new Map<string, Shown>();
  #waiting: Notice[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly outside: Outside) {}

  /** Takes a change; see `Sessions.watch`. */
  take(before: Session | undefined, after: Session | undefined): void {
    const id = (after ?? before)?.id ?? "";
    const notice = noticeOf(before, after);
    if (notice !== undefined) {
      this.#waiting.push(notice);
      this.#timer ??= setTimeout(() => this.#show(), TOGETHER_MS);
    } else if (after === undefined || !(needsYou(after) || hasEnded(after))) {
      this.#waiting = this.#waiting.filter((one) => one.session !== id);
      this.#take(id);
    }
  }

  /** Somebody looks at it now. */
  looked(session: string): void {
    this.#take(session);
  }

  /** Takes all of them away. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
    for (const id of [...this.#shown.keys()]) this.#take(id);
  }

  #show(): void {
    this.#timer = undefined;
    const due = together(this.#waiting.filter((one) => !this.outside.isLooking(one.session)));
    this.#waiting = [];
    for (const notice of due) {
      try {
        const shown = this.outside.show(notice);
        shown.onclick = () => {
          this.outside.open(notice.session);
          this.#take(notice.session);
        };
        this.#shown.set(notice.session, shown);
      } catch {
        return; // some browsers let only service workers do it
      }
    }
  }

  #take(id: string): void {
    this.#shown.get(id)?.close();
    this.#shown.delete(id);
  }
}

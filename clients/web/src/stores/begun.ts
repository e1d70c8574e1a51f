/** What was begun in this page and not shown yet: whoever began a terminal goes on typing into it. */

let waiting: string | undefined;

/** A session was begun here, and is about to be shown. */
export function begun(session: string): void {
  waiting = session;
}

/** Whether this one was begun here and is shown for the first time; asked once, since only the first view of it takes the keys. */
export function takeBegun(session: string): boolean {
  if (waiting !== session) return false;
  waiting = undefined;
  return true;
}

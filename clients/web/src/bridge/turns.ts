/**
 * Work in slices, so that no task of the page is long: whatever a frame brings is done piece by piece, and the browser draws and takes keys
 * in between. One queue for the page; each worker gets its turn.
 */

const SLICE_MS = 8; // of a frame's 16: the rest is the browser's

/** Does a piece of work and says whether there is more. */
export type Worker = () => boolean;

const waiting: Worker[] = [];
const channel = new MessageChannel(); // its messages are tasks, which timers in hidden tabs are not for a second
let scheduled = false;

channel.port1.onmessage = () => {
  scheduled = false;
  const until = performance.now() + SLICE_MS;
  try {
    while (performance.now() < until) {
      const worker = waiting.shift();
      if (worker === undefined) return;
      if (worker()) waiting.push(worker);
    }
  } finally {
    if (waiting.length > 0) schedule(); // also when one has thrown: the others have nothing to do with it
  }
};

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  channel.port2.postMessage(0);
}

/** Calls `worker` again and again, in slices with others, until it says that there is no more. */
export function takeTurns(worker: Worker): void {
  waiting.push(worker);
  schedule();
}

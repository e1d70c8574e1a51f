/** What was written before a moment: what to scroll back to, and where to begin to draw so that a screen of the past comes out right. */
import type { BridgeClient } from "../bridge/client";
import type { Entry } from "../bridge/entries";
import type { Subscription } from "../bridge/subscription";
import type { Session } from "../gen/sightline/v1/session_pb";
import { DRAWN } from "./drawing";
import { outputOf } from "./output";

/** What streams are asked of. */
export type Subscriber = Pick<BridgeClient, "subscribe">;

const FEWEST = 16n; // events to look back

/** How many events of a session hold so many bytes, about. */
export function eventsIn(session: Session, bytes: number): bigint {
  const count = session.headSeq - session.oldestSeq + 1n;
  if (count <= 0n || session.bytes === 0n) return FEWEST;
  const found = (BigInt(bytes) * count) / session.bytes;
  return found > FEWEST ? found : FEWEST;
}

/**
 * The events that draw, up to `through`, of about the last `bytes` before it.
 *
 * @param session as it is now: how large its events are is judged by it.
 */
export function eventsBefore(
  client: Subscriber,
  session: Session,
  through: bigint,
  bytes: number,
  signal: AbortSignal,
): Promise<Entry[]> {
  const from = through - eventsIn(session, bytes);
  const seq = from < session.oldestSeq ? session.oldestSeq - 1n : from;
  const found: Entry[] = [];
  let size = 0;
  return new Promise((resolve) => {
    let subscription: Subscription | undefined;
    const finish = () => {
      subscription?.close();
      resolve(found);
    };
    if (seq >= through || signal.aborted) return finish();
    signal.addEventListener("abort", finish, { once: true });
    subscription = client.subscribe(
      {
        sessions: [session.id],
        start: { case: "after", value: { cursors: [{ sessionId: session.id, epoch: session.epoch, seq }] } },
        filter: { kinds: DRAWN },
        untilCaughtUp: true,
      },
      {
        onEntries: (entries) => {
          for (const entry of entries) {
            if (entry.seq > Number(through)) return finish();
            found.push(entry);
            size += entry.bytes.length;
          }
          while (size > 2 * bytes && found.length > 1) size -= found.shift()?.bytes.length ?? 0;
        },
        onReset: finish,
        onEnd: finish,
      },
    );
  });
}

const ESC = 0x1b;
const coded = (codes: readonly string[]) => codes.map((code) => [...code].map((sign) => sign.charCodeAt(0)));
const FORGETS = coded(["\x1bc", "\x1b[3J", "\x1b[?1049l", "\x1b[?47l"]); // nothing of before can be seen, or scrolled back to
const EMPTIES = [...FORGETS, ...coded(["\x1b[2J", "\x1b[?1049h", "\x1b[H\x1b[J"])]; // nothing of before is on the screen

/** Where the last of some codes begins; -1: there is none. */
function lastOf(bytes: Uint8Array, codes: readonly number[][]): number {
  for (let at = bytes.lastIndexOf(ESC); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(ESC, at - 1)) {
    if (codes.some((code) => code.every((sign, n) => bytes[at + n] === sign))) return at;
  }
  return -1;
}

/** The events from the last one on that empties the screen; all of them, where none does. */
export function fromClear(entries: Entry[]): Entry[] {
  const at = entries.findLastIndex((entry) => {
    const data = outputOf(entry)?.data;
    return data !== undefined && lastOf(data, EMPTIES) >= 0;
  });
  return at < 0 ? entries : entries.slice(at);
}

/** The bytes from the last code on after which nothing of before can be scrolled back to; all of them, where there is none. */
export function sinceClear(bytes: Uint8Array): Uint8Array {
  const at = lastOf(bytes, FORGETS);
  return at < 0 ? bytes : bytes.subarray(at);
}

/** The beginning of a character that is cut off at the end of the bytes: what comes next goes on there. */
export function unfinished(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue; // the middle of one
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return back < length ? bytes.subarray(bytes.length - back) : bytes.subarray(bytes.length);
  }
  return bytes.subarray(bytes.length);
}

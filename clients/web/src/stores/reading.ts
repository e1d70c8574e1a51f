/** Reading a part of a log once: a page, a stretch as text, a whole event. Knows the connection, and no card. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { BridgeClient, RequestOf } from "../bridge/client";
import { Entry } from "../bridge/entries";
import type { CallError } from "../bridge/errors";
import { Reader } from "../bridge/wire";
import type { EventKind } from "../gen/sightline/v1/event_pb";
import { ListEventsResponseSchema, type SubscribeRequestSchema } from "../gen/sightline/v1/session_service_pb";

const EVENTS = ListEventsResponseSchema.field.events.number;
const NEXT_PAGE = ListEventsResponseSchema.field.nextPageToken.number;
const PAGE = 2000; // events; with their bytes a page is at most 2 MiB, and taken in within a few milliseconds
const READY_MS = 10_000; // a page waits so long for a connection

/** One page: its events, still encoded. A response that is decoded as a whole would stop the page for too long. */
interface Page {
  readonly entries: Entry[];
  /** Empty: it was the last. */
  readonly next: string;
}

/**
 * Reads events of `kinds` behind `after` and before `before`, in order; with `most` it stops behind the page that reaches so many.
 *
 * @returns the events, and the last one up to which there are no others.
 * @throws {CallError} what the service says.
 */
export async function readRange(
  client: BridgeClient,
  session: string,
  kinds: readonly EventKind[],
  { after, before, most = Number.POSITIVE_INFINITY }: { after: number; before: number; most?: number },
): Promise<{ entries: Entry[]; through: number }> {
  const found: Entry[] = [];
  const pageSize = Math.min(PAGE, Math.max(50, before - after));
  let pageToken = "";
  for (;;) {
    const page = await readPage(client, { session, afterSeq: BigInt(after), pageSize, pageToken, filter: { kinds: [...kinds] } });
    for (const entry of page.entries) if (entry.seq < before) found.push(entry);
    const last = page.entries.at(-1)?.seq ?? after;
    pageToken = page.next;
    if (last >= before || pageToken === "") return { entries: found, through: before - 1 };
    if (found.length >= most) return { entries: found, through: last };
  }
}

async function readPage(client: BridgeClient, request: RequestOf<"listEvents">): Promise<Page> {
  await client.ready(READY_MS);
  return new Promise((resolve, reject) => {
    const number = client.open(
      { case: "listEvents", value: request },
      {
        onResponse: (body) => {
          resolve(pageOf(body));
          client.cancel(number);
        },
        onEnd: (error) => reject(error ?? new Error("the page ended without an answer")), // after a response nobody hears it
      },
    );
  });
}

function pageOf(body: Uint8Array): Page {
  const reader = new Reader(body);
  const entries: Entry[] = [];
  let next = "";
  while (reader.more) {
    const tag = reader.varint();
    if (tag >>> 3 === EVENTS) entries.push(new Entry(reader.delimited()));
    else if (tag >>> 3 === NEXT_PAGE) next = new TextDecoder().decode(reader.delimited());
    else reader.skip(tag & 7);
  }
  return { entries, next };
}

/** Reads a stream to its end, or until `take` says that it is enough. Returns when it is over; `stop` ends it at once. */
export function readStream(
  client: BridgeClient,
  request: MessageInitShape<typeof SubscribeRequestSchema>,
  take: (entries: Entry[]) => boolean,
): { done: Promise<void>; stop: () => void } {
  let stop = () => {};
  const done = new Promise<void>((resolve, reject) => {
    const subscription = client.subscribe(
      { ...request, untilCaughtUp: true },
      {
        onEntries: (entries) => {
          if (!take(entries)) stop();
        },
        onEnd: (error: CallError | undefined) => (error === undefined ? resolve() : reject(error)),
      },
    );
    stop = () => {
      subscription.close();
      resolve();
    };
  });
  return { done, stop: () => stop() };
}

/** An event with what was cut off to fit the log. @throws {CallError} it is not there any more. */
export async function readWhole(client: BridgeClient, session: string, seq: number): Promise<Entry> {
  const parts: Uint8Array[] = [];
  let pageToken = "";
  do {
    const page = await client.call("listEvents", { session, full: BigInt(seq), pageToken });
    if (page.part.length === 0) throw new Error("it is not there any more");
    parts.push(page.part);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return new Entry(bytes);
}

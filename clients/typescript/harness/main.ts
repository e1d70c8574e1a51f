/** Puts the TypeScript client on trial: orders in, what it saw out, one JSON object a line. See tests/conformance/clients/README.md. */
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { type DescMessage, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import {
  CaughtUpSchema,
  type Client,
  connect,
  EndReason,
  EndReasonSchema,
  EventSchema,
  GapSchema,
  HeaderSchema,
  HeartbeatSchema,
  type Item,
  SessionService,
  SightlineError,
  SnapshotSchema,
  SubscribeRequestSchema,
} from "@sightline/client";

interface Order {
  do: "connect" | "call" | "subscribe" | "cancel";
  id: number;
  target: string;
  token?: string;
  ca?: string;
  method: keyof Client;
  request: JsonValue;
  /** Seconds. */
  timeout?: number;
  quiet?: boolean;
}

const SCHEMAS: Record<Item["case"], DescMessage> = {
  event: EventSchema,
  header: HeaderSchema,
  snapshot: SnapshotSchema,
  caughtUp: CaughtUpSchema,
  gap: GapSchema,
  heartbeat: HeartbeatSchema,
};

const cancels = new Map<number, AbortController>();
let client: Client | undefined;

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

function take(order: Order): void {
  if (order.do === "connect") {
    client?.close();
    client = connect(order.target, { token: order.token ?? "", ...(order.ca && { ca: order.ca }) });
    say({ connected: true });
  } else if (order.do === "call") void call(order);
  else if (order.do === "subscribe") void subscribe(order);
  else cancels.get(order.id)?.abort();
}

async function call({ id, method, request, timeout }: Order): Promise<void> {
  const described = SessionService.methods.find((one) => one.name === (method as string));
  if (client === undefined || described === undefined) throw new TypeError(`no client, or no ${method}`);
  const make = client[described.localName as keyof Client] as (request: unknown, options: object) => Promise<never>;
  try {
    const answer = await make(fromJson(described.input, request), timeout ? { timeoutMs: timeout * 1000 } : {});
    say({ id, response: toJson(described.output, answer) });
  } catch (error) {
    say({ id, error: describe(error) });
  }
}

async function subscribe({ id, request, timeout, quiet }: Order): Promise<void> {
  const cancel = new AbortController();
  cancels.set(id, cancel);
  const signal = timeout ? AbortSignal.any([cancel.signal, AbortSignal.timeout(timeout * 1000)]) : cancel.signal;
  const began = performance.now();
  const digest = createHash("sha256");
  let [events, bytes] = [0, 0];
  const onLost = (error: Error) => say({ id, lost: error.message });
  const subscription = client?.subscribe(fromJson(SubscribeRequestSchema, request), { signal, onLost });
  if (subscription === undefined) throw new TypeError("no client");
  try {
    for await (const item of subscription) {
      if (!quiet) say({ id, [item.case]: toJson(SCHEMAS[item.case], item.value) });
      else if (item.case === "event") {
        events += 1;
        if (item.value.payload.case !== "output") continue;
        bytes += item.value.payload.value.data.length;
        digest.update(item.value.payload.value.data);
      }
    }
  } catch (error) {
    say(cancel.signal.aborted ? { id, cancelled: true } : { id, error: describe(error) });
    return;
  }
  const end = EndReasonSchema.value[subscription.end ?? EndReason.UNSPECIFIED]?.name;
  const seen = { events, bytes, sha256: digest.digest("hex"), seconds: (performance.now() - began) / 1000 };
  say({ id, end, ...(quiet && seen) });
}

function describe(error: unknown): object {
  if (error instanceof SightlineError) {
    return { code: error.code, reason: error.reason, message: error.message, metadata: error.metadata };
  }
  const { name, message } = error as Error;
  return { code: name === "TimeoutError" ? "DEADLINE_EXCEEDED" : "UNKNOWN", reason: "", message, metadata: {} };
}

for await (const line of createInterface({ input: process.stdin })) take(JSON.parse(line));
client?.close(); // what it has open ends with it

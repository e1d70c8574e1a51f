/** The client against servers that do what a real one rarely does; what a real one does is tried by tests/conformance/clients. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  type Client,
  connect,
  EndReason,
  EventSchema,
  SessionService,
  SightlineError,
  type SubscribeRequest,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "@sightline/client";
import { ErrorInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";

type Subscribe = (request: SubscribeRequest, context: HandlerContext) => AsyncIterable<SubscribeResponse>;

/** A gRPC server whose `Subscribe` is the test's. */
class Door {
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(readonly server: Http2Server) {
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("error", () => {}); // the client went
      session.once("close", () => this.#sessions.delete(session));
    });
  }

  static async open(at: string | number, subscribe: Subscribe): Promise<Door> {
    const routes = connectNodeAdapter({
      routes: (router) => router.service(SessionService, { subscribe }),
      grpcWeb: false,
      connect: false,
    });
    const door = new Door(createServer(routes));
    if (typeof at === "string") door.server.listen(at);
    else door.server.listen(at, "127.0.0.1");
    await once(door.server, "listening");
    return door;
  }

  async shut(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    this.server.close();
    await once(this.server, "close");
  }
}

let place = "";
let path = "";
const clients: Client[] = [];
const environ = { ...process.env };

beforeEach(() => {
  place = mkdtempSync("/tmp/slts"); // short: a socket's path has at most 107 bytes
  path = join(place, "s");
  process.env.SIGHTLINE_HOME = place;
  delete process.env.SIGHTLINE_TOKEN_FILE;
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  process.env = { ...environ };
  rmSync(place, { recursive: true });
});

function dialled(...how: Parameters<typeof connect>): Client {
  const client = connect(...how);
  clients.push(client);
  return client;
}

const refusal = (code: Code, reason: string) =>
  new ConnectError("told so", code, {}, [
    { desc: ErrorInfoSchema, value: { reason, domain: "sightline", metadata: { session: "id0" } } },
  ]);

const isOver = (context: HandlerContext) =>
  new Promise<void>((resolve) => context.signal.addEventListener("abort", () => resolve()));

const header = () =>
  create(SubscribeResponseSchema, {
    sign: { case: "header", value: { session: { id: "id", name: "name" }, place: { epoch: 7n, askedAs: "name" }, moment: 9n } },
  });

const events = (...seqs: number[]) =>
  create(SubscribeResponseSchema, { events: seqs.map((seq) => ({ sessionId: "id", seq: BigInt(seq) })) });

const end = (reason: EndReason) => create(SubscribeResponseSchema, { sign: { case: "end", value: { reason } } });

test("a stream that breaks in any way is asked for again as at first and from where it was, and one outage is told once", async () => {
  const ways = [
    new ConnectError("gone", Code.Unavailable),
    refusal(Code.Unavailable, "DRAINING"),
    new ConnectError("given up", Code.Canceled),
    EndReason.DRAINING,
    "without its end",
  ];
  const asked: unknown[] = [];
  const door = await Door.open(path, async function* ({ sessions, start, resume }) {
    const life = asked.push([...sessions, start.value, resume?.moment, resume?.places.id?.seq]) - 1;
    if (life === 0) yield header();
    const way = ways[Math.floor(life / 2)];
    if (life % 2 === 0) yield events(life + 1, life + 2); // the other streams break before anything comes
    if (way instanceof Error) throw way;
    if (typeof way !== "string") yield end(way ?? EndReason.ALL_ENDED);
  });
  let outages = 0;
  const subscription = dialled(`unix:${path}`).subscribe(
    { sessions: ["name"], start: { case: "tail", value: 9 } },
    { onLost: () => outages++ },
  );
  const seqs: number[] = [];
  for await (const item of subscription) if (item.case === "event") seqs.push(Number(item.value.seq));
  assert.deepEqual(
    seqs,
    Array.from({ length: 12 }, (_, n) => n + 1),
  );
  const again = (seq: number) => ["name", 9, 9n, BigInt(seq)];
  assert.deepEqual(asked, [["name", 9, 0n, undefined], ...[2, 2, 4, 4, 6, 6, 8, 8, 10, 10].map(again)]);
  assert.equal(subscription.end, EndReason.ALL_ENDED);
  assert.equal(outages, ways.length);
  await door.shut();
});

test("a subscription goes on at the server's next life", async () => {
  let door = await Door.open(path, async function* (_, context) {
    yield header();
    yield events(1, 2);
    await isOver(context);
  });
  const again = async () => {
    door = await Door.open(path, async function* ({ resume }) {
      yield events(Number(resume?.places.id?.seq) + 1, 4);
      yield end(EndReason.ALL_ENDED);
    });
  };
  const seqs: bigint[] = [];
  for await (const item of dialled(`unix:${path}`).subscribe({ sessions: ["name"] }, { onLost: again })) {
    if (item.case === "event") seqs.push(item.value.seq);
    if (seqs.length === 2) void door.shut();
  }
  assert.deepEqual(seqs, [1n, 2n, 3n, 4n]);
  await door.shut();
});

test("other errors end it with the service's words", async () => {
  const door = await Door.open(path, async function* () {
    yield* [];
    throw refusal(Code.NotFound, "SESSION_NOT_FOUND");
  });
  const iteration = dialled(`unix:${path}`)
    .subscribe({ sessions: ["id0"] })
    [Symbol.asyncIterator]();
  await assert.rejects(iteration.next(), {
    name: "SightlineError",
    code: "NOT_FOUND",
    reason: "SESSION_NOT_FOUND",
    message: "told so",
    metadata: { session: "id0" },
  });
  await door.shut();
});

test("a server that was never reached ends it, and fails a call", async () => {
  const client = dialled(`unix:${path}`);
  const expected = { code: "UNAVAILABLE", reason: "SERVER_NOT_FOUND" };
  await assert.rejects(
    client
      .subscribe({ sessions: ["*"] })
      [Symbol.asyncIterator]()
      .next(),
    expected,
  );
  await assert.rejects(client.list({}), expected);
});

for (const way of ["the signal is aborted", "it is closed", "the loop is left", "the client is closed"] as const) {
  test(`when ${way}, the server is let go of`, async () => {
    let left = () => {};
    const gone = new Promise<void>((resolve) => {
      left = resolve;
    });
    const door = await Door.open(path, async function* (_, context) {
      void isOver(context).then(left);
      yield header();
      yield events(1);
      await isOver(context);
    });
    const client = dialled(`unix:${path}`);
    const leaving = new AbortController();
    const subscription = client.subscribe({ sessions: ["name"] }, { signal: leaving.signal });
    const reading = (async () => {
      for await (const item of subscription) if (item.case === "event" && way === "the loop is left") break;
    })();
    const leave = {
      "the signal is aborted": () => leaving.abort(),
      "it is closed": subscription.close,
      "the client is closed": client.close,
    };
    while (subscription.cursors[0]?.seq !== 1n) await new Promise((resolve) => setImmediate(resolve));
    if (way !== "the loop is left") leave[way]();
    if (way === "the signal is aborted") await assert.rejects(reading, { name: "AbortError" });
    else await reading;
    await gone;
    await door.shut();
  });
}

test("what came and was not taken is not handed over after a close, and is gone on from", async () => {
  const door = await Door.open(path, async function* (_, context) {
    yield header();
    yield events(1, 2, 3);
    await isOver(context);
  });
  const subscription = dialled(`unix:${path}`).subscribe({ sessions: ["name"] });
  for await (const item of subscription) if (item.case === "event") subscription.close();
  assert.deepEqual(
    subscription.cursors.map(({ sessionId, epoch, seq }) => [sessionId, epoch, seq]),
    [["id", 7n, 1n]],
  );
  await door.shut();
});

test("a pause is left at once", async () => {
  const door = await Door.open(path, async function* () {
    yield header();
  });
  const leaving = new AbortController();
  const subscription = dialled(`unix:${path}`).subscribe(
    { sessions: ["name"] },
    { signal: leaving.signal, onLost: () => leaving.abort() },
  );
  await assert.rejects(
    (async () => {
      for await (const _ of subscription);
    })(),
    { name: "AbortError" },
  );
  await door.shut();
});

test("a slow reader holds its stream back, and no call beside it", async () => {
  const piece = 256 * 1024;
  const pieces = 200;
  let [sent, stalled, taken] = [0, 0, 0];
  const door = await Door.open(path, async function* () {
    yield header();
    for (let seq = 1; seq <= pieces; seq++) {
      sent = seq;
      const payload = { case: "output", value: { data: new Uint8Array(piece) } } as const;
      yield create(SubscribeResponseSchema, { events: [create(EventSchema, { sessionId: "id", seq: BigInt(seq), payload })] });
    }
    yield end(EndReason.ALL_ENDED);
  });
  const client = dialled(`unix:${path}`);
  for await (const item of client.subscribe({ sessions: ["id"] })) {
    if (item.case !== "event") continue;
    taken += 1;
    if (taken > 1) continue;
    // It has stalled when nothing more was sent for as many turns of the loop as all of it would take.
    for (let still = 0, before = sent; still < 1000; still = sent === before ? still + 1 : 0, before = sent) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    stalled = sent;
    await assert.rejects(client.list({}, { timeoutMs: 20_000 }), { code: "UNIMPLEMENTED" }); // the answer got through
  }
  assert.equal(taken, pieces);
  assert.ok(stalled * piece < 16 * 1024 * 1024, `${stalled} of ${pieces} pieces were on the way`);
  await door.shut();
});

test("the token is shown on TCP, and never on a socket", async () => {
  writeFileSync(join(place, "token"), "from home\n");
  writeFileSync(join(place, "another"), "named");
  let shown: string | null = null;
  const listen = (at: string | number) =>
    Door.open(at, async function* (_, context) {
      yield* [];
      shown = context.requestHeader.get("authorization");
      throw refusal(Code.Unauthenticated, "BAD_TOKEN");
    });
  const [socket, port] = [await listen(path), await listen(0)];
  const address = `127.0.0.1:${(port.server.address() as AddressInfo).port}`;
  for (const [target, options, file, wanted] of [
    [`unix:${path}`, { token: "given" }, "", null],
    [address, { token: "given" }, join(place, "another"), "Bearer given"],
    [address, {}, "", "Bearer from home"],
    [address, {}, join(place, "another"), "Bearer named"],
    [address, { token: "" }, "", null],
  ] as const) {
    process.env.SIGHTLINE_TOKEN_FILE = file;
    const iteration = dialled(target, options)
      .subscribe({ sessions: ["*"] })
      [Symbol.asyncIterator]();
    await assert.rejects(iteration.next(), { code: "UNAUTHENTICATED" });
    assert.equal(shown, wanted);
  }
  for (const client of clients) client.close();
  for (const door of [socket, port]) await door.shut();
});

test("what is no target is refused, and another machine where the token could be read on the way", () => {
  for (const target of [
    "example.org:7411",
    "192.0.2.1:7411",
    "nonsense",
    ":7411",
    "https://nonsense",
    "127.0.0.1",
    "127.evil.example:1",
  ]) {
    assert.throws(() => dialled(target), TypeError, target);
  }
  for (const target of [
    "",
    "unix:/x/y",
    "unix:///x/y",
    "localhost:7411",
    "127.0.0.1:7411",
    "[::1]:7411",
    "https://example.org:7411",
  ])
    dialled(target);
  process.env.SIGHTLINE_TOKEN_FILE = "/nowhere";
  assert.throws(() => dialled("localhost:7411"), { code: "ENOENT" });
});

test("errors of a call have the service's words, and the caller's own reason where it gave up", async () => {
  const door = await Door.open(path, async function* () {
    yield* [];
  });
  const client = dialled(`unix:${path}`);
  await assert.rejects(client.list({}), (error) => error instanceof SightlineError && error.code === "UNIMPLEMENTED");
  await assert.rejects(client.list({}, { signal: AbortSignal.abort() }), { name: "AbortError" });
  client.close();
  await assert.rejects(client.list({}), { code: "CANCELLED" });
  await door.shut();
});

test("a client that has nothing to do keeps no process alive", async () => {
  const door = await Door.open(path, async function* () {
    yield end(EndReason.ALL_ENDED);
  });
  const program = `
    import { connect } from ${JSON.stringify(import.meta.resolve("@sightline/client"))};
    const client = connect("unix:${path}");
    for await (const _ of client.subscribe({ sessions: ["id"] }));
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: "inherit" });
  assert.deepEqual(await once(child, "exit"), [0, null]);
  await door.shut();
});

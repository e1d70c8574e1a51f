import { describe, expect, test } from "vitest";
import { CallError, Code, connectionLost } from "../bridge/errors";
import { Delivery } from "../gen/sightline/v1/session_service_pb";
import { InputQueue } from "./inputQueue";

const KIB = 1024;
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const bytes = (data: string) => new TextEncoder().encode(data);
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

/** A server whose answers the test gives one by one. */
class Server {
  readonly asked: { data: string; size: number; id: string }[] = [];
  now = 0;
  #answers: { resolve: (delivered: Delivery) => void; reject: (error: Error) => void }[] = [];
  #ids = 0;
  readonly queue = new InputQueue(
    (data, id) => {
      this.asked.push({ data: text(data), size: data.length, id });
      return new Promise((resolve, reject) => this.#answers.push({ resolve, reject }));
    },
    {
      newId: () => `id${++this.#ids}`,
      now: () => this.now,
      pause: async (ms) => {
        this.now += ms;
      },
    },
  );

  get waiting(): number {
    return this.#answers.length;
  }

  async answer(delivered = Delivery.DELIVERED): Promise<void> {
    this.#answers.shift()?.resolve(delivered);
    await turn();
  }

  async fail(error: Error): Promise<void> {
    this.#answers.shift()?.reject(error);
    await turn();
  }
}

describe("what is typed", () => {
  test("goes one call at a time, and what is typed meanwhile goes together with the next, in its order", async () => {
    const server = new Server();
    for (const key of "abcd") server.queue.type(bytes(key));
    await turn();
    expect(server.asked.map(({ data }) => data)).toEqual(["a"]);
    await server.answer();
    expect(server.asked.map(({ data }) => data)).toEqual(["a", "bcd"]);
    server.queue.type(bytes("e"));
    expect(server.waiting).toBe(1);
    await server.answer();
    await server.answer();
    expect(server.asked.map(({ data }) => data)).toEqual(["a", "bcd", "e"]);
    expect(new Set(server.asked.map(({ id }) => id)).size).toBe(3);
    expect(server.queue.state.get()).toEqual({ waiting: 0, problem: "" });
  });

  test("and lost its answer is asked for again under the same id", async () => {
    const server = new Server();
    server.queue.type(bytes("rm x\r"));
    await server.fail(connectionLost());
    await server.fail(new CallError(Code.UNAVAILABLE, "the server is going down", "DRAINING"));
    await server.answer();
    expect(server.asked).toEqual(Array(3).fill({ data: "rm x\r", size: 5, id: "id1" }));
    expect(server.queue.state.get().waiting).toBe(0);
  });

  test("and is not answered for long is given up, with all that waits behind it", async () => {
    const server = new Server();
    server.queue.type(bytes("a"));
    server.queue.type(bytes("b"));
    for (let tries = 0; tries < 200 && server.waiting > 0; tries++) await server.fail(connectionLost());
    expect(server.queue.state.get()).toEqual({ waiting: 0, problem: expect.stringContaining("may have been typed or not") });
    expect(server.asked.every(({ data }) => data === "a")).toBe(true);
    expect(server.now).toBeGreaterThan(30_000);
    server.queue.type(bytes("c"));
    await server.answer();
    expect(server.asked.at(-1)?.data).toBe("c");
  });

  test("and is refused takes what waits behind it along, and the next key is tried again", async () => {
    const server = new Server();
    server.queue.type(bytes("a"));
    server.queue.type(bytes("b"));
    await server.fail(new CallError(Code.FAILED_PRECONDITION, "it has ended", "SESSION_ENDED"));
    expect(server.queue.state.get()).toEqual({ waiting: 0, problem: "Not typed: it has ended" });
    server.queue.type(bytes("c"));
    await server.answer();
    expect(server.asked.map(({ data }) => data)).toEqual(["a", "c"]);
    server.queue.dismiss();
    expect(server.queue.state.get().problem).toBe("");
  });

  test("and may have been typed or not is said, and what follows goes on", async () => {
    const server = new Server();
    server.queue.type(bytes("a"));
    server.queue.type(bytes("b"));
    await server.answer(Delivery.UNKNOWN);
    expect(server.queue.state.get().problem).toContain("may have been typed or not");
    await server.answer();
    expect(server.asked.map(({ data }) => data)).toEqual(["a", "b"]);
  });

  test("and is large goes in pieces below what the service takes, every byte once", async () => {
    const server = new Server();
    const large = Array.from({ length: 700 * KIB }, (_, n) => String.fromCharCode(97 + (n % 26))).join("");
    server.queue.type(bytes(large));
    for (let pieces = 0; pieces < 3; pieces++) await server.answer();
    expect(server.asked.map(({ size }) => size)).toEqual([256 * KIB, 256 * KIB, 188 * KIB]);
    expect(server.asked.map(({ data }) => data).join("")).toBe(large);
  });

  test("and would be more than can wait is refused whole", async () => {
    const server = new Server();
    server.queue.type(new Uint8Array(65 * KIB * KIB));
    expect(server.queue.state.get()).toEqual({ waiting: 0, problem: expect.stringContaining("Not typed") });
    expect(server.asked).toEqual([]);
  });

  test("is forgotten when the queue is closed, and never sent", async () => {
    const server = new Server();
    server.queue.type(bytes("a"));
    server.queue.type(bytes("b"));
    server.queue.close();
    await server.answer();
    server.queue.type(bytes("c"));
    await turn();
    expect(server.asked.map(({ data }) => data)).toEqual(["a"]);
  });
});

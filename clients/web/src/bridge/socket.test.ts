import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ClientFrameSchema, ServerFrameSchema } from "../gen/sightline/v1/bridge_pb";
import { BridgeSocket } from "./socket";

/** The browser's end of a way that a test has in its hand. */
class Way {
  static all: Way[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly sent: Uint8Array[] = [];
  closed = false;

  constructor() {
    Way.all.push(this);
  }

  send(data: Uint8Array): void {
    this.sent.push(data);
  }

  close(): void {
    this.closed = true;
  }

  /** The other end lets it in. */
  welcome(): void {
    this.onopen?.();
    this.say({ case: "welcome", value: { version: "1" } });
  }

  say(say: { case: "welcome"; value: { version: string } } | { case: "end"; value: { message: string } }): void {
    this.onmessage?.({ data: toBinary(ServerFrameSchema, create(ServerFrameSchema, { say })).slice().buffer });
  }

  get asks(): number {
    return this.sent.filter((data) => fromBinary(ClientFrameSchema, data).say.case === "metrics").length;
  }
}

const lost = vi.fn();
const last = (): Way => Way.all.at(-1) as Way;

function connected(): BridgeSocket {
  const made = new BridgeSocket("ws://x", () => "t", vi.fn(), lost);
  made.connect();
  return made;
}

beforeEach(() => {
  Way.all = [];
  lost.mockReset();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  vi.stubGlobal("WebSocket", Way);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a socket", () => {
  test("that was closed on purpose stays closed", () => {
    const socket = connected();
    last().welcome();
    socket.close();
    vi.advanceTimersByTime(60_000);
    expect(Way.all).toHaveLength(1);
    expect(socket.connection.get().status).toBe("closed");
    expect(lost).toHaveBeenCalledOnce();
  });

  test("that broke comes back, and the pause grows until it is welcome", () => {
    const socket = connected();
    last().onclose?.({ code: 1006 });
    expect(socket.connection.get()).toMatchObject({ status: "waiting", attempts: 1 });
    vi.advanceTimersByTime(120);
    expect(Way.all).toHaveLength(2);
    last().onclose?.({ code: 1006 });
    expect(socket.connection.get()).toMatchObject({ status: "waiting", attempts: 2 });
    vi.advanceTimersByTime(240);
    last().welcome();
    expect(socket.connection.get().status).toBe("open");
    socket.close();
  });

  test("whose way leads nowhere is tried again", () => {
    const socket = connected(); // no answer at all: neither open nor closed
    vi.advanceTimersByTime(25_000);
    expect(Way.all.length).toBeGreaterThan(1);
    expect(Way.all[0]?.closed).toBe(true);
    socket.close();
  });

  test("that is quiet is asked, and stays when it answers", () => {
    const socket = connected();
    last().welcome();
    for (let round = 1; round < 5; round++) {
      vi.advanceTimersByTime(10_000);
      expect(last().asks).toBe(round);
      last().say({ case: "end", value: { message: "no number" } });
    }
    expect(Way.all).toHaveLength(1);
    socket.close();
  });

  test("that does not answer is given up", () => {
    const socket = connected();
    last().welcome();
    vi.advanceTimersByTime(16_000);
    expect(lost).toHaveBeenCalledOnce();
    expect(socket.connection.get().status).not.toBe("open");
    socket.close();
  });

  test("is asked before it is given up, however late the timer of a hidden tab comes", () => {
    const socket = connected();
    last().welcome();
    const now = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 60_000);
    vi.advanceTimersByTime(5_000);
    expect(last().asks).toBe(1);
    expect(lost).not.toHaveBeenCalled();
    now.mockRestore();
    socket.close();
  });
});

// @vitest-environment happy-dom
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BridgeClient } from "../bridge/client";
import { Entry } from "../bridge/entries";
import { CallError, Code, connectionLost } from "../bridge/errors";
import type { Connection } from "../bridge/socket";
import { Store } from "../bridge/store";
import type { Handlers } from "../bridge/subscription";
import { CaptureState, EventSchema, Outcome, SessionState, WaitingFor } from "../gen/sightline/v1/event_pb";
import { type Session, SessionSchema } from "../gen/sightline/v1/session_pb";
import { HeaderSchema, HeartbeatSchema, ListResponseSchema, UsageResponseSchema } from "../gen/sightline/v1/session_service_pb";
import { after as following, Sessions } from "./sessions";

type Init = MessageInitShape<typeof SessionSchema>;
const made = (id: string, more: Init = {}): Session =>
  create(SessionSchema, {
    id,
    name: id,
    epoch: 1n,
    state: SessionState.WORKING,
    headSeq: 1n,
    createTime: timestampFromMs(1000),
    ...more,
  });
const entry = (sessionId: string, seq: number, payload: MessageInitShape<typeof EventSchema>["payload"]): Entry =>
  new Entry(
    toBinary(
      EventSchema,
      create(EventSchema, { sessionId, seq: BigInt(seq), time: { seconds: 100n }, ...(payload ? { payload } : {}) }),
    ),
  );
const changed = (sessionId: string, seq: number, state: SessionState, waitingFor = WaitingFor.UNSPECIFIED) =>
  entry(sessionId, seq, { case: "stateChanged", value: { state, waitingFor, capture: CaptureState.FOLLOWING } });

/** A server with a list, and a stream whose words the test says. */
class Service {
  readonly connection = new Store<Connection>({ status: "open", since: 0, version: "" });
  list: Session[] = [];
  fails: Error | undefined;
  lists = 0;
  pageSize = 2;
  stream: Handlers | undefined;
  /** Called before each page is answered: what happens meanwhile. */
  meanwhile: () => void = () => undefined;

  subscribe = (_request: unknown, handlers: Handlers) => {
    this.stream = handlers;
    return { close: () => undefined };
  };

  call = async (method: string, request: { pageToken?: string }) => {
    if (method === "usage") return create(UsageResponseSchema, { sessions: this.list.length });
    const from = Number(request.pageToken || 0);
    if (from === 0) this.lists += 1;
    const page = this.list.slice(from, from + this.pageSize);
    const fails = this.fails;
    this.meanwhile();
    if (fails !== undefined) throw fails;
    const more = from + this.pageSize < this.list.length;
    return create(ListResponseSchema, { sessions: page, nextPageToken: more ? String(from + this.pageSize) : "" });
  };
}

let service: Service;
let sessions: Sessions;
let stop: () => void;

beforeEach(async () => {
  vi.useFakeTimers();
  service = new Service();
  sessions = new Sessions(service as unknown as BridgeClient);
});
afterEach(() => {
  stop?.();
  vi.useRealTimers();
});

async function begin(...list: Session[]): Promise<void> {
  service.list = list;
  stop = sessions.start();
  await sessions.refresh();
}
const ids = () => [...sessions.all.get().keys()].sort();
const get = (id: string): Session => {
  const found = sessions.all.get().get(id);
  if (found === undefined) throw new Error(`there is no ${id}`);
  return found;
};
const publish = () => vi.advanceTimersByTime(100);

describe("the sessions", () => {
  it("are all there, over several pages, each once", async () => {
    await begin(made("a"), made("b"), made("c"), made("d"), made("e"));
    service.stream?.onHeader?.(create(HeaderSchema, { session: made("c"), cursor: { sessionId: "c" } }));
    publish();
    expect(ids()).toEqual(["a", "b", "c", "d", "e"]);
    expect(sessions.loaded.get()).toBe(true);
  });

  it("join when they are created, and stand as their events say", async () => {
    await begin(made("a"));
    service.stream?.onHeader?.(create(HeaderSchema, { session: made("new"), cursor: { sessionId: "new" } }));
    service.stream?.onEntries([changed("new", 2, SessionState.WAITING, WaitingFor.ANSWER)]);
    publish();
    expect(get("new")).toMatchObject({ state: SessionState.WAITING, waitingFor: WaitingFor.ANSWER });
  });

  it("keep their objects where nothing changed, so that no row is drawn again", async () => {
    await begin(made("a"), made("b"));
    const [a, b] = [get("a"), get("b")];
    service.stream?.onEntries([changed("b", 2, SessionState.IDLE)]);
    publish();
    expect(get("a")).toBe(a);
    expect(get("b")).not.toBe(b);
    service.list = [made("a"), get("b")];
    await sessions.refresh();
    expect(get("a")).toBe(a);
  });

  it("are told of at most ten times a second, and the last word is told", async () => {
    await begin(made("a"));
    let told = 0;
    sessions.all.subscribe(() => {
      told += 1;
    });
    for (let seq = 2; seq <= 200; seq += 1) {
      service.stream?.onEntries([changed("a", seq, seq % 2 === 0 ? SessionState.IDLE : SessionState.WORKING)]);
      vi.advanceTimersByTime(5);
    }
    publish();
    expect(told).toBeLessThanOrEqual(11);
    expect(get("a").state).toBe(SessionState.IDLE);
    expect(get("a").headSeq).toBe(200n);
  });

  it("are not told of at all because their logs grow: the pulse says that", async () => {
    await begin(made("a"));
    const all = sessions.all.get();
    service.stream?.onHeartbeat?.(create(HeartbeatSchema, { positions: [{ cursor: { sessionId: "a", seq: 50n } }] }));
    publish();
    expect(sessions.all.get()).toBe(all);
    expect(sessions.pulse.head("a")).toBe(50);
  });

  it("are not taken back by a list that is older than an event", async () => {
    await begin(made("a"));
    service.meanwhile = () => service.stream?.onEntries([changed("a", 5, SessionState.WAITING)]);
    await sessions.refresh();
    expect(get("a")).toMatchObject({ state: SessionState.WAITING, headSeq: 5n });
  });

  it("are not changed by an event that a list knew already", async () => {
    await begin(made("a", { headSeq: 9n, state: SessionState.IDLE }));
    service.stream?.onEntries([changed("a", 7, SessionState.WAITING)]);
    publish();
    expect(get("a").state).toBe(SessionState.IDLE);
  });

  it("begin anew with another epoch, however short the new log is", async () => {
    await begin(made("a", { headSeq: 90n }));
    service.list = [made("a", { epoch: 2n, headSeq: 3n })];
    await sessions.refresh();
    expect(get("a")).toMatchObject({ epoch: 2n, headSeq: 3n });
    expect(sessions.pulse.head("a")).toBe(3);
  });

  it("are gone when somebody deleted them, as soon as the count tells", async () => {
    await begin(made("a"), made("b"));
    service.list = [made("a")];
    await vi.advanceTimersByTimeAsync(1000);
    service.stream?.onHeartbeat?.(create(HeartbeatSchema));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ids()).toEqual(["a"]);
  });

  it("are not listed again and again where the count cannot be right", async () => {
    await begin(made("a"));
    service.stream?.onHeartbeat?.(create(HeartbeatSchema));
    const list = service.list;
    service.call = async (method) => {
      if (method === "usage") return create(UsageResponseSchema, { sessions: 7 });
      service.lists += 1;
      return create(ListResponseSchema, { sessions: list });
    };
    const before = service.lists;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(service.lists - before).toBe(1);
  });

  it("that join while the list is asked for are not taken for deleted", async () => {
    await begin(made("a"), made("b"), made("c"));
    service.meanwhile = () =>
      service.stream?.onHeader?.(create(HeaderSchema, { session: made("new"), cursor: { sessionId: "new" } }));
    await sessions.refresh();
    expect(ids()).toContain("new");
  });

  it("are asked for once more, not many times, when many ask meanwhile", async () => {
    await begin(made("a"));
    const before = service.lists;
    await Promise.all([sessions.refresh(), sessions.refresh(), sessions.refresh(), sessions.refresh()]);
    expect(service.lists - before).toBe(2);
  });

  it("stay as they were where the list cannot be had, which is said, and is asked for again", async () => {
    await begin(made("a"));
    service.fails = new CallError(Code.RESOURCE_EXHAUSTED, "too much");
    await expect(sessions.refresh()).resolves.toBeUndefined();
    expect(sessions.health.get().problem).toContain("too much");
    expect(ids()).toEqual(["a"]);
    service.fails = undefined;
    service.list = [made("a"), made("b")];
    await vi.advanceTimersByTimeAsync(2_000);
    expect(ids()).toEqual(["a", "b"]);
    expect(sessions.health.get().problem).toBe("");
  });

  it("are as of when the way was cut, and asked for as soon as it is back", async () => {
    await begin(made("a"));
    service.stream?.onHeartbeat?.(create(HeartbeatSchema));
    expect(sessions.health.get().live).toBe(true);
    vi.setSystemTime(5_000_000);
    service.fails = connectionLost();
    service.connection.set({ status: "waiting", since: 0, retryAt: 0, attempts: 1 });
    expect(sessions.health.get()).toMatchObject({ live: false, since: 5_000_000, problem: "" });
    service.fails = undefined;
    service.list = [made("b")];
    service.connection.set({ status: "open", since: 0, version: "" });
    await vi.advanceTimersByTimeAsync(10);
    expect(ids()).toEqual(["b"]);
  });

  it("tell each change once, also what passes between two drawings, and not the first list", async () => {
    const told: [string | undefined, SessionState | undefined][] = [];
    sessions.watch((before, now) => told.push([before?.id, now?.state]));
    await begin(made("a"));
    service.stream?.onEntries([changed("a", 2, SessionState.WAITING), changed("a", 3, SessionState.WORKING)]);
    service.stream?.onEntries([changed("a", 3, SessionState.WORKING)]); // told twice is heard once
    sessions.remove("a");
    expect(told).toEqual([
      ["a", SessionState.WAITING],
      ["a", SessionState.WORKING],
      ["a", undefined],
    ]);
  });

  it("are found by id, by the name of the live one, else of the newest, and by host", async () => {
    service.pageSize = 9;
    await begin(
      made("1", { name: "web", endTime: timestampFromMs(5000), createTime: timestampFromMs(9000) }),
      made("2", { name: "web", createTime: timestampFromMs(2000) }),
      made("3", { name: "old", endTime: timestampFromMs(5000), createTime: timestampFromMs(3000) }),
      made("4", { name: "old", endTime: timestampFromMs(5000), createTime: timestampFromMs(4000) }),
      made("5", { name: "web", host: "h", endTime: timestampFromMs(5000) }),
      made("web2", { name: "x" }),
    );
    expect(sessions.find("web")?.id).toBe("2");
    expect(sessions.find("old")?.id).toBe("4");
    expect(sessions.find("web@h")?.id).toBe("5");
    expect(sessions.find("web2")?.id).toBe("web2");
    expect(sessions.find("nobody")).toBeUndefined();
  });
});

describe("a session after an event", () => {
  const live = made("a", { capture: CaptureState.FOLLOWING, terminal: { columns: 80, rows: 24 } });

  it("is another object, and the one before stays as it was", () => {
    const next = following(live, changed("a", 2, SessionState.IDLE));
    expect(next).not.toBe(live);
    expect(live.state).toBe(SessionState.WORKING);
  });

  it("says why its capture is troubled, and no more once it is not", () => {
    const cut = following(
      live,
      entry("a", 2, { case: "stateChanged", value: { state: live.state, capture: CaptureState.BLIND, reason: "screen is off" } }),
    );
    expect(cut).toMatchObject({ capture: CaptureState.BLIND, captureReason: "screen is off" });
    const back = following(
      cut,
      entry("a", 3, { case: "stateChanged", value: { state: live.state, capture: CaptureState.FOLLOWING } }),
    );
    expect(back.captureReason).toBe("");
  });

  it("does not take the reason of a state for one of the capture", () => {
    const value = { state: SessionState.IDLE, capture: CaptureState.FOLLOWING, reason: "bash reads a line" };
    expect(following(live, entry("a", 2, { case: "stateChanged", value })).captureReason).toBe("");
  });

  it("is over with its outcome and time, and in no turn", () => {
    const turn = following(live, entry("a", 2, { case: "turnStarted", value: {} }));
    const over = following(
      turn,
      entry("a", 3, { case: "completed", value: { outcome: Outcome.FAILED, exitCode: 0, signal: 9 } }),
    );
    expect(over).toMatchObject({ outcome: Outcome.FAILED, exitCode: 0, signal: 9, turnId: "", endTime: { seconds: 100n } });
  });

  it("has the size and the agent that were told last", () => {
    expect(following(live, entry("a", 2, { case: "resized", value: { columns: 120, rows: 40 } })).terminal).toMatchObject({
      columns: 120,
      rows: 40,
    });
    expect(following(live, entry("a", 2, { case: "agentInfo", value: { agent: "codex" } })).agent).toBe("codex");
  });

  it("is the same but for its head after an event that no one here knows", () => {
    expect(following(live, entry("a", 7, undefined))).toEqual({ ...live, headSeq: 7n });
  });
});

// @vitest-environment happy-dom
import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { SessionSchema } from "../gen/sightline/v1/session_pb";
import { Seen } from "./seen";

const NOW = 1_000_000;
const made = (id: string, headSeq: number, startedMs = NOW - 1000, ended = false) =>
  create(SessionSchema, {
    id,
    headSeq: BigInt(headSeq),
    createTime: { seconds: BigInt(startedMs / 1000) },
    ...(ended ? { endTime: { seconds: 1n } } : {}),
  });

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
});

describe("what nobody has looked at", () => {
  it("is nothing in a browser that looks for the first time", () => {
    const seen = new Seen(localStorage);
    const all = [made("a", 5), made("b", 7, NOW - 5000, true)];
    seen.begin(all, NOW);
    expect(all.map((one) => seen.isUnread(one, Number(one.headSeq)))).toEqual([false, false]);
  });

  it("is what a session has written since, until somebody looks", () => {
    const seen = new Seen(localStorage);
    seen.begin([made("a", 5)], NOW);
    expect(seen.isUnread(made("a", 5), 6)).toBe(true);
    seen.mark("a", 6);
    expect(seen.isUnread(made("a", 5), 6)).toBe(false);
    expect(seen.isUnread(made("a", 5), 7)).toBe(true);
  });

  it("is all of a session that was started later", () => {
    const seen = new Seen(localStorage);
    seen.begin([], NOW);
    expect(seen.isUnread(made("new", 1, NOW + 1000), 1)).toBe(true);
    expect(seen.isUnread(made("new", 0, NOW + 1000), 0)).toBe(false);
  });

  it("is remembered over a reload, and read by other tabs", () => {
    const seen = new Seen(localStorage);
    seen.begin([made("a", 5)], NOW);
    seen.mark("a", 9);
    const other = new Seen(localStorage);
    const stop = other.start();
    vi.runAllTimers();
    expect(new Seen(localStorage).isUnread(made("a", 5), 9)).toBe(false);
    dispatchEvent(new StorageEvent("storage", { key: "sightline.seen" }));
    expect(other.isUnread(made("a", 5), 9)).toBe(false);
    stop();
  });

  it("is not counted back by an older mark", () => {
    const seen = new Seen(localStorage);
    seen.mark("a", 9);
    seen.mark("a", 3);
    expect(seen.isUnread(made("a", 5), 9)).toBe(false);
  });

  it.each(["", "null", "{", "[]", '{"since":"x","seqs":{"a":"b"}}', '{"seqs":null}'])(
    "does without %j, whoever wrote it",
    (text) => {
      localStorage.setItem("sightline.seen", text);
      const seen = new Seen(localStorage);
      seen.begin([made("a", 1)], NOW);
      expect(seen.isUnread(made("a", 1), 2)).toBe(true);
    },
  );

  it("does without a storage that refuses", () => {
    const refuses = () => {
      throw new DOMException("quota");
    };
    const seen = new Seen({ getItem: refuses, setItem: refuses } as unknown as Storage);
    seen.begin([], NOW);
    seen.mark("a", 1);
    expect(() => vi.runAllTimers()).not.toThrow();
  });
});

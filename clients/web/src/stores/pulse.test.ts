import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { HeartbeatSchema } from "../gen/sightline/v1/session_service_pb";
import { BEATS, Pulse } from "./pulse";

const beat = (heads: Record<string, number>) =>
  create(HeartbeatSchema, {
    positions: Object.entries(heads).map(([sessionId, seq]) => ({ cursor: { sessionId, seq: BigInt(seq) } })),
  });
const at = (second: number) => second * 1000;

describe("the pulse", () => {
  it("counts what came between two beats, in the second of the later one", () => {
    const pulse = new Pulse();
    pulse.take(beat({ a: 10 }), at(1));
    pulse.take(beat({ a: 13 }), at(2));
    pulse.take(beat({ a: 14 }), at(4));
    expect(pulse.counts("a", at(4)).slice(-4)).toEqual([0, 3, 0, 1]);
    expect(pulse.counts("a", at(5)).slice(-4)).toEqual([3, 0, 1, 0]);
    expect(pulse.head("a")).toBe(14);
  });

  it("is as long as it is, whenever it is looked at", () => {
    const pulse = new Pulse();
    pulse.take(beat({ a: 1 }), at(1));
    for (let second = 2; second < 100; second += 7) {
      pulse.take(beat({ a: second }), at(second));
      expect(pulse.counts("a", at(second + 3))).toHaveLength(BEATS);
    }
  });

  it("is quiet when all of it is long ago, and for what it does not know", () => {
    const pulse = new Pulse();
    pulse.take(beat({ a: 1 }), at(1));
    pulse.take(beat({ a: 9 }), at(2));
    expect(pulse.counts("a", at(2 + BEATS))).toEqual([]);
    expect(pulse.counts("b", at(2))).toEqual([]);
    pulse.take(beat({ a: 10 }), at(500));
    expect(pulse.counts("a", at(500)).reduce((sum, count) => sum + count)).toBe(1);
  });

  it("tells nobody of a beat that brings nothing new, and never goes back", () => {
    const pulse = new Pulse();
    pulse.take(beat({ a: 5, b: 1 }), at(1));
    const before = pulse.ticks.get();
    pulse.take(beat({ a: 5, b: 1 }), at(2));
    pulse.take(beat({ a: 3 }), at(3));
    expect(pulse.ticks.get()).toBe(before);
    expect(pulse.head("a")).toBe(5);
  });

  it("begins anew for a log that does", () => {
    const pulse = new Pulse();
    pulse.take(beat({ a: 5 }), at(1));
    pulse.forget("a");
    pulse.take(beat({ a: 2 }), at(2));
    expect(pulse.head("a")).toBe(2);
    expect(pulse.counts("a", at(2))).toEqual([]);
  });
});

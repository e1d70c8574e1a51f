import { describe, expect, test } from "vitest";
import { Pace } from "./pace";

/** The pauses before events at these times. */
const pauses = (times: number[], speed: number) => {
  const pace = new Pace();
  return times.map((time) => pace.before(time, speed));
};

describe("a replay", () => {
  test("has the pauses that there were, the first event at once", () => {
    expect(pauses([5000, 5100, 5350], 1)).toEqual([0, 100, 250]);
  });

  test("has them shorter or longer by its speed", () => {
    expect(pauses([0, 100, 300], 4)).toEqual([0, 25, 50]);
    expect(pauses([0, 100], 0.5)).toEqual([0, 200]);
    expect(pauses([0, 900, 90_000], Number.POSITIVE_INFINITY)).toEqual([0, 0, 0]);
  });

  test("shortens the times in which nothing happened to a second, before the speed counts", () => {
    expect(pauses([0, 3_600_000, 3_600_500], 1)).toEqual([0, 1000, 500]);
    expect(pauses([0, 3_600_000], 4)).toEqual([0, 250]);
  });

  test("gathers pauses that are too short to wait for, and loses none of them", () => {
    const all = pauses(
      Array.from({ length: 1001 }, (_, n) => n),
      1,
    );
    expect(all.filter((pause) => pause > 0 && pause < 8)).toEqual([]);
    expect(all.reduce((sum, pause) => sum + pause, 0)).toBe(1000);
  });

  test("makes up for what it slept too long", () => {
    const pace = new Pace();
    pace.before(0, 1);
    expect(pace.before(100, 1)).toBe(100);
    pace.overslept(30);
    expect(pace.before(200, 1)).toBe(70);
  });

  test("begins anew without a pause, and does not run backwards", () => {
    const pace = new Pace();
    pace.before(0, 1);
    pace.reset();
    expect(pace.before(900, 1)).toBe(0);
    expect(pace.before(100, 1)).toBe(0);
  });
});

import { expect, test } from "vitest";
import { bytes, duration, durationMillis, millis } from "./format";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 KB"],
  [123_456, "123 KB"],
  [999_600, "1.0 MB"],
  [5_000_000_000n, "5.0 GB"],
])("%s bytes are %s", (count, text) => expect(bytes(count)).toBe(text));

test.each([
  [0, "0 ms"],
  [999.4, "999 ms"],
  [1000, "1 s"],
  [5240, "5.2 s"],
  [59_990, "1 min"],
  [200_000, "3 min 20 s"],
  [7_500_000, "2 h 5 min"],
  [273_600_000, "3 d 4 h"],
  [-5, "0 ms"],
])("%s milliseconds are %s", (ms, text) => expect(duration(ms)).toBe(text));

test("times of the contract are milliseconds, and 0 where they are not set", () => {
  expect(millis({ $typeName: "google.protobuf.Timestamp", seconds: 2n, nanos: 5_000_000 })).toBe(2005);
  expect(durationMillis({ $typeName: "google.protobuf.Duration", seconds: 1n, nanos: 500_000 })).toBe(1000.5);
  expect([millis(undefined), durationMillis(undefined)]).toEqual([0, 0]);
});

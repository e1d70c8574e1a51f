import { describe, expect, test } from "vitest";
import { joined } from "./bytes";
import { eventsBefore, eventsIn, sinceClear, unfinished } from "./history";
import { outputOf } from "./output";
import { ScriptedLog, utf8 } from "./scripted";

const text = (data: Uint8Array) => new TextDecoder().decode(data);
const never = () => new AbortController().signal;

describe("what was written before a moment", () => {
  test("is all of a small log, up to that moment and not further", async () => {
    const log = new ScriptedLog();
    for (let n = 1; n <= 9; n++) log.write(`${n}`);
    const found = await eventsBefore(log, log.session, 6n, 1_000_000, never());
    expect(text(joined(found.map((entry) => outputOf(entry)?.data ?? new Uint8Array())))).toBe("123456");
  });

  test("is about as much of a large log as was asked for, never much more", async () => {
    const log = new ScriptedLog();
    for (let n = 0; n < 400; n++) log.write("x".repeat(1000));
    const found = await eventsBefore(log, log.session, 400n, 50_000, never());
    expect(found.at(-1)?.seq).toBe(400);
    expect(found.length).toBeGreaterThan(40);
    expect(found.length).toBeLessThan(60);
  });

  test("stays bounded where the last events are far larger than the rest", async () => {
    const log = new ScriptedLog();
    for (let n = 0; n < 2000; n++) log.write("x");
    for (let n = 0; n < 50; n++) log.write("y".repeat(100_000));
    const found = await eventsBefore(log, log.session, 2050n, 200_000, never());
    expect(found.reduce((sum, entry) => sum + entry.bytes.length, 0)).toBeLessThan(600_000);
    expect(found.at(-1)?.seq).toBe(2050);
  });

  test("is nothing in an empty log, or when nobody waits for it any more", async () => {
    expect(await eventsBefore(new ScriptedLog(), new ScriptedLog().session, 0n, 1000, never())).toEqual([]);
    const log = new ScriptedLog();
    log.write("a");
    expect(await eventsBefore(log, log.session, 1n, 1000, AbortSignal.abort())).toEqual([]);
    expect(eventsIn(new ScriptedLog().session, 1000)).toBe(16n);
  });
});

describe("bytes to scroll back to", () => {
  test.each(["\x1bc", "\x1b[3J", "\x1b[?1049l"])("begin at the last code after which nothing of before is there: %j", (code) => {
    expect(text(sinceClear(utf8(`a${code}b${code}c\x1b[0md`)))).toBe(`${code}c\x1b[0md`);
  });

  test("are all of them where there is no such code, or only its beginning", () => {
    for (const all of ["", "plain", "\x1b[2J\x1b[H", "a\x1b[3", "\x1b"]) expect(text(sinceClear(utf8(all)))).toBe(all);
  });
});

test("a character that is cut off at the end of bytes is found, wherever it is cut", () => {
  for (const sign of ["é", "漢", "😀"]) {
    const whole = utf8(sign);
    for (let cut = 0; cut <= whole.length; cut++) {
      const bytes = joined([utf8("ab"), whole.subarray(0, cut)]);
      expect([...unfinished(bytes)]).toEqual(cut === whole.length ? [] : [...whole.subarray(0, cut)]);
    }
  }
  expect([...unfinished(Uint8Array.of(0x80, 0x80, 0x80, 0x80))]).toEqual([]);
  expect([...unfinished(new Uint8Array())]).toEqual([]);
});

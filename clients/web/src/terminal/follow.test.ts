// @vitest-environment happy-dom
import { afterEach, describe, expect, test } from "vitest";
import { Channel, EventKind } from "../gen/sightline/v1/event_pb";
import { GapReason, OnSlow } from "../gen/sightline/v1/session_service_pb";
import { Follow } from "./follow";
import { Screen } from "./screen";
import { ScriptedLog, until, utf8 } from "./scripted";

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

function follow(log: ScriptedLog) {
  const { terminal } = log.session;
  const screen = new Screen({
    size: { columns: terminal?.columns ?? 40, rows: terminal?.rows ?? 6 },
    pipes: terminal === undefined,
  });
  const following = new Follow(log, log.session, screen);
  open.push(() => {
    following.close();
    screen.dispose();
  });
  return { screen, following };
}

/** All lines, also those scrolled off. */
function lines({ terminal }: Screen): string[] {
  const { active } = terminal.buffer;
  const all = Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true).trimEnd() ?? "");
  while (all.at(-1) === "") all.pop();
  return all;
}

describe("a terminal that is followed", () => {
  test("shows its screen, to scroll back to what was written before it, and then what comes", async () => {
    const log = new ScriptedLog();
    for (let n = 1; n <= 6; n++) log.write(`line ${n}\r\n`);
    log.snapshot = { columns: 20, rows: 4, ansi: utf8("\x1b[H\x1b[2Jline 4\r\nline 5\r\nline 6\r\n") };
    const { screen, following } = follow(log);
    await until(() => following.state.get().shown);
    log.write("line 7\r\n");
    await until(() => following.state.get().seq === 7);
    expect(lines(screen)).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => `line ${n}`));
  });

  test("draws its log where its screen was taken while the program wrote, and may be ahead", async () => {
    const log = new ScriptedLog();
    log.write("$ ");
    log.write("e");
    log.snapshot = { columns: 20, rows: 4, ansi: utf8("\x1b[H$ ec"), exact: false };
    const { screen, following } = follow(log);
    await until(() => following.state.get().shown);
    for (const sign of "cho") log.write(sign);
    await until(() => following.state.get().seq === 5);
    expect(lines(screen)).toEqual(["$ echo"]);
  });

  test("asks for what draws and nothing else, and would rather skip than fall behind", async () => {
    const log = new ScriptedLog();
    log.snapshot = { columns: 20, rows: 4 };
    const { following } = follow(log);
    await until(() => following.state.get().shown);
    expect(log.requests[0]).toMatchObject({
      sessions: ["s1"],
      snapshot: true,
      onSlow: OnSlow.TO_LATEST,
      filter: { kinds: [EventKind.OUTPUT, EventKind.OUTPUT_LOST, EventKind.RESIZED] },
    });
  });

  test("shows a character whole of which the first half stands before its screen, and the second behind", async () => {
    const log = new ScriptedLog();
    const [first = 0, ...rest] = utf8("漢");
    log.write(Uint8Array.of(97, first));
    log.snapshot = { columns: 20, rows: 4, ansi: utf8("\x1b[Ha") };
    const { screen, following } = follow(log);
    await until(() => following.state.get().shown);
    for (const byte of rest) log.write(Uint8Array.of(byte));
    await until(() => following.state.get().seq === 3);
    expect(lines(screen)).toEqual(["a漢"]);
  });

  test("takes the size that its screen has, and each that comes, in the order of its output", async () => {
    const log = new ScriptedLog();
    log.snapshot = { columns: 30, rows: 5, ansi: utf8("x") };
    const { screen, following } = follow(log);
    await until(() => following.state.get().shown);
    expect([screen.terminal.cols, screen.terminal.rows]).toEqual([30, 5]);
    log.write("\r123456");
    log.add({ case: "resized", value: { columns: 4, rows: 3 } });
    log.write("7");
    await until(() => following.state.get().seq === 3);
    expect([screen.terminal.cols, screen.terminal.rows]).toEqual([4, 3]);
  });

  test("of which too much came goes on with its present screen, and what was there is scrolled off behind a line that says so", async () => {
    const log = new ScriptedLog();
    log.snapshot = { columns: 20, rows: 4, ansi: utf8("old 1\r\nold 2\x1b[?25l\x1b[31m") };
    const { screen, following } = follow(log);
    await until(() => following.state.get().shown);
    const gap = { sessionId: "s1", firstSeq: 1n, lastSeq: 900n, reason: GapReason.SLOW, kinds: [], bytes: 5_000_000n };
    log.sign({ case: "gap", value: gap as never });
    log.sign({ case: "snapshot", value: { sessionId: "s1", columns: 20, rows: 4, asOfSeq: 900n, ansi: utf8("new") } as never });
    await until(() => following.state.get().seq === 900);
    expect(lines(screen)).toEqual(["old 1", "old 2", " 5.0 MB not shown", "new"]);
    expect(following.state.get().skipped).toEqual({ times: 1, bytes: 5_000_000n });
  });

  test("of pipes of which too much came shows the end of it, behind a line that says so", async () => {
    const log = new ScriptedLog({ terminal: undefined });
    const { screen, following } = follow(log);
    await until(() => following.state.get().shown);
    const gap = { sessionId: "s1", firstSeq: 1n, lastSeq: 900n, reason: GapReason.SLOW, kinds: [], bytes: 5_000_000_000n };
    for (let n = 1; n <= 900; n++) log.pass(`line ${n}\n`);
    log.sign({ case: "gap", value: gap as never });
    await until(() => lines(screen).includes("line 900"));
    expect(lines(screen)).toContain(" 5.0 GB not shown");
    expect(lines(screen)).not.toContain("line 1");
  });

  test("says what was lost, and what is not kept any more", async () => {
    const log = new ScriptedLog();
    log.snapshot = { columns: 20, rows: 4 };
    const { screen, following } = follow(log);
    await until(() => following.state.get().shown);
    log.add({ case: "outputLost", value: { channel: Channel.TERMINAL, bytes: 1200n, reason: "the spool was full" } });
    const gap = { sessionId: "s1", firstSeq: 2n, lastSeq: 4n, reason: GapReason.RETENTION, kinds: [], bytes: 0n };
    log.sign({ case: "gap", value: gap as never });
    await until(() => following.state.get().missing.length === 2);
    expect(following.state.get().missing).toEqual([
      "1.2 KB of output could not be kept: the spool was full",
      "3 events are not kept any more",
    ]);
    expect(lines(screen)).toEqual([]); // a program's screen is not written on
    following.dismiss();
    expect(following.state.get().missing).toEqual([]);
  });

  test("stays as it is while it is held, and then goes on without a hole", async () => {
    const log = new ScriptedLog();
    log.snapshot = { columns: 20, rows: 4, ansi: utf8("one ") };
    const { screen, following } = follow(log);
    await until(() => following.state.get().shown);
    following.pause();
    log.write("two ");
    log.write("three");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([lines(screen), following.state.get().seq]).toEqual([["one"], 0]);
    following.resume();
    await until(() => following.state.get().seq === 2);
    expect(lines(screen)).toEqual(["one two three"]);
  });

  test("without a screen begins with what was written last, and an ended one says that this is all", async () => {
    const log = new ScriptedLog();
    log.write("the end");
    log.ended = true;
    const { screen, following } = follow(log);
    await until(() => following.state.get().ended);
    expect(lines(screen)).toEqual(["the end"]);
  });

  test("whose log was replaced begins anew without a trace of the old one", async () => {
    const log = new ScriptedLog();
    log.snapshot = { columns: 20, rows: 4, ansi: utf8("first") };
    const { screen, following } = follow(log);
    await until(() => following.state.get().shown);
    log.snapshot = { columns: 20, rows: 4, ansi: utf8("\x1b[2;1Hsecond") };
    log.begin(4n);
    await until(() => lines(screen).includes("second"));
    expect(lines(screen)).toEqual(["", "second"]);
  });
});

describe("a command in pipes that is followed", () => {
  test("shows both its outputs in their order, each with its own characters, and tells them apart", async () => {
    const log = new ScriptedLog({});
    const [first = 0, ...rest] = utf8("é");
    log.write(Uint8Array.of(111, 107, 32, first), 0, Channel.STDOUT);
    log.write("bad\n", 0, Channel.STDERR);
    const { screen, following } = follow(log);
    await until(() => following.state.get().shown);
    log.write(Uint8Array.from([...rest, 10]), 0, Channel.STDOUT);
    await until(() => following.state.get().seq === 3);
    expect(lines(screen)).toEqual(["ok bad", "é"]);
    const cell = (column: number) => screen.terminal.buffer.active.getLine(0)?.getCell(column);
    expect([cell(0)?.isItalic(), cell(3)?.isItalic()].map(Boolean)).toEqual([false, true]);
    expect([cell(0)?.isFgDefault(), cell(3)?.isFgDefault()]).toEqual([true, false]);
  });

  test("writes a line where something is missing", async () => {
    const log = new ScriptedLog({});
    log.write("a\n", 0, Channel.STDOUT);
    const { screen, following } = follow(log);
    await until(() => following.state.get().shown);
    const gap = { sessionId: "s1", firstSeq: 2n, lastSeq: 9n, reason: GapReason.SLOW, kinds: [], bytes: 9_000_000n };
    log.sign({ case: "gap", value: gap as never });
    await until(() => following.state.get().skipped.times === 1);
    await screen.write("");
    expect(lines(screen)).toEqual(["a", "", " 9.0 MB not shown"]);
  });
});

// @vitest-environment happy-dom
import { afterEach, describe, expect, test, vi } from "vitest";
import { Replay } from "./replay";
import { Screen, type Size } from "./screen";
import { ScriptedLog, until } from "./scripted";

const SIZE = { columns: 40, rows: 4 };
const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
  vi.useRealTimers();
});

function replay(log: ScriptedLog, sizeAt: (seq: number) => Size | undefined = () => SIZE) {
  const screen = new Screen({ size: SIZE, pipes: false });
  const made = new Replay(log, () => log.session, screen, sizeAt);
  open.push(() => {
    made.close();
    screen.dispose();
  });
  const shown = () => {
    const { active } = screen.terminal.buffer;
    const rows = Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true).trimEnd() ?? "");
    return rows.join("\n").trimEnd();
  };
  const at = (seq: number) => until(() => made.state.get().seq === seq && !made.state.get().seeking);
  return { replay: made, screen, shown, at };
}

/** A log of ten outputs, `1` to `10`, one each 100 ms. */
function ten(): ScriptedLog {
  const log = new ScriptedLog();
  for (let n = 1; n <= 10; n++) log.write(`${n} `, n * 100);
  log.ended = true;
  return log;
}

describe("a replay", () => {
  test("shows the screen as it was after any event, forward and back", async () => {
    const { replay: one, shown, at } = replay(ten());
    for (const seq of [5, 7, 3, 10, 1]) {
      one.seek(seq);
      await at(seq);
      expect(shown()).toBe(
        Array.from({ length: seq }, (_, n) => n + 1)
          .join(" ")
          .trim(),
      );
    }
  });

  test("goes forward on the same stream, and begins another one to go back", async () => {
    const log = ten();
    const { replay: one, at } = replay(log);
    one.seek(3);
    await at(3);
    one.seek(8);
    await at(8);
    expect(log.requests).toHaveLength(1);
    one.seek(2);
    await at(2);
    expect(log.requests).toHaveLength(2);
  });

  test("plays to the end, and says that it is there", async () => {
    const { replay: one, shown } = replay(ten());
    one.speed = Number.POSITIVE_INFINITY;
    one.seek(1);
    one.play();
    await until(() => one.state.get().atEnd);
    expect([shown(), one.state.get().playing, one.state.get().seq]).toEqual(["1 2 3 4 5 6 7 8 9 10", false, 10]);
  });

  test("stays where it is while it is held, and seeks while it is held", async () => {
    const { replay: one, shown, at } = replay(ten());
    one.seek(4);
    await at(4);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([shown(), one.state.get().playing]).toEqual(["1 2 3 4", false]);
    one.seek(6);
    await at(6);
    expect(shown()).toBe("1 2 3 4 5 6");
  });

  test("while it is held, is asked for the place where it is, and for one behind it at which nothing was drawn", async () => {
    const log = new ScriptedLog();
    log.write("1 ");
    log.add({ case: "stateChanged", value: {} });
    log.add({ case: "stateChanged", value: {} });
    log.write("4 ");
    log.ended = true;
    const { replay: one, shown, at } = replay(log);
    for (const seq of [1, 1, 2, 3, 3, 4, 4]) {
      one.seek(seq);
      await at(seq);
      expect(shown()).toBe(seq < 4 ? "1" : "1 4");
    }
    expect(log.requests).toHaveLength(1);
  });

  test("while it waits for what comes next, is asked for the place where it is", async () => {
    const log = new ScriptedLog();
    log.write("1 ");
    log.write("2 ", 10);
    log.write("3 ", 900);
    log.ended = true;
    const { replay: one, shown } = replay(log);
    one.seek(1);
    one.play();
    await until(() => one.state.get().seq === 2);
    one.pause();
    one.seek(2);
    await until(() => !one.state.get().seeking);
    expect([shown(), one.state.get().seq]).toEqual(["1 2", 2]);
    one.play();
    await until(() => one.state.get().atEnd);
    expect(shown()).toBe("1 2 3");
  });

  test("has the pauses that there were: each event comes when it is due and not before", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const { replay: one } = replay(ten());
    const turns = async () => {
      for (let n = 0; n < 50; n++) {
        await new Promise((resolve) => setImmediate(resolve));
        vi.advanceTimersByTime(0); // the terminal draws in timers of no length
      }
    };
    one.seek(1);
    await turns();
    one.play();
    await turns();
    const first = one.state.get().seq;
    vi.advanceTimersByTime(99);
    await turns();
    expect(one.state.get().seq).toBe(first);
    vi.advanceTimersByTime(1);
    await turns();
    expect(one.state.get().seq).toBe(first + 1);
    one.speed = 2;
    await turns();
    const then = one.state.get().seq;
    vi.advanceTimersByTime(50);
    await turns();
    expect(one.state.get().seq).toBe(then + 1);
  });

  test("has the size that the terminal had then", async () => {
    const log = new ScriptedLog();
    log.write("a");
    log.add({ case: "resized", value: { columns: 10, rows: 3 } });
    log.write("b");
    log.ended = true;
    const { replay: one, screen, at } = replay(log, (seq) => (seq < 2 ? SIZE : { columns: 10, rows: 3 }));
    one.seek(1);
    await at(1);
    expect(screen.terminal.cols).toBe(SIZE.columns);
    one.seek(3);
    await at(3);
    expect(screen.terminal.cols).toBe(10);
    one.seek(1);
    await at(1);
    expect(screen.terminal.cols).toBe(SIZE.columns);
  });

  test("of a place far in a large log is drawn from the last screen that was emptied before it, and says that it may not be exact", async () => {
    const log = new ScriptedLog();
    const large = "x".repeat(100_000);
    for (let n = 0; n < 100; n++) log.write(large);
    log.write("\x1b[2J\x1b[Hmenu\r\n");
    log.write("entry");
    log.write(" 2");
    log.ended = true;
    const { replay: one, shown, at } = replay(log);
    one.seek(102);
    await at(102);
    expect([shown(), one.state.get().exact]).toEqual(["menu\nentry", false]);
    const asked = log.requests.length;
    one.seek(103);
    await at(103);
    expect([shown(), log.requests.length]).toEqual(["menu\nentry 2", asked]);
    one.seek(1);
    await at(1);
    expect(one.state.get().exact).toBe(true);
  });

  test("keeps to the log: a place before it or behind it is its first or its last", async () => {
    const { replay: one, at } = replay(ten());
    one.seek(-5);
    await at(1);
    one.seek(99);
    await at(10);
  });

  test("of a session that goes on follows what comes, when it plays", async () => {
    const log = ten();
    log.ended = false;
    const { replay: one, shown, at } = replay(log);
    one.seek(10);
    await at(10);
    one.play();
    log.write("11", 1100);
    await until(() => one.state.get().seq === 11);
    expect(shown()).toBe("1 2 3 4 5 6 7 8 9 10 11");
  });
});

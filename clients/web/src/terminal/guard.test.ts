// @vitest-environment happy-dom
import { Terminal } from "@xterm/xterm";
import { describe, expect, test } from "vitest";
import { guard, linkTarget, wasTyped } from "./guard";

/** Every question that xterm.js, or a terminal that it may become, answers. */
const QUESTIONS = [
  ["DA1", "\x1b[c"],
  ["DA1 with a number", "\x1b[0c"],
  ["DA2", "\x1b[>c"],
  ["DA3", "\x1b[=c"],
  ["DECID", "\x1bZ"],
  ["ENQ", "\x05"],
  ["DSR", "\x1b[5n"],
  ["CPR", "\x1b[6n"],
  ["DECXCPR", "\x1b[?6n"],
  ["the theme", "\x1b[?996n"],
  ["printer", "\x1b[?15n"],
  ["keyboard", "\x1b[?26n"],
  ["locator", "\x1b[?53n"],
  ["DECRQM, ANSI", "\x1b[4$p"],
  ["DECRQM, private", "\x1b[?2004$p"],
  ["DECREQTPARM", "\x1b[x"],
  ["XTVERSION", "\x1b[>q"],
  ["kitty's keyboard", "\x1b[?u"],
  ["DECRQPSR", "\x1b[1$w"],
  ["the window's pixels", "\x1b[14t"],
  ["a cell's pixels", "\x1b[16t"],
  ["the window's cells", "\x1b[18t"],
  ["the window's title", "\x1b[21t"],
  ["a colour", "\x1b]4;1;?\x07"],
  ["the text's colour", "\x1b]10;?\x1b\\"],
  ["the ground's colour", "\x1b]11;?\x07"],
  ["the cursor's colour", "\x1b]12;?\x07"],
  ["all three", "\x1b]10;?;?;?\x07"],
  ["the clipboard", "\x1b]52;c;?\x07"],
  ["DECRQSS", "\x1bP$qm\x1b\\"],
  ["DECRQSS of margins", '\x1bP$q"p\x1b\\'],
  ["XTGETTCAP", "\x1bP+q544e\x1b\\"],
] as const;

/** What a terminal wants to send when a program writes this, whole and byte by byte, and what it shows of it. */
async function answers(terminal: Terminal, written: string): Promise<{ sent: string[]; shown: string }> {
  const sent: string[] = [];
  terminal.onData((data) => wasTyped(data) && sent.push(data));
  terminal.onBinary((data) => sent.push(data));
  for (const part of [written, ...written]) await new Promise<void>((drawn) => terminal.write(part, drawn));
  return { sent, shown: terminal.buffer.active.getLine(0)?.translateToString(true) ?? "" };
}

describe("a terminal that is guarded", () => {
  test.each(QUESTIONS)("answers nothing when a program asks for %s, and shows nothing of it", async (_name, question) => {
    const terminal = new Terminal({ allowProposedApi: true });
    guard(terminal);
    expect(await answers(terminal, question)).toEqual({ sent: [], shown: "" });
  });

  test("answers nothing where one question stands in the midst of output and of another", async () => {
    const terminal = new Terminal({ allowProposedApi: true });
    guard(terminal);
    const all = QUESTIONS.map(([, question]) => question).join("\x1b[0m");
    expect((await answers(terminal, all)).sent).toEqual([]);
  });

  test("still sends what somebody types", async () => {
    const terminal = new Terminal();
    guard(terminal);
    const sent: string[] = [];
    terminal.onData((data) => wasTyped(data) && sent.push(data));
    for (const key of ["a", "\x1b[A", "\x1b[1;5R", "\x1bOP", "\x1b[I\x1b[O"]) terminal.input(key);
    expect(sent).toEqual(["a", "\x1b[A", "\x1b[1;5R", "\x1bOP", "\x1b[I\x1b[O"]);
  });

  test("tells nobody that it has the focus", () => {
    expect([wasTyped("\x1b[I"), wasTyped("\x1b[O")]).toEqual([false, false]);
  });
});

test("without the guard a terminal does answer: the questions are real ones", async () => {
  const terminal = new Terminal({ allowProposedApi: true });
  const sent: string[] = [];
  terminal.onData((data) => sent.push(data));
  for (const question of ["\x1b[c", "\x1b[>c", "\x1b[5n", "\x1b[6n", "\x1b[?6n", "\x1b[?2004$p", "\x1bP$qm\x1b\\"])
    await new Promise<void>((drawn) => terminal.write(question, drawn));
  expect(sent).toHaveLength(7);
});

describe("a link of a program", () => {
  test.each(["http://example.com/a?b#c", "https://example.com/"])("may lead to a page: %s", (target) => {
    expect(linkTarget(target)).toBe(target);
  });

  test.each(["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vscode://x", "/s/other", "", "http//"])(
    "leads nowhere else: %s",
    (target) => {
      expect(linkTarget(target)).toBeUndefined();
    },
  );
});

import { expect, test } from "vitest";
import { inputOf } from "./toolInput";

const signs = (json: object | string) =>
  inputOf(JSON.stringify(json)).edits.map(({ path, lines }) => [path, lines.map((line) => line.sign + line.text)]);

test.each([
  [{ command: "ls -1 && cat hello.py", description: "look" }, "ls -1 && cat hello.py"],
  [{ cmd: "echo started" }, "echo started"],
  [{ command: ["bash", "-lc", "ls -1"] }, "ls -1"],
  [{ command: ["rm", "-r", "a b"] }, "rm -r 'a b'"],
])("a command is a line: %j", (input, line) => expect(inputOf(JSON.stringify(input)).command).toBe(line));

test("what is left of the input stands by its name, in the order in which it was written", () => {
  expect(inputOf('{"command":"x","z":1,"a":{"b":[2]}}').rest).toEqual([
    ["z", "1"],
    ["a", '{\n  "b": [\n    2\n  ]\n}'],
  ]);
});

test("an edit shows what goes and what comes, and what both share once", () => {
  expect(signs({ file_path: "/e.txt", old_string: "a\nb\nc\n", new_string: "a\nB\nc\n" })).toEqual([
    ["/e.txt", [" a", "-b", "+B", " c"]],
  ]);
  expect(signs({ filePath: "e", oldString: "x", newString: "" })).toEqual([["e", ["-x"]]]);
});

test("a file that is written is all new; several edits are several", () => {
  expect(signs({ file_path: "n", content: "a\nb" })).toEqual([["n", ["+a", "+b"]]]);
  expect(
    signs({
      file_path: "n",
      edits: [
        { old_string: "a", new_string: "b" },
        { old_string: "c", new_string: "d" },
      ],
    }),
  ).toEqual([
    ["n", ["-a", "+b"]],
    ["n", ["-c", "+d"]],
  ]);
});

test("Codex's changes and patches are changes too", () => {
  expect(
    signs({
      changes: {
        "/n": { add: { content: "x\n" } },
        "/d": { delete: { content: "y" } },
        "/u": { update: { unified_diff: "@@ -1 +1 @@\n-a\n+b" } },
      },
    }),
  ).toEqual([
    ["/n", ["+x"]],
    ["/d", ["-y"]],
    ["/u", ["@@@ -1 +1 @@", "-a", "+b"]],
  ]);
  expect(signs("*** Begin Patch\n*** Add File: n\n+x\n*** End Patch")[0]?.[1]).toEqual([
    "@*** Begin Patch",
    "@*** Add File: n",
    "+x",
    "@*** End Patch",
  ]);
  expect(signs({ changes: [{ path: "/n", kind: "add" }] })).toEqual([]);
});

test.each([
  "",
  "{",
  "null",
  "3",
  '"text"',
  "[1]",
  '{"command":5}',
  '{"old_string":1}',
  '{"changes":{"a":null}}',
  '{"edits":[null]}',
])("whatever agents write is shown: %s", (json) => {
  const { command, edits, rest } = inputOf(json);
  expect(typeof command).toBe("string");
  expect(json === "" || edits.length + rest.length > 0 || command !== "").toBe(true);
});

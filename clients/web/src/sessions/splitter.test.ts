import { describe, expect, it } from "vitest";
import { shellSigns, split } from "./splitter";

const words = (line: string) => {
  const found = split(line);
  return "words" in found ? found.words : found.problem;
};

describe("a command line", () => {
  it.each<[string, string[]]>([
    ["", []],
    ["  \t ", []],
    ["make -j2 test", ["make", "-j2", "test"]],
    ["  a   b\tc\n", ["a", "b", "c"]],
    ["'a b' c", ["a b", "c"]],
    ['"a b" c', ["a b", "c"]],
    ["a\\ b", ["a b"]],
    ["--x='a b'c\"d e\"", ["--x=a bcd e"]],
    ["'' \"\" x", ["", "", "x"]],
    ["'it'\\''s'", ["it's"]],
    ['"say \\"hi\\""', ['say "hi"']],
    ['"C:\\new \\\\ \\$x"', ["C:\\new \\ \\$x"]],
    ["'no \\ escape'", ["no \\ escape"]],
    ["$HOME *.py | cat > x", ["$HOME", "*.py", "|", "cat", ">", "x"]],
    ["über 'ß 🦉'", ["über", "ß 🦉"]],
  ])("%j is split as a shell would, and nothing in it is expanded", (line, expected) => {
    expect(words(line)).toEqual(expected);
  });

  it.each(["'a", 'x "y', '"a\\"', "a\\", '"\\'])("%j is not guessed at: it says what has no end", (line) => {
    expect(words(line)).toMatch(/has no end|keeps nothing/);
  });

  it("is split into the words that it was put together from", async () => {
    const { commandLine } = await import("./words");
    const argv = ["sh", "-c", "echo 'a' \"b\" $c \\ | x", "", "--", "ü n", "a=b", "*"];
    expect(words(commandLine(argv))).toEqual(argv);
  });
});

describe("signs of a shell", () => {
  it("are found where they stand bare, each once", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what somebody types
    expect(shellSigns("a | b && c > d $x ${y} $(z) | *")).toEqual(["|", "&&", ">", "$x", "${", "$(", "*"]);
  });

  it("are none in quotes, behind a backslash, or in plain words", () => {
    expect(shellSigns("sh -c 'a | b' \"c > d\" \\& e=f,g:h 5$ a-b")).toEqual([]);
  });
});

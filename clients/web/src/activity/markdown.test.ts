import { describe, expect, test } from "vitest";
import { blocksOf, inlinesOf, safeLink } from "./markdown";

describe("blocks", () => {
  test("paragraphs, headings, rules and quotes", () => {
    expect(blocksOf("a\nb\n\n## c ##\n---\n> d\n> e")).toEqual([
      { kind: "paragraph", text: "a\nb" },
      { kind: "heading", level: 2, text: "c" },
      { kind: "rule" },
      { kind: "quote", text: "d\ne" },
    ]);
  });
  test("code is what stands between fences, whatever it looks like", () => {
    expect(blocksOf("```ts\n# no\n- no\n```\nyes")).toEqual([
      { kind: "code", language: "ts", text: "# no\n- no" },
      { kind: "paragraph", text: "yes" },
    ]);
  });
  test("code that is not over goes to the end: a message may still grow", () => {
    expect(blocksOf("```\na\nb")).toEqual([{ kind: "code", language: "", text: "a\nb" }]);
  });
  test("lists keep their numbers and their depth", () => {
    expect(blocksOf("- a\n  - b\n2. c\n   more")).toEqual([
      {
        kind: "list",
        items: [
          { mark: "•", depth: 0, text: "a" },
          { mark: "•", depth: 1, text: "b" },
          { mark: "2.", depth: 0, text: "c\nmore" },
        ],
      },
    ]);
  });
  test("tables need their line of dashes", () => {
    expect(blocksOf("| a | b |\n|---|---|\n| 1 | 2 |")).toEqual([
      {
        kind: "table",
        rows: [
          ["a", "b"],
          ["1", "2"],
        ],
      },
    ]);
    expect(blocksOf("| a | b |")).toEqual([{ kind: "paragraph", text: "| a | b |" }]);
  });
  test("no line is lost, whatever it is", () => {
    const text = "<script>alert(1)</script>\n![x](http://127.0.0.1/y)\n&lt;b&gt;";
    expect(blocksOf(text)).toEqual([{ kind: "paragraph", text }]);
  });
});

describe("pieces of lines", () => {
  test("code, bold, italic", () => {
    expect(inlinesOf("a `b*c*` **d** *e* f_g_h 2*3*4")).toEqual([
      { kind: "text", text: "a " },
      { kind: "code", text: "b*c*" },
      { kind: "text", text: " " },
      { kind: "strong", text: "d" },
      { kind: "text", text: " " },
      { kind: "emphasis", text: "e" },
      { kind: "text", text: " f_g_h 2*3*4" },
    ]);
  });
  test("links lead to the web; a bare one ends before the full stop", () => {
    expect(inlinesOf("[a](https://b.example/c) http://d.example.")).toEqual([
      { kind: "link", text: "a", href: "https://b.example/c" },
      { kind: "text", text: " " },
      { kind: "link", text: "http://d.example", href: "http://d.example/" },
      { kind: "text", text: "." },
    ]);
  });
  test.each(["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil.example", "vbscript:x", "blob:http://a/b"])(
    "%s is no link",
    (target) => {
      expect(safeLink(target)).toBeUndefined();
      expect(inlinesOf(`[a](${target})`).every((piece) => piece.kind !== "link")).toBe(true);
    },
  );
  test.each(["`".repeat(5000), "*".repeat(5000), "[".repeat(5000), "[a](".repeat(2000), "** a".repeat(2000)])(
    "text that looks like much and is nothing stays text",
    (text) => {
      const pieces = inlinesOf(text);
      expect(pieces.map((piece) => piece.text).join("").length).toBeGreaterThan(text.length / 2);
    },
  );
});

describe("one long line", () => {
  const LONG = 1_000_000; // characters: in the square of it this would take hours, and no test run waits so long
  test.each([
    ["a heading with a gap in it", `# a${" ".repeat(LONG)}b`, "heading"],
    ["a heading of nothing but gaps", `# ${" ".repeat(LONG)}\u2028`, "heading"],
    ["a fence that is none", `${"~".repeat(LONG)}\``, "paragraph"],
    ["a fence and spaces", `\`\`\`${" ".repeat(LONG)}\``, "paragraph"],
    ["an item with another line's end in it", `- ${" ".repeat(LONG)}\r`, "list"],
  ])("%s is read once", (_what, text, kind) => {
    expect(blocksOf(text)[0]?.kind).toBe(kind);
  });
  test("signs for code without an end are read once", () => {
    expect(inlinesOf("`".repeat(LONG))).toEqual([{ kind: "text", text: "`".repeat(LONG) }]);
  });
  test("signs that close a heading are left out", () => {
    expect(blocksOf("## a # b ##  \n# #")).toEqual([
      { kind: "heading", level: 2, text: "a # b" },
      { kind: "heading", level: 1, text: "#" },
    ]);
  });
});

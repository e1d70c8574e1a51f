import { expect, test } from "vitest";
import { plain } from "./plain";

test.each([
  ["a\u202eb", "a[U+202E]b"],
  ["\u2066x\u2069", "[U+2066]x[U+2069]"],
  ["\x1b[31mred", "␛[31mred"],
  ["a\u0000b\u007f", "a␀b␡"],
  ["zero\u200bwidth\ufeff", "zero[U+200B]width[U+FEFF]"],
  ["\u{e0041}", "[U+E0041]"],
])("what is unseen is seen: %j", (text, shown) => expect(plain(text)).toBe(shown));

test.each(["plain\ttext\nwith lines", "é 日本 עברית العربية", "👩\u200d💻", "می\u200cخواهم"])("text stays as it is: %s", (text) =>
  expect(plain(text)).toBe(text),
);

test("line ends of two signs are one", () => expect(plain("a\r\nb\rc")).toBe("a\nb␍c"));

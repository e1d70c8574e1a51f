import { describe, expect, test } from "vitest";
import { pasted } from "./paste";

describe("a paste", () => {
  test("presses Enter where lines end, however they end", () => {
    expect(pasted("a\nb\r\nc\rd", false)).toBe("a\rb\rc\rd");
  });

  test("says where it begins and ends to a program that wants to know", () => {
    expect(pasted("rm -rf x\n", true)).toBe("\x1b[200~rm -rf x\r\x1b[201~");
    expect(pasted("", true)).toBe("");
  });

  test("cannot end itself and type on, nor press keys", () => {
    expect(pasted("a\x1b[201~\nrm\n", true)).toBe("\x1b[200~a[201~\rrm\r\x1b[201~");
    expect(pasted("a\x9b201~\x03\x04\x7f\0b\tc", false)).toBe("a201~b\tc");
  });

  test("keeps every other sign", () => {
    expect(pasted("é漢字👩‍👩‍👧‍👦 \u00a0", false)).toBe("é漢字👩‍👩‍👧‍👦 \u00a0");
  });
});

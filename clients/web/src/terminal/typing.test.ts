import { describe, expect, test } from "vitest";
import { meaning } from "./typing";

const press = (keys: string) => {
  const parts = keys.split("+");
  const has = (name: string) => parts.includes(name);
  return { key: parts.at(-1) ?? "", ctrlKey: has("Ctrl"), shiftKey: has("Shift"), altKey: has("Alt"), metaKey: has("Meta") };
};

describe("a press in a terminal", () => {
  test.each(["a", "Escape", "Tab", "Ctrl+c", "Ctrl+v", "Ctrl+f", "Alt+b", "Shift+Tab", "F6", "Ctrl+w", "Enter", "Shift+PageUp"])(
    "is the program's where it can be typed: %s",
    (keys) => {
      expect(meaning(press(keys), false, false)).toBe("program");
    },
  );

  test.each([
    ["Ctrl+Shift+Enter", "leave"],
    ["Ctrl+Shift+C", "copy"],
    ["Ctrl+Insert", "copy"],
    ["Ctrl+Shift+F", "search"],
    ["Ctrl+Shift+V", "browser"],
    ["Meta+c", "browser"],
  ] as const)("is the page's where a program could not tell it from another: %s", (keys, what) => {
    for (const readOnly of [false, true]) expect(meaning(press(keys), readOnly, false)).toBe(what);
  });

  test("is the browser's where nothing is typed, so that Tab leaves the terminal", () => {
    for (const keys of ["Tab", "Shift+Tab", "a", "Ctrl+r", "Escape"]) expect(meaning(press(keys), true, false)).toBe("browser");
    expect(meaning(press("Shift+PageUp"), true, false)).toBe("program");
    expect(meaning(press("Ctrl+c"), true, true)).toBe("copy");
  });

  test("interrupts a program also where text is selected", () => {
    expect(meaning(press("Ctrl+c"), false, true)).toBe("program");
  });
});

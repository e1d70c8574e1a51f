// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as keys from "./keys";
import { type Binding, hasOwnKeys, judge, type KeyLike, listenForKeys } from "./keys";

const key = (name: string, modifiers: Partial<KeyLike> = {}): KeyLike => ({
  key: name,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...modifiers,
});
const binding = (what: string): Binding => ({ keys: what, what, group: "", run: () => undefined });
const ALL = ["j", "g t", "g a", "?", "Escape"].map(binding);

describe("a key", () => {
  it("does what it is bound to", () => {
    expect(judge("", key("j"), ALL).run?.what).toBe("j");
    expect(judge("", key("?"), ALL).run?.what).toBe("?");
    expect(judge("", key("x"), ALL)).toEqual({ pending: "" });
  });

  it("waits for the second of two, and forgets the first when another comes", () => {
    expect(judge("", key("g"), ALL)).toEqual({ pending: "g" });
    expect(judge("g", key("t"), ALL).run?.what).toBe("g t");
    expect(judge("g", key("j"), ALL).run?.what).toBe("j");
    expect(judge("g", key("g"), ALL)).toEqual({ pending: "g" });
    expect(judge("g", key("x"), ALL)).toEqual({ pending: "" });
  });

  it.each(["ctrlKey", "metaKey", "altKey"] as const)("with %s is the browser's", (modifier) => {
    expect(judge("", key("j", { [modifier]: true }), ALL)).toEqual({ pending: "" });
    expect(judge("g", key("t", { [modifier]: true }), ALL)).toEqual({ pending: "" });
  });

  it("does what was bound last, where two want it", () => {
    const inner = { ...binding("j"), what: "inner" };
    expect(judge("", key("j"), [...ALL, inner]).run?.what).toBe("inner");
  });
});

describe("keys that belong elsewhere", () => {
  it.each([
    "<input>",
    '<input type="search">',
    "<textarea></textarea>",
    "<select><option>a</option></select>",
    '<div contenteditable="true"></div>',
    '<div role="textbox"></div>',
    '<div class="xterm"><textarea></textarea><b class="in"></b></div>',
    '<div data-own-keys><b class="in"></b></div>',
    '<dialog><button class="in"></button></dialog>',
    '<div role="menu"><button class="in"></button></div>',
  ])("%s keeps them", (html) => {
    document.body.innerHTML = html;
    expect(hasOwnKeys(document.querySelector(".in") ?? document.body.firstElementChild)).toBe(true);
  });

  it.each([
    "<a href='/'></a>",
    "<button></button>",
    '<input type="checkbox">',
    '<div contenteditable="false"></div>',
    "<main></main>",
  ])("%s lets them go by", (html) => {
    document.body.innerHTML = html;
    expect(hasOwnKeys(document.body.firstElementChild)).toBe(false);
  });
});

describe("the listener", () => {
  let stop: () => void;
  const ran: string[] = [];
  beforeEach(() => {
    ran.length = 0;
    vi.useFakeTimers();
    const bound = ["j", "g t"].map((what): Binding => ({ ...binding(what), run: () => ran.push(what) }));
    vi.spyOn(keys.bindings, "get").mockReturnValue(bound);
    stop = listenForKeys();
    document.body.innerHTML = "<button></button><input>";
  });
  afterEach(() => {
    stop();
    vi.useRealTimers();
  });
  const press = (name: string, on = "button", init: KeyboardEventInit = {}) => {
    const event = new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...init });
    document.querySelector(on)?.dispatchEvent(event);
    return event.defaultPrevented;
  };

  it("takes the keys that are bound and no other", () => {
    expect(press("j")).toBe(true);
    expect(press("q")).toBe(false);
    expect(press("j", "input")).toBe(false);
    expect(press("j", "button", { isComposing: true })).toBe(false);
    expect(ran).toEqual(["j"]);
  });

  it("takes two keys within a moment, with Shift between them, and not later", () => {
    press("g");
    press("Shift");
    press("t");
    expect(ran).toEqual(["g t"]);
    press("g");
    vi.advanceTimersByTime(2000);
    press("t");
    expect(ran).toEqual(["g t"]);
  });

  it("takes none while a dialog is open", () => {
    document.body.insertAdjacentHTML("beforeend", "<dialog open></dialog>");
    expect(press("j")).toBe(false);
  });
});

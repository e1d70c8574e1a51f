// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from "vitest";
import { followLinks, go, href, parse, route, VIEWS } from "./route";

const NONE = { session: undefined, view: undefined, seq: undefined };

describe("an address", () => {
  it("names a session, a view and an event", () => {
    expect(parse("/s/build/activity", "?seq=120")).toEqual({ session: "build", view: "activity", seq: 120 });
    expect(parse("/s/build", "")).toEqual({ ...NONE, session: "build" });
    expect(parse("/", "")).toEqual(NONE);
    expect(parse("/s/web%40host", "").session).toBe("web@host");
  });

  it("is read again as what it was made from", () => {
    for (const session of ["a", "web@host", "ü/x?#&%", "06424e9ea925379f", "..%2f"]) {
      for (const view of [undefined, ...VIEWS]) {
        for (const seq of [undefined, 1, 2 ** 53 - 1]) {
          const { pathname, search } = new URL(href({ session, view, seq }), "http://h");
          expect(parse(pathname, search)).toEqual({ session, view, seq });
        }
      }
    }
  });

  it.each([
    ["/s/", ""],
    ["/s//activity", ""],
    ["/x/build/activity", "?seq=1"],
    ["//evil.example/s/a", ""],
    ["", "?seq=1"],
  ])("%s names no session", (path, search) => expect(parse(path, search).session).toBeUndefined());

  it.each(["?seq=0", "?seq=-1", "?seq=1.5", "?seq=1e99", "?seq=NaN", "?seq=", "?seq=0x", "?x=1", "?seq=%00"])(
    "leaves %s out",
    (search) => expect(parse("/s/a/terminal", search).seq).toBeUndefined(),
  );

  it.each(["%", "%zz", "a%E0%A4%A", "%c0%80"])("with the broken encoding %s breaks nothing", (name) => {
    expect(parse(`/s/${name}/files`, "")).toMatchObject({ session: name, view: "files" });
  });

  it.each(["__proto__", "constructor", "<img src=x onerror=alert(1)>", "javascript:alert(1)", "..", "\u202e"])(
    "takes %j for a name like any other",
    (name) => expect(parse(`/s/${encodeURIComponent(name)}`, "").session).toBe(name),
  );

  it("knows no view but those that there are", () => {
    expect(parse("/s/a/admin", "").view).toBeUndefined();
    expect(parse("/s/a/__proto__", "").view).toBeUndefined();
    expect(parse("/s/a/Activity", "").view).toBeUndefined();
  });
});

describe("going somewhere", () => {
  afterEach(() => go({}));

  it("is known to those who watch, and to the browser's way back", () => {
    go({ session: "a", view: "files" });
    expect(location.pathname).toBe("/s/a/files");
    expect(route.get()).toMatchObject({ session: "a", view: "files" });
    history.replaceState(null, "", "/s/b");
    dispatchEvent(new PopStateEvent("popstate"));
    expect(route.get().session).toBe("b");
  });

  it("is what a press of a link of the page does, and no press that means something else", () => {
    // happy-dom goes to a link's address before the page's listeners are asked, which no browser does.
    const { happyDOM } = window as unknown as { happyDOM: { settings: { navigation: Record<string, boolean> } } };
    Object.assign(happyDOM.settings.navigation, { disableMainFrameNavigation: true, disableFallbackToSetURL: true });
    followLinks();
    const isTaken = (link: string, init: MouseEventInit = {}, target = "") => {
      document.body.innerHTML = `<a href="${link}" target="${target}"><b>x</b></a>`;
      const event = new MouseEvent("click", { bubbles: true, cancelable: true, ...init });
      document.querySelector("b")?.dispatchEvent(event);
      return event.defaultPrevented;
    };
    expect(isTaken("/s/one")).toBe(true);
    expect(isTaken("/")).toBe(true);
    for (const init of [{ ctrlKey: true }, { metaKey: true }, { shiftKey: true }, { altKey: true }, { button: 1 }]) {
      expect(isTaken("/s/one", init)).toBe(false);
    }
    expect(isTaken("/s/one", {}, "_blank")).toBe(false);
    expect(isTaken("https://evil.example/s/one")).toBe(false);
    expect(isTaken("/metrics")).toBe(false);
  });
});

/** Which view of which session the address names, and how to go to another. Deep links are addresses; there is no other state of it. */
import { type Readable, Store } from "../bridge/store";

/** The views of a session, in the order of their tabs. */
export const VIEWS = ["terminal", "activity", "files", "recipe"] as const;
/** One of them. */
export type View = (typeof VIEWS)[number];

/** What the address names. */
export interface Route {
  /** A session's id or name; undefined: the list alone. */
  readonly session: string | undefined;
  /** undefined: the one that fits the session. */
  readonly view: View | undefined;
  /** The event to show. */
  readonly seq: number | undefined;
}

const store = new Store(parse(location.pathname, location.search));
addEventListener("popstate", () => store.set(parse(location.pathname, location.search)));

/** What the address names now. */
export const route: Readable<Route> = store;

/** Reads an address: `/`, `/s/NAME`, `/s/NAME/VIEW?seq=N`. Whatever it cannot read, it leaves out. */
export function parse(path: string, search: string): Route {
  const [, root, session, view] = path.split("/");
  const seq = Number(new URLSearchParams(search).get("seq") ?? Number.NaN);
  return {
    session: root === "s" && session ? decoded(session) : undefined,
    view: VIEWS.find((one) => one === view),
    seq: Number.isSafeInteger(seq) && seq > 0 ? seq : undefined,
  };
}

/** A part of a path in plain; as it stands where it is no encoding of anything. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a route. */
export function href({ session, view, seq }: Partial<Route>): string {
  if (session === undefined) return "/";
  const path = `/s/${encodeURIComponent(session)}${view === undefined ? "" : `/${view}`}`;
  return seq === undefined ? path : `${path}?seq=${seq}`;
}

/** Goes there; `replace`: without a step to go back to. */
export function go(to: Partial<Route>, replace = false): void {
  const address = href(to);
  if (address === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  store.set(parse(location.pathname, location.search));
}

/** Makes links of the page itself go without loading it again; modified presses stay the browser's. */
export function followLinks(): void {
  addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link === null || link.target !== "" || link.origin !== location.origin || !/^\/(s\/|$)/.test(link.pathname)) return;
    event.preventDefault();
    go(parse(link.pathname, link.search));
  });
}

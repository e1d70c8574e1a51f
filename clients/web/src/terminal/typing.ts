/** From keys, pastes and the mouse to the queue of what is typed. */
import type { BridgeClient } from "../bridge/client";
import { toast } from "../ui/toasts";
import { wasTyped } from "./guard";
import { InputQueue } from "./inputQueue";
import { pasted } from "./paste";
import type { Screen } from "./screen";

const AUTHOR = "dashboard"; // whom the log names

/** What a press means to the page, and not to the program. */
export type Command = "leave" | "copy" | "search";

const encoder = new TextEncoder();

/** A queue into a session. */
export function queueInto(client: BridgeClient, session: string): InputQueue {
  return new InputQueue(async (data, requestId) => {
    const answer = await client.call("send", { session, data, requestId, author: AUTHOR });
    return answer.delivered;
  });
}

/**
 * Brings what is typed on a screen into a queue, and presses that are the page's own to `command`. Nothing is typed where the screen's
 * `disableStdin` is on. Returns how to stop it.
 */
export function listen(screen: Screen, queue: InputQueue, command: (what: Command) => void): () => void {
  const { terminal } = screen;
  const listeners = [
    terminal.onData((data) => wasTyped(data) && queue.type(encoder.encode(data))),
    terminal.onBinary((data) => queue.type(Uint8Array.from(data, (sign) => sign.charCodeAt(0)))), // reports of the mouse, old style
  ];
  listenReadOnly(screen, command);
  const paste = (event: ClipboardEvent) => {
    event.preventDefault();
    event.stopPropagation();
    if (terminal.options.disableStdin) return;
    queue.type(encoder.encode(pasted(event.clipboardData?.getData("text/plain") ?? "", terminal.modes.bracketedPasteMode)));
    terminal.scrollToBottom();
  };
  const host = terminal.element;
  host?.addEventListener("paste", paste, { capture: true });
  return () => {
    for (const one of listeners) one.dispose();
    host?.removeEventListener("paste", paste, { capture: true });
  };
}

/** Brings presses that are the page's own to `command`. */
export function listenReadOnly({ terminal }: Screen, command: (what: Command) => void): void {
  terminal.attachCustomKeyEventHandler((event) => {
    const what = meaning(event, terminal.options.disableStdin === true, terminal.hasSelection());
    if (what === "browser") return false;
    if (what === "program") return true;
    if (event.type === "keydown") command(what);
    event.preventDefault();
    return false;
  });
}

/** Copies the selection, or else the screen. */
export function copy(screen: Screen): void {
  navigator.clipboard.writeText(screen.text).then(
    () => toast(screen.terminal.hasSelection() ? "Selection copied" : "Screen copied"),
    () => toast("The browser does not let this page copy", "bad"),
  );
}

/** Whom a press is for. The page takes only what programs in a terminal cannot tell from another key. */
export function meaning(
  { key, ctrlKey, shiftKey, altKey, metaKey }: Pick<KeyboardEvent, "key" | "ctrlKey" | "shiftKey" | "altKey" | "metaKey">,
  readOnly: boolean,
  selected: boolean,
): Command | "browser" | "program" {
  const both = ctrlKey && shiftKey && !altKey && !metaKey;
  if (both && key === "Enter") return "leave";
  if ((both && key.toLowerCase() === "c") || (ctrlKey && key === "Insert")) return "copy";
  if (both && key.toLowerCase() === "f") return "search";
  if (both && key.toLowerCase() === "v") return "browser"; // it makes a paste of it
  if (metaKey && !ctrlKey && !altKey) return "browser";
  if (!readOnly) return "program";
  if (ctrlKey && key === "c" && selected) return "copy";
  return ["PageUp", "PageDown", "Home", "End"].includes(key) && shiftKey ? "program" : "browser";
}

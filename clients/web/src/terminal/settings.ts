/** How this browser likes its terminals: kept over visits, the same for all sessions. */
import { Store } from "../bridge/store";

/** What can be chosen. */
export interface Settings {
  /** Pixels; undefined: 13, or smaller where the whole screen fits then. */
  readonly fontSize: number | undefined;
  /** Sessions of our own take the size of the view. */
  readonly fit: boolean;
  /** The terminal's text is there for screen readers. */
  readonly reader: boolean;
}

const KEY = "sightline.terminal";
const DEFAULT: Settings = { fontSize: undefined, fit: false, reader: false };

/** The settings. */
export const settings = new Store<Settings>(load());

settings.subscribe(() => localStorage.setItem(KEY, JSON.stringify(settings.get())));

function load(): Settings {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Record<string, unknown>;
    const { fontSize, fit, reader } = kept;
    return { fontSize: typeof fontSize === "number" ? fontSize : undefined, fit: fit === true, reader: reader === true };
  } catch {
    return DEFAULT;
  }
}

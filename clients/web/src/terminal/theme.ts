/** The page's colours, as a terminal wants them: resolved, in the theme that is shown. */
import type { ITheme } from "@xterm/xterm";

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

const TOKENS: Readonly<Record<string, string>> = {
  background: "--terminal-ground",
  foreground: "--text",
  cursor: "--accent",
  cursorAccent: "--on-accent",
  selectionBackground: "--terminal-selection",
  selectionInactiveBackground: "--terminal-selection",
  scrollbarSliderBackground: "--edge",
  scrollbarSliderHoverBackground: "--edge-strong",
  scrollbarSliderActiveBackground: "--edge-strong",
  ...Object.fromEntries(NAMES.map((name) => [name, `--ansi-${name}`])),
  ...Object.fromEntries(NAMES.map((name) => [`bright${name.charAt(0).toUpperCase()}${name.slice(1)}`, `--ansi-bright-${name}`])),
};

/** The colours as they are inside an element now. */
export function themeOf(host: HTMLElement): ITheme {
  const colors = resolved(host, Object.values(TOKENS));
  return Object.fromEntries(Object.keys(TOKENS).map((name, at) => [name, colors[at]]));
}

/** The colours of what a search finds, as `#rrggbb`. */
export function foundColors(host: HTMLElement): { one: string; active: string } {
  const [one = "", active = ""] = resolved(host, ["--found", "--found-active"]).map(hex);
  return { one, active };
}

/** `rgb(1, 2, 3)` as `#010203`. */
const hex = (rgb: string): string =>
  `#${(rgb.match(/\d+/g) ?? [])
    .slice(0, 3)
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join("")}`;

/** What tokens are inside an element now. */
function resolved(host: HTMLElement, tokens: readonly string[]): string[] {
  const probe = document.createElement("span");
  host.append(probe);
  const colors = tokens.map((token) => {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color; // `light-dark()` is resolved here, and not in the token's own value
  });
  probe.remove();
  return colors;
}

/** Calls `changed` when the page's theme changes; returns how to stop that. */
export function watchTheme(changed: () => void): () => void {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(changed);
  query.addEventListener("change", changed);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  return () => {
    query.removeEventListener("change", changed);
    observer.disconnect();
  };
}

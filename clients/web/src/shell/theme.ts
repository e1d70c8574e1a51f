/** Light, dark, or as the system has it: chosen here, kept in this browser, and on the page before it is drawn. */
import { oneOf, setting } from "../stores/settings";

/** What can be chosen. */
export const THEMES = { system: "As the system", light: "Light", dark: "Dark" } as const;
/** One of them. */
export type Theme = keyof typeof THEMES;

/** The choice. */
export const theme = setting<Theme>("theme", oneOf(Object.keys(THEMES) as Theme[], "system"));

/** Puts it on the page, now and whenever it changes. */
export function applyTheme(root: HTMLElement = document.documentElement): void {
  const apply = () => {
    const chosen = theme.get();
    if (chosen === "system") delete root.dataset.theme;
    else root.dataset.theme = chosen;
  };
  apply();
  theme.subscribe(apply);
}

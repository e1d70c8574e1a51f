/** The tab's title and icon: what is open, and how many sessions need somebody. */
import { useEffect } from "react";
import { needsYou } from "../sessions/words";
import { route } from "../stores/route";
import { useServices } from "../stores/services";
import { useSelected, useStore } from "../stores/use";

const ICON = "/favicon.svg";

/** The title. */
export function titleOf(name: string | undefined, waiting: number): string {
  const page = name === undefined ? "Sightline" : `${name} · Sightline`;
  return waiting === 0 ? page : `(${waiting}) ${page}`;
}

/** The icon with a count on it, as an address; 0: the icon as it is. */
export function iconOf(waiting: number): string {
  if (waiting === 0) return ICON;
  const text = waiting > 9 ? "9+" : String(waiting);
  return `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="16" fill="#b86e00"/><text x="16" y="22.5" font-family="sans-serif" font-size="${text.length > 1 ? 16 : 20}" font-weight="700" text-anchor="middle" fill="#fff">${text}</text></svg>`,
  )}`;
}

/** Keeps both right for as long as the component is drawn. */
export function useTitle(): void {
  const { sessions } = useServices();
  const { session: ref } = useStore(route);
  const name = useSelected(sessions.all, () => (ref === undefined ? undefined : (sessions.find(ref)?.name ?? ref)));
  const waiting = useSelected(sessions.all, (all) => {
    let count = 0;
    for (const session of all.values()) if (needsYou(session)) count += 1;
    return count;
  });
  useEffect(() => {
    document.title = titleOf(name, waiting);
  }, [name, waiting]);
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    if (link !== null) link.href = iconOf(waiting);
  }, [waiting]);
}

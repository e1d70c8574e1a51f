/** Who is logged in: the token of this tab, and how a ticket becomes one. The token is in sessionStorage and nowhere else. */

const KEY = "sightline.token";
const FRAGMENT = "ticket";

/** The token of this tab; empty: nobody is logged in. */
export const token = (): string => sessionStorage.getItem(KEY) ?? "";

/** Forgets it. */
export const logOut = (): void => sessionStorage.removeItem(KEY);

/** The ticket in an address's fragment, or what is a ticket by itself; undefined: there is none. */
export function ticketIn(text: string): string | undefined {
  const fragment = text.includes("#") ? text.slice(text.indexOf("#") + 1) : text.includes("=") ? text : `${FRAGMENT}=${text}`;
  return new URLSearchParams(fragment).get(FRAGMENT)?.trim() || undefined;
}

/** Takes the ticket out of the page's own address, so that it is in no history. */
export function takeTicket(): string | undefined {
  const ticket = location.hash.includes(`${FRAGMENT}=`) ? ticketIn(location.hash) : undefined;
  if (ticket !== undefined) history.replaceState(null, "", location.pathname + location.search);
  return ticket;
}

/** Exchanges a ticket for a token, and keeps it. @throws {Error} what the bridge says. */
export async function logIn(ticket: string): Promise<void> {
  const answer = await fetch("/api/login", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ticket }),
  }).catch(() => {
    throw new Error("the bridge does not answer: is `sightline up` running?");
  });
  const said = (await answer.json().catch(() => ({}))) as { token?: string; message?: string };
  if (!answer.ok || !said.token) throw new Error(said.message ?? `the bridge answered ${answer.status}`);
  sessionStorage.setItem(KEY, said.token);
}

/**
 * A new ticket, for another tab or device, and for how many seconds it works.
 *
 * @throws {Error} what the bridge says.
 */
export async function newTicket(): Promise<{ ticket: string; seconds: number }> {
  const answer = await fetch("/api/ticket", { method: "POST", headers: { authorization: `Bearer ${token()}` } }).catch(() => {
    throw new Error("the bridge does not answer: is `sightline up` running?");
  });
  const said = (await answer.json().catch(() => ({}))) as { ticket?: string; expires_in?: number; message?: string };
  if (!answer.ok || !said.ticket) throw new Error(said.message ?? `the bridge answered ${answer.status}`);
  return { ticket: said.ticket, seconds: said.expires_in ?? 0 };
}

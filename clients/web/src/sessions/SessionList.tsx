/** All sessions, as a list to choose from. */

import { href } from "../stores/route";
import { useServices } from "../stores/services";
import { useStore } from "../stores/use";

/** Draws it. */
export function SessionList() {
  const { sessions } = useServices();
  const all = useStore(sessions.all);
  return (
    <ul>
      {[...all.values()].map((session) => (
        <li key={session.id}>
          <a href={href({ session: session.id })}>{session.name}</a>
        </li>
      ))}
    </ul>
  );
}

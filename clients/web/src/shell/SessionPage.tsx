/** One session: its head, the tabs of its views, and the view that the address names. */
import { lazy, Suspense } from "react";
import { ActivityView } from "../activity/ActivityView";
import { FilesView } from "../files/FilesView";
import type { Session } from "../gen/sightline/v1/session_pb";
import { RecipeView } from "../recipe/RecipeView";
import { href, route, VIEWS, type View } from "../stores/route";
import { useServices } from "../stores/services";
import { useStore } from "../stores/use";
import styles from "./SessionPage.module.css";

const TerminalView = lazy(async () => ({ default: (await import("../terminal/TerminalView")).TerminalView }));
const TITLES: Record<View, string> = { terminal: "Terminal", activity: "Activity", files: "Files", recipe: "Recipe" };

/** Draws it. */
export function SessionPage() {
  const { sessions } = useServices();
  const { session: ref, view, seq } = useStore(route);
  const all = useStore(sessions.all);
  const loaded = useStore(sessions.loaded);
  const session = ref === undefined || all.size === 0 ? undefined : sessions.find(ref);
  if (session === undefined) return <p className={styles.hint}>{loaded ? `There is no session ${ref}.` : "Loading…"}</p>;
  const shown = view ?? (session.agent !== "" && session.terminal === undefined ? "activity" : "terminal");
  return (
    <article className={styles.page} aria-label={`Session ${session.name}`}>
      <header className={styles.head}>
        <h2 className={styles.name}>{session.name}</h2>
        <nav className={styles.tabs} aria-label="Views">
          {VIEWS.filter((one) => one !== "recipe" || session.steps > 0).map((one) => (
            <a key={one} href={href({ session: session.id, view: one })} aria-current={one === shown ? "page" : undefined}>
              {TITLES[one]}
            </a>
          ))}
        </nav>
      </header>
      <div className={styles.view}>
        <Suspense fallback={<p className={styles.hint}>Loading…</p>}>
          <Shown key={session.id} view={shown} session={session} seq={seq} />
        </Suspense>
      </div>
    </article>
  );
}

function Shown({ view, session, seq }: { readonly view: View; readonly session: Session; readonly seq: number | undefined }) {
  switch (view) {
    case "terminal":
      return <TerminalView session={session} seq={seq} />;
    case "activity":
      return <ActivityView session={session} seq={seq} />;
    case "files":
      return <FilesView session={session} seq={seq} />;
    case "recipe":
      return <RecipeView session={session} seq={seq} />;
  }
}

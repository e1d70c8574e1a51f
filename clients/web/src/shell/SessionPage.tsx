/** One session: its head, the tabs of its views, and the view that the address names. */
import { lazy, Suspense, useEffect, useMemo } from "react";
import { ActivityView } from "../activity/ActivityView";
import { FilesView } from "../files/FilesView";
import type { Session } from "../gen/sightline/v1/session_pb";
import { RecipeView } from "../recipe/RecipeView";
import { SessionHead } from "../sessions/SessionHead";
import { go, href, route, VIEWS, type View } from "../stores/route";
import { useServices } from "../stores/services";
import { useSelected, useStore } from "../stores/use";
import { type Binding, useKeys } from "../ui/keys";
import styles from "./SessionPage.module.css";

const TerminalView = lazy(async () => ({ default: (await import("../terminal/TerminalView")).TerminalView }));
const TITLES: Record<View, string> = { terminal: "Terminal", activity: "Activity", files: "Files", recipe: "Recipe" };

/** Draws it. */
export function SessionPage() {
  const { sessions } = useServices();
  const { session: ref, view, seq } = useStore(route);
  const session = useSelected(sessions.all, () => (ref === undefined ? undefined : sessions.find(ref)));
  const loaded = useStore(sessions.loaded);
  if (session === undefined) {
    return (
      <div className={styles.hint}>
        <p role="status">{loaded ? `There is no session ${ref}.` : "Loading…"}</p>
        {loaded ? <a href="/">All sessions</a> : null}
      </div>
    );
  }
  const shown = view ?? firstView(session);
  return <Page session={session} view={shown} seq={seq} />;
}

/** What fits a session best: the words of an agent that has no terminal, else what is on the screen or was printed. */
export const firstView = (session: Session): View =>
  session.agent !== "" && session.terminal === undefined ? "activity" : "terminal";

interface Props {
  readonly session: Session;
  readonly view: View;
  readonly seq: number | undefined;
}

function Page({ session, view, seq }: Props) {
  const { id } = session;
  const views = useMemo(() => VIEWS.filter((one) => one !== "recipe" || session.steps > 0), [session.steps]);
  useLooked(session);
  useKeys(
    useMemo(
      () =>
        views.map(
          (one): Binding => ({
            keys: `g ${one[0]}`,
            what: TITLES[one],
            group: "Go",
            run: () => go({ session: id, view: one }),
          }),
        ),
      [id, views],
    ),
  );
  return (
    <article className={styles.page} aria-label={`Session ${session.name}`}>
      <div className={styles.head}>
        <SessionHead session={session} interrupts={view !== "terminal"} />
        <nav className={styles.tabs} aria-label="Views">
          {views.map((one) => (
            <a key={one} href={href({ session: id, view: one })} aria-current={one === view ? "page" : undefined}>
              {TITLES[one]}
            </a>
          ))}
        </nav>
      </div>
      <div className={styles.view}>
        <Suspense fallback={<p className={styles.hint}>Loading…</p>}>
          <Shown key={id} view={view} session={session} seq={seq} />
        </Suspense>
      </div>
    </article>
  );
}

function Shown({ view, session, seq }: Props) {
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

/** What is on the page in front of somebody is no news any more. */
function useLooked({ id, headSeq }: Session): void {
  const { sessions, seen } = useServices();
  useEffect(() => {
    const look = () => {
      if (document.visibilityState === "visible") seen.mark(id, Math.max(sessions.pulse.head(id), Number(headSeq)));
    };
    look();
    document.addEventListener("visibilitychange", look);
    const stop = sessions.pulse.ticks.subscribe(look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      stop();
    };
  }, [sessions, seen, id, headSeq]);
}

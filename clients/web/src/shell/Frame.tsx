/** The frame around every view of somebody who is logged in: the head, the list beside the session, what can be asked for from anywhere. */
import { type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { ActionsProvider } from "../sessions/actions";
import { CreateDialog } from "../sessions/CreateDialog";
import { Overview } from "../sessions/Overview";
import { SessionList } from "../sessions/SessionList";
import { go, route } from "../stores/route";
import { useStore } from "../stores/use";
import { type Binding, listenForKeys, useKeys } from "../ui/keys";
import { MenuButton, type MenuItem } from "../ui/Menu";
import { Toasts } from "../ui/Toasts";
import { ConnectionBar } from "./ConnectionBar";
import { ElsewhereDialog } from "./ElsewhereDialog";
import styles from "./Frame.module.css";
import { HelpDialog } from "./HelpDialog";
import { SessionPage } from "./SessionPage";
import { THEMES, type Theme, theme } from "./theme";
import { switchNotices, useNotices, wantsNotices } from "./useNotices";
import { useTitle } from "./useTitle";

const NARROW = "(max-width: 720px)"; // as in the CSS: the list or the session

interface Props {
  readonly onLogOut: () => void;
}

/** Draws it. */
export function Frame({ onLogOut }: Props) {
  const { session } = useStore(route);
  const [dialog, setDialog] = useState<"create" | "help" | "elsewhere">();
  const main = useRef<HTMLElement>(null);
  const close = useCallback(() => setDialog(undefined), []);
  const create = useCallback(() => setDialog("create"), []);
  useTitle();
  useNotices();
  useFocus(session, main);
  useEffect(listenForKeys, []);
  useKeys(
    useMemo(
      (): Binding[] => [
        { keys: "?", what: "Show the keys", group: "Page", run: () => setDialog("help") },
        { keys: "Escape", what: "Back to the list", group: "Page", run: backToList },
      ],
      [],
    ),
  );
  return (
    <ActionsProvider>
      <button type="button" className={styles.skip} onClick={() => main.current?.focus()}>
        Skip to the session
      </button>
      <div className={styles.page} data-open={session !== undefined}>
        <header className={styles.head}>
          <h1 className={styles.name}>
            <a href="/">Sightline</a>
          </h1>
          <a href="/" className={styles.back}>
            ‹ Sessions
          </a>
          <ConnectionBar />
          <span className={styles.space} />
          <PageMenu onHelp={() => setDialog("help")} onElsewhere={() => setDialog("elsewhere")} onLogOut={onLogOut} />
        </header>
        <nav className={styles.list} aria-label="Sessions">
          <SessionList onCreate={create} />
        </nav>
        <main ref={main} id="main" className={styles.main} tabIndex={-1}>
          {session === undefined ? <Overview onCreate={create} /> : <SessionPage />}
        </main>
      </div>
      {dialog === "create" ? <CreateDialog onClose={close} /> : null}
      {dialog === "help" ? <HelpDialog onClose={close} /> : null}
      {dialog === "elsewhere" ? <ElsewhereDialog onClose={close} /> : null}
      <Toasts />
    </ActionsProvider>
  );
}

interface MenuProps {
  readonly onHelp: () => void;
  readonly onElsewhere: () => void;
  readonly onLogOut: () => void;
}

function PageMenu({ onHelp, onElsewhere, onLogOut }: MenuProps) {
  const chosen = useStore(theme);
  const notices = useStore(wantsNotices);
  const themes = (Object.keys(THEMES) as Theme[]).map(
    (one): MenuItem => ({ label: THEMES[one], checked: one === chosen, onSelect: () => theme.set(one) }),
  );
  return (
    <>
      <MenuButton label="Theme" items={themes}>
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" strokeWidth="1.5" />
          <path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor" />
        </svg>
      </MenuButton>
      <MenuButton
        label="Page"
        items={[
          { label: notices === "on" ? "Turn notifications off" : "Turn notifications on…", onSelect: () => void switchNotices() },
          { label: "Open elsewhere…", onSelect: onElsewhere },
          { label: "Keys", onSelect: onHelp },
          { label: "Log out", onSelect: onLogOut },
        ]}
      >
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <path d="M2 4h12M2 8h12M2 12h12" stroke="currentColor" strokeWidth="1.5" />
        </svg>
      </MenuButton>
    </>
  );
}

function backToList(): void {
  if (matchMedia(NARROW).matches) go({});
  else document.querySelector<HTMLElement>('a[data-session][tabindex="0"]')?.focus();
}

/**
 * The focus follows the address, with the frame that shows it, so that it never leaves where somebody went since: into a session that was opened,
 * unless its view has taken it already, and back to its row.
 */
function useFocus(session: string | undefined, main: RefObject<HTMLElement | null>): void {
  const before = useRef(session);
  useLayoutEffect(() => {
    const was = before.current;
    before.current = session;
    if (was === session) return;
    if (session !== undefined) {
      if (!main.current?.contains(document.activeElement)) main.current?.focus();
    } else {
      const rows = [...document.querySelectorAll<HTMLElement>("a[data-session]")];
      (rows.find((row) => row.dataset.session === was) ?? rows.find((row) => row.tabIndex === 0))?.focus();
    }
  }, [session, main]);
}

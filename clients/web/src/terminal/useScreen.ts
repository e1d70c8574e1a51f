/** A screen for as long as a component is drawn. */
import { type RefObject, useEffect, useRef, useState } from "react";
import type { Session } from "../gen/sightline/v1/session_pb";
import { useStore } from "../stores/use";
import { Screen } from "./screen";
import { settings } from "./settings";

/** Where it is drawn, and the screen once it is there. */
export function useScreen(session: Session): { host: RefObject<HTMLDivElement | null>; screen: Screen | undefined } {
  const host = useRef<HTMLDivElement>(null);
  const [screen, setScreen] = useState<Screen>();
  const { fontSize, reader } = useStore(settings);
  const { columns = 80, rows = 24 } = session.terminal ?? {};
  const first = useRef({
    size: { columns: columns || 80, rows: rows || 24 },
    pipes: session.terminal === undefined,
    name: session.name,
  });
  useEffect(() => {
    if (host.current === null) return;
    const { name, ...options } = first.current;
    const made = new Screen(options);
    made.open(host.current);
    made.terminal.textarea?.setAttribute("aria-label", `Terminal of ${name}. Ctrl+Shift+Enter leaves it.`);
    setScreen(made);
    return () => {
      setScreen(undefined);
      made.dispose();
    };
  }, []);
  useEffect(() => {
    if (screen === undefined) return;
    screen.fontSize = fontSize;
    screen.terminal.options.screenReaderMode = reader;
  }, [screen, fontSize, reader]);
  return { host, screen };
}

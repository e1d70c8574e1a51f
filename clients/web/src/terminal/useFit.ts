/** Gives a session the size of the view, while that is wanted. */
import { useEffect } from "react";
import { CallError } from "../bridge/errors";
import { useServices } from "../stores/services";
import { toast } from "../ui/toasts";
import type { Screen } from "./screen";

const SETTLED_MS = 150; // without a change: somebody drags the window's edge

/** The terminal itself takes the size only when the session says that it has it. */
export function useFit(screen: Screen | undefined, session: string, wanted: boolean): void {
  const { client } = useServices();
  useEffect(() => {
    if (screen === undefined) return;
    screen.scaled = !wanted;
    if (!wanted) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asked = "";
    const ask = () => {
      const { room, terminal } = screen;
      if (room === undefined || (room.columns === terminal.cols && room.rows === terminal.rows)) return;
      const key = `${room.columns}x${room.rows}`;
      if (key === asked) return; // it was refused, or is under way
      asked = key;
      client.call("resize", { session, terminal: room }).catch((error: unknown) => {
        if (error instanceof CallError && !error.broken) toast(`Not resized: ${error.message}`, "bad");
        else asked = "";
      });
    };
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(ask, SETTLED_MS);
    };
    later();
    const stop = screen.onLayOut(later);
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [client, screen, session, wanted]);
}

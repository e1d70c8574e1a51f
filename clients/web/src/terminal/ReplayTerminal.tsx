/** A session's past, from an event on. */
import { useEffect, useRef, useState } from "react";
import { Store } from "../bridge/store";
import type { Session } from "../gen/sightline/v1/session_pb";
import { hasEnded } from "../sessions/words";
import { go } from "../stores/route";
import { useHead, useServices } from "../stores/services";
import { useStore } from "../stores/use";
import { Button } from "../ui/Button";
import { loadMarks, type Mark, sizeAt } from "./marks";
import { Notices } from "./Notices";
import { OptionsMenu } from "./OptionsMenu";
import { Replay, UNPLAYED } from "./replay";
import { Stage } from "./Stage";
import styles from "./TerminalView.module.css";
import { Timeline } from "./Timeline";
import { copy, listenReadOnly } from "./typing";
import { useScreen } from "./useScreen";

const NOT_YET = new Store(UNPLAYED);

/** Draws it. */
export function ReplayTerminal({ session, seq }: { readonly session: Session; readonly seq: number }) {
  const { client } = useServices();
  const head = useHead(session);
  const { host, screen } = useScreen(session);
  const [replay, setReplay] = useState<Replay>();
  const [{ marks, more }, setMarks] = useState<{ marks: readonly Mark[]; more: boolean }>({ marks: [], more: false });
  const [missing, setMissing] = useState<readonly string[]>([]);
  const [searching, setSearching] = useState(false);
  const toolbar = useRef<HTMLDivElement>(null);
  const playing = useStore(replay?.state ?? NOT_YET);
  const latest = useRef(session);
  latest.current = session;
  const wanted = useRef<number>(undefined);

  useEffect(() => {
    if (screen === undefined) return;
    const closing = new AbortController();
    let made: Replay | undefined;
    let found: { marks: Mark[]; more: boolean } = { marks: [], more: false };
    const begin = () => {
      if (closing.signal.aborted) return;
      setMarks(found);
      const size = (at: number) => sizeAt(found.marks, at) ?? latest.current.terminal;
      made = new Replay(
        client,
        () => latest.current,
        screen,
        size,
        (text) => setMissing((all) => [...all.slice(-9), text]),
      );
      setReplay(made);
    };
    loadMarks(client, latest.current, closing.signal).then(
      (loaded) => {
        found = loaded;
        begin();
      },
      begin, // without marks there are still events
    );
    return () => {
      closing.abort();
      made?.close();
      setReplay(undefined);
      wanted.current = undefined;
    };
  }, [client, screen]);

  useEffect(() => {
    if (replay === undefined || wanted.current === seq) return;
    wanted.current = seq;
    replay.seek(seq);
    if (seq <= Number(latest.current.oldestSeq)) replay.play();
  }, [replay, seq]);

  useEffect(() => {
    if (screen === undefined) return;
    screen.terminal.options.disableStdin = true;
    return listenReadOnly(screen, (what) => {
      if (what === "copy") copy(screen);
      else if (what === "search") setSearching(true);
      else toolbar.current?.querySelector<HTMLElement>("button")?.focus();
    });
  }, [screen]);

  const seek = (to: number) => {
    if (replay !== undefined) {
      wanted.current = to;
      replay.pause(); // whoever goes to an event wants to look at it
      replay.seek(to);
    }
    go({ session: session.id, view: "terminal", seq: to }, true);
  };
  return (
    <section className={styles.view} aria-label="Terminal, replay">
      <div ref={toolbar} className={styles.bar} role="toolbar" aria-label="Terminal">
        <Button weight="quiet" onClick={() => go({ session: session.id, view: "terminal" })}>
          {hasEnded(session) ? "Last screen" : "Back to live"}
        </Button>
        <Button weight="quiet" aria-pressed={searching} onClick={() => setSearching(!searching)} title="Ctrl+Shift+F">
          Search
        </Button>
        <Button weight="quiet" onClick={() => screen && copy(screen)} title="What is selected, or else the screen: Ctrl+Shift+C">
          Copy
        </Button>
        <OptionsMenu />
      </div>
      <Notices error={playing.error?.message ?? ""} missing={missing} onMissingRead={() => setMissing([])} />
      <Stage host={host} screen={screen} typable={false} searching={searching} onSearched={() => setSearching(false)} />
      <Timeline
        playing={playing}
        oldest={Number(session.oldestSeq) || 1}
        head={Math.max(head, playing.seq)}
        marks={marks}
        more={more}
        onPlay={(play) => (play ? replay?.play() : replay?.pause())}
        onSeek={seek}
        onSpeed={(speed) => {
          if (replay !== undefined) replay.speed = speed;
        }}
      />
    </section>
  );
}

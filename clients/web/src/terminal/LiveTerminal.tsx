/** A session as it is now: its screen, the keys that go to it, and how both stand. */
import { useEffect, useMemo, useRef, useState } from "react";
import { CallError } from "../bridge/errors";
import { Store } from "../bridge/store";
import { type Session, SessionKind } from "../gen/sightline/v1/session_pb";
import { captureTrouble, hasEnded, isAdopted, stateWord, TROUBLES } from "../sessions/words";
import { takeBegun } from "../stores/begun";
import { go } from "../stores/route";
import { useHead, useServices } from "../stores/services";
import { useStore } from "../stores/use";
import { Button } from "../ui/Button";
import { bytes } from "../ui/format";
import { Switch } from "../ui/Switch";
import { toast } from "../ui/toasts";
import { BEGINNING, Follow, type Following } from "./follow";
import { LineInput } from "./LineInput";
import { Notices } from "./Notices";
import { OptionsMenu } from "./OptionsMenu";
import { Stage } from "./Stage";
import { settings } from "./settings";
import styles from "./TerminalView.module.css";
import { copy, listen, queueInto } from "./typing";
import { useFit } from "./useFit";
import { useScreen } from "./useScreen";

const NOT_YET = new Store(BEGINNING);

/** Draws it. */
export function LiveTerminal({ session }: { readonly session: Session }) {
  const { client } = useServices();
  const head = useHead(session);
  const { host, screen } = useScreen(session);
  const [follow, setFollow] = useState<Follow>();
  const [searching, setSearching] = useState(false);
  const [readOnly, setReadOnly] = useState(() => isAdopted(session) || session.terminal === undefined);
  const { fit } = useStore(settings);
  const toolbar = useRef<HTMLDivElement>(null);
  const latest = useRef(session);
  latest.current = session;
  const queue = useMemo(() => queueInto(client, session.id), [client, session.id]);
  const typing = useStore(queue.state);
  const following = useStore(follow?.state ?? NOT_YET);
  const ended = hasEnded(session);
  const pipes = session.terminal === undefined;
  const typable = !ended && !pipes && !readOnly;
  const fitted = fit && typable && !isAdopted(session);

  useEffect(() => {
    if (screen === undefined) return;
    const made = new Follow(client, latest.current, screen);
    setFollow(made);
    return () => made.close();
  }, [client, screen]);

  useEffect(() => {
    if (screen === undefined) return;
    return listen(screen, queue, (what) => {
      if (what === "copy") copy(screen);
      else if (what === "search") setSearching(true);
      else toolbar.current?.querySelector<HTMLElement>("button")?.focus();
    });
  }, [screen, queue]);
  useEffect(() => () => queue.drop(), [queue]);

  useEffect(() => {
    if (screen !== undefined) screen.terminal.options.disableStdin = !typable;
  }, [screen, typable]);

  useEffect(() => {
    if (screen === undefined || !typable || !takeBegun(session.id)) return;
    // Whoever went elsewhere while it was loaded stays there.
    if (document.activeElement?.contains(host.current) !== false) screen.terminal.focus();
  }, [screen, host, typable, session.id]);

  useFit(screen, session.id, fitted);

  const interrupt = () => {
    client.call("interrupt", { session: session.id, author: "dashboard" }).catch((error: unknown) => {
      toast(`Not interrupted: ${error instanceof CallError ? error.message : String(error)}`, "bad");
    });
  };

  const behind = following.paused ? Math.max(0, head - following.seq) : 0;
  return (
    <section className={styles.view} aria-label="Terminal" data-shown={following.shown} data-ended={following.ended}>
      <div ref={toolbar} className={styles.bar} role="toolbar" aria-label="Terminal">
        {ended ? null : (
          <Switch
            on={!following.paused}
            onChange={(on) => (on ? follow?.resume() : follow?.pause())}
            title="Off: the screen stays as it is"
          >
            Live
          </Switch>
        )}
        {ended || pipes ? null : (
          <Switch on={readOnly} onChange={setReadOnly} title="On: keys are not typed into the session">
            Read-only
          </Switch>
        )}
        {typable && !isAdopted(session) ? (
          <Switch
            on={fit}
            onChange={(on) => settings.update((all) => ({ ...all, fit: on }))}
            title="The session takes the size of this view"
          >
            Fit
          </Switch>
        ) : null}
        {ended ? null : (
          <Button weight="quiet" onClick={interrupt} title="What Ctrl-C means there">
            Interrupt
          </Button>
        )}
        <Button weight="quiet" aria-pressed={searching} onClick={() => setSearching(!searching)} title="Ctrl+Shift+F">
          Search
        </Button>
        <Button weight="quiet" onClick={() => screen && copy(screen)} title="What is selected, or else the screen: Ctrl+Shift+C">
          Copy
        </Button>
        <Button
          weight="quiet"
          disabled={session.headSeq === 0n}
          onClick={() => go({ session: session.id, view: "terminal", seq: Number(session.oldestSeq) || 1 })}
        >
          Replay
        </Button>
        <OptionsMenu />
        <span className={styles.state} role="status">
          {following.paused ? `Paused. ${behind} new ${behind === 1 ? "event" : "events"}` : ""}
          {!following.paused && typing.waiting > 4096 ? `Typing: ${bytes(typing.waiting)} left` : ""}
          {!following.shown && following.error === undefined ? "Loading…" : ""}
        </span>
      </div>
      <Notices
        ended={ended && following.shown ? `This session has ended: ${stateWord(session)}. This is its last screen.` : ""}
        broken={following.live ? TROUBLES[captureTrouble(session) ?? ""] : "Not connected. It goes on by itself, where it was."}
        error={following.error?.message ?? ""}
        typing={typing.problem}
        missing={missingOf(following)}
        onTypingRead={() => queue.dismiss()}
        onMissingRead={() => follow?.dismiss()}
      />
      <Stage host={host} screen={screen} typable={typable} searching={searching} onSearched={() => setSearching(false)} />
      {!ended && pipes && session.kind === SessionKind.COMMAND ? (
        <LineInput queue={queue} onEof={() => client.call("send", { session: session.id, eof: true, author: "dashboard" })} />
      ) : null}
    </section>
  );
}

function missingOf({ missing, skipped }: Following): readonly string[] {
  if (skipped.times === 0) return missing;
  const places = skipped.times > 1 ? ` in ${skipped.times} places` : "";
  return [
    ...missing,
    `${bytes(skipped.bytes)} not shown here${places}: it came faster than this page could draw. It is in the replay.`,
  ];
}

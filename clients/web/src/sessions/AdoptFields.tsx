/** What runs already and could be followed, here or on another host, with the button that does it. */
import { useCallback, useEffect, useState } from "react";
import { SessionKind } from "../gen/sightline/v1/session_pb";
import type { Candidate, CreateRequest, DiscoverResponse } from "../gen/sightline/v1/session_service_pb";
import { href } from "../stores/route";
import { useServices } from "../stores/services";
import { Button } from "../ui/Button";
import { Chip } from "../ui/Chip";
import { Field } from "../ui/Field";
import styles from "./CreateDialog.module.css";
import type { Fields } from "./CreateParts";
import { adopting } from "./plan";

const QUIET = "SCREEN_NOT_INSTALLED"; // most have no screen, and miss nothing
const KINDS: Partial<Record<SessionKind, string>> = {
  [SessionKind.TMUX]: "tmux",
  [SessionKind.SCREEN]: "screen",
  [SessionKind.TYPESCRIPT]: "typescript",
  [SessionKind.TRANSCRIPT]: "agent",
};

interface Props extends Fields {
  readonly working: boolean;
  readonly onAdopt: (request: CreateRequest) => void;
}

/** Draws it; looks by itself once. */
export function AdoptFields({ draft, problems, onChange, working, onAdopt }: Props) {
  const { client } = useServices();
  const [found, setFound] = useState<DiscoverResponse>();
  const [looking, setLooking] = useState(false);
  const [failed, setFailed] = useState("");
  const { host, directories } = draft;
  const look = useCallback(
    async (signal?: AbortSignal) => {
      setLooking(true);
      try {
        const words = (text: string) => text.split(/[\s,]+/).filter(Boolean);
        setFound(await client.call("discover", { hosts: words(host), directories: words(directories) }, signal));
        setFailed("");
      } catch (error) {
        if (!signal?.aborted) setFailed((error as Error).message);
      } finally {
        if (!signal?.aborted) setLooking(false);
      }
    },
    [client, host, directories],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, at the start; then when it is asked for
  useEffect(() => {
    const gone = new AbortController();
    void look(gone.signal);
    return () => gone.abort();
  }, []);
  const problemsFound = (found?.problems ?? []).filter((one) => one.code !== QUIET);
  return (
    <>
      <div className={styles.pair}>
        <Field label="Hosts" hint="Several with blanks between; empty: the server's own" problem={problems.host}>
          {(props) => <input {...props} value={host} onChange={(event) => onChange({ host: event.target.value })} />}
        </Field>
        <Field label="Directories with typescripts">
          {(props) => (
            <input {...props} value={directories} onChange={(event) => onChange({ directories: event.target.value })} />
          )}
        </Field>
        <Field label="Name of the session" problem={problems.name}>
          {(props) => (
            <input
              {...props}
              placeholder="made from what it is"
              value={draft.name}
              onChange={(event) => onChange({ name: event.target.value })}
            />
          )}
        </Field>
        <div className={styles.bottom}>
          <Button disabled={looking} onClick={() => void look()}>
            {looking ? "Looking…" : "Look again"}
          </Button>
        </div>
      </div>
      {failed === "" ? null : (
        <p role="alert" className={styles.problem}>
          {failed}
        </p>
      )}
      {problemsFound.map((one) => (
        <p key={`${one.code} ${one.message}`} className={styles.note}>
          {one.message}
        </p>
      ))}
      <ul className={styles.candidates} aria-label="What runs already" aria-busy={looking}>
        {(found?.candidates ?? []).map((one) => (
          <li key={`${one.host} ${one.kind} ${targetOf(one)} ${socketOf(one)}`}>
            <span className={styles.kind}>
              <Chip tone={one.agent ? "accent" : "plain"}>{one.agent || (KINDS[one.kind] ?? "session")}</Chip>
            </span>
            <span className={styles.candidate}>
              <span>
                <b>{one.command || targetOf(one)}</b> {one.title === one.command ? "" : one.title}
              </span>
              <span className={styles.note}>{[targetOf(one), one.host, one.cwd].filter(Boolean).join(" · ")}</span>
              {one.piped ? (
                <span className={styles.note}>Its owner pipes its output elsewhere: it is followed less well.</span>
              ) : null}
            </span>
            {one.sessionId ? (
              <a href={href({ session: one.sessionId })}>Followed</a>
            ) : (
              <Button disabled={working} aria-label={`Adopt ${targetOf(one)}`} onClick={() => onAdopt(adopting(one, draft.name))}>
                Adopt
              </Button>
            )}
          </li>
        ))}
      </ul>
      {found !== undefined && found.candidates.length === 0 && !looking ? (
        <p className={styles.note}>Nothing was found: no tmux pane, no screen session, no typescript, no agent.</p>
      ) : null}
    </>
  );
}

function targetOf({ origin, pane }: Candidate): string {
  switch (origin.case) {
    case "tmux":
      return origin.value.target || origin.value.paneId;
    case "screen":
      return origin.value.window === undefined ? origin.value.name : `${origin.value.name} window ${origin.value.window}`;
    case "typescript":
      return origin.value.path;
    case "transcript":
      return pane?.target || (origin.value.pid === 0 ? origin.value.path : `pid ${origin.value.pid}`);
    default:
      return "";
  }
}

const socketOf = ({ origin }: Candidate): string => (origin.case === "tmux" ? origin.value.socketPath : "");

/** Everything else that is known of a session, and why it is said to stand as it does: asked for when it is looked at. */
import { useEffect, useState } from "react";
import { SessionState } from "../gen/sightline/v1/event_pb";
import type { Session } from "../gen/sightline/v1/session_pb";
import type { ExplainResponse } from "../gen/sightline/v1/session_service_pb";
import { href } from "../stores/route";
import { useServices } from "../stores/services";
import { millis, moment } from "../ui/format";
import styles from "./SessionHead.module.css";
import { captureTrouble, commandLine, hasEnded, kindWord } from "./words";

interface Props {
  readonly session: Session;
}

/** Draws them. */
export function Details({ session }: Props) {
  const { client } = useServices();
  const [why, setWhy] = useState<ExplainResponse>();
  const [problem, setProblem] = useState("");
  const { id, state, waitingFor } = session;
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again when the state is another
  useEffect(() => {
    const gone = new AbortController();
    client.call("explain", { session: id }, gone.signal).then(
      (answer) => {
        setWhy(answer);
        setProblem("");
      },
      (error: Error) => !gone.signal.aborted && setProblem(error.message),
    );
    return () => gone.abort();
  }, [client, id, state, waitingFor]);
  const facts: [string, string][] = [
    ["Kind", kindWord(session)],
    ["Command", commandLine(session.argv)],
    ["Directory", session.cwd],
    ["Host", session.host],
    ["Terminal", session.terminal === undefined ? "" : `${session.terminal.columns} × ${session.terminal.rows}`],
    [
      "Pane",
      session.tmux === undefined
        ? ""
        : [session.tmux.target, session.tmux.paneId, session.tmux.socketPath].filter(Boolean).join(" · "),
    ],
    ["Screen", session.screen?.name ?? ""],
    ["Typescript", session.typescript?.path ?? ""],
    ["Transcript", session.transcript?.path ?? ""],
    [
      "Labels",
      Object.entries(session.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(" "),
    ],
    ["Capture", captureTrouble(session) === undefined ? session.captureReason : ""],
    ["Started", moment(millis(session.createTime))],
    ["Ended", session.endTime === undefined ? "" : moment(millis(session.endTime))],
    ["Id", session.id],
  ];
  return (
    <div className={styles.details}>
      {problem === "" ? null : <p role="alert">{problem}</p>}
      {why?.state === undefined ? null : (
        <p className={styles.because}>
          <b>{hasEnded(session) ? "Ended" : SessionState[why.state.state]?.toLowerCase()}</b>
          {why.state.provenance === "" ? null : <>, says {why.state.provenance}</>}
          {why.state.confidence > 0 && why.state.confidence < 1 ? <> ({Math.round(why.state.confidence * 100)} % sure)</> : null}
          {why.state.reason === "" ? null : <>: {why.state.reason}</>}
          {why.rule === "" ? null : <> · rule {why.rule}</>}
          {why.seq === 0n ? null : (
            <>
              {" · "}
              <a href={href({ session: session.id, view: "activity", seq: Number(why.seq) })}>event {String(why.seq)}</a>
            </>
          )}
        </p>
      )}
      {why === undefined || why.evidence.length === 0 ? null : (
        <ul className={styles.evidence} aria-label="What was seen">
          {why.evidence.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      )}
      <dl>
        {facts
          .filter(([, value]) => value !== "")
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </div>
  );
}

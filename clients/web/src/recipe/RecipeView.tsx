/** The steps of a session's recipe, each with how it stands, how long it took, and what it printed. */
import { useEffect, useRef, useState } from "react";
import { EventKind, SessionState } from "../gen/sightline/v1/event_pb";
import type { Session } from "../gen/sightline/v1/session_pb";
import { View } from "../gen/sightline/v1/session_service_pb";
import { href } from "../stores/route";
import { useServices } from "../stores/services";
import { bytes, duration } from "../ui/format";
import styles from "./RecipeView.module.css";
import { NONE, type Step, StepFold, type Steps } from "./steps";

const KINDS = [EventKind.STEP_STARTED, EventKind.STEP_FINISHED, EventKind.OUTPUT];
const TICK = 500; // ms between two looks at the clock, while a step runs

interface Props {
  readonly session: Session;
  readonly seq: number | undefined;
}

/** Draws them. */
export function RecipeView({ session, seq }: Props) {
  const { steps, count } = useSteps(session.id);
  const total = Math.max(count, session.steps);
  if (total === 0) return <p className={styles.hint}>This session has no recipe.</p>;
  const ended = session.state === SessionState.ENDED;
  return (
    <section className={styles.page} aria-label="Recipe">
      <ol className={styles.list}>
        {steps.map((step) => (
          <li key={step.seq}>
            <StepCard step={step} session={session} over={ended} marked={step.seq === seq} />
          </li>
        ))}
        {Array.from({ length: Math.max(0, total - steps.length) }, (_, n) => steps.length + n + 1).map((index) => (
          <li key={`step ${index}`} className={styles.pending}>
            Step {index} of {total}: {ended ? "did not run" : "waits"}
          </li>
        ))}
      </ol>
    </section>
  );
}

interface CardProps {
  readonly step: Step;
  readonly session: Session;
  /** The session has ended. */
  readonly over: boolean;
  readonly marked: boolean;
}

function StepCard({ step, session, over, marked }: CardProps) {
  const how = standing(step, over);
  const [chosen, setChosen] = useState<boolean>();
  const open = chosen ?? (marked || how === "running" || how === "failed");
  return (
    <details
      className={styles.step}
      data-how={how}
      data-marked={marked}
      open={open}
      onToggle={(event) => setChosen(event.currentTarget.open)}
    >
      <summary className={styles.head}>
        <span className={styles.sign} aria-hidden="true" />
        <span className={styles.label}>{step.label}</span>
        <span className={styles.how}>{words(step, how)}</span>
        <span className={styles.time}>
          {step.end === undefined ? over ? "" : <Elapsed since={step.began} /> : duration(step.end.duration)}
        </span>
      </summary>
      {open ? <Log step={step} session={session} /> : null}
    </details>
  );
}

function Log({ step, session }: { readonly step: Step; readonly session: Session }) {
  const element = useRef<HTMLElement>(null);
  const atEnd = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: new output is what moves the end
  useEffect(() => {
    if (atEnd.current && element.current !== null) element.current.scrollTop = element.current.scrollHeight;
  }, [step.log]);
  if (step.log === "") return <p className={styles.none}>It has printed nothing.</p>;
  return (
    <>
      {step.cut > 0 ? (
        <p className={styles.none}>
          {bytes(step.cut)} before this are in{" "}
          <a href={href({ session: session.id, view: "terminal", seq: step.seq })}>the whole output</a>.
        </p>
      ) : null}
      <section
        ref={element}
        className={styles.log}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        tabIndex={0}
        aria-label={`Output of ${step.label}`}
        onScroll={({ currentTarget: it }) => {
          atEnd.current = it.scrollTop + it.clientHeight >= it.scrollHeight - 4;
        }}
      >
        <pre>{step.log}</pre>
      </section>
    </>
  );
}

function Elapsed({ since }: { readonly since: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK);
    return () => clearInterval(timer);
  }, []);
  return duration(Math.max(0, now - since));
}

type How = "running" | "done" | "failed" | "allowed" | "cut";

function standing(step: Step, over: boolean): How {
  if (step.end === undefined) return over ? "cut" : "running";
  if (step.end.exitCode === 0) return "done";
  return step.end.allowed ? "allowed" : "failed";
}

function words(step: Step, how: How): string {
  switch (how) {
    case "running":
      return "running";
    case "done":
      return "done";
    case "cut":
      return "did not finish";
    case "failed":
      return `failed, exit code ${step.end?.exitCode}`;
    case "allowed":
      return `exit code ${step.end?.exitCode}, allowed`;
  }
}

/** Follows the steps of one session. */
function useSteps(sessionId: string): Steps {
  const { client } = useServices();
  const [steps, setSteps] = useState(NONE);
  useEffect(() => {
    let fold = new StepFold();
    setSteps(NONE);
    const subscription = client.subscribe(
      { sessions: [sessionId], filter: { kinds: KINDS }, view: View.TEXT },
      {
        onEntries: (entries) => fold.take(entries) && setSteps(fold.state),
        onReset: () => {
          fold = new StepFold();
        },
      },
    );
    return () => subscription.close();
  }, [client, sessionId]);
  return steps;
}

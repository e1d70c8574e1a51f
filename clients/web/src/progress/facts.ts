/** How far a session is, as short facts: what the strip and the panel both say. Pure. */
import { PlanStatus } from "../gen/sightline/v1/event_pb";
import type { Session } from "../gen/sightline/v1/session_pb";
import type { Counts } from "../stores/deck";
import type { Tallied } from "../stores/tally";
import { durationMillis, millis, short } from "../ui/format";

/** What there is to say; what is not known is undefined or 0. */
export interface Facts {
  /** What is being done now; empty: nothing is said of it. */
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  readonly began: number;
  /** 0: it lives. */
  readonly ended: number;
  readonly turnSince: number;
  readonly turns: number;
  readonly tools: string;
  readonly toolsRunning: number;
  readonly errors: number;
  readonly files: number;
  readonly planDone: number;
  readonly planTotal: number;
  readonly usage: Tallied["usage"];
  /** The agent has said nothing for so long, in milliseconds; 0: it speaks. */
  readonly silent: number;
}

/** Gathers them. `whole`: all cards are loaded; else what is counted on them is at least so much. */
export function factsOf(session: Session, tallied: Tallied, counts: Counts, whole: boolean): Facts {
  const { plan, progress } = tallied;
  const ended = millis(session.endTime);
  const told = Number(progress?.counts.tool_calls ?? 0n);
  const tools = Math.max(counts.tools, told);
  return {
    phase: ended > 0 ? "" : (progress?.phase ?? ""),
    done: Number(progress?.done ?? 0n),
    total: Number(progress?.total ?? 0n),
    began: millis(session.createTime),
    ended,
    turnSince: ended > 0 ? 0 : tallied.turnSince,
    turns: tallied.turns,
    tools: tools === 0 ? "" : `${short(tools)}${whole ? "" : "+"}`,
    toolsRunning: ended > 0 ? 0 : Number(progress?.counts.open_tool_calls ?? 0n),
    errors: counts.errors,
    files: counts.files,
    planDone: plan?.entries.filter((entry) => entry.status === PlanStatus.COMPLETED).length ?? 0,
    planTotal: plan?.entries.length ?? 0,
    usage: tallied.usage,
    silent: ended > 0 ? 0 : Number(progress?.counts.silent_seconds ?? 0n) * 1000,
  };
}

/** How long it has run, or did, in milliseconds. */
export const elapsed = ({ began, ended }: Pick<Facts, "began" | "ended">, now: number): number =>
  began === 0 ? 0 : Math.max(0, (ended > 0 ? ended : now) - began);

/** How long the work took by its own clock, where it says so, in milliseconds. */
export const ownElapsed = (tallied: Tallied): number => durationMillis(tallied.progress?.elapsed);

/** What cards say in a line: their kinds, states and outcomes in words. Pure. */
import {
  CaptureState,
  FileChange,
  Outcome,
  type Plan,
  PlanStatus,
  type Progress,
  Role,
  SessionState,
  type StateChanged,
  ToolKind,
  ToolStatus,
  type Usage,
  WaitingFor,
} from "../gen/sightline/v1/event_pb";
import { cost, duration, durationMillis, short } from "../ui/format";

/** What a tool does. */
export const TOOLS: Readonly<Record<ToolKind, string>> = {
  [ToolKind.UNSPECIFIED]: "Tool",
  [ToolKind.READ]: "Read",
  [ToolKind.EDIT]: "Edit",
  [ToolKind.DELETE]: "Delete",
  [ToolKind.MOVE]: "Move",
  [ToolKind.SEARCH]: "Search",
  [ToolKind.EXECUTE]: "Run",
  [ToolKind.THINK]: "Task",
  [ToolKind.FETCH]: "Fetch",
  [ToolKind.OTHER]: "Tool",
};

/** How a call stands; empty: it went well, and needs no word. */
export const TOOL_STATES: Readonly<Record<ToolStatus, string>> = {
  [ToolStatus.UNSPECIFIED]: "",
  [ToolStatus.PENDING]: "pending",
  [ToolStatus.IN_PROGRESS]: "running",
  [ToolStatus.COMPLETED]: "",
  [ToolStatus.FAILED]: "failed",
  [ToolStatus.UNKNOWN]: "no result",
};

/** Who speaks. */
export const ROLES: Readonly<Record<Role, string>> = {
  [Role.UNSPECIFIED]: "Message",
  [Role.USER]: "You",
  [Role.ASSISTANT]: "Agent",
  [Role.SYSTEM]: "System",
};

/** What happened to a file. */
export const CHANGES: Readonly<Record<FileChange, string>> = {
  [FileChange.UNSPECIFIED]: "Changed",
  [FileChange.CREATED]: "Created",
  [FileChange.MODIFIED]: "Modified",
  [FileChange.DELETED]: "Deleted",
  [FileChange.MOVED]: "Moved",
};

/** How something ended. */
export const OUTCOMES: Readonly<Record<Outcome, string>> = {
  [Outcome.UNSPECIFIED]: "ended",
  [Outcome.SUCCEEDED]: "succeeded",
  [Outcome.FAILED]: "failed",
  [Outcome.INTERRUPTED]: "interrupted",
  [Outcome.CANCELLED]: "stopped",
  [Outcome.RELEASED]: "released: no longer followed",
  [Outcome.LOST]: "lost: nobody saw its end",
};

const STATES: Readonly<Record<SessionState, string>> = {
  [SessionState.UNSPECIFIED]: "",
  [SessionState.STARTING]: "starting",
  [SessionState.WORKING]: "working",
  [SessionState.WAITING]: "waiting",
  [SessionState.IDLE]: "idle",
  [SessionState.UNKNOWN]: "unknown",
  [SessionState.ENDED]: "ended",
};
const WAITS: Readonly<Record<WaitingFor, string>> = {
  [WaitingFor.UNSPECIFIED]: "",
  [WaitingFor.PERMISSION]: " for permission",
  [WaitingFor.ANSWER]: " for an answer",
  [WaitingFor.INPUT]: " for input",
  [WaitingFor.LOGIN]: " for a login",
};
const CAPTURES: Readonly<Record<CaptureState, string>> = {
  [CaptureState.UNSPECIFIED]: "",
  [CaptureState.FOLLOWING]: "",
  [CaptureState.DISCONNECTED]: "the way to it is cut",
  [CaptureState.PAUSED]: "the log cannot be written",
  [CaptureState.BLIND]: "its output cannot be seen",
};

/** `waiting for permission · the way to it is cut`. */
export const stateLine = ({ state, waitingFor, capture }: StateChanged): string =>
  [`${STATES[state] ?? ""}${state === SessionState.WAITING ? (WAITS[waitingFor] ?? "") : ""}`, CAPTURES[capture] ?? ""]
    .filter(Boolean)
    .join(" · ");

/** `4.6k tokens in (512 from a cache), 230 out`, `0.0084 USD`. */
export function usageParts(usage: Usage): string[] {
  const read = Number(usage.inputTokens + usage.cachedTokens + usage.cacheWrittenTokens);
  const cached = usage.cachedTokens > 0n ? ` (${short(Number(usage.cachedTokens))} from a cache)` : "";
  const parts: string[] = [];
  if (read > 0 || usage.outputTokens > 0n)
    parts.push(`${short(read)} tokens in${cached}, ${short(Number(usage.outputTokens))} out`);
  if (usage.cost) parts.push(cost(usage.cost, usage.currency));
  return parts;
}

/** `2 of 3 done · now: Write notes.txt`. */
export function planLine({ entries }: Plan): string {
  const done = entries.filter((entry) => entry.status === PlanStatus.COMPLETED).length;
  const now = entries.find((entry) => entry.status === PlanStatus.IN_PROGRESS)?.content;
  return `${done} of ${entries.length} done${now === undefined ? "" : ` · now: ${now}`}`;
}

/** `Bash · 3 of 7 · 12 s`. */
export function progressLine({ phase, done, total, elapsed }: Progress): string {
  const parts = [phase || "working"];
  if (total > 0n) parts.push(`${done} of ${total}`);
  else if (done > 0n) parts.push(`${done} done`);
  if (elapsed !== undefined) parts.push(duration(durationMillis(elapsed)));
  return parts.join(" · ");
}

/** What each kind of card shows: its label, its line, its facts, and what is under them. Decodes the card's events: ask for what is drawn. */
import type { ReactNode } from "react";
import {
  Channel,
  type Completed,
  type Event,
  type Input,
  RequestKind,
  Role,
  type StepFinished,
  type StepStarted,
  type ToolCall,
  ToolKind,
  type ToolResult,
  ToolStatus,
  type TurnFinished,
  type TurnStarted,
} from "../gen/sightline/v1/event_pb";
import type { Card } from "../stores/cards";
import { cutOf, eventsOf, lastOf, textOf, timeOf } from "../stores/content";
import { bytes, duration, durationMillis } from "../ui/format";
import { PlanList } from "../ui/PlanList";
import { Ask } from "./Ask";
import { Cut } from "./Cut";
import { Output } from "./Output";
import { Said } from "./Said";
import { Tool } from "./Tool";
import { CHANGES, OUTCOMES, planLine, progressLine, ROLES, stateLine, TOOL_STATES, TOOLS, usageParts } from "./words";

/** How a card looks. */
export interface Face {
  /** What it is, in a word. */
  readonly label: string;
  /** The rest of its first line; empty: its body says it. */
  readonly line: string;
  /** The line is code, a path or a command. */
  readonly mono: boolean;
  /** Short words at the end of the line. */
  readonly facts: readonly Fact[];
  /** What is under the line; undefined: nothing is. */
  readonly body: ReactNode;
  /** Whether the body is there before anybody asked for it. */
  readonly open: boolean;
  /** When it happened, in milliseconds since 1970; 0: it is not known. */
  readonly time: number;
  /** Events of it of which something was cut off, and how much of them. */
  readonly cut: readonly number[];
  readonly missing: number;
}

/** A short word about a card. */
export interface Fact {
  readonly text: string;
  readonly tone?: "bad" | "warn" | "accent";
}

type Part = Partial<Face> & Pick<Face, "label">;

const MANY = 8; // events of a card that are decoded for its frame
const utf8 = new TextDecoder();

/** The face of a card. */
export function faceOf(card: Card): Face {
  const events =
    card.count <= MANY ? eventsOf(card) : [card.entries[0], card.entries[card.count - 1]].flatMap((one) => one?.decode() ?? []);
  const part = partOf(card, events);
  const cut = cutOf(events);
  const missing = events.reduce((sum, event) => sum + Number(event.truncatedBytes), 0);
  const raw =
    card.count === 1 && events[0] !== undefined && events[0].raw.length > 0 && part.body === undefined
      ? events[0].raw
      : undefined;
  return {
    line: "",
    mono: false,
    facts: [],
    open: raw === undefined,
    time: timeOf(events[0]),
    cut,
    missing,
    ...part,
    body: raw === undefined ? part.body : <Cut name={`${card.id} raw`} text={utf8.decode(raw)} lines={20} />,
  };
}

function partOf(card: Card, events: readonly Event[]): Part {
  const name = `${card.id}`;
  const [first] = events;
  switch (card.kind) {
    case "message": {
      const role = lastOf(events, "message")?.role ?? Role.UNSPECIFIED;
      return { label: ROLES[role] ?? "Message", body: <Said name={name} text={textOf(card)} /> };
    }
    case "thinking": {
      const text = textOf(card);
      return { label: "Thinking", line: oneLine(text), body: <Said name={name} text={text} />, open: false };
    }
    case "tool":
      return toolPart(name, card, lastOf(events, "toolCall"), lastOf(events, "toolResult"), events);
    case "request": {
      const request = lastOf(events, "request");
      const resolved = lastOf(events, "requestResolved");
      const label = request?.kind === RequestKind.QUESTION ? "Question" : "Permission";
      return {
        label,
        facts: card.open ? [{ text: "waits", tone: "warn" }] : [],
        body: <Ask request={request} resolved={resolved} />,
      };
    }
    case "plan": {
      const plan = lastOf(events, "plan");
      if (plan === undefined) break;
      return { label: "Plan", line: planLine(plan), body: <PlanList plan={plan} />, open: !card.replaced };
    }
    case "output": {
      const output = lastOf(events, "output");
      const label = output?.channel === Channel.STDERR ? "stderr" : output?.channel === Channel.STDOUT ? "stdout" : "Output";
      const source = first?.source ?? "";
      return { label, line: source === label ? "" : source, mono: true, body: <Output name={name} card={card} /> };
    }
    case "step":
      return stepPart(card, lastOf(events, "stepStarted"), lastOf(events, "stepFinished"));
    case "turn":
      return turnPart(name, lastOf(events, "turnStarted"), lastOf(events, "turnFinished"));
    case "completed":
      return completedPart(name, lastOf(events, "completed"));
    case "gap":
    case "epoch":
      return markPart(card);
  }
  return first === undefined ? { label: card.kind } : plainPart(name, first, events);
}

function toolPart(
  name: string,
  card: Card,
  call: ToolCall | undefined,
  result: ToolResult | undefined,
  events: readonly Event[],
): Part {
  const facts: Fact[] = [];
  const status = result?.status ?? ToolStatus.UNSPECIFIED;
  const word = card.open ? "running" : (TOOL_STATES[status] ?? "");
  if (word !== "") facts.push({ text: word, tone: card.bad ? "bad" : card.open ? "accent" : "warn" });
  if (result?.exitCode !== undefined && (result.exitCode !== 0 || card.bad))
    facts.push({ text: `exit ${result.exitCode}`, tone: "bad" });
  const took = result?.duration === undefined ? between(events) : durationMillis(result.duration);
  if (took >= 100) facts.push({ text: duration(took) });
  const line = call?.title || call?.name || `the call of this result is not here (${card.joint})`;
  const open = call?.kind !== ToolKind.THINK || card.open; // a list of things to do is a plan of its own
  return {
    label: TOOLS[call?.kind ?? 0] ?? "Tool",
    line,
    mono: true,
    facts,
    body: <Tool name={name} call={call} result={result} />,
    open,
  };
}

/** From the call to its result, by the clock of one of both. */
function between(events: readonly Event[]): number {
  const [first] = events;
  const last = events.at(-1);
  if (first === undefined || last === undefined || first === last || !first.sourceTime !== !last.sourceTime) return 0;
  return timeOf(last) - timeOf(first);
}

function stepPart(card: Card, started: StepStarted | undefined, finished: StepFinished | undefined): Part {
  const place = started === undefined || started.count === 0 ? "" : `${started.index} of ${started.count}: `;
  const facts: Fact[] = [];
  if (finished === undefined) facts.push({ text: "running", tone: "accent" });
  else {
    if (finished.exitCode !== 0) facts.push({ text: `exit ${finished.exitCode}`, tone: card.bad ? "bad" : "warn" });
    if (finished.failureAllowed) facts.push({ text: "allowed to fail" });
    facts.push({ text: duration(durationMillis(finished.duration)) });
  }
  return { label: "Step", line: `${place}${started?.step ?? finished?.step ?? ""}`, facts };
}

function turnPart(name: string, started: TurnStarted | undefined, finished: TurnFinished | undefined): Part {
  if (started !== undefined) {
    const line = oneLine(started.prompt);
    const body = line === started.prompt.trim() ? undefined : <Said name={name} text={started.prompt} />;
    return { label: "Turn", line: line || "begins", body, open: false };
  }
  const outcome = finished === undefined ? "ended" : (OUTCOMES[finished.outcome] ?? "ended");
  const facts = finished?.usage === undefined ? [] : usageParts(finished.usage).map((text) => ({ text }));
  const reason = finished?.stopReason && finished.stopReason !== "end_turn" ? ` · ${finished.stopReason}` : "";
  return { label: "Turn", line: `${outcome}${reason}`, facts };
}

function completedPart(name: string, completed: Completed | undefined): Part {
  if (completed === undefined) return { label: "Ended" };
  const { outcome, exitCode, signal, error, resultText, descendantsLeft, usage } = completed;
  const facts: Fact[] = usage === undefined ? [] : usageParts(usage).map((text) => ({ text }));
  if (exitCode !== undefined && exitCode !== 0) facts.unshift({ text: `exit ${exitCode}`, tone: "bad" });
  if (signal > 0) facts.unshift({ text: `signal ${signal}` });
  if (descendantsLeft > 0) facts.push({ text: `${descendantsLeft} still running`, tone: "warn" });
  const labels = Object.entries(completed.labels).map(([key, value]) => `${key} = ${value}`);
  const text = [error, resultText === error ? "" : resultText, labels.join("\n")].filter(Boolean).join("\n\n");
  return {
    label: "Ended",
    line: OUTCOMES[outcome] ?? "ended",
    facts,
    body: text === "" ? undefined : <Said name={name} text={text} />,
  };
}

function markPart({ kind, mark }: Card): Part {
  if (mark === undefined) return { label: kind };
  if (kind === "epoch") return { label: "New log", line: mark.text };
  const which = mark.first === mark.last ? `Event ${mark.first}` : `Events ${mark.first} to ${mark.last}`;
  return { label: "Missing", line: `${which}: ${mark.text}` };
}

/** The kinds that are a line. */
function plainPart(name: string, { payload, source }: Event, events: readonly Event[]): Part {
  switch (payload.case) {
    case "fileChanged": {
      const { change, path, oldPath, size } = payload.value;
      const line = oldPath === "" ? path : `${oldPath} → ${path}`;
      return { label: CHANGES[change] ?? "Changed", line, mono: true, facts: size > 0n ? [{ text: bytes(size) }] : [] };
    }
    case "progress": {
      const progress = lastOf(events, "progress") ?? payload.value;
      return { label: "Progress", line: progressLine(progress), facts: countsOf(progress.counts) };
    }
    case "usage": {
      const [line, ...more] = usageParts(payload.value);
      return { label: "Usage", line: line ?? "nothing was counted", facts: more.map((text) => ({ text })) };
    }
    case "outputLost": {
      const { bytes: lost, reason } = payload.value;
      return {
        label: "Lost",
        line: `${lost > 0n ? bytes(lost) : "Some output"} could not be kept${reason === "" ? "" : `: ${reason}`}`,
      };
    }
    case "input":
      return inputPart(payload.value);
    case "resized":
      return { label: "Size", line: `${payload.value.columns} × ${payload.value.rows}` };
    case "stateChanged": {
      const { reason, provenance } = payload.value;
      const facts = provenance === "" || provenance === "sightline" ? [] : [{ text: `says ${provenance}` }];
      return { label: "State", line: [stateLine(payload.value), reason].filter(Boolean).join(": "), facts };
    }
    case "agentInfo": {
      const { agent, model, version, cwd, tools } = payload.value;
      const more = [cwd, tools.join(", ")].filter(Boolean).join("\n\n");
      const body = more === "" ? undefined : <Cut name={name} text={more} lines={20} />;
      return { label: "Agent", line: [`${agent} ${version}`.trim(), model].filter(Boolean).join(" · "), body, open: false };
    }
    case "notice":
      return { label: "Notice", line: [payload.value.code, oneLine(payload.value.text)].filter(Boolean).join(": ") };
    case "error": {
      const { code, message, fatal } = payload.value;
      const facts: Fact[] = fatal ? [{ text: "fatal", tone: "bad" }] : [];
      return {
        label: "Error",
        line: code,
        mono: true,
        facts,
        body: message === "" ? undefined : <Said name={name} text={message} />,
      };
    }
    default:
      return { label: "Other", line: `An event that this page does not know yet${source === "" ? "" : `, of ${source}`}` };
  }
}

function inputPart(input: Input): Part {
  const { data, length, redacted, keys, submit, eof, interrupt, author } = input;
  const facts: Fact[] = author === "" ? [] : [{ text: `by ${author}` }];
  if (interrupt) return { label: "Typed", line: "interrupt (Ctrl-C)", facts };
  const parts = redacted
    ? [`${length} ${length === 1n ? "byte or key" : "bytes and keys"} that are not kept`]
    : [utf8.decode(data), ...keys];
  if (submit) parts.push("⏎");
  if (eof) parts.push("end of input");
  return { label: "Typed", line: parts.filter(Boolean).join(" "), mono: !redacted, facts };
}

const countsOf = (counts: Readonly<Record<string, bigint>>): Fact[] =>
  Object.entries(counts)
    .sort(([a], [b]) => a.localeCompare(b))
    .slice(0, 8)
    .map(([key, count]) => ({ text: `${count} ${key.replaceAll("_", " ")}` }));

const LINE = 300; // characters

const oneLine = (text: string): string => {
  const [line = ""] = text.trim().split("\n", 1);
  return line.length > LINE ? `${line.slice(0, LINE)}…` : line;
};

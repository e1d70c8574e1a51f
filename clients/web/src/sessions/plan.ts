/** From what was typed into the dialog to a request of the service, and from the service's errors back to the fields. Pure. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { CallError } from "../bridge/errors";
import { Command_Stdin, StepSchema, TerminalSchema } from "../gen/sightline/v1/session_pb";
import { type Candidate, type CreateRequest, CreateRequestSchema } from "../gen/sightline/v1/session_service_pb";
import { split } from "./splitter";

/** The ways to begin a session. */
export const WAYS = { command: "Command", agent: "Agent", recipe: "Recipe", adopt: "Adopt" } as const;
/** One of them. */
export type Way = keyof typeof WAYS;

/** Agents that the server is known to understand; it may know more, and says so itself. */
export const AGENTS = ["claude", "codex", "gemini", "opencode", "qwen", "cursor", "amp", "goose"] as const;

/** What one step of a recipe does. */
export const STEP_KINDS = { script: "Script", command: "Command", worktree: "Git worktree" } as const;

/** One step, as it is typed. */
export interface StepDraft {
  /** Tells it from the others while it is edited. */
  readonly key: number;
  readonly kind: keyof typeof STEP_KINDS;
  /** Empty: `script:N`, the program's name, or `git`. */
  readonly label: string;
  /** Lines for `sh`, a command line, or a branch. */
  readonly text: string;
  readonly allowFailure: boolean;
}

/** All that is typed, of all ways at once, so that nothing is lost by looking at another. */
export interface Draft {
  readonly way: Way;
  readonly name: string;
  readonly host: string;
  readonly cwd: string;
  /** `key=value`, blanks between. */
  readonly labels: string;
  readonly line: string;
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly agent: string;
  readonly prompt: string;
  readonly twoWay: boolean;
  readonly steps: readonly StepDraft[];
  /** The command behind the steps; empty: none. */
  readonly behind: string;
  /** Where to look for typescripts, blanks between. */
  readonly directories: string;
}

/** Nothing typed yet. */
export const EMPTY: Draft = {
  way: "command",
  name: "",
  host: "",
  cwd: "",
  labels: "",
  line: "",
  terminal: true,
  stdin: false,
  agent: "claude",
  prompt: "",
  twoWay: false,
  steps: [{ key: 1, kind: "script", label: "", text: "", allowFailure: false }],
  behind: "",
  directories: "",
};

/** Where something can be wrong. */
export type Place = "name" | "host" | "cwd" | "labels" | "line" | "agent" | "prompt" | "twoWay" | "steps" | "behind";
/** What is wrong, by where; what has no place is at `form`. */
export type Problems = Partial<Record<Place | "form", string>>;

/** A terminal's size, in cells. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The request of a draft, or what is wrong with it. */
export function planned(draft: Draft, size: Size): { request: CreateRequest } | { problems: Problems } {
  const problems: Problems = {};
  const labels = labelsOf(draft.labels);
  if (labels === undefined) problems.labels = "write key=value, with blanks between several";
  const common = { name: draft.name.trim(), host: draft.host.trim(), cwd: draft.cwd.trim(), labels: labels ?? {} };
  const words = (line: string, place: Place): string[] => {
    const found = split(line);
    if ("words" in found) return found.words;
    problems[place] = found.problem;
    return [];
  };
  const how = (argv: string[]) =>
    draft.terminal
      ? { argv, terminal: create(TerminalSchema, size) }
      : { argv, stdin: draft.stdin ? Command_Stdin.OPEN : Command_Stdin.NULL };
  let rest: MessageInitShape<typeof CreateRequestSchema> = {};
  if (draft.way === "command") {
    const argv = words(draft.line, "line");
    if (argv.length === 0) problems.line ??= "give a program, and its arguments behind it";
    rest = { origin: { case: "command", value: how(argv) } };
  } else if (draft.way === "agent") {
    if (draft.agent.trim() === "") problems.agent = "say which agent";
    if (draft.prompt.trim() === "" && !draft.twoWay) problems.prompt = "say what it is to do, or keep talking with it";
    rest = {
      agent: { name: draft.agent.trim(), prompt: draft.prompt, twoWay: draft.twoWay },
      origin: { case: "command", value: { stdin: draft.twoWay ? Command_Stdin.OPEN : Command_Stdin.NULL } },
    };
  } else {
    const argv = words(draft.behind, "behind");
    const steps = draft.steps.filter((step) => step.text.trim() !== "").map((step, at) => stepOf(step, at, problems));
    if (steps.length === 0) problems.steps ??= "give at least one step";
    rest = { steps, ...(argv.length > 0 ? { origin: { case: "command", value: how(argv) } } : {}) };
  }
  return Object.keys(problems).length > 0 ? { problems } : { request: create(CreateRequestSchema, { ...common, ...rest }) };
}

/** The request that adopts what was found. An agent is taken by its process, so that its pane comes with it. */
export function adopting(candidate: Candidate, name: string): CreateRequest {
  const common = { name: name.trim(), host: candidate.host };
  const { origin } = candidate;
  if (origin.case === "transcript" && origin.value.pid !== 0) {
    const value = { pid: origin.value.pid };
    return create(CreateRequestSchema, { ...common, agent: { name: candidate.agent }, origin: { case: "transcript", value } });
  }
  const agent = candidate.agent === "" ? {} : { agent: { name: candidate.agent } };
  return create(CreateRequestSchema, { ...common, ...agent, origin });
}

/** The labels in `a=b c=d`; undefined where one has no `=`. */
export function labelsOf(text: string): Record<string, string> | undefined {
  const pairs = text.split(/\s+/).filter(Boolean);
  if (pairs.some((pair) => pair.indexOf("=") < 1)) return undefined;
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}

function stepOf({ kind, label, text, allowFailure }: StepDraft, at: number, problems: Problems) {
  const source = label.trim();
  if (kind === "script")
    return create(StepSchema, { source: source || `script:${at + 1}`, allowFailure, action: { case: "script", value: text } });
  if (kind === "worktree") {
    return create(StepSchema, {
      source: source || "git",
      allowFailure,
      action: { case: "worktree", value: { branch: text.trim() } },
    });
  }
  const found = split(text);
  if ("problem" in found) problems.steps = `step ${at + 1}: ${found.problem}`;
  const argv = "words" in found ? found.words : [];
  const program = (argv[0] ?? "").split("/").at(-1) || "command";
  return create(StepSchema, { source: source || program, allowFailure, action: { case: "argv", value: { argv } } });
}

const PLACES: Readonly<Record<string, Place>> = {
  BAD_NAME: "name",
  NAME_TAKEN: "name",
  CWD_NOT_FOUND: "cwd",
  AGENT_UNKNOWN: "agent",
  AGENT_NOT_INSTALLED: "agent",
  AGENT_NOT_FOLLOWABLE: "agent",
  AGENT_NOT_TWO_WAY: "twoWay",
  BAD_HOST: "host",
  HOST_UNKNOWN: "host",
  HOST_UNREACHABLE: "host",
  HOST_KEY_CHANGED: "host",
  HOST_KEY_UNKNOWN: "host",
  HOST_LOGIN_REFUSED: "host",
  HOST_LACKS: "host",
};
const COMMANDS = ["EMPTY_ARGV", "PROGRAM_NOT_FOUND", "PROGRAM_NOT_STARTED", "TMUX_NOT_INSTALLED"];
const FIELDS: Readonly<Record<string, Place>> = { name: "name", host: "host", cwd: "cwd", labels: "labels", steps: "steps" };

/** Beside which field an error of the service is shown. */
export function problemsOf({ reason, metadata, message }: CallError, way: Way): Problems {
  const command: Place | undefined = ({ command: "line", recipe: "behind", agent: "agent" } as const)[way as "command"];
  const field = (metadata.field ?? "").split(/[.[]/)[0] ?? "";
  const place = PLACES[reason] ?? (COMMANDS.includes(reason) ? command : reason === "BAD_FIELD" ? FIELDS[field] : undefined);
  return { [way === "adopt" && place !== "name" && place !== "host" ? "form" : (place ?? "form")]: message };
}

import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CallError, Code } from "../bridge/errors";
import { Command_Stdin } from "../gen/sightline/v1/session_pb";
import { CandidateSchema } from "../gen/sightline/v1/session_service_pb";
import { adopting, type Draft, EMPTY, labelsOf, type Problems, planned, problemsOf } from "./plan";

const SIZE = { columns: 100, rows: 30 };
const plan = (part: Partial<Draft>) => planned({ ...EMPTY, ...part }, SIZE);
const request = (part: Partial<Draft>) => {
  const found = plan(part);
  if ("problems" in found) throw new Error(JSON.stringify(found.problems));
  return found.request;
};
const problems = (part: Partial<Draft>): Problems => {
  const found = plan(part);
  if ("request" in found) throw new Error("nothing is wrong with it");
  return found.problems;
};
const step = (part: Partial<Draft["steps"][number]>) => ({
  key: 1,
  kind: "script" as const,
  label: "",
  text: "",
  allowFailure: false,
  ...part,
});

describe("a command", () => {
  it("is its words, in a terminal of the window's size", () => {
    const { origin, name, host, cwd, labels } = request({
      line: "make 'a b'",
      name: " x ",
      host: " h ",
      cwd: " /src ",
      labels: "a=b=c  d=",
    });
    expect(origin).toMatchObject({ case: "command", value: { argv: ["make", "a b"], terminal: SIZE } });
    expect({ name, host, cwd, labels }).toEqual({ name: "x", host: "h", cwd: "/src", labels: { a: "b=c", d: "" } });
  });

  it("is in pipes where no terminal is wanted, its input open where that is", () => {
    const open = request({ line: "cat", terminal: false, stdin: true }).origin.value;
    expect(open).toMatchObject({ stdin: Command_Stdin.OPEN });
    expect(open).not.toHaveProperty("terminal");
    expect(request({ line: "cat", terminal: false }).origin.value).toMatchObject({ stdin: Command_Stdin.NULL });
  });

  it("is not asked for while something is wrong, each said where it is", () => {
    expect(problems({ line: "" })).toHaveProperty("line");
    expect(problems({ line: "a 'b", labels: "x" })).toMatchObject({
      line: expect.stringContaining("'"),
      labels: expect.stringContaining("="),
    });
  });
});

describe("an agent", () => {
  it("is run in its usual way, with its prompt as it was typed", () => {
    const made = request({ way: "agent", agent: " codex ", prompt: "-x\n fix it" });
    expect(made.agent).toMatchObject({ name: "codex", prompt: "-x\n fix it", twoWay: false });
    expect(made.origin).toMatchObject({ case: "command", value: { argv: [] } });
  });

  it("needs something to do, unless it is talked with", () => {
    expect(problems({ way: "agent", prompt: " " })).toHaveProperty("prompt");
    expect(request({ way: "agent", twoWay: true }).origin.value).toMatchObject({ stdin: Command_Stdin.OPEN });
    expect(problems({ way: "agent", agent: " ", prompt: "x" })).toHaveProperty("agent");
  });
});

describe("a recipe", () => {
  it("has its steps in their order, each with a label, and those that are empty not", () => {
    const steps = [
      step({ text: "echo one\necho two" }),
      step({ text: "  " }),
      step({ kind: "worktree", text: " fix-42 " }),
      step({ kind: "command", text: "/usr/bin/npm ci", allowFailure: true }),
      step({ kind: "script", label: "setup", text: "true" }),
    ];
    const made = request({ way: "recipe", steps });
    expect(made.steps.map(({ source, action, allowFailure }) => [source, action.case, allowFailure])).toEqual([
      ["script:1", "script", false],
      ["git", "worktree", false],
      ["npm", "argv", true],
      ["setup", "script", false],
    ]);
    expect(made.origin.case).toBeUndefined();
  });

  it("may have a command behind them", () => {
    const made = request({ way: "recipe", steps: [step({ text: "true" })], behind: "make test", terminal: false });
    expect(made.origin).toMatchObject({ case: "command", value: { argv: ["make", "test"] } });
  });

  it("says which step cannot be read, and that there is none", () => {
    expect(problems({ way: "recipe", steps: [step({ kind: "command", text: "a 'b" })] }).steps).toMatch(/^step 1/);
    expect(problems({ way: "recipe", steps: [step({})] })).toHaveProperty("steps");
  });
});

describe("what runs already", () => {
  it("is taken as it was found, on its host", () => {
    const pane = create(CandidateSchema, { host: "h", origin: { case: "tmux", value: { target: "0:1.0", socketPath: "/s" } } });
    expect(adopting(pane, " n ")).toMatchObject({
      name: "n",
      host: "h",
      origin: { case: "tmux", value: { target: "0:1.0", socketPath: "/s" } },
    });
  });

  it("is taken by its process where it is an agent, so that its pane comes with it", () => {
    const agent = create(CandidateSchema, { agent: "claude", origin: { case: "transcript", value: { path: "/t", pid: 7 } } });
    expect(adopting(agent, "")).toMatchObject({
      agent: { name: "claude" },
      origin: { case: "transcript", value: { pid: 7, path: "" } },
    });
  });
});

describe("an error of the service", () => {
  const where = (reason: string, way: Draft["way"], metadata = {}) =>
    Object.keys(problemsOf(new CallError(Code.INVALID_ARGUMENT, "text", reason, metadata), way));

  it.each([
    ["NAME_TAKEN", "command", "name"],
    ["CWD_NOT_FOUND", "agent", "cwd"],
    ["PROGRAM_NOT_FOUND", "command", "line"],
    ["PROGRAM_NOT_FOUND", "recipe", "behind"],
    ["PROGRAM_NOT_FOUND", "agent", "agent"],
    ["AGENT_NOT_TWO_WAY", "agent", "twoWay"],
    ["HOST_UNREACHABLE", "command", "host"],
    ["PANE_NOT_FOUND", "adopt", "form"],
    ["CWD_NOT_FOUND", "adopt", "form"], // the dialog shows no such field there
    ["NAME_TAKEN", "adopt", "name"],
    ["SOMETHING_NEW", "command", "form"],
    ["", "command", "form"],
  ] as const)("%s of a %s stands at %s", (reason, way, place) => expect(where(reason, way)).toEqual([place]));

  it("of a field stands at that field, however deep it is", () => {
    expect(where("BAD_FIELD", "recipe", { field: "steps[2].timeout" })).toEqual(["steps"]);
    expect(where("BAD_FIELD", "command", { field: "labels" })).toEqual(["labels"]);
    expect(where("BAD_FIELD", "command", { field: "env" })).toEqual(["form"]);
  });
});

it("labels are refused as a whole where one is none", () => {
  expect(labelsOf("a=b c")).toBeUndefined();
  expect(labelsOf("=b")).toBeUndefined();
  expect(labelsOf("")).toEqual({});
  expect(Object.getPrototypeOf(labelsOf("__proto__=x"))).toBe(Object.prototype);
});

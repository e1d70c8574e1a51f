import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { CaptureState, Outcome, SessionState, WaitingFor } from "../gen/sightline/v1/event_pb";
import { SessionKind, SessionSchema } from "../gen/sightline/v1/session_pb";
import { sparkline } from "./sparkline";
import { age, captureTrouble, commandLine, isAdopted, needsYou, stateTone, stateWord, whatRuns } from "./words";

const made = (init: MessageInitShape<typeof SessionSchema>) => create(SessionSchema, init);
const over = (init: MessageInitShape<typeof SessionSchema>) =>
  made({ state: SessionState.ENDED, endTime: timestampFromMs(1000), ...init });

describe("how a session stands", () => {
  it.each([
    [made({ state: SessionState.WORKING }), "working", "accent"],
    [made({ state: SessionState.WAITING, waitingFor: WaitingFor.PERMISSION }), "waits for permission", "warn"],
    [made({ state: SessionState.WAITING, waitingFor: 99 as WaitingFor }), "waits for somebody", "warn"],
    [made({ state: SessionState.IDLE }), "idle", "plain"],
    [made({ state: 77 as SessionState }), "unknown", "plain"],
    [over({ outcome: Outcome.SUCCEEDED, exitCode: 0 }), "succeeded", "good"],
    [over({ outcome: Outcome.FAILED, exitCode: 2 }), "failed (2)", "bad"],
    [over({ outcome: Outcome.FAILED, signal: 11 }), "failed (signal 11)", "bad"],
    [over({ outcome: Outcome.FAILED }), "failed", "bad"],
    [over({ outcome: Outcome.CANCELLED }), "stopped", "plain"],
    [over({ outcome: Outcome.LOST }), "lost", "bad"],
  ] as const)("%# is said in words that a server of tomorrow cannot break", (session, word, tone) => {
    expect(stateWord(session)).toBe(word);
    expect(stateTone(session)).toBe(tone);
  });

  it("needs somebody while it waits, and not once it is over", () => {
    expect(needsYou(made({ state: SessionState.WAITING }))).toBe(true);
    expect(needsYou(made({ state: SessionState.WAITING, endTime: timestampFromMs(1000) }))).toBe(false);
    expect(needsYou(made({ state: SessionState.IDLE }))).toBe(false);
  });

  it("has a trouble where it cannot be followed, and none once it is over", () => {
    expect(captureTrouble(made({ capture: CaptureState.BLIND }))).toBe("blind");
    expect(captureTrouble(made({ capture: CaptureState.FOLLOWING }))).toBeUndefined();
    expect(captureTrouble(over({ capture: CaptureState.DISCONNECTED }))).toBeUndefined();
  });

  it("can be released where it is somebody's own", () => {
    expect(isAdopted(made({ kind: SessionKind.TMUX }))).toBe(true);
    expect(isAdopted(made({ kind: SessionKind.TERMINAL }))).toBe(false);
  });
});

describe("what runs", () => {
  it("is a command as one would type it", () => {
    expect(commandLine(["make", "-j2"])).toBe("make -j2");
    expect(commandLine(["sh", "-c", "it's"])).toBe(`sh -c 'it'\\''s'`);
    expect(commandLine([""])).toBe("''");
  });

  it("is the pane where there is no command", () => {
    expect(whatRuns(made({ kind: SessionKind.TMUX, tmux: { target: "0:1.0" } }))).toBe("0:1.0");
    expect(whatRuns(made({ kind: SessionKind.PUBLISHED }))).toBe("");
  });

  it("is how many steps there are where no command follows them", () => {
    expect(whatRuns(made({ kind: SessionKind.COMMAND, steps: 2 }))).toBe("2 steps");
    expect(whatRuns(made({ kind: SessionKind.COMMAND, steps: 1 }))).toBe("1 step");
    expect(whatRuns(made({ kind: SessionKind.COMMAND, steps: 2, argv: ["make"] }))).toBe("make");
  });
});

it.each([
  [0, "0 s"],
  [59_999, "59 s"],
  [60_000, "1 min"],
  [3_599_999, "59 min"],
  [3_600_000, "1 h"],
  [86_399_999, "23 h"],
  [86_400_000, "1 d"],
  [-5000, "0 s"], // the server's clock is ahead of the browser's
])("%i ms are an age of %s", (ms, text) => expect(age(1_000_000, 1_000_000 + ms)).toBe(text));

describe("the strokes of what went on", () => {
  it("are none where nothing did", () => expect(sparkline([0, 0, 0])).toBe(""));
  it("grow with the power of ten, and not beyond the line's height", () => {
    const heights = [...sparkline([1, 10, 100, 10_000, 1e9]).matchAll(/v-(\d+)/g)].map(([, height]) => Number(height));
    expect(heights).toEqual([3, 6, 8, 13, 13]);
  });
  it("stand where their second is", () => expect(sparkline([0, 0, 5])).toMatch(/^M5 14v-/));
});

// @vitest-environment happy-dom
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Outcome, SessionState, WaitingFor } from "../gen/sightline/v1/event_pb";
import { type Session, SessionSchema } from "../gen/sightline/v1/session_pb";
import { type Notice, Notices, noticeOf, type Shown, together } from "./notices";
import { iconOf, titleOf } from "./useTitle";

const made = (init: MessageInitShape<typeof SessionSchema> = {}): Session =>
  create(SessionSchema, { id: "1", name: "build", state: SessionState.WORKING, ...init });
const working = made();
const waiting = made({ state: SessionState.WAITING, waitingFor: WaitingFor.PERMISSION });
const ending = made({ state: SessionState.ENDED });
const ended = made({ state: SessionState.ENDED, endTime: timestampFromMs(1), outcome: Outcome.FAILED, exitCode: 2 });

describe("a notice", () => {
  it("tells that a session waits, and for what", () => {
    expect(noticeOf(working, waiting)).toMatchObject({ session: "1", title: "build waits for permission" });
    expect(noticeOf(undefined, waiting)).toBeDefined();
  });

  it("tells how it ended, once that is known", () => {
    expect(noticeOf(working, ending)).toBeUndefined();
    expect(noticeOf(ending, ended)).toMatchObject({ title: "build failed (2)" });
  });

  it.each([
    ["that it works again", waiting, working],
    ["that it is there", undefined, working],
    ["what ended before anybody looked", undefined, ended],
    ["that it still waits", waiting, { ...waiting, headSeq: 9n }],
    ["that it is gone", ended, undefined],
    ["that it is still over", ended, { ...ended, bytes: 1n }],
  ] as const)("does not tell %s", (_, before, now) => expect(noticeOf(before, now)).toBeUndefined());

  it("tells again when it waits for something else", () => {
    expect(noticeOf(waiting, { ...waiting, waitingFor: WaitingFor.ANSWER })).toBeDefined();
  });

  it("has the facts of a session and nothing of its command line", () => {
    const secret = { ...waiting, argv: ["curl", "-H", "token"], cwd: "/src", host: "h", agent: "codex" };
    expect(noticeOf(undefined, secret)).toEqual({ session: "1", title: "build waits for permission", body: "codex · h · /src" });
  });
});

describe("several notices", () => {
  const many = (count: number): Notice[] =>
    Array.from({ length: count }, (_, at) => ({ session: String(at), title: `s${at}`, body: "" }));

  it("are one each up to four, and one for all above", () => {
    expect(together(many(4))).toHaveLength(4);
    expect(together(many(5))).toEqual([expect.objectContaining({ session: "", title: "5 sessions wait or have ended" })]);
  });

  it("of one session are its last", () => {
    expect(together([...many(1), { session: "0", title: "later", body: "" }])).toEqual([
      { session: "0", title: "later", body: "" },
    ]);
  });
});

describe("the notices of a page", () => {
  let shown: { notice: Notice; closed: boolean; shown: Shown }[];
  let opened: string[];
  let looking: string;
  let notices: Notices;
  beforeEach(() => {
    vi.useFakeTimers();
    [shown, opened, looking] = [[], [], ""];
    notices = new Notices({
      show: (notice) => {
        const one: (typeof shown)[number] = {
          notice,
          closed: false,
          shown: {
            onclick: null,
            close: () => {
              one.closed = true;
            },
          },
        };
        shown.push(one);
        return one.shown;
      },
      isLooking: (session) => session === looking,
      open: (session) => opened.push(session),
    });
  });
  afterEach(() => vi.useRealTimers());
  const soon = () => vi.advanceTimersByTime(200);

  it("are one for a change", () => {
    notices.take(working, waiting);
    notices.take(waiting, { ...waiting, bytes: 5n });
    soon();
    expect(shown.map((one) => one.notice.title)).toEqual(["build waits for permission"]);
  });

  it("are none for what somebody looks at", () => {
    looking = "1";
    notices.take(working, waiting);
    soon();
    expect(shown).toEqual([]);
  });

  it("are none for what was answered before it could be told, and go when it is answered", () => {
    notices.take(working, waiting);
    notices.take(waiting, working);
    soon();
    expect(shown).toEqual([]);
    notices.take(working, waiting);
    soon();
    notices.take(waiting, working);
    expect(shown.map((one) => one.closed)).toEqual([true]);
  });

  it("lead to the session, and go when somebody looks at it or it is deleted", () => {
    notices.take(working, waiting);
    soon();
    shown[0]?.shown.onclick?.(new Event("click"));
    expect(opened).toEqual(["1"]);
    expect(shown[0]?.closed).toBe(true);
    notices.take(ending, ended);
    soon();
    notices.looked("1");
    expect(shown[1]?.closed).toBe(true);
    notices.take(ending, ended);
    soon();
    notices.take(ended, undefined);
    expect(shown[2]?.closed).toBe(true);
  });

  it("are done without where the browser does not let a page show them", () => {
    notices = new Notices({
      show: () => {
        throw new TypeError("Illegal constructor");
      },
      isLooking: () => false,
      open: () => undefined,
    });
    notices.take(working, waiting);
    expect(soon).not.toThrow();
  });

  it("are none any more once they are switched off", () => {
    notices.take(working, waiting);
    soon();
    notices.take(ending, ended);
    notices.close();
    soon();
    expect(shown.map((one) => one.closed)).toEqual([true]);
  });
});

describe("the tab", () => {
  it("says how many need somebody", () => {
    expect(titleOf(undefined, 0)).toBe("Sightline");
    expect(titleOf("build", 0)).toBe("build · Sightline");
    expect(titleOf("build", 3)).toBe("(3) build · Sightline");
  });

  it("shows it on its icon, which stays readable", () => {
    expect(iconOf(0)).toBe("/favicon.svg");
    expect(decodeURIComponent(iconOf(3))).toContain(">3</text>");
    expect(decodeURIComponent(iconOf(120))).toContain(">9+</text>");
  });
});

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Outcome, SessionState, WaitingFor } from "../gen/sightline/v1/event_pb";
import { type Session, SessionKind, SessionSchema } from "../gen/sightline/v1/session_pb";
import { Arranger, type Group, matches, type Row, SORTS, type Sort, wordsOf } from "./arrange";

const made = (name: string, started: number, more: MessageInitShape<typeof SessionSchema> = {}): Session =>
  create(SessionSchema, {
    id: `id-${name}`,
    name,
    createTime: timestampFromMs(started * 1000),
    state: SessionState.WORKING,
    ...more,
  });
const ended = (name: string, at: number, outcome = Outcome.SUCCEEDED) =>
  made(name, 1, { state: SessionState.ENDED, endTime: timestampFromMs(at * 1000), outcome });
const waiting = (name: string, started: number) =>
  made(name, started, { state: SessionState.WAITING, waitingFor: WaitingFor.PERMISSION });
const words = (rows: readonly Row[]) => rows.map((row) => ("session" in row ? row.session.name : `[${row.group} ${row.count}]`));
const shown = (all: Session[], wish: { filter?: string; sort?: Sort; folded?: Group[] } = {}) =>
  words(
    new Arranger().arrange(all, { filter: wish.filter ?? "", sort: wish.sort ?? "newest", folded: new Set(wish.folded ?? []) })
      .rows,
  );

describe("the list", () => {
  it("begins with what needs somebody, and ends with what is over", () => {
    const all = [ended("e", 9), made("w", 3), waiting("n", 1), made("w2", 4), ended("e2", 10)];
    expect(shown(all)).toEqual(["[needs 1]", "n", "[runs 2]", "w2", "w", "[ended 2]", "e2", "e"]);
  });

  it("has no head for a group that is empty", () => {
    expect(shown([made("a", 1)])).toEqual(["[runs 1]", "a"]);
    expect(shown([])).toEqual([]);
  });

  it("keeps the head of a folded group with its count, and its sessions in the count of those shown", () => {
    const { rows, shown: count } = new Arranger().arrange([made("a", 1), ended("b", 2), ended("c", 3)], {
      filter: "",
      sort: "newest",
      folded: new Set<Group>(["ended"]),
    });
    expect(words(rows)).toEqual(["[runs 1]", "a", "[ended 2]"]);
    expect(count).toBe(3);
  });

  it("sorts within groups only, whatever it sorts by", () => {
    const all = [waiting("z", 1), made("b", 2, { agent: "codex", host: "h2" }), made("a", 3, { host: "h1" }), ended("0", 4)];
    for (const sort of SORTS) {
      const rows = shown(all, { sort });
      expect(rows.slice(0, 2)).toEqual(["[needs 1]", "z"]);
      expect(rows.slice(-2)).toEqual(["[ended 1]", "0"]);
    }
    expect(shown(all, { sort: "name" }).slice(3, 5)).toEqual(["a", "b"]);
    expect(shown(all, { sort: "agent" }).slice(3, 5)).toEqual(["b", "a"]); // what has no agent comes last
    expect(shown(all, { sort: "host" }).slice(3, 5)).toEqual(["a", "b"]);
    expect(shown(all, { sort: "oldest" }).slice(3, 5)).toEqual(["b", "a"]);
  });

  it("puts what was started at the same moment in one order, however it comes in", () => {
    const all = ["a", "b", "c", "d"].map((name) => made(name, 5));
    expect(shown(all)).toEqual(shown([...all].reverse()));
  });

  it("is not sorted again where nothing changed, and is where it did", () => {
    const wish = { filter: "", sort: "name" as const, folded: new Set<Group>() };
    const arranger = new Arranger();
    const [over, runs] = [
      [ended("b", 1), ended("a", 2)],
      [made("y", 1), made("x", 1)],
    ];
    const first = arranger.arrange([...over, ...runs], wish).rows;
    const again = arranger.arrange([...over, made("y", 1), ...runs.slice(1)], wish).rows;
    expect(words(again)).toEqual(words(first));
    expect(again.slice(4)).toEqual(first.slice(4));
    expect(again[4]).toBe(first[4]); // the ended ones are the same rows
    expect(again[2]).not.toBe(first[2]); // of those that run one is another object
    expect(words(arranger.arrange([...over, ...runs], { ...wish, sort: "oldest" }).rows)).not.toEqual(words(first));
    expect(words(arranger.arrange(over.slice(1), wish).rows)).toEqual(["[ended 1]", "a"]);
  });
});

describe("the filter", () => {
  const session = made("Fix-42", 1, {
    agent: "claude",
    host: "build1",
    cwd: "/src/api",
    kind: SessionKind.TMUX,
    labels: { team: "core" },
    argv: ["make", "test"],
    state: SessionState.WAITING,
    waitingFor: WaitingFor.PERMISSION,
  });

  it.each(["fix", "CLAUDE", "build1", "team=core", "waits permission", "tmux", "src/api", "make", "live", "core fix", "  "])(
    "%j finds it",
    (text) => expect(matches(session, wordsOf(text))).toBe(true),
  );

  it.each(["fix core2", "ended", "codex", "team=web", "fixx"])("%j does not", (text) =>
    expect(matches(session, wordsOf(text))).toBe(false),
  );

  it("knows ended ones by how they ended", () => {
    expect(matches(ended("x", 1, Outcome.FAILED), ["failed"])).toBe(true);
    expect(matches(ended("x", 1), ["ended", "succeeded"])).toBe(true);
  });
});

/** What a subscription asks after a break and what it shows: against a log that follows the contract, cut after every message. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  EndReason,
  EventKind,
  GapReason,
  type Item,
  SessionKind,
  SubscribeRequestSchema,
  SubscribeResponseSchema,
} from "@sightline/client";
import { Progress } from "../src/progress.js";
import { Log, logs, Service } from "./synthetic.js";

const MOST = 16; // more messages than any stream of these tests has

type Init = MessageInitShape<typeof SubscribeRequestSchema>;
const following = (init: Init) => new Progress(create(SubscribeRequestSchema, init));
const sign = (value: MessageInitShape<typeof SubscribeResponseSchema>["sign"]) =>
  create(SubscribeResponseSchema, { ...(value && { sign: value }) });

function* shownBy(progress: Progress): Generator<Item> {
  for (let item = progress.show(); item !== undefined; item = progress.show()) yield item;
}

/** What is shown when the first streams break after so many messages, and the last one does not. */
function follow(service: Service, init: Init, cuts: number[] = []): { shown: Item[]; end: EndReason } {
  const progress = following(init);
  const shown: Item[] = [];
  for (const cut of [...cuts, Number.POSITIVE_INFINITY]) {
    const asked = progress.request();
    if (asked === undefined) break;
    let left = cut;
    for (const response of service.stream(asked)) {
      if (left-- === 0) break;
      if (response.sign.case === "end") return { shown, end: response.sign.value.reason };
      progress.receive(response);
      shown.push(...shownBy(progress));
    }
  }
  return { shown, end: EndReason.UNSPECIFIED };
}

/** Calls `attempt` with streams that break after each pair of numbers of messages. */
function everyCut(attempt: (cuts: number[], said: string) => void): void {
  for (let first = 0; first < MOST; first++) {
    for (let second = 0; second < MOST; second++) attempt([first, second], `cut after ${first} and ${second}`);
  }
}

/** Each session has one header, first, and behind it each event from there to the end, and one caughtUp. */
function assertShownOnce(shown: Item[], all: Log[], said: string): void {
  const at = new Map<string, bigint>();
  const caughtUp = new Set<string>();
  for (const { case: kind, value } of shown) {
    if (kind === "header") {
      const id = value.session?.id ?? "";
      assert.ok(!at.has(id), `the header of ${id} came twice, ${said}`);
      at.set(id, value.cursor?.seq ?? 0n);
    } else if (kind === "event") {
      assert.equal(value.seq, (at.get(value.sessionId) ?? -9n) + 1n, `${value.sessionId}, ${said}`);
      at.set(value.sessionId, value.seq);
    } else if (kind === "caughtUp") {
      const id = value.cursor?.sessionId ?? "";
      assert.ok(!caughtUp.has(id), `caughtUp of ${id} came twice, ${said}`);
      caughtUp.add(id);
    } else assert.notEqual(kind, "heartbeat", `nobody asked for one, ${said}`);
  }
  for (const log of all) assert.equal(at.get(log.id), BigInt(log.length), `${log.id}, ${said}`);
}

describe("whatever breaks", () => {
  test("every event from the oldest is shown once", () => {
    everyCut((cuts, said) => {
      const service = new Service(logs());
      assertShownOnce(follow(service, { sessions: ["name0", "name1"] }, cuts).shown, service.logs, said);
    });
  });

  for (const init of [
    { sessions: ["name0", "id1"], start: { case: "tail", value: 2 } },
    { sessions: ["*"], start: { case: "latest", value: {} } },
  ] satisfies Init[]) {
    test(`a relative start means one moment: ${init.start.case}`, () => {
      everyCut((cuts, said) => {
        const service = new Service(logs());
        const { shown } = follow(service, init, cuts);
        assertShownOnce(shown, service.logs, said);
        assert.equal(shown[0]?.case, "header", said);
        const starts = service.seen.map(({ start }) => start.case);
        assert.deepEqual(
          starts,
          [...starts].sort((one, other) => Number(one === "after") - Number(other === "after")),
          said,
        );
        for (const { sessions, start } of service.seen) {
          if (start.case === "after" && !sessions.includes("*")) assert.equal(start.value.cursors.length, 2, said);
        }
      });
    });
  }

  for (const sessions of [["name0", "name1"], ["*"]]) {
    test(`until it has caught up gives all that was there: ${sessions}`, () => {
      everyCut((cuts, said) => {
        const { shown, end } = follow(new Service(logs(), 1), { sessions, untilCaughtUp: true }, cuts);
        const got = shown.filter((item) => item.case === "event" && item.value.sessionId === "id0").length;
        assert.ok(got >= 4, `${got}, ${said}`);
        if (sessions[0] === "*") assert.equal(end, EndReason.CAUGHT_UP, said);
      });
    });
  }

  test("a gap is shown once, before the first event behind it", () => {
    everyCut((cuts, said) => {
      const log = new Log("id", "name", 6, 4, 3);
      const cursors = [log.cursor(0)];
      const { shown } = follow(new Service([log], 1), { sessions: ["name"], start: { case: "after", value: { cursors } } }, cuts);
      const told = shown.flatMap(({ case: kind, value }) => {
        if (kind === "gap") return [value.firstSeq, value.lastSeq];
        return kind === "event" ? [value.seq] : [];
      });
      assert.deepEqual(told, [1n, 2n, 3n, 4n, 5n, 6n], said);
    });
  });

  test("the caller's cursors are gone on from", () => {
    everyCut((cuts, said) => {
      const service = new Service(logs(), 1);
      const cursors = service.logs.slice(0, 1).map((log) => log.cursor(3));
      const { shown } = follow(service, { sessions: ["name0", "name1"], start: { case: "after", value: { cursors } } }, cuts);
      assertShownOnce(shown, service.logs, said);
    });
  });
});

test("what a filter hides is not read again after a heartbeat, which is kept to itself", () => {
  const log = new Log("id0", "name0", 7, 4);
  const progress = following({ sessions: ["name0"], filter: { kinds: [EventKind.COMPLETED] } });
  assert.equal(progress.request()?.heartbeatInterval?.seconds, 15n);
  progress.receive(log.header(0));
  progress.receive(sign({ case: "heartbeat", value: { positions: [{ cursor: log.cursor(4) }] } }));
  assert.deepEqual(
    [...shownBy(progress)].map((item) => item.case),
    ["header"],
  );
  const { start } = progress.request() ?? {};
  assert.equal(start?.case === "after" && start.value.cursors[0]?.seq, 4n);
});

test("a heartbeat that was asked for is shown", () => {
  const { shown } = follow(new Service(logs(), 1), { sessions: ["name0"], heartbeatInterval: { seconds: 1n } });
  assert.ok(shown.some((item) => item.case === "heartbeat"));
});

test("a session is followed by its id, and left out when it is over", () => {
  const progress = following({ sessions: ["name0", "name1"] });
  const [first, second] = logs() as [Log, Log];
  progress.request();
  for (const log of [first, second]) progress.receive(log.header(0));
  assert.equal([...shownBy(progress)].length, 2);
  assert.deepEqual(progress.request()?.sessions, ["id0", "id1"]);
  progress.receive(create(SubscribeResponseSchema, { events: [first.event(7)] }));
  assert.equal([...shownBy(progress)].length, 1);
  assert.deepEqual(progress.request()?.sessions, ["id1"]);
  progress.receive(create(SubscribeResponseSchema, { events: [second.event(5)] }));
  assert.equal([...shownBy(progress)].length, 1);
  assert.equal(progress.request(), undefined);
});

test("a screen that was promised is owed until it comes, or events do", () => {
  const log = new Log("id", "name", 9, 3, 1, SessionKind.TERMINAL);
  const progress = following({ sessions: ["name"], snapshot: true });
  const owed = () => progress.places.get("id")?.owed;
  progress.request();
  progress.receive(log.header(3));
  assert.equal([...shownBy(progress)].length, 1);
  assert.deepEqual([owed(), progress.request()?.snapshot], [true, false]);
  progress.receive(sign({ case: "snapshot", value: { sessionId: "id", asOfSeq: 4n } }));
  assert.equal([...shownBy(progress)].length, 1);
  assert.deepEqual([owed(), progress.cursors[0]?.seq], [false, 4n]); // events up to the screen are on it
  progress.receive(sign({ case: "gap", value: { sessionId: "id", firstSeq: 5n, lastSeq: 6n, reason: GapReason.SLOW } }));
  assert.equal([...shownBy(progress)].length, 1);
  assert.equal(owed(), true);
  progress.receive(create(SubscribeResponseSchema, { events: [log.event(7)] }));
  assert.equal([...shownBy(progress)].length, 1);
  assert.equal(owed(), false); // they follow a screen that was not to be had
});

test("a caller's cursor stays until the sign of the gap behind it has come", () => {
  const log = new Log("id", "name", 6, 4, 3);
  const progress = following({ sessions: ["name"], start: { case: "after", value: { cursors: [log.cursor(0)] } } });
  progress.request();
  progress.receive(log.header(2));
  assert.equal([...shownBy(progress)].length, 1);
  assert.equal(progress.cursors[0]?.seq, 0n);
});

test("what is not known is no error", () => {
  const progress = following({ sessions: ["name0"] });
  progress.request();
  progress.receive(new Log("id0", "name0", 7, 4).header(0));
  progress.receive(create(SubscribeResponseSchema));
  progress.receive(create(SubscribeResponseSchema, { events: [{ sessionId: "id0", seq: 1n }] }));
  assert.deepEqual(
    [...shownBy(progress)].map((item) => item.case),
    ["header", "event"],
  );
  assert.equal(progress.cursors[0]?.seq, 1n);
});

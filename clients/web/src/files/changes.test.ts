import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { Entry } from "../bridge/entries";
import { type EventSchema as _Schema, EventSchema, FileChange } from "../gen/sightline/v1/event_pb";
import { fold, NONE, newestFirst, within } from "./changes";

type Payload = NonNullable<Parameters<typeof create<typeof _Schema>>[1]>;
let seq = 0n;

const entry = (init: Payload) => new Entry(toBinary(EventSchema, create(EventSchema, { ...(init as object), seq: ++seq })));
const changed = (path: string, change: FileChange, more: object = {}) =>
  entry({ time: { seconds: 5n }, payload: { case: "fileChanged", value: { path, change, ...more } } });

test("a file stands as its last change left it, and the last changed is first", () => {
  const changes = fold(NONE, [
    changed("a.py", FileChange.CREATED, { size: 1n }),
    changed("b.py", FileChange.CREATED),
    changed("a.py", FileChange.MODIFIED, { size: 7n, toolCallId: "call" }),
  ]);
  const [first, second] = newestFirst(changes, "");
  expect(first).toMatchObject({ path: "a.py", change: FileChange.MODIFIED, size: 7, count: 2, time: 5000, toolCallId: "call" });
  expect(second).toMatchObject({ path: "b.py", count: 1 });
});

test("a moved file is one file, and remembers where it was", () => {
  const changes = fold(NONE, [changed("a.py", FileChange.CREATED), changed("c.py", FileChange.MOVED, { oldPath: "a.py" })]);
  expect([...changes.files.keys()]).toEqual(["c.py"]);
  expect(changes.files.get("c.py")).toMatchObject({ oldPath: "a.py", count: 2 });
});

test("pieces give the same as the whole, and what was there is not touched", () => {
  const entries = [changed("a", FileChange.CREATED), changed("b", FileChange.CREATED), changed("a", FileChange.DELETED)];
  const before = fold(NONE, entries.slice(0, 2));
  expect(fold(before, entries.slice(2))).toEqual(fold(NONE, entries));
  expect(before.files.size).toBe(2);
  expect(before.files.get("a")?.change).toBe(FileChange.CREATED);
});

test("a filter wants all of its words, whatever their case", () => {
  const changes = fold(NONE, [changed("src/Main.tsx", FileChange.CREATED), changed("src/other.tsx", FileChange.CREATED)]);
  expect(newestFirst(changes, "main SRC").map((file) => file.path)).toEqual(["src/Main.tsx"]);
});

test("what the watcher only counted is told, other notices are not its", () => {
  const changes = fold(NONE, [
    entry({ payload: { case: "notice", value: { code: "files_changed", text: "9800 more files changed" } } }),
    entry({ payload: { case: "notice", value: { code: "retry", text: "no" } } }),
  ]);
  expect(changes.notices).toEqual(["9800 more files changed"]);
});

test.each([
  ["/home/dev/shop", "/home/dev/shop/src/a.py", "src/a.py"],
  ["/home/dev/shop/", "/home/dev/shop/a.py", "a.py"],
  ["/home/dev/shop", "/home/dev/shopping/a.py", "/home/dev/shopping/a.py"],
  ["", "/a.py", "/a.py"],
])("seen from %j, %s is %s", (directory, path, seen) => expect(within(directory, path)).toBe(seen));

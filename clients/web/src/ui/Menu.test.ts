import { expect, it } from "vitest";
import { type MenuItem, moved } from "./Menu";

const items = ["Open", "Copy link", "Stop…", "Skip"].map((label): MenuItem => ({ label, onSelect: () => undefined }));

it.each([
  ["ArrowDown", 0, 1],
  ["ArrowDown", 3, 0],
  ["ArrowUp", 0, 3],
  ["Home", 2, 0],
  ["End", 0, 3],
  ["s", 0, 2],
  ["S", 2, 3], // the next one that begins with it
  ["s", 3, 2],
  ["c", 1, 1],
  ["x", 0, undefined],
  [" ", 0, undefined],
  ["Enter", 0, undefined],
] as const)("%s at item %i of a menu moves to %s", (key, at, to) => expect(moved(key, at, items)).toBe(to));

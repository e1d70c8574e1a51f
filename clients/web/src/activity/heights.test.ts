import { expect, test } from "vitest";
import { Heights } from "./heights";

const SIZES = [10, 20, 30, 5, 0, 15, 40];

test("a row begins where those before it end", () => {
  const heights = new Heights(SIZES.length, (index) => SIZES[index] ?? 0, 8);
  expect(SIZES.map((_, index) => heights.top(index))).toEqual([8, 18, 38, 68, 73, 73, 88]);
  expect(heights.total).toBe(128);
});

test.each([1, 2, 3, 7, 8, 9, 100, 1000])("among %i rows each place is in the row that it is in, also after changes", (count) => {
  const sizes = Array.from({ length: count }, (_, index) => 1 + ((index * 7919) % 50));
  const heights = new Heights(count, (index) => sizes[index] ?? 0, 3);
  for (let index = 0; index < count; index += 3) {
    sizes[index] = (sizes[index] ?? 0) + index;
    heights.set(index, sizes[index] ?? 0);
  }
  let top = 3;
  for (const [index, size] of sizes.entries()) {
    expect(heights.top(index)).toBe(top);
    expect([heights.at(top), heights.at(top + size - 1)]).toEqual([index, index]);
    top += size;
  }
  expect(heights.total).toBe(top);
  expect([heights.at(-5), heights.at(top + 100)]).toEqual([0, count - 1]);
});

test("no rows take no place", () => {
  const heights = new Heights(0, () => 1);
  expect([heights.total, heights.at(10)]).toEqual([0, 0]);
});

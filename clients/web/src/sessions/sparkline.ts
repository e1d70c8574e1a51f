/** A row of counts as strokes of an SVG path. Pure. */

const STEP = 2; // units between two strokes
const BASE = 14; // units: where strokes stand on
const HIGHEST = 13; // units
const FULL = 4; // powers of ten that fill it: 10 000 events a second

/** One stroke for each count that is not 0, as high as its logarithm; empty where all are 0. */
export function sparkline(counts: readonly number[]): string {
  return counts.reduce((path, count, at) => (count > 0 ? `${path}M${at * STEP + 1} ${BASE}v-${height(count)}` : path), "");
}

const height = (count: number): number => Math.min(HIGHEST, Math.round(3 + (Math.log10(count) / FULL) * (HIGHEST - 3)));

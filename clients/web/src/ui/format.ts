/** Numbers and times as people read them. */
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";

const UNITS = ["B", "KB", "MB", "GB", "TB"] as const;

/** A size in powers of 1000: `1.2 MB`. */
export function bytes(count: number | bigint): string {
  let left = Number(count);
  let unit = 0;
  while (left >= 999.5 && unit < UNITS.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${unit === 0 || left >= 99.5 ? Math.round(left) : left.toFixed(1)} ${UNITS[unit]}`;
}

/** A length of time in milliseconds: `340 ms`, `5.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1).replace(/\.0$/, "")} s`;
  const seconds = Math.round(ms / 1000);
  for (const [size, name, part, partName] of [
    [86_400, "d", 3600, "h"],
    [3600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ] as const) {
    if (seconds < size) continue;
    const rest = Math.floor((seconds % size) / part);
    return `${Math.floor(seconds / size)} ${name}${rest > 0 ? ` ${rest} ${partName}` : ""}`;
  }
  return `${seconds} s`;
}

/** Milliseconds since 1970; 0: it is not set. */
export const millis = (time: Timestamp | undefined): number =>
  time === undefined ? 0 : Number(time.seconds) * 1000 + Math.floor(time.nanos / 1e6);

/** A length of time of the contract, in milliseconds; 0: it is not set. */
export const durationMillis = (length: Duration | undefined): number =>
  length === undefined ? 0 : Number(length.seconds) * 1000 + length.nanos / 1e6;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** The time of day: `14:03:07`. */
export const clock = (ms: number): string => CLOCK.format(ms);

/** Date and time, for titles. */
export const moment = (ms: number): string => WHOLE.format(ms);

/** A number of things in three figures: `999`, `4.6k`, `120k`, `1.3M`. */
export function short(count: number): string {
  if (count < 1000) return `${count}`;
  const [size, name] = count < 999_500 ? [1000, "k"] : count < 999_500_000 ? [1e6, "M"] : [1e9, "G"];
  const left = count / Number(size);
  return `${left >= 99.5 ? Math.round(left) : left.toFixed(1).replace(/\.0$/, "")}${name}`;
}

/** A sum of money in three figures: `0.0084 USD`, `123.40 USD`. */
export const cost = (amount: number, currency: string): string =>
  `${amount >= 100 ? amount.toFixed(2) : Number(amount.toPrecision(3))} ${currency}`.trim();

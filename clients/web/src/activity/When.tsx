/** When something happened: how long ago, or the time of day, as somebody prefers; the other is in its title. */
import { now } from "../stores/clock";
import { oneOf, setting } from "../stores/settings";
import { useSelected, useStore } from "../stores/use";
import { clock, duration, moment } from "../ui/format";
import styles from "./Card.module.css";

/** Which of both. */
export const times = setting("activity.times", oneOf(["clock", "ago"] as const, "clock"));

/** Draws it. */
export function When({ at }: { readonly at: number }) {
  const which = useStore(times);
  return (
    <time className={styles.time} dateTime={new Date(at).toISOString()} title={moment(at)}>
      {which === "ago" ? <Ago at={at} /> : clock(at)}
    </time>
  );
}

function Ago({ at }: { readonly at: number }) {
  return useSelected(now, (time) => ago(time - at));
}

/** `now`, `20 s ago`, `3 min ago`. */
export function ago(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 5) return "now";
  if (seconds < 60) return `${seconds - (seconds % 5)} s ago`;
  return `${duration(Math.floor(seconds / 60) * 60_000)} ago`;
}

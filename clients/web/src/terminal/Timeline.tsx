/** The time line of a replay: where it is, what happened when, and how to go elsewhere. */
import { type ChangeEvent, useEffect, useMemo, useRef, useState } from "react";
import { Button } from "../ui/Button";
import { clock } from "../ui/format";
import type { Mark, Tone } from "./marks";
import { SPEEDS } from "./pace";
import type { Playing } from "./replay";
import styles from "./Timeline.module.css";

interface Props {
  readonly playing: Playing;
  readonly oldest: number;
  readonly head: number;
  readonly marks: readonly Mark[];
  /** There are more marks than are shown. */
  readonly more: boolean;
  readonly onPlay: (play: boolean) => void;
  readonly onSeek: (seq: number) => void;
  readonly onSpeed: (speed: number) => void;
}

const TICKS = 200; // over the width: what is closer together is one
const LISTED = 1000; // marks in the list to jump to, those around the present one
const WEIGHTS: readonly Tone[] = ["plain", "accent", "warn", "bad"];

/** Draws it. */
export function Timeline({ playing, oldest, head, marks, more, onPlay, onSeek, onSpeed }: Props) {
  const [dragged, setDragged] = useState<number>();
  const range = useRef<HTMLInputElement>(null);
  const seek = useRef(onSeek);
  seek.current = onSeek;
  useEffect(() => {
    const element = range.current;
    const settled = () => {
      setDragged(undefined);
      if (element !== null) seek.current(element.valueAsNumber);
    };
    element?.addEventListener("change", settled); // React's onChange is told while it is still dragged
    return () => element?.removeEventListener("change", settled);
  }, []);
  const shown = useMemo(() => marks.filter((mark) => mark.label !== ""), [marks]);
  const ticks = useMemo(() => ticksOf(shown, oldest, head), [shown, oldest, head]);
  const at = dragged ?? playing.seq;
  const last = shown.findLastIndex((mark) => mark.seq <= playing.seq);
  const jump = (step: -1 | 1) => {
    const before = shown[last]?.seq === playing.seq ? last - 1 : last;
    const mark = shown[step === 1 ? last + 1 : before];
    if (mark !== undefined) onSeek(mark.seq);
  };
  const time = playing.time > 0 && dragged === undefined ? clock(playing.time) : "";
  const from = Math.max(0, Math.min(last - LISTED / 2, shown.length - LISTED));
  return (
    <section aria-label="Replay" className={styles.line} data-seeking={playing.seeking} data-seq={playing.seq}>
      <div className={styles.track}>
        <input
          ref={range}
          type="range"
          aria-label="Place in the log"
          aria-valuetext={`Event ${at} of ${head}${time ? `, ${time}` : ""}`}
          min={oldest}
          max={Math.max(head, oldest)}
          value={at}
          onChange={(event) => setDragged(event.target.valueAsNumber)}
        />
        <span className={styles.ticks} aria-hidden="true">
          {ticks.map(({ place, tone }) => (
            <span key={place} data-tone={tone} style={{ left: `${place * 100}%` }} />
          ))}
        </span>
      </div>
      <div className={styles.controls}>
        <Button weight="main" onClick={() => onPlay(!playing.playing)}>
          {playing.playing ? "Pause" : "Play"}
        </Button>
        <Button weight="quiet" onClick={() => jump(-1)} disabled={last < 0} aria-label="Previous event">
          ‹
        </Button>
        <Button weight="quiet" onClick={() => jump(1)} disabled={last >= shown.length - 1} aria-label="Next event">
          ›
        </Button>
        <label>
          Speed{" "}
          <select value={String(playing.speed)} onChange={(event) => onSpeed(Number(event.target.value))}>
            {SPEEDS.map((speed) => (
              <option key={speed} value={String(speed)}>
                {Number.isFinite(speed) ? `${speed}×` : "No pauses"}
              </option>
            ))}
          </select>
        </label>
        <span>
          Event <Jump seq={playing.seq} oldest={oldest} head={head} onSeek={onSeek} /> of {head}
        </span>
        <select
          aria-label="Jump to an event"
          value=""
          className={styles.list}
          onChange={(event) => onSeek(Number(event.target.value))}
        >
          <option value="" disabled>
            Jump to…
          </option>
          {shown.slice(from, from + LISTED).map((mark) => (
            <option key={mark.seq} value={mark.seq}>
              {clock(mark.time)} {mark.label}
            </option>
          ))}
        </select>
        <span role="status" className={styles.state}>
          {time}
          {playing.seeking ? " Drawing…" : ""}
          {!playing.seeking && !playing.exact ? (
            <span title="Drawn from the last 2 MB before this event: what stood there longer may be missing">
              {" "}
              Nearly as it was
            </span>
          ) : null}
          {playing.atEnd && !playing.seeking ? " The end" : ""}
          {more ? " (not all events are listed)" : ""}
        </span>
      </div>
    </section>
  );
}

interface JumpProps {
  readonly seq: number;
  readonly oldest: number;
  readonly head: number;
  readonly onSeek: (seq: number) => void;
}

function Jump({ seq, oldest, head, onSeek }: JumpProps) {
  const [text, setText] = useState<string>(); // while somebody is in it: what a replay passes does not change under their hands
  const asked = useRef("");
  const stay = (at: number) => {
    asked.current = String(at);
    setText(asked.current);
  };
  const go = () => {
    const wanted = Number(text);
    if (!text || !Number.isSafeInteger(wanted)) return;
    const to = Math.min(Math.max(wanted, oldest), head);
    stay(to);
    onSeek(to);
  };
  return (
    <input
      type="number"
      aria-label="Event"
      min={oldest}
      max={head}
      value={text ?? seq}
      onChange={(event: ChangeEvent<HTMLInputElement>) => setText(event.target.value)}
      onFocus={() => stay(seq)}
      onKeyDown={(event) => event.key === "Enter" && go()}
      onBlur={() => {
        if (text !== asked.current) go();
        setText(undefined);
      }}
    />
  );
}

/** Where marks stand, from 0 to 1; of several at one place the gravest is shown. */
export function ticksOf(marks: readonly Mark[], oldest: number, head: number): { place: number; tone: Tone }[] {
  const found = new Map<number, Tone>();
  for (const { seq, tone } of marks) {
    const place = Math.round(((seq - oldest) / Math.max(1, head - oldest)) * TICKS) / TICKS;
    const before = found.get(place);
    if (before === undefined || WEIGHTS.indexOf(tone) > WEIGHTS.indexOf(before)) found.set(place, tone);
  }
  return [...found].map(([place, tone]) => ({ place, tone }));
}

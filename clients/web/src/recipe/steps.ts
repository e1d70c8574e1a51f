/** The steps of a recipe: how each of them stands, and the end of what it printed. A fold over events; knows no page. */
import type { Entry } from "../bridge/entries";
import { durationMillis, millis } from "../ui/format";

/** One step. */
export interface Step {
  /** Its label, such as `script:setup`. */
  readonly label: string;
  /** Its place in the recipe, from 1. */
  readonly index: number;
  /** When it began, in milliseconds since 1970. */
  readonly began: number;
  /** How it ended; undefined: it runs. */
  readonly end: { readonly exitCode: number; readonly duration: number; readonly allowed: boolean } | undefined;
  /** The end of what it printed, as text. */
  readonly log: string;
  /** Characters before that, which are not kept here. */
  readonly cut: number;
  /** The event that began it. */
  readonly seq: number;
}

/** All of those that have begun. */
export interface Steps {
  readonly steps: readonly Step[];
  /** How many the recipe has. */
  readonly count: number;
}

/** None has begun. */
export const NONE: Steps = { steps: [], count: 0 };

/** Characters of a step's output that are kept here; the terminal has all of it. */
export const MAX_LOG = 200_000;

/** Folds events into steps. It has a state: a character may be cut between two events. */
export class StepFold {
  #state = NONE;
  readonly #decoders = new Map<string, TextDecoder>();

  /** How the steps stand. */
  get state(): Steps {
    return this.#state;
  }

  /** Takes some more events; whether anything changed. */
  take(entries: readonly Entry[]): boolean {
    const before = this.#state;
    for (const entry of entries) this.#one(entry);
    return this.#state !== before;
  }

  #one(entry: Entry): void {
    const { payload, source, time } = entry.decode();
    switch (payload.case) {
      case "stepStarted": {
        const { step: label, index, count } = payload.value;
        const step: Step = { label, index, began: millis(time), end: undefined, log: "", cut: 0, seq: entry.seq };
        this.#decoders.set(label, new TextDecoder());
        this.#state = { steps: [...this.#state.steps, step], count };
        return;
      }
      case "stepFinished": {
        const { step: label, exitCode, failureAllowed } = payload.value;
        this.#change(label, (step) => ({
          ...step,
          end: { exitCode, duration: durationMillis(payload.value.duration), allowed: failureAllowed },
        }));
        return;
      }
      case "output": {
        const text = this.#decoders.get(source)?.decode(payload.value.data, { stream: true });
        if (text) this.#change(source, (step) => withText(step, text));
        return;
      }
    }
  }

  /** The latest step of a label: a recipe may have two of one name. */
  #change(label: string, change: (step: Step) => Step): void {
    const { steps, count } = this.#state;
    const at = steps.findLastIndex((step) => step.label === label);
    this.#state = at < 0 ? this.#state : { steps: steps.map((step, n) => (n === at ? change(step) : step)), count };
  }
}

function withText(step: Step, text: string): Step {
  const log = step.log + text;
  if (log.length <= MAX_LOG) return { ...step, log };
  const from = log.indexOf("\n", log.length - MAX_LOG) + 1 || log.length - MAX_LOG; // a whole line, where there is one
  return { ...step, log: log.slice(from), cut: step.cut + from };
}

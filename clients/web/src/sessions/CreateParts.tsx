/** Parts of the fields of the dialog that starts sessions: what a command runs in, what its words are, a box to tick. */
import styles from "./CreateDialog.module.css";
import type { Draft, Problems } from "./plan";
import { shellSigns, split } from "./splitter";

/** What the fields of each way to begin are given. */
export interface Fields {
  readonly draft: Draft;
  readonly problems: Problems;
  readonly onChange: (part: Partial<Draft>) => void;
}

/** Fields for words that are no prose. */
export const PLAIN = { autoComplete: "off", autoCapitalize: "off", spellCheck: false } as const;

/** What a command runs in. */
export function How({ draft, onChange }: Pick<Fields, "draft" | "onChange">) {
  return (
    <div className={styles.checks}>
      <Check label="In a terminal of its own" checked={draft.terminal} onChange={(terminal) => onChange({ terminal })} />
      {draft.terminal ? null : (
        <Check label="Keep its input open" checked={draft.stdin} onChange={(stdin) => onChange({ stdin })} />
      )}
    </div>
  );
}

interface CheckProps {
  readonly label: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
  readonly problem?: string | undefined;
}

/** A box to tick, with what is wrong with it. */
export function Check({ label, checked, onChange, problem }: CheckProps) {
  return (
    <div>
      <label className={styles.check}>
        <input type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} /> {label}
      </label>
      {problem === undefined ? null : (
        <p role="alert" className={styles.problem}>
          {problem}
        </p>
      )}
    </div>
  );
}

/** What the program will be given, word for word, so that quoting holds no surprise. */
export function Words({ line }: { readonly line: string }) {
  if (line.trim() === "") return "The program and its arguments; no shell reads them.";
  const found = split(line);
  if ("problem" in found) return found.problem;
  const signs = shellSigns(line);
  return (
    <>
      {found.words.map((word, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: words have no other identity, and the same one may come twice
        <code key={at} className={styles.word}>
          {word || " "}
        </code>
      ))}
      {signs.length === 0 ? null : (
        <span className={styles.note}>
          No shell reads this: {signs.join(" ")} is passed on as it is. For a shell's line: <code>sh -c '…'</code>
        </span>
      )}
    </>
  );
}

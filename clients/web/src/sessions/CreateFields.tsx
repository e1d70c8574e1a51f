/** The fields of the dialog that starts sessions, for each way to begin. They know what was typed, not what becomes of it. */
import { useId, useMemo } from "react";
import { useServices } from "../stores/services";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import styles from "./CreateDialog.module.css";
import { AGENTS, type Draft, type Problems, STEP_KINDS, type StepDraft } from "./plan";
import { shellSigns, split } from "./splitter";

/** What each of them is given. */
export interface Fields {
  readonly draft: Draft;
  readonly problems: Problems;
  readonly onChange: (part: Partial<Draft>) => void;
}

const PLAIN = { autoComplete: "off", autoCapitalize: "off", spellCheck: false } as const;
const SUGGESTED = 30; // hosts, directories

/** A command: its line, and what it runs in. */
export function CommandFields({ draft, problems, onChange }: Fields) {
  return (
    <>
      <Field label="Command line" hint={<Words line={draft.line} />} problem={problems.line}>
        {(props) => (
          <input
            {...props}
            {...PLAIN}
            // biome-ignore lint/a11y/noAutofocus: the dialog was asked for to type here
            autoFocus
            className={styles.code}
            placeholder="make -j2 test"
            value={draft.line}
            onChange={(event) => onChange({ line: event.target.value })}
          />
        )}
      </Field>
      <How draft={draft} onChange={onChange} />
    </>
  );
}

/** An agent: which, what to do, and whether to keep talking. */
export function AgentFields({ draft, problems, onChange }: Fields) {
  const known = useId();
  return (
    <>
      <Field label="Agent" problem={problems.agent}>
        {(props) => (
          <>
            <input
              {...props}
              {...PLAIN}
              list={known}
              value={draft.agent}
              onChange={(event) => onChange({ agent: event.target.value })}
            />
            <datalist id={known}>
              {AGENTS.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      <Field label="Prompt" problem={problems.prompt}>
        {(props) => (
          <textarea
            {...props}
            // biome-ignore lint/a11y/noAutofocus: the dialog was asked for to type here
            autoFocus
            rows={4}
            placeholder="Fix the failing test"
            value={draft.prompt}
            onChange={(event) => onChange({ prompt: event.target.value })}
          />
        )}
      </Field>
      <Check
        label="Keep talking: answer what it asks, send further prompts"
        problem={problems.twoWay}
        checked={draft.twoWay}
        onChange={(twoWay) => onChange({ twoWay })}
      />
    </>
  );
}

/** A recipe: steps, and the command behind them. */
export function RecipeFields({ draft, problems, onChange }: Fields) {
  const set = (key: number, part: Partial<StepDraft>) =>
    onChange({ steps: draft.steps.map((step) => (step.key === key ? { ...step, ...part } : step)) });
  const add = () => {
    const key = 1 + Math.max(0, ...draft.steps.map((step) => step.key));
    onChange({ steps: [...draft.steps, { key, kind: "script", label: "", text: "", allowFailure: false }] });
  };
  return (
    <>
      <ol className={styles.steps}>
        {draft.steps.map((step, at) => (
          <li key={step.key}>
            <fieldset className={styles.step}>
              <legend>Step {at + 1}</legend>
              <div className={styles.pair}>
                <Field label="Kind">
                  {(props) => (
                    <select
                      {...props}
                      value={step.kind}
                      onChange={(event) => set(step.key, { kind: event.target.value as StepDraft["kind"] })}
                    >
                      {Object.entries(STEP_KINDS).map(([kind, word]) => (
                        <option key={kind} value={kind}>
                          {word}
                        </option>
                      ))}
                    </select>
                  )}
                </Field>
                <Field label="Label">
                  {(props) => (
                    <input
                      {...props}
                      {...PLAIN}
                      placeholder="optional"
                      value={step.label}
                      onChange={(event) => set(step.key, { label: event.target.value })}
                    />
                  )}
                </Field>
              </div>
              {step.kind === "script" ? (
                <Field label="Lines, run by sh">
                  {(props) => (
                    <textarea
                      {...props}
                      {...PLAIN}
                      className={styles.code}
                      rows={3}
                      value={step.text}
                      onChange={(event) => set(step.key, { text: event.target.value })}
                    />
                  )}
                </Field>
              ) : (
                <Field label={step.kind === "command" ? "Command line" : "Branch, made where it is not there"}>
                  {(props) => (
                    <input
                      {...props}
                      {...PLAIN}
                      className={styles.code}
                      value={step.text}
                      onChange={(event) => set(step.key, { text: event.target.value })}
                    />
                  )}
                </Field>
              )}
              <div className={styles.between}>
                <Check
                  label="Go on when it fails"
                  checked={step.allowFailure}
                  onChange={(allowFailure) => set(step.key, { allowFailure })}
                />
                {draft.steps.length > 1 ? (
                  <Button
                    weight="quiet"
                    aria-label={`Remove step ${at + 1}`}
                    onClick={() => onChange({ steps: draft.steps.filter((one) => one.key !== step.key) })}
                  >
                    Remove
                  </Button>
                ) : null}
              </div>
            </fieldset>
          </li>
        ))}
      </ol>
      {problems.steps === undefined ? null : (
        <p role="alert" className={styles.problem}>
          {problems.steps}
        </p>
      )}
      <div>
        <Button onClick={add}>Add a step</Button>
      </div>
      <Field label="Then this command (optional)" hint={<Words line={draft.behind} />} problem={problems.behind}>
        {(props) => (
          <input
            {...props}
            {...PLAIN}
            className={styles.code}
            value={draft.behind}
            onChange={(event) => onChange({ behind: event.target.value })}
          />
        )}
      </Field>
      {draft.behind.trim() === "" ? null : <How draft={draft} onChange={onChange} />}
    </>
  );
}

/** What all of them have: where, and by what name. */
export function CommonFields({ draft, problems, onChange }: Fields) {
  const { sessions } = useServices();
  const [hosts, directories] = useMemo(() => {
    const all = [...sessions.all.get().values()];
    const distinct = (words: string[]) => [...new Set(words)].filter(Boolean).slice(0, SUGGESTED);
    return [distinct(all.map((one) => one.host)), distinct(all.map((one) => one.cwd))];
  }, [sessions]);
  const known = useId();
  return (
    <div className={styles.pair}>
      <Field label="Directory" problem={problems.cwd}>
        {(props) => (
          <>
            <input
              {...props}
              {...PLAIN}
              list={`${known}-cwd`}
              placeholder="the home"
              value={draft.cwd}
              onChange={(event) => onChange({ cwd: event.target.value })}
            />
            <datalist id={`${known}-cwd`}>
              {directories.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      <Field label="Name" problem={problems.name}>
        {(props) => (
          <input
            {...props}
            {...PLAIN}
            placeholder="made from the command"
            value={draft.name}
            onChange={(event) => onChange({ name: event.target.value })}
          />
        )}
      </Field>
      <Field label="Host" problem={problems.host}>
        {(props) => (
          <>
            <input
              {...props}
              {...PLAIN}
              list={`${known}-host`}
              placeholder="the server's own"
              value={draft.host}
              onChange={(event) => onChange({ host: event.target.value })}
            />
            <datalist id={`${known}-host`}>
              {hosts.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      <Field label="Labels" problem={problems.labels}>
        {(props) => (
          <input
            {...props}
            {...PLAIN}
            placeholder="key=value …"
            value={draft.labels}
            onChange={(event) => onChange({ labels: event.target.value })}
          />
        )}
      </Field>
    </div>
  );
}

function How({ draft, onChange }: Pick<Fields, "draft" | "onChange">) {
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

function Check({ label, checked, onChange, problem }: CheckProps) {
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
function Words({ line }: { readonly line: string }) {
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

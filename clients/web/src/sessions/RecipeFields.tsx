/** The fields of a recipe in the dialog that starts sessions. */
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import styles from "./CreateDialog.module.css";
import { Check, type Fields, How, PLAIN, Words } from "./CreateParts";
import { STEP_KINDS, type StepDraft } from "./plan";

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

/** The fields of the dialog that starts sessions, for each way to begin. They know what was typed, not what becomes of it. */
import { useId, useMemo } from "react";
import { useServices } from "../stores/services";
import { Field } from "../ui/Field";
import styles from "./CreateDialog.module.css";
import { Check, type Fields, How, PLAIN, Words } from "./CreateParts";
import { AGENTS } from "./plan";

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

/** Starting or adopting a session: a command, an agent, a recipe, or what runs already. What was typed stays until it became a session. */
import { type FormEvent, useId, useMemo, useState } from "react";
import { CallError } from "../bridge/errors";
import type { CreateRequest } from "../gen/sightline/v1/session_service_pb";
import { begun } from "../stores/begun";
import { go } from "../stores/route";
import { useServices } from "../stores/services";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Tabs } from "../ui/Tabs";
import { AdoptFields } from "./AdoptFields";
import styles from "./CreateDialog.module.css";
import { AgentFields, CommandFields, CommonFields } from "./CreateFields";
import { Creator } from "./create";
import { type Draft, EMPTY, type Problems, planned, problemsOf, WAYS } from "./plan";
import { RecipeFields } from "./RecipeFields";
import { sizeHere } from "./size";

let kept: Draft = EMPTY; // over closing and opening the dialog

interface Props {
  readonly onClose: () => void;
}

/** Open for as long as it is drawn. */
export function CreateDialog({ onClose }: Props) {
  const { client, sessions } = useServices();
  const creator = useMemo(() => new Creator(client), [client]);
  const [draft, setDraft] = useState(kept);
  const [problems, setProblems] = useState<Problems>({});
  const [working, setWorking] = useState(false);
  const panel = useId();
  const change = (part: Partial<Draft>) => {
    kept = { ...kept, ...part };
    setDraft(kept);
  };
  const make = async (request: CreateRequest) => {
    setWorking(true);
    setProblems({});
    try {
      const session = await creator.make(request);
      kept = { ...EMPTY, way: draft.way, host: draft.host, cwd: draft.cwd, terminal: draft.terminal, agent: draft.agent };
      sessions.put(session);
      onClose();
      begun(session.id);
      go({ session: session.id });
    } catch (error) {
      setProblems(error instanceof CallError ? problemsOf(error, draft.way) : { form: (error as Error).message });
      setWorking(false);
      void sessions.refresh(); // what could not be started was there for a moment
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (working || draft.way === "adopt") return;
    const plan = planned(draft, sizeHere());
    if ("problems" in plan) setProblems(plan.problems);
    else void make(plan.request);
  };
  const fields = { draft, problems, onChange: change };
  return (
    <Dialog title="New session" onClose={onClose} sticky>
      <Tabs label="How to begin" tabs={WAYS} chosen={draft.way} onChoose={(way) => change({ way })} panel={panel} />
      <div id={panel} role="tabpanel" aria-label={WAYS[draft.way]}>
        <form onSubmit={submit} className={styles.form} noValidate>
          {draft.way === "command" ? <CommandFields {...fields} /> : null}
          {draft.way === "agent" ? <AgentFields {...fields} /> : null}
          {draft.way === "recipe" ? <RecipeFields {...fields} /> : null}
          {draft.way === "adopt" ? (
            <AdoptFields {...fields} working={working} onAdopt={(request) => void make(request)} />
          ) : (
            <CommonFields {...fields} />
          )}
          {problems.form === undefined ? null : (
            <p role="alert" className={styles.problem}>
              {problems.form}
            </p>
          )}
          <div className={styles.buttons}>
            <Button onClick={onClose}>Cancel</Button>
            {draft.way === "adopt" ? null : (
              <Button type="submit" weight="main" disabled={working}>
                {working ? "Creating…" : "Create"}
              </Button>
            )}
          </div>
        </form>
      </div>
    </Dialog>
  );
}

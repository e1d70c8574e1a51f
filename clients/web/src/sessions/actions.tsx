/** What can be done with a session, from wherever it is shown: what is final is asked about first, what fails is said. */
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react";
import type { BridgeClient } from "../bridge/client";
import type { Session } from "../gen/sightline/v1/session_pb";
import { go, href, route } from "../stores/route";
import { useServices } from "../stores/services";
import type { Sessions } from "../stores/sessions";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import type { MenuItem } from "../ui/Menu";
import { toast } from "../ui/toasts";
import styles from "./actions.module.css";
import { hasEnded, isAdopted } from "./words";

/** What is asked about first. */
export type Final = "stop" | "kill" | "release" | "delete";

/** Does them. */
export interface Actions {
  /** What Ctrl-C means there, at once. */
  interrupt(session: Session): void;
  /** Asks, and then does it. */
  ask(what: Final, session: Session): void;
}

interface Words {
  readonly title: (name: string) => string;
  readonly text: (session: Session) => string;
  readonly button: string;
}

const AUTHOR = "dashboard";
const SIGKILL = 9;
const WORDS: Record<Final, Words> = {
  stop: {
    title: (name) => `Stop ${name}?`,
    text: () => "Its program is asked to end, with all that it has started, and made to 5 seconds later. The log stays.",
    button: "Stop",
  },
  kill: {
    title: (name) => `Kill ${name}?`,
    text: () => "Its program and all that it has started are ended at once, and can save nothing. The log stays.",
    button: "Kill",
  },
  release: {
    title: (name) => `Release ${name}?`,
    text: () => "It is no longer followed and goes on where it runs. The log stays.",
    button: "Release",
  },
  delete: {
    title: (name) => `Delete ${name}?`,
    text: () => "Its log is removed for good, for everybody.",
    button: "Delete",
  },
};

const context = createContext<Actions | undefined>(undefined);

/** How to do something with a session. */
export function useActions(): Actions {
  const actions = useContext(context);
  if (actions === undefined) throw new Error("useActions: there is no ActionsProvider around this");
  return actions;
}

/** What fits a session as it stands now, for its menu. */
export function itemsFor(session: Session, actions: Actions): MenuItem[] {
  const open: MenuItem = { label: "Open", onSelect: () => go({ session: session.id }) };
  const copy: MenuItem = { label: "Copy link", onSelect: () => void copied(location.origin + href({ session: session.id })) };
  const ask = (label: string, what: Final): MenuItem => ({ label, danger: true, onSelect: () => actions.ask(what, session) });
  if (hasEnded(session)) return [open, copy, ask("Delete…", "delete")];
  const interrupt: MenuItem = { label: "Interrupt", onSelect: () => actions.interrupt(session) };
  const release = isAdopted(session) ? [ask("Release…", "release")] : [];
  return [open, copy, interrupt, ...release, ask("Stop…", "stop"), ask("Kill…", "kill")];
}

/** Copies a text, and says that it did. */
export async function copied(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    toast(`It cannot be copied from here: ${text}`, "bad");
  }
}

/** Draws the questions; gives the actions to what is inside. */
export function ActionsProvider({ children }: { readonly children: ReactNode }) {
  const { client } = useServices();
  const [asked, setAsked] = useState<{ what: Final; session: Session }>();
  const actions = useMemo(
    (): Actions => ({
      interrupt: (session) =>
        void client.call("interrupt", { session: session.id, author: AUTHOR }).then(
          () => toast(`Interrupted ${session.name}.`),
          (error: Error) => toast(error.message, "bad"),
        ),
      ask: (what, session) => setAsked({ what, session }),
    }),
    [client],
  );
  const close = useCallback(() => setAsked(undefined), []);
  return (
    <context.Provider value={actions}>
      {children}
      {asked === undefined ? null : <Question {...asked} onClose={close} />}
    </context.Provider>
  );
}

interface Props {
  readonly what: Final;
  readonly session: Session;
  readonly onClose: () => void;
}

function Question({ what, session, onClose }: Props) {
  const { client, sessions } = useServices();
  const [problem, setProblem] = useState("");
  const [working, setWorking] = useState(false);
  const words = WORDS[what];
  const act = async () => {
    setWorking(true);
    try {
      await DO[what](client, sessions, session);
      onClose();
    } catch (error) {
      setProblem((error as Error).message);
      setWorking(false);
    }
  };
  return (
    <Dialog title={words.title(session.name)} onClose={onClose}>
      <p>{words.text(session)}</p>
      {problem === "" ? null : (
        <p role="alert" className={styles.problem}>
          {problem}
        </p>
      )}
      <div className={styles.buttons}>
        <Button onClick={onClose}>Cancel</Button>
        <Button weight="danger" disabled={working} onClick={() => void act()} autoFocus>
          {working ? "…" : words.button}
        </Button>
      </div>
    </Dialog>
  );
}

type Deed = (client: BridgeClient, sessions: Sessions, session: Session) => Promise<void>;

const DO: Record<Final, Deed> = {
  stop: async (client, sessions, { id }) => {
    const { session } = await client.call("terminate", { session: id, author: AUTHOR });
    if (session !== undefined) sessions.put(session);
  },
  kill: async (client, sessions, { id }) => {
    const { session } = await client.call("terminate", { session: id, author: AUTHOR, signal: SIGKILL });
    if (session !== undefined) sessions.put(session);
  },
  release: async (client, sessions, { id }) => {
    const { session } = await client.call("release", { session: id });
    if (session !== undefined) sessions.put(session);
  },
  delete: async (client, sessions, { id }) => {
    await client.call("delete", { session: id });
    if (sessions.find(route.get().session ?? "")?.id === id) go({});
    sessions.remove(id);
  },
};

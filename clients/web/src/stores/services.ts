/** What every view reaches: the bridge's client, the sessions, and how far somebody has looked at them. One of each for the page. */
import { createContext, useContext } from "react";
import type { BridgeClient } from "../bridge/client";
import type { Session } from "../gen/sightline/v1/session_pb";
import type { Seen } from "./seen";
import type { Sessions } from "./sessions";
import { useSelected } from "./use";

/** The services of the page. */
export interface Services {
  readonly client: BridgeClient;
  readonly sessions: Sessions;
  readonly seen: Seen;
}

const context = createContext<Services | undefined>(undefined);

/** Gives them to what is inside. */
export const ServicesProvider = context.Provider;

/** The services of the page. */
export function useServices(): Services {
  const services = useContext(context);
  if (services === undefined) throw new Error("useServices: there is no ServicesProvider around this");
  return services;
}

/** The newest event of a session's log as of the last heartbeat, a second ago at most; `headSeq` is as of its last change. */
export function useHead({ id, headSeq }: Session): number {
  const { pulse } = useServices().sessions;
  return useSelected(pulse.ticks, () => Math.max(pulse.head(id), Number(headSeq)));
}

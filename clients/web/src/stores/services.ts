/** What every view reaches: the bridge's client and the sessions. One of each for the page. */
import { createContext, useContext } from "react";
import type { BridgeClient } from "../bridge/client";
import type { Sessions } from "./sessions";

/** The services of the page. */
export interface Services {
  readonly client: BridgeClient;
  readonly sessions: Sessions;
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

/** Who is logged in, and what the page is made of once somebody is. */
import { useCallback, useEffect, useMemo, useState } from "react";
import { BridgeClient } from "../bridge/client";
import { Seen } from "../stores/seen";
import { ServicesProvider } from "../stores/services";
import { Sessions } from "../stores/sessions";
import { useStore } from "../stores/use";
import { Frame } from "./Frame";
import { LoginPage } from "./LoginPage";
import { logIn, logOut, takeTicket, token } from "./login";

/** The whole page. */
export function App() {
  const [ticket] = useState(takeTicket);
  const [known, setKnown] = useState(() => token() !== "" && ticket === undefined);
  const [problem, setProblem] = useState("");
  const [entered, setEntered] = useState(false);
  const enter = useCallback(async (shown: string) => {
    try {
      await logIn(shown);
      setProblem("");
      setEntered(true);
      setKnown(true);
    } catch (error) {
      setProblem((error as Error).message);
      setKnown(token() !== "");
    }
  }, []);
  useEffect(() => {
    if (ticket !== undefined) void enter(ticket);
  }, [ticket, enter]);
  const leave = useCallback(() => {
    logOut();
    setProblem("The bridge does not know this login any more.");
    setKnown(false);
  }, []);
  const logOutHere = useCallback(() => {
    logOut();
    setProblem("");
    setKnown(false);
  }, []);
  if (!known)
    return <LoginPage waiting={ticket !== undefined && problem === "" && !entered} problem={problem} onTicket={enter} />;
  return <Inside onRefused={leave} onLogOut={logOutHere} />;
}

interface Props {
  /** The bridge does not know the login any more. */
  readonly onRefused: () => void;
  readonly onLogOut: () => void;
}

function Inside({ onRefused, onLogOut }: Props) {
  const services = useMemo(() => {
    const client = new BridgeClient(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, token);
    return { client, sessions: new Sessions(client), seen: new Seen(localStorage) };
  }, []);
  useEffect(() => {
    const { client, sessions, seen } = services;
    client.connect();
    const stops = [sessions.start(), seen.start()];
    const unload = sessions.loaded.subscribe(() => seen.begin(sessions.all.get().values(), Date.now()));
    return () => {
      unload();
      for (const stop of stops) stop();
      client.close();
    };
  }, [services]);
  const { status } = useStore(services.client.connection);
  useEffect(() => {
    if (status === "refused") onRefused();
  }, [status, onRefused]);
  return (
    <ServicesProvider value={services}>
      <Frame onLogOut={onLogOut} />
    </ServicesProvider>
  );
}

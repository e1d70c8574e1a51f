/** The frame around every view: who is logged in, the connection, the list beside the session. */
import { useCallback, useEffect, useMemo, useState } from "react";
import { BridgeClient } from "../bridge/client";
import { SessionList } from "../sessions/SessionList";
import { route } from "../stores/route";
import { ServicesProvider } from "../stores/services";
import { Sessions } from "../stores/sessions";
import { useStore } from "../stores/use";
import styles from "./App.module.css";
import { ConnectionBar } from "./ConnectionBar";
import { LoginPage } from "./LoginPage";
import { logIn, logOut, takeTicket, token } from "./login";
import { SessionPage } from "./SessionPage";

/** The whole page. */
export function App() {
  const [ticket] = useState(takeTicket);
  const [known, setKnown] = useState(() => token() !== "" && ticket === undefined);
  const [problem, setProblem] = useState("");
  const enter = useCallback(async (shown: string) => {
    try {
      await logIn(shown);
      setProblem("");
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
  if (!known) return <LoginPage waiting={ticket !== undefined && problem === ""} problem={problem} onTicket={enter} />;
  return <Inside onRefused={leave} />;
}

function Inside({ onRefused }: { readonly onRefused: () => void }) {
  const services = useMemo(() => {
    const client = new BridgeClient(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, token);
    return { client, sessions: new Sessions(client) };
  }, []);
  useEffect(() => {
    services.client.connect();
    const stop = services.sessions.start();
    return () => {
      stop();
      services.client.close();
    };
  }, [services]);
  const { status } = useStore(services.client.connection);
  useEffect(() => {
    if (status === "refused") onRefused();
  }, [status, onRefused]);
  const { session } = useStore(route);
  return (
    <ServicesProvider value={services}>
      <div className={styles.page} data-open={session !== undefined}>
        <header className={styles.head}>
          <h1 className={styles.name}>Sightline</h1>
          <ConnectionBar />
        </header>
        <nav className={styles.list} aria-label="Sessions">
          <SessionList />
        </nav>
        <main className={styles.main}>
          {session === undefined ? <p className={styles.hint}>Choose a session.</p> : <SessionPage />}
        </main>
      </div>
    </ServicesProvider>
  );
}

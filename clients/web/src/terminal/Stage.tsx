/** Where a screen is drawn, and what lies over it. */
import { type RefObject, useEffect, useState } from "react";
import { Button } from "../ui/Button";
import { SearchBar } from "./SearchBar";
import type { Screen } from "./screen";
import styles from "./TerminalView.module.css";

interface Props {
  readonly host: RefObject<HTMLDivElement | null>;
  readonly screen: Screen | undefined;
  /** Keys are typed into the session. */
  readonly typable: boolean;
  readonly searching: boolean;
  readonly onSearched: () => void;
}

/** Draws it. */
export function Stage({ host, screen, typable, searching, onSearched }: Props) {
  const [above, setAbove] = useState(false);
  useEffect(() => {
    if (screen === undefined) return;
    const { terminal } = screen;
    const listener = terminal.onRender(() => {
      const { viewportY, baseY } = terminal.buffer.active;
      setAbove(viewportY < baseY);
    });
    return () => listener.dispose();
  }, [screen]);
  return (
    <div className={styles.stage} data-typable={typable}>
      <div ref={host} className={styles.host} />
      {above ? (
        <Button className={styles.end} onClick={() => screen?.terminal.scrollToBottom()}>
          To the end
        </Button>
      ) : null}
      {searching && screen ? <SearchBar screen={screen} onClose={onSearched} /> : null}
    </div>
  );
}

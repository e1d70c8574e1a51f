/** Looks for text in a terminal's buffer: what is on the screen and what was scrolled off. */
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { Button } from "../ui/Button";
import type { Screen } from "./screen";
import styles from "./TerminalView.module.css";
import { foundColors } from "./theme";

interface Props {
  readonly screen: Screen;
  readonly onClose: () => void;
}

/** Draws it. */
export function SearchBar({ screen, onClose }: Props) {
  const [text, setText] = useState("");
  const [found, setFound] = useState({ resultIndex: -1, resultCount: 0 });
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    field.current?.focus();
    const listener = screen.search.onDidChangeResults(setFound);
    return () => {
      listener.dispose();
      screen.search.clearDecorations();
      screen.terminal.focus();
    };
  }, [screen]);
  const look = (wanted: string, back: boolean) => {
    const { one, active } = foundColors(screen.terminal.element ?? document.body);
    const decorations = {
      matchBackground: one,
      activeMatchBackground: active,
      matchOverviewRuler: one,
      activeMatchColorOverviewRuler: active,
    };
    if (wanted === "") screen.search.clearDecorations();
    else if (back) screen.search.findPrevious(wanted, { decorations });
    else screen.search.findNext(wanted, { decorations });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") onClose();
    else if (event.key === "Enter") look(text, !event.shiftKey);
    else return;
    event.preventDefault();
  };
  const { resultIndex, resultCount } = found;
  const count = resultIndex >= 0 ? `${resultIndex + 1} of ${resultCount}` : resultCount > 0 ? `${resultCount}` : "None";
  return (
    <search className={styles.search}>
      <input
        ref={field}
        type="search"
        aria-label="Search in the terminal"
        value={text}
        spellCheck={false}
        onChange={(event) => {
          setText(event.target.value);
          screen.terminal.clearSelection();
          look(event.target.value, true); // from the end: the newest is the nearest
        }}
        onKeyDown={onKeyDown}
      />
      <span role="status" className={styles.count}>
        {text === "" ? "" : count}
      </span>
      <Button weight="quiet" onClick={() => look(text, true)} title="Enter">
        Previous
      </Button>
      <Button weight="quiet" onClick={() => look(text, false)} title="Shift+Enter">
        Next
      </Button>
      <Button weight="quiet" onClick={onClose} aria-label="Close search">
        Close
      </Button>
    </search>
  );
}

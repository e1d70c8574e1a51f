/** Searching: in the cards that are loaded, from one to the next, and in the whole log. */
import { type KeyboardEvent, type Ref, useState } from "react";
import type { SearchHit } from "../gen/sightline/v1/session_service_pb";
import { useServices } from "../stores/services";
import { Button } from "../ui/Button";
import { clock, millis, moment } from "../ui/format";
import { plain } from "../ui/plain";
import type { Found } from "./find";
import styles from "./SearchBar.module.css";

interface Props {
  /** The session's id. */
  readonly session: string;
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly found: Found;
  /** Which of those found is shown, from 0; -1: none yet. */
  readonly at: number;
  readonly onStep: (by: 1 | -1) => void;
  readonly onJump: (seq: number) => void;
  readonly field: Ref<HTMLInputElement>;
}

interface History {
  readonly query: string;
  readonly hits: readonly SearchHit[];
  readonly next: string;
  readonly state: "searching" | "done" | { readonly problem: string };
}

const PAGE = 50;

/** Draws it. */
export function SearchBar({ session, text, onText, found, at, onStep, onJump, field }: Props) {
  const { client } = useServices();
  const [history, setHistory] = useState<History>();
  const search = async (query: string, before: readonly SearchHit[], pageToken: string) => {
    setHistory({ query, hits: before, next: "", state: "searching" });
    let token = pageToken;
    const hits = [...before];
    try {
      do {
        const page = await client.call("search", { query, sessions: [session], pageSize: PAGE, pageToken: token });
        hits.push(...page.hits);
        token = page.nextPageToken;
      } while (token !== "" && hits.length < before.length + PAGE); // a page may be empty and not the last
      setHistory({ query, hits, next: token, state: "done" });
    } catch (error) {
      setHistory({ query, hits, next: "", state: { problem: (error as Error).message } });
    }
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === "Enter" && event.shiftKey) onStep(-1);
    else if (event.key === "Enter") onStep(1);
    else if (event.key === "Escape") {
      setHistory(undefined);
      onText("");
      event.currentTarget.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const sought = text.trim();
  return (
    <search className={styles.search}>
      <input
        ref={field}
        type="search"
        aria-label="Search the activity"
        placeholder="Search ( / )"
        value={text}
        onChange={(event) => onText(event.target.value)}
        onKeyDown={onKeyDown}
        autoComplete="off"
        spellCheck={false}
      />
      {sought === "" ? null : (
        <>
          <span className={styles.count} role="status">
            {found.ids.length === 0
              ? found.left > 0
                ? "…"
                : "none here"
              : `${at < 0 ? "" : `${at + 1} of `}${found.ids.length}`}
            {found.left > 0 && found.ids.length > 0 ? "…" : ""}
          </span>
          <Button weight="quiet" aria-label="Found before" disabled={found.ids.length === 0} onClick={() => onStep(-1)}>
            ↑
          </Button>
          <Button weight="quiet" aria-label="Found next" disabled={found.ids.length === 0} onClick={() => onStep(1)}>
            ↓
          </Button>
          <Button onClick={() => void search(sought, [], "")}>Whole log</Button>
        </>
      )}
      {history === undefined ? null : (
        <section className={styles.history} aria-label={`Found in the whole log: ${history.query}`}>
          <header>
            <p role="status">
              {history.state === "searching" ? "Searching…" : ""}
              {history.state === "done" ? `${history.hits.length}${history.next === "" ? "" : "+"} in the whole log` : ""}
            </p>
            <Button weight="quiet" aria-label="Close what was found" onClick={() => setHistory(undefined)}>
              ×
            </Button>
          </header>
          {typeof history.state === "object" ? <p role="alert">{history.state.problem}</p> : null}
          <ol>
            {history.hits.map((hit, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two lines of one event have no other name
              <li key={place}>
                <button type="button" onClick={() => onJump(Number(hit.seq))}>
                  <span className={styles.place} title={moment(millis(hit.time))}>
                    #{`${hit.seq}`} {clock(millis(hit.time))}
                  </span>
                  <Snippet text={hit.snippet} />
                </button>
              </li>
            ))}
          </ol>
          {history.next === "" ? null : (
            <Button onClick={() => void search(history.query, history.hits, history.next)}>More</Button>
          )}
        </section>
      )}
    </search>
  );
}

/** A line; what was found stands between U+0002 and U+0003. */
function Snippet({ text }: { readonly text: string }) {
  return (
    <span className={styles.snippet}>
      {text.split("\u0002").flatMap((part, at) => {
        const [found = "", rest = ""] = at === 0 ? ["", part] : part.split("\u0003");
        // biome-ignore lint/suspicious/noArrayIndexKey: parts have no other name, and no state
        return [found === "" ? null : <mark key={at}>{plain(found)}</mark>, plain(rest)];
      })}
    </span>
  );
}

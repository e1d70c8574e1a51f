/** The files that a session has changed, with what happened to each and when. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useDeferredValue, useEffect, useId, useMemo, useRef, useState } from "react";
import { EventKind, FileChange } from "../gen/sightline/v1/event_pb";
import type { Session } from "../gen/sightline/v1/session_pb";
import { href } from "../stores/route";
import { useServices } from "../stores/services";
import { bytes, clock, moment } from "../ui/format";
import { type ChangedFile, type Changes, fold, NONE, newestFirst, within } from "./changes";
import styles from "./FilesView.module.css";

const ROW = 34; // pixels
const KINDS = [EventKind.FILE_CHANGED, EventKind.NOTICE];
const WORDS: Record<FileChange, string> = {
  [FileChange.UNSPECIFIED]: "changed",
  [FileChange.CREATED]: "created",
  [FileChange.MODIFIED]: "modified",
  [FileChange.DELETED]: "deleted",
  [FileChange.MOVED]: "moved",
};

interface Props {
  readonly session: Session;
  readonly seq: number | undefined;
}

/** Draws them. */
export function FilesView({ session, seq }: Props) {
  const { changes, loading } = useChanges(session.id);
  const [filter, setFilter] = useState("");
  const wanted = useDeferredValue(filter);
  const files = useMemo(() => newestFirst(changes, wanted), [changes, wanted]);
  const field = useId();
  return (
    <section className={styles.page} aria-label="Changed files" aria-busy={loading}>
      <div className={styles.bar}>
        <label htmlFor={field} className="visually-hidden">
          Filter files
        </label>
        <input
          id={field}
          type="search"
          placeholder="Filter by path"
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
          autoComplete="off"
          spellCheck={false}
        />
        <span className={styles.count}>
          {files.length === changes.files.size ? "" : `${files.length} of `}
          {changes.files.size} {changes.files.size === 1 ? "file" : "files"}
        </span>
      </div>
      {changes.notices.map((text) => (
        <p key={text} className={styles.notice}>
          {text}
        </p>
      ))}
      {files.length > 0 ? (
        <Rows session={session} files={files} seq={seq} />
      ) : (
        <Empty loading={loading} filtered={wanted !== ""} />
      )}
    </section>
  );
}

function Empty({ loading, filtered }: { readonly loading: boolean; readonly filtered: boolean }) {
  if (loading) return <p className={styles.hint}>Loading…</p>;
  if (filtered) return <p className={styles.hint}>No changed file has these words in its path.</p>;
  return (
    <p className={styles.hint}>
      No changes are known. Files are watched where an agent runs, and with <code>--watch-files</code>.
    </p>
  );
}

function Rows({
  session,
  files,
  seq,
}: {
  readonly session: Session;
  readonly files: readonly ChangedFile[];
  readonly seq: number | undefined;
}) {
  const scroller = useRef<HTMLElement>(null);
  const rows = useVirtualizer({
    count: files.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 12,
    getItemKey: (index) => files[index]?.path ?? index,
  });
  const marked = seq === undefined ? -1 : files.findIndex((file) => file.seq === seq);
  useEffect(() => {
    if (marked >= 0) rows.scrollToIndex(marked, { align: "center" });
  }, [marked, rows]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section ref={scroller} className={styles.scroller} tabIndex={0} aria-label="List of changed files">
      <ul style={{ height: rows.getTotalSize() }} className={styles.list}>
        {rows.getVirtualItems().map((row) => {
          const file = files[row.index];
          if (file === undefined) return null;
          return (
            <li
              key={row.key}
              className={styles.row}
              style={{ transform: `translateY(${row.start}px)` }}
              data-marked={row.index === marked}
            >
              <span className={styles.kind} data-change={WORDS[file.change]}>
                {WORDS[file.change]}
              </span>
              <a className={styles.path} href={href({ session: session.id, view: "activity", seq: file.seq })} title={file.path}>
                <bdi>{within(session.cwd, file.path)}</bdi>
                {file.oldPath ? <span className={styles.soft}> from {within(session.cwd, file.oldPath)}</span> : null}
              </a>
              <span className={styles.soft}>{file.count > 1 ? `${file.count}×` : ""}</span>
              <span className={styles.size}>{file.change === FileChange.DELETED ? "" : bytes(file.size)}</span>
              <time className={styles.soft} dateTime={new Date(file.time).toISOString()} title={moment(file.time)}>
                {clock(file.time)}
              </time>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** Follows the changes of one session. */
function useChanges(sessionId: string): { readonly changes: Changes; readonly loading: boolean } {
  const { client } = useServices();
  const [changes, setChanges] = useState(NONE);
  const [loading, setLoading] = useState(true);
  useEffect(() => {
    setChanges(NONE);
    setLoading(true);
    const subscription = client.subscribe(
      { sessions: [sessionId], filter: { kinds: KINDS } },
      {
        onEntries: (entries) => setChanges((before) => fold(before, entries)),
        onCaughtUp: () => setLoading(false),
        onReset: () => setChanges(NONE),
        onEnd: () => setLoading(false),
      },
    );
    return () => subscription.close();
  }, [client, sessionId]);
  return { changes, loading };
}

/** Which files a session has changed, and how each of them stands: a fold over `file_changed` events. Knows no page. */
import type { Entry } from "../bridge/entries";
import { FileChange } from "../gen/sightline/v1/event_pb";
import { millis } from "../ui/format";

/** One file, as its last change left it. */
export interface ChangedFile {
  readonly path: string;
  /** What happened last. */
  readonly change: FileChange;
  /** Where it was before it was moved; empty: it was not. */
  readonly oldPath: string;
  /** In bytes, afterwards. */
  readonly size: number;
  /** How often it changed. */
  readonly count: number;
  /** When it changed last, in milliseconds since 1970. */
  readonly time: number;
  /** The event that says so. */
  readonly seq: number;
  /** The tool call behind it; empty: none is known. */
  readonly toolCallId: string;
}

/** What is known of all of them. */
export interface Changes {
  /** By path. */
  readonly files: ReadonlyMap<string, ChangedFile>;
  /** What the watcher could not see one by one, newest last. */
  readonly notices: readonly string[];
}

/** Nothing has changed. */
export const NONE: Changes = { files: new Map(), notices: [] };

const MAX_NOTICES = 20;

/** What is known after some more events. */
export function fold(before: Changes, entries: readonly Entry[]): Changes {
  const files = new Map(before.files);
  const notices = [...before.notices];
  for (const entry of entries) {
    const { payload, time } = entry.decode();
    if (payload.case === "notice") {
      if (payload.value.code.startsWith("files_")) notices.push(payload.value.text);
      continue;
    }
    if (payload.case !== "fileChanged") continue;
    const { path, change, oldPath, size, toolCallId } = payload.value;
    const known = files.get(change === FileChange.MOVED ? oldPath : path);
    if (change === FileChange.MOVED) files.delete(oldPath);
    files.delete(path); // what changed last stands last
    files.set(path, {
      path,
      change,
      oldPath,
      size: Number(size),
      count: (known?.count ?? 0) + 1,
      time: millis(time),
      seq: entry.seq,
      toolCallId,
    });
  }
  return { files, notices: notices.slice(-MAX_NOTICES) };
}

/** Those whose path holds all of some words, the last changed first. */
export function newestFirst(changes: Changes, filter: string): ChangedFile[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (file: ChangedFile) => words.every((word) => file.path.toLowerCase().includes(word));
  return [...changes.files.values()].filter(fits).reverse();
}

/** A path as it is seen from a directory that it is in; else as it is. */
export function within(directory: string, path: string): string {
  const root = directory.endsWith("/") ? directory : `${directory}/`;
  return directory !== "" && path.startsWith(root) ? path.slice(root.length) : path;
}

/** A tool call: what it was given, and what came of it. */
import { memo, useMemo } from "react";
import { type ToolCall, ToolKind, type ToolResult } from "../gen/sightline/v1/event_pb";
import styles from "./Card.module.css";
import { Cut, Some } from "./Cut";
import type { DiffLine } from "./diff";
import tool from "./Tool.module.css";
import { inputOf } from "./toolInput";
import { Words } from "./Words";

interface Props {
  /** Under which it is kept how far it is open. */
  readonly name: string;
  readonly call: ToolCall | undefined;
  readonly result: ToolResult | undefined;
}

const COMMAND_LINES = 12;
const RESULT_LINES = 12; // of a command
const OTHER_LINES = 4; // of anything else: what was read is rarely news
const VALUE_LINES = 6;
const DIFF_LINES = 24;
const utf8 = new TextDecoder();

/** Draws it. */
export const Tool = memo(function Tool({ name, call, result }: Props) {
  const input = useMemo(() => (call === undefined ? undefined : inputOf(utf8.decode(call.inputJson))), [call]);
  const title = call?.title ?? "";
  const paths = call?.locations.filter(({ path }) => !title.includes(path)) ?? [];
  return (
    <div className={tool.tool}>
      {paths.length > 0 ? (
        <ul className={tool.paths} aria-label="Files">
          {paths.map(({ path, line }) => (
            <li key={`${path}:${line}`}>
              <Words text={line > 0 ? `${path}:${line}` : path} />
            </li>
          ))}
        </ul>
      ) : null}
      {input !== undefined && input.command !== "" && !title.endsWith(input.command) ? (
        <div className={tool.command}>
          <Cut name={`${name} command`} text={input.command} lines={COMMAND_LINES} />
        </div>
      ) : null}
      {input?.edits.map((edit, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two edits of a file have no other name
        <Edit key={at} name={`${name} edit ${at}`} path={title.includes(edit.path) ? "" : edit.path} lines={edit.lines} />
      ))}
      {input !== undefined && input.rest.length > 0 ? (
        <dl className={tool.rest}>
          {input.rest.map(([key, value]) => (
            <div key={key}>
              <dt>
                <Words text={key} />
              </dt>
              <dd>
                <Cut name={`${name} ${key}`} text={value} lines={VALUE_LINES} />
              </dd>
            </div>
          ))}
        </dl>
      ) : null}
      {result !== undefined && result.content.trim() !== "" ? (
        <div className={tool.result}>
          <Cut
            name={`${name} result`}
            text={result.content}
            lines={call === undefined || call.kind === ToolKind.EXECUTE ? RESULT_LINES : OTHER_LINES}
          />
        </div>
      ) : null}
    </div>
  );
});

function Edit({ name, path, lines }: { readonly name: string; readonly path: string; readonly lines: readonly DiffLine[] }) {
  if (lines.length === 0 && path === "") return null;
  return (
    <div className={tool.edit}>
      {path === "" ? null : (
        <p className={styles.mono}>
          <Words text={path} />
        </p>
      )}
      <Lines name={name} lines={lines} />
    </div>
  );
}

const WORDS = { "+": "added", "-": "removed" } as const;

function Lines({ name, lines }: { readonly name: string; readonly lines: readonly DiffLine[] }) {
  return (
    <Some name={name} count={lines.length} first={DIFF_LINES}>
      {(shown) => (
        <div className={tool.lines}>
          {lines.slice(0, shown).map((line, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name, and no state
            <div key={at} data-sign={line.sign}>
              <span className={tool.sign} aria-hidden="true">
                {line.sign === "@" ? "" : line.sign}
              </span>
              {line.sign === "+" || line.sign === "-" ? <span className="visually-hidden">{WORDS[line.sign]}: </span> : null}
              <span>
                <Words text={line.text} />
              </span>
            </div>
          ))}
        </div>
      )}
    </Some>
  );
}

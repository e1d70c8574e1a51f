/** Draws what agents write. Elements only, never HTML; links lead to the web alone and say where. */
import { memo, useMemo } from "react";
import styles from "./Markdown.module.css";
import { type Block, blocksOf, type Inline, inlinesOf } from "./markdown";
import { Words } from "./Words";

/** Draws it. */
export const Markdown = memo(function Markdown({ text }: { readonly text: string }) {
  const blocks = useMemo(() => blocksOf(text), [text]);
  return (
    <div className={styles.text}>
      {blocks.map((block, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: blocks have no other name, and no state
        <One key={at} block={block} />
      ))}
    </div>
  );
});

function One({ block }: { readonly block: Block }) {
  switch (block.kind) {
    case "paragraph":
      return (
        <p>
          <Line text={block.text} />
        </p>
      );
    case "quote":
      return (
        <blockquote>
          <Line text={block.text} />
        </blockquote>
      );
    case "heading":
      return (
        <p className={styles.heading} data-level={block.level}>
          <Line text={block.text} />
        </p>
      );
    case "rule":
      return <hr />;
    case "code":
      return (
        <pre>
          <code>
            <Words text={block.text} />
          </code>
        </pre>
      );
    case "list":
      return (
        <ul>
          {block.items.map((item, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: items have no other name, and no state
            <li key={at} data-depth={item.depth}>
              <span className={styles.mark}>{item.mark}</span>
              <span>
                <Line text={item.text} />
              </span>
            </li>
          ))}
        </ul>
      );
    case "table":
      return <Table rows={block.rows} />;
  }
}

function Table({ rows }: { readonly rows: readonly (readonly string[])[] }) {
  const [head = [], ...body] = rows;
  return (
    <div className={styles.table}>
      <table>
        <thead>
          <tr>
            {head.map((cell, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: cells have no other name, and no state
              <th key={at}>
                <Line text={cell} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.map((row, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name, and no state
            <tr key={at}>
              {row.map((cell, place) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: cells have no other name, and no state
                <td key={place}>
                  <Line text={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Line({ text }: { readonly text: string }) {
  const inlines = useMemo(() => inlinesOf(text), [text]);
  return inlines.map((inline, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: pieces have no other name, and no state
    <Piece key={at} inline={inline} />
  ));
}

function Piece({ inline }: { readonly inline: Inline }) {
  const words = <Words text={inline.text} />;
  switch (inline.kind) {
    case "text":
      return words;
    case "code":
      return <code>{words}</code>;
    case "strong":
      return <strong>{words}</strong>;
    case "emphasis":
      return <em>{words}</em>;
    case "link":
      return (
        <a href={inline.href} target="_blank" rel="noopener noreferrer" title={inline.href}>
          {words}
        </a>
      );
  }
}

/** How far a session is, with its plan: beside the activity where there is room, above it where there is not. */
import { memo, type ReactNode } from "react";
import type { Tallied } from "../stores/tally";
import { short } from "../ui/format";
import { PlanList } from "../ui/PlanList";
import { plain } from "../ui/plain";
import type { Facts } from "./facts";
import { Bar, costs, Elapsed, Since, tokens } from "./Parts";
import styles from "./Progress.module.css";

interface Props {
  readonly facts: Facts;
  readonly tallied: Tallied;
}

/** Draws it. */
export const ProgressPanel = memo(function ProgressPanel({ facts, tallied }: Props) {
  const { usage, plan, agent, progress } = tallied;
  const rows: readonly (readonly [string, ReactNode])[] = [
    ["Phase", facts.phase === "" ? "" : plain(facts.phase)],
    [facts.ended > 0 ? "Ran for" : "Running for", <Elapsed key="" facts={facts} />],
    ["This turn", facts.turnSince > 0 ? <Since key="" at={facts.turnSince} /> : ""],
    ["Turns", facts.turns > 0 ? `${facts.turns}` : ""],
    ["Tool calls", facts.tools === "" ? "" : `${facts.tools}${facts.toolsRunning > 0 ? `, ${facts.toolsRunning} running` : ""}`],
    ["Files changed", facts.files > 0 ? `${facts.files}` : ""],
    ["Errors", facts.errors > 0 ? `${facts.errors}` : ""],
    ["Tokens", tokens(usage)],
    ["Reasoning", usage.reasoning > 0 ? `${short(usage.reasoning)} tokens` : ""],
    ["Cost", costs(usage)],
    ["Context", usage.contextUsed > 0 ? contextLine(usage.contextUsed, usage.contextSize) : ""],
    ["Model", agent?.model ?? ""],
  ];
  const counts = Object.entries(progress?.counts ?? {}).filter(([name]) => !KNOWN.includes(name));
  return (
    <section id="progress-panel" className={styles.panel} aria-label="Progress in detail">
      {facts.total > 0 ? <Bar label="Done" done={facts.done} total={facts.total} /> : null}
      <dl className={styles.facts}>
        {rows
          .filter(([, value]) => value !== "")
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{typeof value === "string" ? plain(value) : value}</dd>
            </div>
          ))}
        {counts.map(([name, count]) => (
          <div key={name}>
            <dt>{plain(name.replaceAll("_", " "))}</dt>
            <dd>{`${count}`}</dd>
          </div>
        ))}
      </dl>
      <h3 className={styles.head}>Plan</h3>
      {plan === undefined || plan.entries.length === 0 ? (
        <p className={styles.none}>An agent's plan is shown here once it makes one.</p>
      ) : (
        <PlanList plan={plan} />
      )}
    </section>
  );
});

const KNOWN = ["tool_calls", "open_tool_calls", "turns", "input_tokens", "output_tokens", "silent_seconds"];

const contextLine = (used: number, size: number): string =>
  size > 0 ? `${short(used)} of ${short(size)} (${Math.round((100 * used) / size)}%)` : short(used);

/** Tabs that change what is below them and not the address; arrows, Home and End move between them. For addresses use links in a `nav`. */
import type { KeyboardEvent } from "react";
import styles from "./Tabs.module.css";

interface Props<T extends string> {
  /** What the tabs choose between, for who does not see them. */
  readonly label: string;
  /** The words of the tabs, in their order. */
  readonly tabs: Readonly<Record<T, string>>;
  readonly chosen: T;
  readonly onChoose: (tab: T) => void;
  /** The id of the element that they change; give it `role="tabpanel"`. */
  readonly panel: string;
}

/** Draws them. */
export function Tabs<T extends string>({ label, tabs, chosen, onChoose, panel }: Props<T>) {
  const all = Object.keys(tabs) as T[];
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const at = all.indexOf(chosen);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    const next = to === undefined ? undefined : all[to % all.length];
    if (next === undefined) return;
    event.preventDefault();
    onChoose(next);
    event.currentTarget.querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus();
  };
  return (
    <div role="tablist" aria-label={label} className={styles.tabs} onKeyDown={onKeyDown}>
      {all.map((tab) => (
        <button
          key={tab}
          type="button"
          role="tab"
          data-tab={tab}
          aria-selected={tab === chosen}
          aria-controls={panel}
          tabIndex={tab === chosen ? 0 : -1}
          onClick={() => onChoose(tab)}
        >
          {tabs[tab]}
        </button>
      ))}
    </div>
  );
}

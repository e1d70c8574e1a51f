/** The keys of the page, as they are bound now. */
import { ACTIVITY_KEYS } from "../activity/keys";
import { useStore } from "../stores/use";
import { Dialog } from "../ui/Dialog";
import { type Binding, bindings } from "../ui/keys";
import styles from "./HelpDialog.module.css";

/** Those that are the browser's, a list's or a terminal's own, and so are bound nowhere. */
const OWN: readonly Omit<Binding, "run">[] = [
  { keys: "↑ ↓", what: "Move in the list", group: "Sessions" },
  { keys: "Enter", what: "Open the session", group: "Sessions" },
  { keys: "m", what: "What can be done with it", group: "Sessions" },
  { keys: "Ctrl+Shift+Enter", what: "Out of it", group: "Terminal" },
  { keys: "Ctrl+Shift+F", what: "Search in it", group: "Terminal" },
  { keys: "Ctrl+Shift+C", what: "Copy from it", group: "Terminal" },
  ...ACTIVITY_KEYS,
];

interface Props {
  readonly onClose: () => void;
}

/** Open for as long as it is drawn. */
export function HelpDialog({ onClose }: Props) {
  const bound = useStore(bindings);
  const groups = new Map<string, Map<string, string>>();
  for (const { group, keys, what } of [...bound, ...OWN]) {
    const found = groups.get(group) ?? new Map<string, string>();
    groups.set(group, found.set(keys, what));
  }
  return (
    <Dialog title="Keys" onClose={onClose}>
      <div className={styles.groups}>
        {[...groups].map(([group, keys]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {[...keys].map(([one, what]) => (
                <div key={one}>
                  <dt>
                    {one.split(" ").map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p className={styles.note}>Keys that you type into a field or a terminal belong there.</p>
    </Dialog>
  );
}

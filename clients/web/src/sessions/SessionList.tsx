/** All sessions, as a list to choose from: a filter, an order, and only the rows that are seen are there. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useCallback, useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Session } from "../gen/sightline/v1/session_pb";
import { go, route } from "../stores/route";
import { useServices } from "../stores/services";
import { oneOf, setting } from "../stores/settings";
import { useSelected, useStore } from "../stores/use";
import { Button } from "../ui/Button";
import { type Binding, useKeys } from "../ui/keys";
import { Menu } from "../ui/Menu";
import { itemsFor, useActions } from "./actions";
import { type Arranged, Arranger, GROUPS, type Group, SORTS, type Sort } from "./arrange";
import { GroupRow } from "./GroupRow";
import styles from "./SessionList.module.css";
import { ROW_HEIGHT, SessionRow } from "./SessionRow";

const GROUP_HEIGHT = 30; // pixels; its CSS says the same
const PAGE_ROWS = 10; // rows that PageUp and PageDown pass
const SORT_WORDS: Record<Sort, string> = {
  newest: "Newest first",
  oldest: "Oldest first",
  name: "By name",
  state: "By state",
  agent: "By agent",
  host: "By host",
};
const chosenSort = setting<Sort>("sort", oneOf(SORTS, "newest"));
const foldedGroups = setting<ReadonlySet<Group>>(
  "folded",
  (text) => new Set(GROUPS.filter((group) => (text ?? "").split(" ").includes(group))),
  (groups) => [...groups].join(" "),
);

interface Props {
  /** Asked to start something new. */
  readonly onCreate: () => void;
}

/** Draws it. */
export function SessionList({ onCreate }: Props) {
  const { sessions } = useServices();
  const all = useStore(sessions.all);
  const loaded = useStore(sessions.loaded);
  const { problem } = useStore(sessions.health);
  const sort = useStore(chosenSort);
  const folded = useStore(foldedGroups);
  const [typed, setTyped] = useState("");
  const filter = useDeferredValue(typed);
  const [arranger] = useState(() => new Arranger());
  const { rows, heads, shown } = useMemo(
    () => arranger.arrange(all.values(), { filter, sort, folded }),
    [arranger, all, filter, sort, folded],
  );
  const openId = useSelected(route, ({ session }) =>
    session === undefined ? undefined : (sessions.find(session)?.id ?? session),
  );
  const [cursor, setCursor] = useState<string>();
  const [focusAsked, setFocusAsked] = useState(0);
  const [menu, setMenu] = useState<{ session: Session; anchor: HTMLElement }>();
  const field = useRef<HTMLInputElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const actions = useActions();

  const estimateSize = (index: number) => (isSession(rows[index]) ? ROW_HEIGHT : GROUP_HEIGHT);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize, overscan: 6 });
  // biome-ignore lint/correctness/useExhaustiveDependencies: places are measured again only where another row is a head
  useLayoutEffect(() => virtual.measure(), [virtual, heads.join()]);
  const index = useMemo(() => {
    const at = (id: string | undefined) =>
      id === undefined ? -1 : rows.findIndex((row) => "session" in row && row.session.id === id);
    const found = at(cursor);
    return found >= 0 ? found : at(openId);
  }, [rows, cursor, openId]);
  const tabStop = index >= 0 ? index : rows.findIndex((row) => "session" in row);

  const moveTo = useCallback(
    (from: number, by: number) => {
      const step = Math.sign(by);
      let at = from;
      for (let left = Math.abs(by); left > 0; left -= 1) {
        let next = at + step;
        while (next >= 0 && next < rows.length && !isSession(rows[next])) next += step;
        if (next < 0 || next >= rows.length) break;
        at = next;
      }
      const row = rows[at];
      if (row === undefined || !("session" in row)) return;
      virtual.scrollToIndex(at, { align: "auto" });
      setCursor(row.session.id);
      setFocusAsked((count) => count + 1);
    },
    [rows, virtual],
  );
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [from, by] = moves(event.key, index, rows.length) ?? [];
    if (from === undefined || by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    moveTo(from, by);
  };
  useKeys(
    useMemo(
      (): Binding[] => [
        { keys: "j", what: "Next session", group: "Sessions", run: () => moveTo(index, 1) },
        { keys: "k", what: "Session before", group: "Sessions", run: () => moveTo(index < 0 ? rows.length : index, -1) },
        { keys: "/", what: "Filter the sessions", group: "Sessions", run: () => field.current?.focus() },
        { keys: "n", what: "New session", group: "Sessions", run: onCreate },
        { keys: "g s", what: "To the list of sessions", group: "Go", run: () => moveTo(tabStop, 0) },
        {
          keys: "g n",
          what: "To the next session that needs you",
          group: "Go",
          run: () => {
            const id = nextNeeding(rows, openId);
            if (id !== undefined) go({ session: id });
          },
        },
      ],
      [moveTo, index, tabStop, rows, openId, onCreate],
    ),
  );
  useEffect(() => {
    if (menu !== undefined && !all.has(menu.session.id)) setMenu(undefined);
  }, [menu, all]);
  useEffect(() => setCursor(openId), [openId]);
  const onFocus = useCallback((id: string) => {
    setCursor(id);
    setFocusAsked(0); // it came: a row that is scrolled away and back must not take it again
  }, []);
  const onMenu = useCallback((session: Session, anchor: HTMLElement) => setMenu({ session, anchor }), []);
  const fold = useCallback((group: Group) => {
    const next = new Set(foldedGroups.get());
    if (!next.delete(group)) next.add(group);
    foldedGroups.set(next);
  }, []);

  return (
    <div className={styles.all}>
      <div className={styles.tools}>
        <input
          ref={field}
          type="search"
          className={styles.filter}
          aria-label="Filter sessions"
          placeholder="Filter: name, agent, host, state…"
          value={typed}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape" && typed !== "") {
              setTyped("");
              event.preventDefault();
            } else if (event.key === "ArrowDown" || event.key === "Enter" || event.key === "Escape") {
              moveTo(event.key === "Escape" ? tabStop : -1, event.key === "Escape" ? 0 : 1);
              event.preventDefault();
            }
          }}
        />
        <Button weight="main" onClick={onCreate} aria-keyshortcuts="n">
          New
        </Button>
      </div>
      <div className={styles.order}>
        <span role="status">{countWord(shown, all.size, filter, loaded)}</span>
        <label>
          <span className="visually-hidden">Sort sessions</span>
          <select value={sort} onChange={(event) => chosenSort.set(oneOf(SORTS, "newest")(event.target.value))}>
            {SORTS.map((one) => (
              <option key={one} value={one}>
                {SORT_WORDS[one]}
              </option>
            ))}
          </select>
        </label>
      </div>
      {problem === "" ? null : (
        <p role="alert" className={styles.problem}>
          {problem}
        </p>
      )}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: where keys of the rows come by */}
      <div ref={scroller} className={styles.scroller} onKeyDown={onKeyDown}>
        <ul className={styles.rows} style={{ height: virtual.getTotalSize() }} aria-label="Sessions">
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            const isCurrent = item.index === tabStop;
            return (
              <li
                key={keyOf(row)}
                className={styles.place}
                style={{ transform: `translateY(${item.start}px)` }}
                aria-setsize={"session" in row ? shown : undefined}
                aria-posinset={"session" in row ? item.index + 1 - heads.filter((head) => head < item.index).length : undefined}
              >
                {"session" in row ? (
                  <SessionRow
                    session={row.session}
                    open={row.session.id === openId}
                    current={isCurrent}
                    focusAsked={isCurrent ? focusAsked : 0}
                    onFocus={onFocus}
                    onMenu={onMenu}
                  />
                ) : (
                  <GroupRow group={row.group} count={row.count} folded={row.folded} onFold={fold} />
                )}
              </li>
            );
          })}
        </ul>
      </div>
      {menu === undefined ? null : (
        <Menu
          label={`Actions for ${menu.session.name}`}
          anchor={menu.anchor}
          items={itemsFor(all.get(menu.session.id) ?? menu.session, actions)}
          onClose={() => setMenu(undefined)}
        />
      )}
    </div>
  );
}

type Rows = Arranged["rows"];

const isSession = (row: Rows[number] | undefined): boolean => row !== undefined && "session" in row;

const keyOf = (row: Rows[number] | undefined): string =>
  row === undefined ? "" : "session" in row ? row.session.id : `group ${row.group}`;

/** From where and by how many rows a key moves; undefined: it does not. */
function moves(key: string, index: number, count: number): readonly [number, number] | undefined {
  if (key === "ArrowDown") return [index, 1];
  if (key === "ArrowUp") return [index, -1];
  if (key === "PageDown") return [index, PAGE_ROWS];
  if (key === "PageUp") return [index, -PAGE_ROWS];
  if (key === "Home") return [-1, 1];
  return key === "End" ? [count, -1] : undefined;
}

function nextNeeding(rows: Rows, openId: string | undefined): string | undefined {
  const end = rows.findIndex((row) => "group" in row && row.group !== "needs");
  const ids = rows.slice(0, end < 0 ? undefined : end).flatMap((row) => ("session" in row ? [row.session.id] : []));
  return ids[(ids.indexOf(openId ?? "") + 1) % ids.length];
}

function countWord(shown: number, count: number, filter: string, loaded: boolean): string {
  if (!loaded && count === 0) return "Loading…";
  if (filter.trim() !== "") return `${shown} of ${count}`;
  return count === 1 ? "1 session" : `${count} sessions`;
}

/** The activity of a session: its cards, what to see of them, and how far it is. */
import {
  type KeyboardEvent,
  memo,
  type RefObject,
  useCallback,
  useDeferredValue,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import type { Session } from "../gen/sightline/v1/session_pb";
import { factsOf } from "../progress/facts";
import { ProgressPanel } from "../progress/ProgressPanel";
import { ProgressStrip } from "../progress/ProgressStrip";
import { hasEnded } from "../sessions/words";
import type { Card, CardKind } from "../stores/cards";
import type { Deck } from "../stores/deck";
import { go } from "../stores/route";
import { rowsOf, type Tab } from "../stores/rows";
import type { Standing, Timeline } from "../stores/timeline";
import { useStore } from "../stores/use";
import { Button } from "../ui/Button";
import { useKeys } from "../ui/keys";
import { Tabs } from "../ui/Tabs";
import styles from "./ActivityView.module.css";
import { Kept } from "./Cut";
import { Feed, type FeedHandle } from "./Feed";
import { useFind } from "./find";
import { HereProvider } from "./here";
import { KindFilter, toggled } from "./KindFilter";
import { ACTIVITY_KEYS, type Action, actionOf } from "./keys";
import { SearchBar } from "./SearchBar";
import { useActions, useKeeper, useTimeline } from "./useTimeline";
import { Sought } from "./Words";

/** What a view is given: the session, and the event to show (undefined: the latest). */
interface Props {
  readonly session: Session;
  readonly seq: number | undefined;
}

const TAB_WORDS: Readonly<Record<Tab, string>> = {
  all: "All",
  tools: "Tools",
  output: "Output",
  files: "Files",
  errors: "Errors",
};
const EMPTY: Readonly<Record<Tab, string>> = {
  all: "Nothing has happened yet. What the program prints, and what an agent says and does, appears here.",
  tools: "No tool was called. What an agent reads, changes and runs appears here, with what came of it.",
  output: "Nothing was printed. What the program writes appears here as text; its screen is under Terminal.",
  files: "No file has changed. Changes below the session's directory appear here where an agent runs.",
  errors: "Nothing went wrong. Errors, failed tools and lost output appear here.",
};
const NONE: ReadonlySet<CardKind> = new Set();
const SIDE_BY_SIDE = 980; // pixels from which the panel stands beside the cards
const CHORD_MS = 1200; // after `g`, a key belongs to the page

/** Draws it. Each session has its own: give it the session's id as its key. */
export function ActivityView({ session, seq }: Props) {
  const timeline = useTimeline(session);
  return timeline === undefined ? null : <Activity session={session} seq={seq} timeline={timeline} />;
}

function Activity({ session, seq, timeline }: Props & { readonly timeline: Timeline }) {
  const standing = useStore(timeline.standing);
  const ended = hasEnded(session);
  const screen = session.terminal !== undefined && session.agent !== "";
  const [tab, setTab] = useState<Tab>("all");
  const [hidden, setHidden] = useState<ReadonlySet<CardKind>>(
    () => new Set<CardKind>(screen ? ["output", "resized", "line"] : ["resized", "line"]),
  );
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set());
  const [text, setText] = useState("");
  const [current, setCurrent] = useState<number>();
  const [marked, setMarked] = useState<number>();
  const [target, setTarget] = useState<{ id: number; focus: boolean }>();
  const [panel, setPanel] = useState<boolean>();
  const view = useRef<HTMLDivElement>(null);
  const wide = useWide(view, SIDE_BY_SIDE);
  const panelOpen = panel ?? wide;
  const [problem, setProblem] = useState("");
  const kept = useKeeper();
  const feed = useRef<FeedHandle>(null);
  const field = useRef<HTMLInputElement>(null);
  const region = useId();
  const fold = useCallback((id: number) => setFolded((all) => toggled(all, id)), []);
  const here = useActions(timeline, session.id, ended, folded, fold);
  const { deck } = timeline;
  const output = tab === "output" || (tab === "all" && !hidden.has("output"));
  useEffect(() => {
    if (output) timeline.wantOutput();
  }, [timeline, output]);
  const rows = useMemo(() => rowsFor(timeline.deck, standing, tab, hidden, folded), [timeline, standing, tab, hidden, folded]);
  const counts = useMemo(() => of(standing, timeline.deck.counts), [timeline, standing]);
  const asked = useMemo(() => of(standing, ended ? [] : timeline.deck.asked), [timeline, standing, ended]);
  const facts = useMemo(
    () => factsOf(session, standing.tallied, counts, standing.loaded && standing.holes.length === 0),
    [session, standing, counts],
  );
  const sought = useDeferredValue(text.trim().toLowerCase());
  const found = useFind(rows, sought);
  const foundAt = found.ids.indexOf(marked ?? Number.NaN);

  const onHole = useCallback(
    (hole: Card) => (tab === "output" ? void timeline.loadOutput().catch(() => {}) : here.load(hole)),
    [timeline, tab, here],
  );

  /** Shows a card, whatever hides it. */
  const reveal = useCallback(
    (card: Card | undefined, focus: boolean) => {
      if (card === undefined) return;
      setTab((tab) => (tab === "all" ? tab : "all"));
      setHidden((all) => (all.has(card.kind) ? toggled(all, card.kind) : all));
      for (let at = deck.owner(card); at !== undefined; at = deck.owner(at)) {
        const { id } = at;
        setFolded((all) => (all.has(id) ? toggled(all, id) : all));
      }
      setMarked(card.id);
      setCurrent(card.id);
      setTarget({ id: card.id, focus });
    },
    [deck],
  );
  const jump = useCallback(
    async (to: number) => {
      setProblem("");
      try {
        await timeline.reveal(to);
        reveal(deck.at(to), true);
      } catch (error) {
        setProblem(`Event ${to} cannot be shown: ${(error as Error).message}`);
      }
    },
    [timeline, deck, reveal],
  );
  const jumped = useRef<number>(undefined);
  useEffect(() => {
    if (seq === undefined || !standing.loaded || jumped.current === seq) return;
    jumped.current = seq;
    void jump(seq);
  }, [seq, standing.loaded, jump]);
  useEffect(() => {
    if (target === undefined) return;
    const index = rows.findIndex((card) => card.id === target.id);
    if (index < 0) return;
    setTarget(undefined);
    feed.current?.show(index, target.focus);
  }, [target, rows]);

  const step = (by: 1 | -1) => {
    const { ids } = found;
    if (ids.length === 0) return;
    const next = foundAt < 0 ? ids[by === 1 ? 0 : ids.length - 1] : ids[(foundAt + by + ids.length) % ids.length];
    if (next !== undefined) kept.set(`${next} open`, 1);
    setMarked(next);
    setCurrent(next);
    setTarget({ id: next ?? 0, focus: false });
  };
  const jumpTo = (to: number) => {
    jumped.current = to;
    go({ session: session.id, view: "activity", seq: to }, true);
    void jump(to);
  };
  const showRequest = () => {
    const at = asked.findIndex((card) => card.id === current);
    reveal(asked[(at + 1) % asked.length], true);
  };
  const act = (action: Action, card: Card | undefined, article: HTMLElement | null): boolean => {
    switch (action.kind) {
      case "move": {
        const at = rows.findIndex((one) => one.id === current);
        const next = at < 0 ? rows.length - 1 : Math.min(rows.length - 1, Math.max(0, at + action.by));
        return move(next);
      }
      case "first":
        return move(0);
      case "last":
        feed.current?.toEnd();
        return rows.length > 0;
      case "fold":
        article?.querySelector<HTMLElement>("[data-fold]")?.click();
        return article !== null;
      case "request":
        if (asked.length > 0) showRequest();
        return true;
      case "search":
        field.current?.focus();
        return true;
      case "found":
        step(action.by);
        return sought !== "";
      case "tab":
        setTab(action.tab);
        return true;
      case "copy":
        if (card !== undefined) here.copyLink(card);
        return card !== undefined;
      case "answer": {
        const button = article?.querySelector<HTMLElement>(`[data-answer="${action.which}"]`);
        button?.click();
        return button != null;
      }
    }
  };
  const move = (index: number): boolean => {
    const card = rows[index];
    if (card === undefined) return false;
    setCurrent(card.id);
    feed.current?.show(index, true);
    return true;
  };
  const everywhere = useRef(act);
  everywhere.current = act;
  useKeys(
    useMemo(
      () =>
        ACTIVITY_KEYS.filter((key) => key.everywhere).map(({ keys, what, group }) => ({
          keys,
          what,
          group,
          run: () => {
            const action = actionOf({ key: keys, ctrlKey: false, metaKey: false, altKey: false });
            if (action !== undefined) everywhere.current(action, undefined, null);
          },
        })),
      [],
    ),
  );
  const chord = useRef(Number.NEGATIVE_INFINITY);
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const target = event.target as HTMLElement;
    if (target.closest("input, textarea, [role=tablist], dialog") !== null) return;
    const inChord = event.timeStamp - chord.current < CHORD_MS;
    chord.current = event.key === "g" ? event.timeStamp : Number.NEGATIVE_INFINITY;
    const action = actionOf(event);
    if (action === undefined || inChord) return;
    const article = target.closest<HTMLElement>("[data-card]");
    if (action.kind === "fold" && target !== article) return; // Enter presses what has the focus
    const card = article === null ? undefined : deck.card(Number(article.dataset.card));
    if (act(action, card, article)) {
      event.preventDefault();
      event.stopPropagation();
    }
  };
  const partly = standing.holes.length > 0;
  const words = Object.fromEntries(
    Object.entries(TAB_WORDS).map(([name, word]) => [
      name,
      name === "all" ? word : `${word} ${counts[name as Exclude<Tab, "all">]}${partly ? "+" : ""}`,
    ]),
  ) as Record<Tab, string>;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the cards inside, which have the focus
    <div ref={view} className={styles.view} data-panel={panelOpen} onKeyDown={onKeyDown}>
      <ProgressStrip facts={facts} open={panelOpen} onToggle={() => setPanel(!panelOpen)} />
      <div className={styles.bar}>
        <Tabs label="What to show" tabs={words} chosen={tab} onChoose={setTab} panel={region} />
        <KindFilter hidden={tab === "all" ? hidden : NONE} disabled={tab !== "all"} onChange={setHidden} />
        <SearchBar
          session={session.id}
          text={text}
          onText={setText}
          found={found}
          at={foundAt}
          onStep={step}
          onJump={jumpTo}
          field={field}
        />
      </div>
      <Notices standing={standing} problem={problem} waiting={asked.length} onShow={showRequest} />
      <div className={styles.main}>
        <div id={region} role="tabpanel" aria-label={TAB_WORDS[tab]} className={styles.cards}>
          {rows.length === 0 ? (
            <p className={styles.empty}>{standing.loaded ? EMPTY[tab] : "Loading…"}</p>
          ) : (
            <HereProvider value={here}>
              <Kept value={kept}>
                <Sought value={sought}>
                  <Feed
                    key={tab}
                    ref={feed}
                    rows={rows}
                    current={current}
                    marked={marked}
                    follow={seq === undefined || tab !== "all"}
                    busy={!standing.loaded}
                    label={`Activity of ${session.name}`}
                    onCurrent={setCurrent}
                    onHole={onHole}
                  />
                </Sought>
              </Kept>
            </HereProvider>
          )}
        </div>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: where it is longer than its place, keys scroll it */}
        <aside className={styles.side} tabIndex={0} aria-label="Progress beside the activity">
          <ProgressPanel facts={facts} tallied={standing.tallied} />
        </aside>
      </div>
    </div>
  );
}

/** Whether an element has at least so many pixels. */
function useWide(element: RefObject<HTMLElement | null>, pixels: number): boolean {
  const [wide, setWide] = useState(false);
  useLayoutEffect(() => {
    if (element.current === null) return;
    const observer = new ResizeObserver(([entry]) => setWide((entry?.contentRect.width ?? 0) >= pixels));
    setWide(element.current.clientWidth >= pixels);
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element, pixels]);
  return wide;
}

/** What the deck says now: it changes in place, and each change of it is another standing. */
const of = <T,>(_standing: Standing, value: T): T => value;

function rowsFor(deck: Deck, standing: Standing, tab: Tab, hidden: ReadonlySet<CardKind>, folded: ReadonlySet<number>): Card[] {
  return rowsOf(deck, tab === "output" ? standing.outputHoles : standing.holes, { tab, hidden, folded });
}

interface NoticesProps {
  readonly standing: Standing;
  readonly problem: string;
  readonly waiting: number;
  readonly onShow: () => void;
}

const Notices = memo(function Notices({ standing, problem, waiting, onShow }: NoticesProps) {
  return (
    <>
      {waiting > 0 ? (
        <div className={styles.waiting} role="status">
          <span>
            {waiting} {waiting === 1 ? "request waits" : "requests wait"} for an answer
          </span>
          <Button onClick={onShow}>
            Show <kbd>r</kbd>
          </Button>
        </div>
      ) : null}
      {standing.loaded && !standing.live && standing.problem === undefined ? (
        <p className={styles.notice} role="status">
          Not connected: what happens now appears when the connection is back. Nothing is lost.
        </p>
      ) : null}
      {standing.problem === undefined ? null : (
        <p className={styles.problem} role="alert">
          {standing.problem.message}
        </p>
      )}
      {problem === "" ? null : (
        <p className={styles.problem} role="alert">
          {problem}
        </p>
      )}
    </>
  );
});

/** A session's timeline for as long as a component is drawn, and what can be done with its cards. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Session } from "../gen/sightline/v1/session_pb";
import type { Card } from "../stores/cards";
import { href } from "../stores/route";
import { useServices } from "../stores/services";
import { Timeline } from "../stores/timeline";
import { toast } from "../ui/toasts";
import type { Keeper } from "./Cut";
import type { Here } from "./here";

const AUTHOR = "dashboard"; // in the log, of whoever answers here

/** The timeline of a session; undefined before the component is drawn. It begins and ends with the component. */
export function useTimeline(session: Session): Timeline | undefined {
  const { client } = useServices();
  const known = useRef(session);
  const [timeline, setTimeline] = useState<Timeline>();
  useEffect(() => {
    const mine = new Timeline(client, known.current);
    setTimeline(mine);
    return mine.start();
  }, [client]);
  return timeline;
}

/** What somebody has opened and closed on the cards; another object after each change. */
export function useKeeper(): Keeper {
  const kept = useRef(new Map<string, number>());
  const [version, setVersion] = useState(0);
  return useMemo(() => {
    void version;
    return {
      get: (key) => kept.current.get(key),
      set: (key, value) => {
        kept.current.set(key, value);
        setVersion((one) => one + 1);
      },
    };
  }, [version]);
}

/** What the cards can do. */
export function useActions(
  timeline: Timeline,
  session: string,
  ended: boolean,
  folded: ReadonlySet<number>,
  fold: (id: number) => void,
): Here {
  const { client } = useServices();
  const answer = useCallback<Here["answer"]>(
    async (requestId, given) => {
      await client.call("answer", { session, requestId, author: AUTHOR, ...given });
    },
    [client, session],
  );
  return useMemo(
    () => ({
      session,
      ended,
      answer,
      whole: (seqs) => timeline.whole(seqs),
      load: (hole) => void timeline.load(hole.mark ?? { first: hole.seq, last: hole.last, text: "" }),
      copyLink: (card) => void copyLink(session, card),
      under: (card) => ({ count: card.kind === "tool" ? timeline.deck.children(card).length : 0, folded: folded.has(card.id) }),
      foldUnder: (card) => fold(card.id),
      depth: (card) => {
        let depth = card.parent === "" ? 0 : 1;
        for (let at = timeline.deck.owner(card); at !== undefined && at.parent !== "" && depth < 9; at = timeline.deck.owner(at))
          depth += 1;
        return depth;
      },
    }),
    [timeline, session, ended, answer, folded, fold],
  );
}

async function copyLink(session: string, card: Card): Promise<void> {
  const link = new URL(href({ session, view: "activity", seq: card.seq }), location.href).href;
  try {
    await navigator.clipboard.writeText(link);
    toast("The link is copied.", "good");
  } catch {
    toast(`The browser does not let this page copy: ${link}`);
  }
}

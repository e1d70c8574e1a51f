/** One session in the list: two lines, a link, and the way to what can be done with it. */
import { memo, useEffect, useRef } from "react";
import type { Session } from "../gen/sightline/v1/session_pb";
import { href } from "../stores/route";
import { Activity, Age, StateChip, TroubleChip, useUnread } from "./Marks";
import styles from "./SessionRow.module.css";
import { kindWord, needsYou, whatRuns } from "./words";

/** Pixels; its CSS says the same. */
export const ROW_HEIGHT = 54;

interface Props {
  readonly session: Session;
  /** The page shows it. */
  readonly open: boolean;
  /** Tab comes here. */
  readonly current: boolean;
  /** The focus is to come here; asked once for each number that is not 0. */
  readonly focusAsked: number;
  readonly onFocus: (id: string) => void;
  readonly onMenu: (session: Session, anchor: HTMLElement) => void;
}

/** Drawn again only when the session's object or one of the other words changes. */
export const SessionRow = memo(function SessionRow({ session, open, current, focusAsked, onFocus, onMenu }: Props) {
  const link = useRef<HTMLAnchorElement>(null);
  const more = useRef<HTMLButtonElement>(null);
  const unread = useUnread(session);
  useEffect(() => {
    if (focusAsked > 0) link.current?.focus({ preventScroll: true });
  }, [focusAsked]);
  const waits = needsYou(session);
  const where = [session.agent || kindWord(session), session.host].filter(Boolean).join(" @ ");
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: where keys of what is inside come by
    <div
      className={styles.row}
      data-open={open}
      data-needs={waits}
      onKeyDown={(event) => {
        if (event.key !== "ContextMenu" && event.key !== "m" && !(event.key === "F10" && event.shiftKey)) return;
        event.preventDefault();
        event.stopPropagation();
        if (more.current !== null) onMenu(session, more.current);
      }}
    >
      <a
        ref={link}
        href={href({ session: session.id })}
        className={styles.link}
        aria-current={open ? "page" : undefined}
        tabIndex={current ? 0 : -1}
        onFocus={() => onFocus(session.id)}
        data-session={session.id}
      >
        <span className={styles.line}>
          <span className={styles.unread} data-on={unread} aria-hidden="true" />
          <span className={styles.name} data-unread={unread}>
            {session.name}
          </span>{" "}
          {unread ? <span className="visually-hidden">unread</span> : null}{" "}
          <span className={styles.chips}>
            <TroubleChip session={session} />
            <StateChip session={session} />
          </span>
        </span>
        <span className={styles.line}>
          <span className={styles.what} title={whatRuns(session)}>
            <span className={styles.where}>{where}</span> {whatRuns(session)}
          </span>
          <Activity session={session} />
          <Age session={session} />
        </span>
      </a>
      <button
        ref={more}
        type="button"
        className={styles.more}
        aria-label={`Actions for ${session.name}`}
        aria-haspopup="menu"
        tabIndex={current ? 0 : -1}
        onClick={(event) => onMenu(session, event.currentTarget)}
      >
        ⋯
      </button>
    </div>
  );
});

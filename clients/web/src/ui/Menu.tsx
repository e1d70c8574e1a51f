/** A menu of things to do, beside what opened it: arrows, Home, End and first letters move in it, Escape and a press outside close it. */
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Button } from "./Button";
import styles from "./Menu.module.css";

/** One thing to do; what has an `href` is a link. */
export interface MenuItem {
  readonly label: string;
  readonly onSelect: () => void;
  /** It ends or removes something. */
  readonly danger?: boolean;
  /** Whether it is the one that is chosen, where one of several is; undefined: nothing is chosen here. */
  readonly checked?: boolean;
}

interface Props {
  /** What the menu is about, for who does not see it: `build`, `Theme`. */
  readonly label: string;
  readonly items: readonly MenuItem[];
  /** Where it opens: below this. The focus goes back there. */
  readonly anchor: HTMLElement;
  readonly onClose: () => void;
}

const MARGIN = 8; // pixels to the edges of the page

/** Open for as long as it is drawn. */
export function Menu({ label, items, anchor, onClose }: Props) {
  const element = useRef<HTMLDivElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  useEffect(() => {
    const menu = element.current;
    if (menu === null) return;
    const said = (event: Event) => (event as ToggleEvent).newState === "closed" && close.current();
    menu.showPopover();
    place(menu, anchor);
    menu.addEventListener("toggle", said);
    menu.querySelector<HTMLElement>('[role^="menuitem"]')?.focus();
    return () => {
      menu.removeEventListener("toggle", said);
      if (menu.contains(document.activeElement) || document.activeElement === document.body) anchor.focus();
    };
  }, [anchor]);
  const onKeyDown = (event: KeyboardEvent) => {
    const all = [...(element.current?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? [])];
    const next = moved(event.key, all.indexOf(document.activeElement as HTMLElement), items);
    if (event.key === "Tab" || event.key === "Escape") onClose();
    else if (next === undefined) return;
    else all[next]?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div ref={element} popover="auto" role="menu" aria-label={label} className={styles.menu} onKeyDown={onKeyDown} tabIndex={-1}>
      {items.map((item) => (
        // biome-ignore lint/a11y/useAriaPropsSupportedByRole: where it is checked or not, it has the role that says so
        <button
          key={item.label}
          type="button"
          role={item.checked === undefined ? "menuitem" : "menuitemradio"}
          aria-checked={item.checked}
          tabIndex={-1}
          className={styles.item}
          data-danger={item.danger}
          onClick={() => {
            onClose();
            item.onSelect();
          }}
        >
          {item.label}
        </button>
      ))}
    </div>
  );
}

/** Where a key moves to from the item `at`; undefined: it does not move. */
export function moved(key: string, at: number, items: readonly MenuItem[]): number | undefined {
  const count = items.length;
  if (key === "ArrowDown") return (at + 1) % count;
  if (key === "ArrowUp") return (at - 1 + count) % count;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (key.length !== 1 || key === " ") return undefined;
  const after = [...items.keys()].map((step) => (at + 1 + step) % count);
  return after.find((index) => items[index]?.label.toLowerCase().startsWith(key.toLowerCase()));
}

function place(menu: HTMLElement, anchor: HTMLElement): void {
  const from = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const left = Math.min(from.right - width, innerWidth - width - MARGIN);
  const below = from.bottom + 2;
  const top = below + height + MARGIN > innerHeight ? Math.max(MARGIN, from.top - height - 2) : below;
  menu.style.left = `${Math.max(MARGIN, left)}px`;
  menu.style.top = `${top}px`;
}

interface ButtonProps {
  /** What the button says to who does not see it, and the menu's name. */
  readonly label: string;
  readonly items: readonly MenuItem[];
  /** What the button shows. */
  readonly children: ReactNode;
  readonly weight?: "plain" | "quiet";
}

/** A button that opens a menu. */
export function MenuButton({ label, items, children, weight = "quiet" }: ButtonProps) {
  const [anchor, setAnchor] = useState<HTMLElement>();
  const id = useId();
  return (
    <>
      <Button
        id={id}
        weight={weight}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={anchor !== undefined}
        onClick={(event) => setAnchor(anchor === undefined ? event.currentTarget : undefined)}
      >
        {children}
      </Button>
      {anchor === undefined ? null : <Menu label={label} items={items} anchor={anchor} onClose={() => setAnchor(undefined)} />}
    </>
  );
}

/**
 * One terminal on the page: what is drawn, at which size, in which colours. Knows bytes and sizes; not where they come from, and nobody who
 * types.
 */
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebglAddon } from "@xterm/addon-webgl";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { guard, linkTarget } from "./guard";
import { themeOf, watchTheme } from "./theme";

const FONT_SIZE = 13; // px
const LEAST_FONT_SIZE = 8; // px: a screen that is still too large is scrolled
const STEP = 0.5; // pixels of letters
const SCROLLBACK = 10_000; // lines
const PIECE = 16 * 1024; // bytes that the terminal takes without a break: 1 to 2 ms
const CONTRAST = 4.5; // WCAG AA

/** A terminal's size, in cells. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** How it is made. */
export interface Options {
  readonly size: Size;
  /** The output comes from pipes, where lines end with LF alone. */
  readonly pipes: boolean;
}

/** Puts a terminal that may be in the midst of anything back to its beginning, and keeps what was scrolled off. */
const CALM = "\x18\x1b[?1049l\x1b[!p\x1b[?1;9;1000;1002;1003;1006;2004;2026l\x1b>\x1b(B\x0f\x1b[?7h\x1b[0m";

/** The terminal. Open it once, dispose of it at the end. */
export class Screen {
  readonly terminal: Terminal;
  readonly search = new SearchAddon();
  readonly #fit = new FitAddon();
  readonly #leave: (() => void)[] = [];
  readonly #listeners = new Set<() => void>();
  #wanted: number | undefined;
  #scaled = true;

  constructor(readonly options: Options) {
    this.terminal = new Terminal({
      allowProposedApi: true, // for the Unicode version
      altClickMovesCursor: false,
      cols: options.size.columns,
      rows: options.size.rows,
      convertEol: options.pipes,
      cursorInactiveStyle: options.pipes ? "none" : "outline",
      fontSize: FONT_SIZE,
      lineHeight: 1.1,
      linkHandler: { activate: (_event, text) => follow(text) },
      macOptionIsMeta: true,
      minimumContrastRatio: CONTRAST,
      scrollback: SCROLLBACK,
      logLevel: "off",
    });
    guard(this.terminal);
    this.terminal.loadAddon(new Unicode11Addon());
    this.terminal.unicode.activeVersion = "11";
    this.terminal.loadAddon(this.search);
    this.terminal.loadAddon(this.#fit);
  }

  /** Shows it in an element, which it fills. */
  open(host: HTMLElement): void {
    const { terminal } = this;
    terminal.options.fontFamily = getComputedStyle(host).getPropertyValue("--mono");
    terminal.open(host);
    const paint = () => {
      terminal.options.theme = themeOf(host);
    };
    paint();
    this.#leave.push(watchTheme(paint));
    this.#accelerate();
    const sizes = new ResizeObserver(() => this.layOut());
    sizes.observe(host);
    this.#leave.push(() => sizes.disconnect());
  }

  /** Draws with the GPU where there is one: in software WebGL costs twice what the page's own text does. */
  #accelerate(): void {
    gpu ??= hasGpu();
    if (!gpu) return;
    const addon = new WebglAddon();
    addon.onContextLoss(() => addon.dispose()); // the page's own text goes on
    try {
      this.terminal.loadAddon(addon);
    } catch {
      addon.dispose();
    }
  }

  /** Ends it. */
  dispose(): void {
    for (const leave of this.#leave) leave();
    this.terminal.dispose();
  }

  /** Draws; returns when it is drawn, so that whoever gives more waits. In pieces: between them the page lives on. */
  write(data: Uint8Array | string): Promise<void> {
    return new Promise((drawn) => {
      let at = 0;
      for (; at + PIECE < data.length; at += PIECE) this.terminal.write(part(data, at));
      this.terminal.write(part(data, at), drawn);
    });
  }

  /** Empties it, the lines that were scrolled off too. */
  async reset(): Promise<void> {
    await this.write(""); // what is on its way is drawn before
    this.terminal.reset();
  }

  /**
   * Draws a whole screen in the place of the one that is there. `note`: what was there is scrolled off, to be read later, and this
   * line behind it.
   */
  async show(ansi: Uint8Array, size: Size, note = ""): Promise<void> {
    await this.write(CALM);
    if (note !== "") await this.#scrollOff(note);
    this.resize(size);
    await this.write("\x1b[H\x1b[2J");
    await this.write(ansi);
  }

  /** Scrolls off what is written on the screen, and a line behind it. */
  async #scrollOff(note: string): Promise<void> {
    const { buffer, rows } = this.terminal;
    const { active } = buffer;
    let written = rows;
    while (written > 0 && (active.getLine(active.baseY + written - 1)?.translateToString(true) ?? "") === "") written -= 1;
    const row = Math.min(written, rows - 1);
    const line = `\x1b[${row + 1};1H${written === rows ? "\r\n" : ""}${noteLine(note)}`;
    await this.write(`${line}\x1b[${rows};1H${"\n".repeat(row + 1)}`);
  }

  /** Gives it another size. */
  resize({ columns, rows }: Size): void {
    if (columns > 0 && rows > 0 && (columns !== this.terminal.cols || rows !== this.terminal.rows))
      this.terminal.resize(columns, rows);
    this.layOut();
  }

  /** The size of the letters, in pixels; undefined: 13, or smaller so that the whole screen is seen. */
  set fontSize(wanted: number | undefined) {
    this.#wanted = wanted;
    this.layOut();
  }

  /** Whether letters may be made smaller so that the whole screen is seen. */
  set scaled(wanted: boolean) {
    this.#scaled = wanted;
    this.layOut();
  }

  /** Calls `listener` when there is more or less room, or the letters are another size; returns how to stop that. */
  onLayOut(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The size that would fill its element with letters of this size; undefined: it is not shown. */
  get room(): Size | undefined {
    const fits = this.#fit.proposeDimensions();
    return fits && Number.isFinite(fits.cols) && Number.isFinite(fits.rows) ? { columns: fits.cols, rows: fits.rows } : undefined;
  }

  /** Chooses the size of the letters; pipes have no size of their own, they take the room that there is. */
  layOut(): void {
    const { terminal } = this;
    const { room } = this;
    if (room === undefined) return;
    const now = terminal.options.fontSize ?? FONT_SIZE;
    const scales = this.#wanted === undefined && this.#scaled && !this.options.pipes;
    let size = this.#wanted ?? FONT_SIZE;
    if (scales) {
      const largest = now * Math.min((room.columns + 0.99) / terminal.cols, (room.rows + 0.99) / terminal.rows);
      size = Math.min(FONT_SIZE, Math.max(LEAST_FONT_SIZE, Math.floor(largest / STEP) * STEP));
    }
    if (now !== size) terminal.options.fontSize = size;
    while (scales && size > LEAST_FONT_SIZE && !this.#holdsAll) {
      size -= STEP; // a cell is whole pixels high, so that half a pixel more of letters can be one of each row
      terminal.options.fontSize = size;
    }
    const fits = this.options.pipes ? this.room : undefined;
    if (fits !== undefined) terminal.resize(fits.columns, fits.rows);
    for (const listener of this.#listeners) listener();
  }

  get #holdsAll(): boolean {
    const { room, terminal } = this;
    return room === undefined || (room.columns >= terminal.cols && room.rows >= terminal.rows);
  }

  /** The selection, or else what is on the screen, as text. */
  get text(): string {
    const { terminal } = this;
    if (terminal.hasSelection()) return terminal.getSelection();
    const { active } = terminal.buffer;
    const rows = Array.from({ length: terminal.rows }, (_, row) => {
      return active.getLine(active.viewportY + row)?.translateToString(true) ?? "";
    });
    return rows.join("\n").trimEnd();
  }
}

const part = (data: Uint8Array | string, at: number) =>
  typeof data === "string" ? data.slice(at, at + PIECE) : data.subarray(at, at + PIECE);

/** A line of the page's own, that no program wrote. */
export const noteLine = (text: string): string => `\x1b[0;7m ${text} \x1b[0m`;

let gpu: boolean | undefined; // looked for once: browsers keep few contexts

/** Whether WebGL is there and drawn by hardware. */
function hasGpu(): boolean {
  const probe = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (probe === null) return false;
  const info = probe.getExtension("WEBGL_debug_renderer_info");
  const name = String(probe.getParameter(info === null ? probe.RENDERER : info.UNMASKED_RENDERER_WEBGL));
  probe.getExtension("WEBGL_lose_context")?.loseContext();
  return !/swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

/** Opens what a link names, if it is a page. */
function follow(text: string): void {
  const target = linkTarget(text);
  if (target !== undefined) window.open(target, "_blank", "noopener,noreferrer");
}

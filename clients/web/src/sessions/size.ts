/** How large a terminal would be in this window. An estimate: whoever shows it fits it exactly. */
import type { Size } from "./plan";

const FONT_SIZE = 13; // pixels
const LINE_HEIGHT = 1.2;
const ABOVE = 144; // pixels of the main area that are no terminal: heads, and the edge around it
const BESIDE = 26; // pixels: the edge, and the bar that scrolls
const LEAST: Size = { columns: 40, rows: 10 };
const MOST: Size = { columns: 400, rows: 150 };

/** Columns and rows that fit into an area of so many pixels, with cells of `cell` pixels' width. */
export function fitting(width: number, height: number, cell: number): Size {
  const within = (value: number, least: number, most: number) => Math.min(most, Math.max(least, Math.floor(value)));
  return {
    columns: within((width - BESIDE) / cell, LEAST.columns, MOST.columns),
    rows: within((height - ABOVE) / Math.ceil(FONT_SIZE * LINE_HEIGHT), LEAST.rows, MOST.rows),
  };
}

/** The size that fits into this window's main area. */
export function sizeHere(): Size {
  const area = document.querySelector("main");
  const brush = document.createElement("canvas").getContext("2d");
  let cell = FONT_SIZE * 0.6;
  if (brush !== null) {
    brush.font = `${FONT_SIZE}px ${getComputedStyle(document.documentElement).getPropertyValue("--mono") || "monospace"}`;
    cell = brush.measureText("M").width || cell;
  }
  const width = area?.clientWidth || innerWidth; // hidden on narrow pages: then it will have all of the window
  return fitting(width, area?.clientHeight || innerHeight, cell);
}

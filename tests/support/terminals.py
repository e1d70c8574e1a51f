"""The terminal of a page: what is on it, what was scrolled off, and keys that go into it."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect
from support.browsing import holds
from support.dashboard import PROMPT

# The terminal keeps lines that no element shows. It is found where React keeps it, so that the page needs nothing for tests alone.
LINES = """(element) => {
  const key = Object.keys(element).find((name) => name.startsWith("__reactFiber$"));
  for (let fiber = element[key]; fiber; fiber = fiber.return) {
    for (let hook = fiber.memoizedState; hook && typeof hook === "object" && "next" in hook; hook = hook.next) {
      const buffer = hook.memoizedState?.terminal?.buffer?.active;
      if (!buffer) continue;
      const lines = [];
      for (let y = 0; y < buffer.length; y++) {
        const line = buffer.getLine(y);
        const text = line.translateToString(true);
        if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
        else lines.push(text);
      }
      return lines;
    }
  }
  throw new Error("there is no terminal");
}"""


def terminal(page: Page) -> Locator:
    """Where it is drawn, once it shows the session."""
    view = page.get_by_role("region", name="Terminal")
    expect(view).to_have_attribute("data-shown", "true")
    return view


def lines(page: Page) -> list[str]:
    """All that it keeps, from the oldest line on, without blank lines at the end."""
    found: list[str] = page.locator(".xterm").locator("xpath=..").evaluate(LINES)
    while found and not found[-1].strip():
        found.pop()
    return found


def until_line(page: Page, line: str) -> None:
    """Returns when it has a line that is this, and nothing else."""
    holds(page, lambda: line in lines(page))


def until_shows(page: Page, text: str) -> None:
    """Returns when it has a text in some line."""
    holds(page, lambda: any(text in line for line in lines(page)))


def prompted(page: Page) -> None:
    """Returns when the shell waits, and the keyboard is the terminal's."""
    terminal(page)
    holds(page, lambda: (lines(page) or [""])[-1].rstrip() == PROMPT.rstrip())
    page.locator(".xterm-helper-textarea").focus()


def type_line(page: Page, text: str) -> None:
    """Types, and presses Enter."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")

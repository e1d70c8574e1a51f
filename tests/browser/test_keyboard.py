"""A session from its beginning to its end without a mouse."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from support.browsing import Visitor, session_link
from support.dashboard import Dashboard
from support.terminals import terminal, type_line, until_line

MOST_TABS = 40


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until an element has the focus."""
    for _ in range(MOST_TABS):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{MOST_TABS} presses of Tab do not lead to {selector}")


def test_a_session_is_made_typed_into_left_and_stopped_by_keys_alone(visitor: Visitor, place: Dashboard) -> None:
    page = visitor.open()
    expect(page.get_by_role("searchbox", name="Filter sessions")).to_be_visible()
    page.keyboard.press("n")
    expect(page.get_by_label("Command line")).to_be_focused()
    page.keyboard.type("bash --norc --noprofile -i")
    page.keyboard.press("Enter")
    expect(session_link(page, "bash")).to_have_attribute("aria-current", "page")
    terminal(page)
    tab_to(page, ".xterm-helper-textarea")
    type_line(page, "echo by $((40 + 2)) keys")
    until_line(page, "by 42 keys")
    page.keyboard.press("Control+Shift+Enter")
    expect(page.locator(".xterm-helper-textarea")).not_to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(session_link(page, "bash")).to_be_focused()
    page.keyboard.press("m")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    for _ in range(MOST_TABS):
        if page.evaluate("document.activeElement.textContent") == "Stop…":
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button", name="Stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(session_link(page, "bash", "stopped")).to_be_visible()


def test_where_the_focus_is_can_be_seen(visitor: Visitor, place: Dashboard) -> None:
    place.command("true", "something")
    page = visitor.open()
    expect(session_link(page, "something")).to_be_visible()
    unseen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """() => {
              const { outlineStyle, boxShadow } = getComputedStyle(document.activeElement);
              const named = document.activeElement.outerHTML.slice(0, 80);
              return outlineStyle === "none" && boxShadow === "none" && document.activeElement !== document.body ? named : "";
            }"""
        )
        unseen += [found] * bool(found)
    assert unseen == []

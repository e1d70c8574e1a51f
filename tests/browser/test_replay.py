"""A session's past on its terminal: any moment of it, and from there on as it went."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from sightline.v1.session_pb2 import Session
from support.browsing import Visitor, holds
from support.dashboard import Dashboard
from support.terminals import lines, terminal

STORY = "echo first; sleep 0.3; echo second; sleep 0.3; printf '\\033[2J\\033[Hthird\\n'; sleep 0.2; echo over"


def told(place: Dashboard) -> tuple[Session, int]:
    """A session that is over, and the event in which it said `second`."""
    session = place.command(STORY)
    place.client.wait(session)
    return session, next(event.seq for event in place.events(session) if b"second" in event.output.data)


def at_event(page: Page, seq: int) -> None:
    expect(page.get_by_role("region", name="Replay", exact=True)).to_have_attribute("data-seq", str(seq))
    expect(page.get_by_role("region", name="Replay", exact=True)).to_have_attribute("data-seeking", "false")


def test_any_event_can_be_gone_to_and_the_address_says_which(visitor: Visitor, place: Dashboard) -> None:
    session, second = told(place)
    page = visitor.open(f"/s/{session.id}/terminal")
    terminal(page)
    page.get_by_role("button", name="Replay").click()
    box = page.get_by_role("spinbutton", name="Event", exact=True)
    box.fill(str(second))
    box.press("Enter")
    at_event(page, second)
    holds(page, lambda: lines(page)[-2:] == ["first", "second"])
    assert page.url.endswith(f"?seq={second}")
    page.reload()
    at_event(page, second)
    holds(page, lambda: lines(page)[-2:] == ["first", "second"])
    page.get_by_role("button", name="Last screen").click()
    terminal(page)
    holds(page, lambda: "over" in lines(page))


def test_it_plays_from_there_to_the_end(visitor: Visitor, place: Dashboard) -> None:
    session, second = told(place)
    page = visitor.open(f"/s/{session.id}/terminal?seq={second}")
    at_event(page, second)
    page.get_by_label("Speed").select_option("No pauses")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("region", name="Replay", exact=True).get_by_role("status")).to_contain_text("The end")
    holds(page, lambda: "over" in lines(page) and "second" not in lines(page)[-2:])
    assert [line for line in lines(page) if line in {"third", "over"}] == ["third", "over"]


def test_the_time_line_is_moved_by_the_keyboard(visitor: Visitor, place: Dashboard) -> None:
    session, second = told(place)
    page = visitor.open(f"/s/{session.id}/terminal?seq={second}")
    at_event(page, second)
    page.get_by_role("slider", name="Place in the log").press("Home")
    at_event(page, 1)
    page.get_by_role("slider", name="Place in the log").press("End")
    expect(page.get_by_role("region", name="Replay", exact=True).get_by_role("status")).to_contain_text("The end")


def test_nothing_is_typed_into_a_replay(visitor: Visitor, place: Dashboard) -> None:
    shell = place.shell()
    page = visitor.open(f"/s/{shell.id}/terminal?seq=1")
    expect(page.get_by_role("region", name="Replay", exact=True)).to_be_visible()
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.type("not typed")
    page.get_by_role("button", name="Back to live").press("Enter")
    terminal(page)
    assert not [event for event in place.events(shell) if event.HasField("input")]
    place.client.terminate(shell, grace=0.2)

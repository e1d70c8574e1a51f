"""What breaks between a page and the log: the network, in the open and in silence, the server, the bridge. The page says so, comes
back by itself, and knows what was missed.
"""

from __future__ import annotations

import re

from playwright.sync_api import expect
from support.browsing import CUT_OFF, Visitor, connected, holds, session_link
from support.dashboard import Dashboard

SILENCE_MS = 40_000  # 15 s until a silent way is given up, on a busy machine


def test_a_cut_is_shown_and_ends_by_itself_and_what_came_meanwhile_is_there(visitor: Visitor, place: Dashboard) -> None:
    page = visitor.open()
    visitor.watch.allow(*CUT_OFF)
    place.line.cut()
    expect(page.get_by_role("status").filter(has_text="Not connected")).to_be_visible()
    place.command("true", "while-cut")
    assert session_link(page, "while-cut").count() == 0
    place.line.mend()
    connected(page)
    expect(session_link(page, "while-cut")).to_be_visible()


def test_it_is_tried_again_at_once_when_somebody_asks_for_it(visitor: Visitor, place: Dashboard) -> None:
    page = visitor.open()
    visitor.watch.allow(*CUT_OFF)
    place.line.cut()
    expect(page.get_by_text(re.compile(r"again in [345] s"))).to_be_visible()  # the pauses have become long
    place.line.mend()
    page.get_by_role("button", name="Retry now").press("Enter")
    connected(page)


def test_a_way_that_falls_silent_is_noticed_and_replaced(visitor: Visitor, place: Dashboard) -> None:
    page = visitor.open()
    visitor.watch.allow(*CUT_OFF)
    place.line.silence()
    place.command("true", "in-silence")
    expect(session_link(page, "in-silence")).to_be_visible(timeout=SILENCE_MS)
    connected(page)


def test_a_server_that_is_killed_and_started_again_is_followed_on(visitor: Visitor, place: Dashboard) -> None:
    page = visitor.open()
    shell = place.shell("survivor")
    expect(session_link(page, "survivor")).to_be_visible()
    place.server.kill()
    place.server.start()
    place.command("true", "after-restart")
    expect(session_link(page, "after-restart")).to_be_visible()
    expect(session_link(page, "survivor")).to_be_visible()
    place.client.terminate(shell, grace=0.2)


def test_a_bridge_that_is_killed_and_started_again_knows_who_is_logged_in(visitor: Visitor, place: Dashboard) -> None:
    page = visitor.open()
    visitor.watch.allow(*CUT_OFF)
    place.bridge.kill()
    expect(page.get_by_role("status").filter(has_text="Not connected")).to_be_visible()
    place.command("true", "without-bridge")
    place.bridge.start()
    connected(page)
    expect(session_link(page, "without-bridge")).to_be_visible()
    expect(page.get_by_role("button", name="Log in")).to_have_count(0)


def test_a_page_that_was_opened_before_the_server_shows_its_sessions_when_it_comes(visitor: Visitor, place: Dashboard) -> None:
    place.command("true", "kept")
    place.server.kill()
    page = visitor.open()
    place.server.start()
    expect(session_link(page, "kept")).to_be_visible()


def test_a_page_that_is_left_leaves_no_socket_behind(visitor: Visitor, place: Dashboard) -> None:
    page = visitor.open()
    before = place.metric("sightline_bridge_sockets")
    page.goto("about:blank")
    holds(page, lambda: place.metric("sightline_bridge_sockets") == before - 1)

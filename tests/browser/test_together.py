"""Several at once: two browsers at one shell, a tab that is stuck while a flood passes, many sessions that stream."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from support import probes
from support.browsing import Visitor, holds, session_link
from support.dashboard import PROMPT, Dashboard
from support.server import resident
from support.terminals import lines, prompted, terminal, type_line, until_line, until_shows

MB = 1_000_000
FLOOD = 120 * MB
BRIDGE_GROWTH, SERVER_GROWTH = 40 * MB, 150 * MB  # of memory while it passes a tab that takes nothing
STREAMS = 50


def test_two_browsers_see_one_shell_and_both_type_into_it(visitor: Visitor, place: Dashboard) -> None:
    shell = place.shell("shared")
    pages = [visitor.open(f"/s/{shell.id}/terminal") for _ in range(2)]
    for number, page in enumerate(pages):
        prompted(page)
        type_line(page, f"echo from $((40 + {number}))")
        for other in pages:
            until_line(other, f"from {40 + number}")
    assert lines(pages[0]) == lines(pages[1])
    place.client.terminate(shell, grace=0.2)
    for page in pages:
        expect(session_link(page, "shared", "stopped")).to_be_visible()


def test_pages_that_come_while_somebody_types_draw_each_letter_once(visitor: Visitor, place: Dashboard) -> None:
    shell = place.shell()
    holds_prompt = visitor.open(f"/s/{shell.id}/terminal")
    prompted(holds_prompt)
    words = ", ".join(f"letter {n}" for n in range(6))
    typing = threading.Thread(target=lambda: [place.client.send(shell, letter) for letter in words])
    typing.start()
    pages = [holds_prompt, *(visitor.open(f"/s/{shell.id}/terminal") for _ in range(2))]
    typing.join()
    for page in pages:
        until_line(page, PROMPT + words)
    place.client.terminate(shell, grace=0.2)


def test_a_tab_that_is_stuck_costs_nobody_memory_and_is_right_afterwards(visitor: Visitor, place: Dashboard) -> None:
    visitor.watch.allow("Synchronous XMLHttpRequest")
    script = f"read go; yes 'a line of the flood, long enough' | head -c {FLOOD}; echo; echo the flood is over; exec sleep 1000"
    session = place.client.create(["sh", "-c", script], stdin_open=True, cwd="/")
    page = visitor.open(f"/s/{session.id}/terminal")
    terminal(page)
    stuck: list[Route] = []
    page.route("**/stuck", lambda route: stuck.append(route))  # noqa: PLW0108 - Playwright marks what it is given
    # The page's own thread waits for an answer that the test gives when it likes to.
    page.evaluate(
        """setTimeout(() => {
          const request = new XMLHttpRequest();
          request.open("GET", "/stuck", false);
          request.send();
          window.woke = true;
        })"""
    )
    holds(page, lambda: stuck)
    processes = [place.bridge.process.pid, place.server.process.pid]
    before = [resident(pid) for pid in processes]
    largest = list(before)
    place.client.send(session, "go", submit=True)

    def passed() -> bool:
        largest[:] = [max(most, resident(pid)) for most, pid in zip(largest, processes, strict=True)]
        return place.client.get(session).bytes > FLOOD

    holds(page, passed, 60)
    stuck[0].fulfill(body="")
    until_shows(page, "the flood is over")
    assert page.evaluate("window.woke")
    assert largest[0] - before[0] < BRIDGE_GROWTH
    assert largest[1] - before[1] < SERVER_GROWTH
    place.client.send(session, eof=True)
    place.client.terminate(session, grace=0.2)


@pytest.fixture
def streams(place: Dashboard) -> Iterator[list[str]]:
    """Sessions that each write twenty lines a second."""
    argv = [sys.executable, "-uc", probes.STAMPS, "20"]
    made = [place.client.create(argv, name=f"stream-{n}", cwd="/").id for n in range(STREAMS)]
    yield made
    for session in made:
        place.client.terminate(session, signal=9)


def watched(browser: Browser, visitor: Visitor, path: str) -> Page:
    context = visitor.context()
    probes.watch(context)
    page = context.new_page()
    page.goto(visitor.ticket_url(path))
    return page


def stream_for(page: Page, seconds: int) -> list[int]:
    """The heap at five moments of so many seconds."""
    found = []
    for _ in range(5):
        page.wait_for_timeout(seconds * 200)
        found.append(probes.heap(page))
    return found


def test_a_page_lives_while_fifty_sessions_stream(browser: Browser, visitor: Visitor, streams: list[str]) -> None:
    page = watched(browser, visitor, f"/s/{streams[0]}/terminal")
    terminal(page)
    for name in ("stream-7", "stream-23"):
        page.get_by_role("searchbox", name="Filter sessions").fill(name)
        session_link(page, name).first.click()
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        terminal(page)
    seen = len(lines(page))
    holds(page, lambda: len(lines(page)) > seen + 20)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_fifty_streams_for_ten_minutes_leave_the_heap_as_it_was(
    browser: Browser, visitor: Visitor, place: Dashboard, streams: list[str]
) -> None:
    page = watched(browser, visitor, f"/s/{streams[0]}/terminal")
    expect(session_link(page, "stream-49")).to_be_attached()
    found = stream_for(page, 600)
    assert max(found[2:]) < found[1] * 1.25 + 4 * MB, found

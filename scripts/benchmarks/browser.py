"""The dashboard in Debian's Chromium before a real server and bridge: how soon it is there and shows things, and how smoothly."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import cast

from playwright.sync_api import Browser, Page
from sightline.v1.event_pb2 import Event, Message, Role
from support import probes
from support.browsing import CHROMIUM, Visitor, chromium, connected, driving
from support.dashboard import Dashboard, dashboard
from support.terminals import terminal

from benchmarks.figures import Figure, absent, below, median, percentile, plain
from benchmarks.run import MB, Run

LOAD_KB, LOAD_SECONDS, OPEN_SECONDS, PIXEL_MS, TASK_MS = 300.0, 1.0, 1.0, 100.0, 50.0
RATE = 50  # events a second of the one that is looked at
STREAMS = 50
BATCH = 1000  # events of one `publish`


async def measure(run: Run) -> AsyncIterator[Figure]:
    """Each part in a thread: the driver has a loop of its own."""
    if not CHROMIUM:
        yield absent("browser", "the dashboard in a browser", "there is no chromium on the PATH")
        return
    for part in (_first_load, _pixels, _many, _long):
        for figure in await asyncio.to_thread(_measured, part, run):
            yield figure


def _measured(part: Callable[[Run, Browser, Dashboard], Iterator[Figure]], run: Run) -> list[Figure]:
    with driving() as playwright, chromium(playwright) as browser, dashboard() as place:
        return list(part(run, browser, place))


@contextmanager
def _visiting(browser: Browser, place: Dashboard) -> Iterator[Visitor]:
    visitor = Visitor(browser, place)
    try:
        yield visitor
    finally:
        visitor.close()


def _opened(visitor: Visitor, path: str) -> Page:
    """A page that counts its frames and long tasks."""
    context = visitor.context()
    probes.watch(context)
    page = context.new_page()
    page.goto(visitor.ticket_url(path))
    return page


def _first_load(run: Run, browser: Browser, place: Dashboard) -> Iterator[Figure]:
    """With an empty cache: from the address to a list that can be used, and what was sent for it."""
    run.say("first load of the dashboard")
    place.command("true", "first")
    seconds, sizes = [], []
    for _ in range(run.pick(5, 1)):
        with _visiting(browser, place) as visitor:
            page = visitor.context().new_page()
            loaded: list[float] = []
            network = page.context.new_cdp_session(page)
            network.send("Network.enable")
            network.on("Network.loadingFinished", lambda event, loaded=loaded: loaded.append(event["encodedDataLength"]))
            url = place.ticket_url()
            began = time.monotonic()
            page.goto(url, wait_until="commit")
            connected(page)
            page.get_by_role("navigation", name="Sessions").get_by_role("link").first.wait_for()
            seconds.append(time.monotonic() - began)
            sizes.append(sum(loaded) / 1000)
    yield below("browser.load.bytes", "first load of the dashboard: sent before the terminal", median(sizes), "kB", LOAD_KB)
    yield below("browser.load.time", "  until the list of sessions can be used", median(seconds), "s", LOAD_SECONDS)


def _pixels(run: Run, browser: Browser, place: Dashboard) -> Iterator[Figure]:
    """A program writes the time; the page looks at its clock when the frame that shows it is drawn."""
    run.say("from a line to its pixels")
    session = place.client.create([sys.executable, "-uc", probes.STAMPS, str(RATE)], terminal=(80, 24), cwd="/")
    for view, selector, name in (("terminal", ".xterm", "in the terminal"), ("activity", "[role=feed]", "as a card")):
        with _visiting(browser, place) as visitor:
            page = _opened(visitor, f"/s/{session.id}/{view}")
            element = page.locator(selector)
            element.wait_for()
            if view == "activity":
                page.get_by_role("tab", name=re.compile("^Output")).click()
                element = page.locator("[role=tabpanel]").last
            page.wait_for_timeout(run.pick(1_000, 500))
            element.evaluate(probes.AGES)
            page.wait_for_timeout(run.pick(20_000, 2_000))
            ages = cast(list[float], page.evaluate("ages"))
        key, words = f"browser.pixel.{view}", f"written to drawn, {RATE} lines a second, {name}"
        yield plain(f"{key}.p50", f"{words}: p50", percentile(ages, 50), "ms", note=f"{len(ages)} lines")
        yield below(f"{key}.p95", "  p95", percentile(ages, 95), "ms", PIXEL_MS)


def _many(run: Run, browser: Browser, place: Dashboard) -> Iterator[Figure]:
    """Fifty sessions write, and the page shows one of them and the list of all."""
    run.say(f"{STREAMS} sessions that stream")
    argv = [sys.executable, "-uc", probes.STAMPS, "10"]
    made = [place.client.create(argv, name=f"stream-{n}", cwd="/") for n in range(STREAMS)]
    with _visiting(browser, place) as visitor:
        page = _opened(visitor, f"/s/{made[0].id}/terminal")
        terminal(page)
        page.wait_for_timeout(run.pick(3_000, 1_000))
        probes.smoothness(page)
        before = probes.heap(page)
        probes.smoothness(page)  # the collection of garbage is no task of the page's
        with probes.busy(browser, page) as tasks:
            page.wait_for_timeout(run.pick(20_000, 2_000))
        felt = probes.smoothness(page)
        growth = probes.heap(page) - before
    words = f"{STREAMS} sessions stream, one is looked at"
    yield below("browser.many.task", f"{words}: longest task's processor time", max(tasks), "ms", TASK_MS)
    yield plain("browser.many.tasks", "  tasks over 50 ms by the clock", len(felt.tasks), "")
    yield plain("browser.many.frame.p50", "  between frames: p50", percentile(felt.frames, 50), "ms")
    yield plain("browser.many.frame.p99", "  p99", percentile(felt.frames, 99), "ms")
    yield plain("browser.many.heap", "  growth of the heap meanwhile", growth / MB, "MB")


def _long(run: Run, browser: Browser, place: Dashboard) -> Iterator[Figure]:
    """An activity of a hundred thousand events: opened at its end, and scrolled through."""
    count = run.pick(100_000, 5_000)
    run.say(f"an activity of {count} events")
    session = place.client.create_published(name="long")
    for at in range(0, count, BATCH):
        place.client.publish(session, [_message(n) for n in range(at, at + BATCH)])
    opened, felt, tasks = [], probes.Smoothness([], []), [0.0]
    for _ in range(run.pick(3, 1)):
        with _visiting(browser, place) as visitor:
            page = _opened(visitor, "/")
            connected(page)
            link = page.get_by_role("navigation", name="Sessions").get_by_role("link").first
            link.wait_for()
            probes.smoothness(page)
            with probes.busy(browser, page) as spent:
                began = time.monotonic()
                page.evaluate(
                    "(path) => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')) }",
                    f"/s/{session.id}/activity",
                )
                page.get_by_text(f"event number {count - 1}.").wait_for()
                opened.append(time.monotonic() - began)
                felt = _scrolled(page, run)
            tasks += spent
    name = f"an activity of {count} events"
    yield below("browser.long.open", f"{name}: until its end is shown", median(opened), "s", OPEN_SECONDS)
    yield below("browser.long.task", "  opened and scrolled up: longest task's processor time", max(tasks), "ms", TASK_MS)
    yield plain("browser.long.tasks", "  tasks over 50 ms by the clock", len(felt.tasks), "")
    yield plain("browser.long.frame.p50", "  between frames: p50", percentile(felt.frames, 50), "ms")
    yield plain("browser.long.frame.p99", "  p99", percentile(felt.frames, 99), "ms")


def _scrolled(page: Page, run: Run) -> probes.Smoothness:
    page.get_by_role("feed").hover()
    for _ in range(run.pick(200, 20)):
        page.mouse.wheel(0, -600)
        page.wait_for_timeout(16)
    return probes.smoothness(page)


def _message(number: int) -> Event:
    return Event(message=Message(role=Role.ROLE_ASSISTANT, text=f"event number {number}.", message_id=str(number)))

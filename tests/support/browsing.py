"""Chromium for tests: pages that are watched, so that whatever goes wrong in one of them fails the test it was opened for."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    Request,
    WebSocket,
    sync_playwright,
)
from support.dashboard import Dashboard
from support.server import PATIENCE

CHROMIUM = shutil.which("chromium") or ""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MILLISECONDS = PATIENCE * 1000
CUT_OFF = (  # what Chromium itself writes when a connection fails; a test that cuts one says so
    r"WebSocket connection to 'ws://127\.0\.0\.1:\d+/ws' failed",
    r"Failed to load resource: net::ERR_",
)

# Violations of the CSP are told as events too: the console's text for them is Chromium's own.
VIOLATIONS = (
    """addEventListener("securitypolicyviolation", (e) => console.error("CSP", e.violatedDirective, e.blockedURI, e.sample))"""
)


@contextlib.contextmanager
def driving() -> Iterator[Playwright]:
    """What drives browsers, for the length of a block; skips the test, saying why, where there is none."""
    if not CHROMIUM:
        pytest.skip("there is no chromium on the PATH: scripts/setup --dev installs it")
    with sync_playwright() as playwright:
        yield playwright


@contextlib.contextmanager
def chromium(playwright: Playwright, *flags: str) -> Iterator[Browser]:
    """A browser for the length of a block."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
    try:
        yield browser
    finally:
        browser.close()


@dataclass
class Watch:
    """What went wrong in pages.

    Attributes:
        homes: where all requests are to go, `127.0.0.1:PORT`.
        allowed: patterns of the console's messages that are meant to come.
        passed: those of them that came.
        seen: what went wrong.
    """

    homes: list[str]
    allowed: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def allow(self, *patterns: str) -> None:
        """These messages of the console are no failure, in this test."""
        self.allowed += patterns

    def on(self, context: BrowserContext) -> None:
        """Watches every page of a context."""
        context.add_init_script(VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.seen.append(f"error of a page: {error.error}"))
        context.on("request", self._request)
        context.on("page", lambda page: page.on("websocket", self._websocket))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if any(re.search(pattern, message.text) for pattern in self.allowed):
            self.passed.append(message.text)
        else:
            self.seen.append(f"console: {message.text} ({message.location['url']})")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc not in self.homes and not request.url.startswith(("data:", "blob:")):
            self.seen.append(f"request to {request.url}")

    def _websocket(self, socket: WebSocket) -> None:
        if urlsplit(socket.url).netloc not in self.homes:
            self.seen.append(f"socket to {socket.url}")


class Visitor:
    """Opens pages, each in a context of its own as if by another person; closes them all and says what went wrong.

    Args:
        browser: Chromium.
        place: what they are pages of.
    """

    def __init__(self, browser: Browser, place: Dashboard) -> None:
        self.watch = Watch([urlsplit(place.url).netloc])
        self._browser = browser
        self._place = place
        self._contexts: list[BrowserContext] = []

    def context(self, **options: Any) -> BrowserContext:
        """An empty profile; options of `Browser.new_context`."""
        made = self._browser.new_context(**{"viewport": {"width": 1200, "height": 760}, **options})
        made.set_default_timeout(MILLISECONDS)
        self._contexts.append(made)
        self.watch.on(made)
        return made

    def open(self, path: str = "/", **options: Any) -> Page:
        """A page in a profile of its own, logged in and connected."""
        page = self.context(**options).new_page()
        page.goto(self._place.ticket_url(path))
        connected(page)
        return page

    def ticket_url(self, path: str = "/") -> str:
        """An address that logs in once."""
        return self._place.ticket_url(path)

    def close(self) -> None:
        """Closes all. Fails when something went wrong in one of them."""
        for context in self._contexts:
            context.close()
        assert not self.watch.seen, "\n".join(self.watch.seen)


def connected(page: Page) -> None:
    """Returns when the page says that it is."""
    page.locator("[data-status=open]").wait_for()


def holds(page: Page, question: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Returns when it holds, the browser's own events going on meanwhile; fails when that takes too long."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it did not come about"
        page.wait_for_timeout(20)


def session_link(page: Page, name: str, words: str = "") -> Locator:
    """The session's link in the list; `words`: a pattern of what it says behind the name, such as `working`."""
    pattern = re.compile(rf"^{re.escape(name)}\b.*{words}")
    return page.get_by_role("navigation", name="Sessions").get_by_role("link", name=pattern)

"""The dashboard in Debian's Chromium: `visitor` opens watched pages, `page` is one that is logged in, `place` serves them.

Server, bridge and browser live for a module; whoever kills one of them brings it back. Playwright's loop must not outlive a
module: other modules of the same process have loops of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect
from support.browsing import MILLISECONDS, Visitor, chromium, driving
from support.dashboard import Dashboard, dashboard

expect.set_options(timeout=MILLISECONDS)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with driving() as made:
        yield made


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with chromium(playwright) as made:
        yield made


@pytest.fixture(scope="module")
def place(browser: Browser) -> Iterator[Dashboard]:  # after the browser: without one nothing is started
    with dashboard() as made:
        yield made


@pytest.fixture
def visitor(browser: Browser, place: Dashboard) -> Iterator[Visitor]:
    made = Visitor(browser, place)
    try:
        yield made
    finally:
        place.line.mend()
        made.close()


@pytest.fixture
def page(visitor: Visitor) -> Page:
    return visitor.open()

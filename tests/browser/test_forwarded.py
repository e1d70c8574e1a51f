"""The dashboard of another machine, through a port that ssh forwards to another one here: the page, its login, its socket."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect
from support.browsing import connected
from support.dashboard import BRIDGE_HOST, dashboard
from support.server import until
from support.sshd import SshHost, free_port, host, listens


@contextmanager
def forwarded(box: SshHost, here: int, there: int) -> Iterator[None]:
    """`ssh -L`, for the length of a block."""
    command = ["ssh", "-F", str(box.config), "-N", "-L", f"127.0.0.1:{here}:{BRIDGE_HOST}:{there}", "box"]
    tunnel = subprocess.Popen(command)
    try:
        until(lambda: listens(here))
        yield
    finally:
        tunnel.terminate()
        tunnel.wait()


def test_a_port_that_was_named_opens_the_dashboard_and_another_one_says_how(browser: Browser) -> None:
    named, unnamed = free_port(), free_port()
    with (
        host() as box,
        dashboard(words=("--allow-origin", f"http://localhost:{named}")) as place,
        browser.new_context() as context,
    ):
        there = urlsplit(place.bridge.url).port or 0
        ticket = place.ticket_url().partition("#")[2]
        page = context.new_page()
        with forwarded(box, unnamed, there):
            answer = page.goto(f"http://localhost:{unnamed}/#{ticket}")
            assert answer is not None
            assert answer.status == 403
            expect(page.get_by_text(f"--allow-origin http://localhost:{unnamed}")).to_be_visible()
        with forwarded(box, named, there):
            page.goto(f"http://localhost:{named}/#{ticket}")
            connected(page)
            assert page.url == f"http://localhost:{named}/"

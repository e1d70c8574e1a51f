"""`sightline open`: the page that it gives a browser leads to the dashboard, logged in."""

from __future__ import annotations

import subprocess
from pathlib import Path

from playwright.sync_api import Browser
from support.browsing import connected
from support.dashboard import Dashboard
from support.server import SIGHTLINE


def test_the_page_that_a_browser_is_given_leads_to_the_dashboard_logged_in(
    browser: Browser, place: Dashboard, tmp_path: Path
) -> None:
    taking_note = tmp_path / "browser"
    taking_note.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/address\n')
    taking_note.chmod(0o700)
    environ = {**place.server.environ, "BROWSER": str(taking_note)}
    subprocess.run([*SIGHTLINE, "open"], env=environ, check=True, capture_output=True, timeout=20)
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((tmp_path / "address").read_text())
        connected(page)
        assert page.url == f"{place.bridge.url}/"

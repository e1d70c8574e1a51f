"""`open`: a new ticket, for the browser or for print."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from clients.cli.program import Program, Sightline
from clients.cli.web import log_in

BROWSER = """#!/bin/sh
printf '%s\\n' "$@" > {there}/called
for word; do stat -c %a "${{word#file://}}" > {there}/mode; cat "${{word#file://}}" > {there}/page; done
"""


@pytest.fixture
def bridge(alone: Sightline) -> Program:
    """A bridge without a server: tickets are its own."""
    program = alone.start("bridge")
    program.expect(b"Ctrl-C ends it", 2)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        alone.env.pop(name, None)
    return program


def test_without_a_bridge_it_says_how_to_start_one(alone: Sightline) -> None:
    done = alone.run("open", code=3)
    assert b"`sightline up`" in done.stderr
    assert not alone.home.exists()


def test_what_a_killed_bridge_left_behind_is_no_bridge(alone: Sightline, bridge: Program) -> None:
    bridge.process.kill()
    bridge.process.wait()
    assert (alone.home / "bridge.json").exists()
    assert b"no bridge runs" in alone.run("open", code=3).stderr


def test_each_address_that_it_prints_logs_in_once(alone: Sightline, bridge: Program) -> None:
    first, second = alone.out("open", "--print").strip(), alone.out("open", "--print").strip()
    assert first != second
    assert [log_in(url)[0] for url in (first, second, first)] == [200, 200, 401]


def test_scripts_get_json(alone: Sightline, bridge: Program) -> None:
    said = json.loads(alone.out("open", "--json"))
    assert said["expires_in"] == 60
    assert log_in(said["url"])[0] == 200


def test_without_a_screen_the_address_is_printed(alone: Sightline, bridge: Program) -> None:
    assert log_in(alone.out("open").strip())[0] == 200


def test_the_browser_is_given_a_private_page_and_not_the_ticket(alone: Sightline, bridge: Program, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(BROWSER.format(there=tmp_path))
    browser.chmod(0o700)
    alone.env["BROWSER"] = str(browser)
    assert alone.out("open") == ""
    assert (tmp_path / "called").read_text() == f"file://{alone.home}/open.html\n"
    assert (tmp_path / "mode").read_text() == "600\n"
    page = (tmp_path / "page").read_text()
    assert log_in(page.partition("0; url=")[2].partition('"')[0])[0] == 200
    assert "<script" not in page
    bridge.signal(signal.SIGTERM)
    assert bridge.ended()[0] == 0
    assert not (alone.home / "open.html").exists()


def test_where_no_browser_can_be_started_the_address_is_printed(alone: Sightline, bridge: Program) -> None:
    alone.env |= {"BROWSER": "/nowhere/browser", "PATH": "/nowhere"}
    assert log_in(alone.out("open").strip())[0] == 200


def test_a_token_that_has_changed_since_the_start_is_named(alone: Sightline, bridge: Program) -> None:
    (alone.home / "token").write_text("another")
    assert b"another one than when the bridge started" in alone.run("open", code=1).stderr

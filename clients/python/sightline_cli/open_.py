"""open: a new ticket for the dashboard, and the browser. The ticket is in no process's command line, which other users can read."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sightline_cli import codes
from sightline_cli.command import Command, Complaint, add_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sightline_cli.whereabouts import Whereabouts

SECONDS = 5.0  # for the bridge to answer, and for one that is just starting to listen
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}"><title>Sightline</title>
<p><a href="{url}">Open the dashboard</a>: logs in once, within {seconds:.0f} s.</p></html>
"""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--print", action="store_true", help="print the address instead of opening it")
    add_json(parser, "print the address as JSON, with the seconds it works for")
    parser.add_argument("--home", metavar="DIR", help="the bridge's home; default: $SIGHTLINE_HOME, else ~/.local/state/sightline")


def _open(chosen: argparse.Namespace) -> int:
    from sightline.target import home  # noqa: PLC0415

    place = home(os.environ)
    found = _bridge(place)
    ticket, seconds = _ticket(found)
    url = f"{found.urls[0]}/#ticket={ticket}"
    if chosen.json:
        print(json.dumps({"url": url, "expires_in": seconds}))
    elif chosen.print or not _has_browser(os.environ) or not _browse(place, url, seconds):
        print(url)
        print(f"It logs a browser in once, within {seconds:.0f} s.", file=sys.stderr)
    else:
        print(f"opened {found.urls[0]} in the browser; `sightline open --print` prints an address instead", file=sys.stderr)
    return codes.OK


def _bridge(place: Path) -> Whereabouts:
    import time  # noqa: PLC0415

    from sightline_cli import whereabouts  # noqa: PLC0415

    until = time.monotonic() + SECONDS
    while found := whereabouts.find(place):
        if found.urls:
            return found
        if time.monotonic() > until:
            raise Complaint(f"the bridge for {place} has started and does not listen yet: try again in a moment", codes.NO_SERVER)
        time.sleep(0.05)
    raise Complaint(f"no bridge runs for {place}: `sightline up` starts server and dashboard", codes.NO_SERVER)


def _ticket(found: Whereabouts) -> tuple[str, float]:
    import http.client  # noqa: PLC0415

    url = found.urls[0]
    try:
        token = Path(found.token_file).read_text().strip()
    except (OSError, ValueError) as error:
        raise Complaint(f"the token in {found.token_file} cannot be read: {error}") from error
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=SECONDS)
    try:
        connection.request("POST", "/api/ticket", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        said = json.loads(answer.read(64 * 1024))
        if answer.status == http.client.UNAUTHORIZED:
            raise Complaint(f"the token in {found.token_file} is another one than when the bridge started: start it anew")
        if answer.status != http.client.OK:
            raise Complaint(f"the bridge at {url} refuses: {said['message']}")
        return str(said["ticket"]), float(said["expires_in"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise Complaint(f"the bridge at {url} (pid {found.pid}) does not answer: {error}", codes.NO_SERVER) from error
    finally:
        connection.close()


def _has_browser(environ: Mapping[str, str]) -> bool:
    """Whether there is a screen for one: without it only browsers for text would start, which cannot show the dashboard."""
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def _browse(place: Path, url: str, seconds: float) -> bool:
    """Opens a private page that leads on to the address; it goes with the bridge, its ticket long before."""
    import webbrowser  # noqa: PLC0415
    from html import escape  # noqa: PLC0415

    from sightline_cli.whereabouts import PAGE as NAME  # noqa: PLC0415

    page = place / NAME
    page.unlink(missing_ok=True)
    with os.fdopen(os.open(page, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(PAGE.format(url=escape(url), seconds=seconds))
    try:
        return webbrowser.open(page.as_uri())
    except (OSError, webbrowser.Error):
        return False


OPEN = Command(
    name="open",
    summary="Open the dashboard in the browser, logged in.",
    when="""\
Asks the bridge that runs for the home for a new ticket, which logs one browser in once, within a minute. The
browser is handed a private file that leads there, since other users can read what stands on a command line.
Without a screen, as over ssh, the address is printed. A browser in a sandbox of its own (snap, flatpak) may not
be allowed to read that file: then --print.""",
    examples=(
        ("sightline open", "the dashboard, logged in"),
        ("sightline open --print", "an address to open elsewhere, such as behind `ssh -L 7412:127.0.0.1:7412`"),
        ("sightline open --json", "the same for scripts"),
    ),
    arguments=_arguments,
    run=_open,
    remote=False,
)

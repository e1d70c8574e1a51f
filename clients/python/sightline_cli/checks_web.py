"""What `doctor` looks at of the bridge and its dashboard. Reads and never changes anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from sightline_server.settings import Settings

from sightline_cli import whereabouts
from sightline_cli.checks import Finding, fail, ok, warn

SECONDS = 5.0  # for the bridge to answer; it asks its server meanwhile


async def web(settings: Settings) -> Iterable[Finding]:
    """The bridge that runs for the home, and the pages that it would serve."""
    return [*await asyncio.to_thread(bridge, settings), *dashboard()]


def bridge(settings: Settings) -> Iterable[Finding]:
    """Whether it answers, at every address, and whether its server answers it."""
    found = whereabouts.find(settings.home)
    if found is None:
        yield ok("bridge", "none runs: `sightline up` starts it with the server, `sightline bridge` alone")
        return
    if not found.urls:
        yield warn("bridge", "it has started, and does not listen yet", "look again in a moment")
    for url in found.urls:
        status, text = _ask(url)
        if status == 200:
            yield ok("bridge", f"runs as pid {found.pid} and answers at {url}")
        elif status:
            yield fail("bridge", f"{url} answers, and its server does not: {text}", "sightline serve, or look what it does")
        else:
            yield fail("bridge", f"pid {found.pid} does not answer at {url}: {text}", f"wait, or end it: kill {found.pid}")


def dashboard() -> Iterable[Finding]:
    """The built pages."""
    spec = find_spec("sightline_bridge")
    if spec is None or spec.origin is None:
        yield fail("dashboard", "sightline_bridge is not installed", "install Sightline anew: ./scripts/setup")
    elif (Path(spec.origin).parent / "dashboard" / "index.html").is_file():
        yield ok("dashboard", "is built")
    else:
        yield warn(
            "dashboard", "is not built: the bridge can be used, its pages cannot", "./scripts/dashboard says what is missing"
        )


def _ask(url: str) -> tuple[int, str]:
    """HTTP's status, 0 for none, and what was said."""
    import http.client  # noqa: PLC0415

    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=SECONDS)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status, answer.read(64 * 1024).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()

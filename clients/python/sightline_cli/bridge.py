"""bridge: the bridge to browsers in the foreground. Arguments to settings, and what is printed; itself it is `sightline_bridge`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sightline_cli import codes, people
from sightline_cli.command import Command, Complaint
from sightline_cli.serve import greet, log_to_stderr

if TYPE_CHECKING:
    import asyncio

    from sightline_bridge.app import Bridge
    from sightline_bridge.settings import Settings

    from sightline_cli.lifeline import Parent

OPEN = "--open-dialects is on: whoever can reach the port from this machine, other users too, reads and steers every session"


def add_flags(parser: argparse._ActionsContainer) -> None:
    """What a bridge is told."""
    parser.add_argument(
        "--web-address",
        metavar="HOST:PORT",
        action="append",
        default=[],
        help="where it listens, on this machine alone; may be given twice; $SIGHTLINE_WEB_ADDRESS, else 127.0.0.1:7412",
    )
    parser.add_argument(
        "--allow-origin",
        metavar="URL",
        action="append",
        default=[],
        help="a page beside its own that may come in, such as https://example.org; http://localhost:PORT admits a forwarded port",
    )
    parser.add_argument(
        "--open-dialects", action="store_true", help="clients of the older protocols need no token: see docs/bridge.md first"
    )


def words_of(chosen: argparse.Namespace) -> list[str]:
    """The same flags again, for a process that is to be told the same."""
    words = [word for origin in chosen.allow_origin for word in ("--allow-origin", origin)]
    return words + ["--open-dialects"] * chosen.open_dialects + ["--verbose"] * chosen.verbose


def opening(url: str, urls: Sequence[str]) -> list[str]:
    """How a browser gets in."""
    lines = [f"  in the browser {url}", "                 (logs in once, within 60 s; `sightline open` gives another)"]
    return lines + [f"  and on         {one}" for one in urls[1:]]


def warn(open_dialects: bool) -> None:
    """Loud, at every start."""
    if open_dialects:
        sys.stderr.write(people.paint(f"WARNING: {OPEN}", "red", people.wants_colour(sys.stderr)) + "\n")


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_flags(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="log more on stderr")
    parser.add_argument("--lifeline", action="store_true", help=argparse.SUPPRESS)  # a child of `up`: stdin is `lifeline`'s socket


async def _bridge(chosen: argparse.Namespace) -> int:
    import signal  # noqa: PLC0415

    from sightline_cli.lifeline import Parent, Ready  # noqa: PLC0415
    from sightline_cli.staying import ending, settle  # noqa: PLC0415

    log_to_stderr(chosen.verbose)
    parent = Parent() if chosen.lifeline else None
    own = (signal.SIGTERM, signal.SIGHUP)  # Ctrl-C is for the parent, which ends its server afterwards
    stop = ending(own if parent else (*own, signal.SIGINT))
    import sightline_bridge.app  # noqa: F401, PLC0415 - a third of a second, while the parent loads its server

    if parent is not None and not await parent.goes():
        return codes.FAILED
    settings = _settings(chosen)
    async with _listening(settings) as bridge:
        settle()
        if parent is not None:
            parent.ready(Ready(bridge.ticket_url(), _urls(bridge)))
            return await _beside(parent, stop)
        warn(settings.open_dialects)
        after = [f"It serves {settings.target.shown}. Ctrl-C ends it, and nothing else."]
        greet("The bridge listens", opening(bridge.ticket_url(), _urls(bridge)), after)
        await stop.wait()
    return codes.OK


def _settings(chosen: argparse.Namespace) -> Settings:
    from sightline_bridge.errors import TokenUnusable  # noqa: PLC0415
    from sightline_bridge.settings import load  # noqa: PLC0415

    try:
        return load(
            os.environ,
            target=chosen.target,
            addresses=chosen.web_address,
            origins=chosen.allow_origin,
            open_dialects=chosen.open_dialects,
        )
    except TokenUnusable as error:
        raise Complaint(str(error)) from error


@asynccontextmanager
async def _listening(settings: Settings) -> AsyncIterator[Bridge]:
    """The bridge, and the file by which `open` finds it."""
    from sightline.target import home  # noqa: PLC0415
    from sightline_bridge.app import Bridge  # noqa: PLC0415

    from sightline_cli import whereabouts  # noqa: PLC0415

    place = home(os.environ)
    try:
        with whereabouts.hold(place) as write:
            bridge = Bridge(settings)
            try:
                await bridge.start()
            except OSError as error:
                raise _taken(settings, bridge, error) from error
            try:
                write(whereabouts.Whereabouts(os.getpid(), _urls(bridge), str(_token_file(place))))
                yield bridge
            finally:
                await bridge.close()
    except whereabouts.Held:
        found = whereabouts.find(place)
        where = f" (pid {found.pid}, {found.urls[0]})" if found and found.urls else ""
        raise Complaint(
            f"a bridge for {place} runs already{where}: `sightline open` leads there; --web-address may be given twice"
        ) from None


def _taken(settings: Settings, bridge: Bridge, error: OSError) -> Complaint:
    import errno  # noqa: PLC0415

    host, port = settings.addresses[len(bridge.addresses)]
    if error.errno == errno.EADDRINUSE:
        return Complaint(
            f"another program listens on {host}:{port} (`ss -ltnp 'sport = :{port}'` names it): "
            f"end it, or choose another port, such as --web-address {host}:0 for any that is free"
        )
    return Complaint(f"the bridge cannot listen on {host}:{port}: {error.strerror or error}")


async def _beside(parent: Parent, stop: asyncio.Event) -> int:
    """Until the parent says so, or has gone."""
    import asyncio  # noqa: PLC0415

    signalled, told = asyncio.create_task(stop.wait()), asyncio.create_task(parent.stops())
    await asyncio.wait({signalled, told}, return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    if not told.done():
        told.cancel()
    elif not told.result():
        with suppress(OSError):  # its terminal may have gone with it
            sys.stderr.write("sightline: the server has gone without a word, as if killed: the bridge ends too\n")
            sys.stderr.flush()
        return codes.FAILED
    return codes.OK


def _urls(bridge: Bridge) -> tuple[str, ...]:
    return tuple(f"http://{host}:{port}" for host, port in bridge.addresses)


def _token_file(home: Path) -> Path:
    return Path(os.environ.get("SIGHTLINE_TOKEN_FILE") or home / "token").expanduser().absolute()


BRIDGE = Command(
    name="bridge",
    summary="Start the bridge to browsers alone, in the foreground.",
    when="""\
`sightline up` starts it with the server. Alone, it serves a server that runs already, here or, with --target,
elsewhere: stopping it stops nothing else. It listens on this machine only, prints an address that logs a
browser in once, and asks everybody else for the token in the home. SIGTERM and Ctrl-C end it in order.""",
    examples=(
        ("sightline bridge", "for the server in your home, on 127.0.0.1:7412"),
        ("sightline bridge --web-address 127.0.0.1:7412 --web-address 127.0.0.1:32205", "on two ports"),
        ("sightline bridge --allow-origin http://localhost:9000", "reached by `ssh -L 9000:127.0.0.1:7412`"),
    ),
    arguments=_arguments,
    run=_bridge,
)

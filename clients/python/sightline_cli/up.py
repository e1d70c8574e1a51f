"""up: the server in this process, and the bridge in one of its own, so that neither's work delays the other; one end for both."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, TypeVar

from sightline_cli import bridge, codes, serve
from sightline_cli.command import Command, Complaint

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine
    from typing import Any

    from sightline_server.app import Application
    from sightline_server.settings import Settings

    from sightline_cli.lifeline import Child

T = TypeVar("T")


def _arguments(parser: argparse.ArgumentParser) -> None:
    serve.add_flags(parser)
    bridge.add_flags(parser.add_argument_group("the bridge"))


def _up(chosen: argparse.Namespace) -> Coroutine[Any, Any, int]:
    from sightline_server.errors import StartupError  # noqa: PLC0415

    from sightline_cli.lifeline import Child  # noqa: PLC0415

    try:
        settings = serve.settings_of(chosen)
    except StartupError as error:
        raise Complaint(str(error)) from error
    addresses = chosen.web_address or [str(address) for address in settings.web_address]
    if not addresses:
        raise Complaint(
            "the bridge has no address (`none`): name one with --web-address, or start the server alone: `sightline serve`"
        )
    words = ["bridge", "--lifeline", "--target", f"unix:{settings.socket}", *bridge.words_of(chosen)]
    words += [word for address in addresses for word in ("--web-address", address)]
    environ = {**os.environ, "SIGHTLINE_HOME": str(settings.home), "SIGHTLINE_TOKEN_FILE": str(settings.token_path)}
    return _both(chosen, settings, Child(words, environ))


async def _both(chosen: argparse.Namespace, settings: Settings, child: Child) -> int:
    from sightline_cli.staying import ending, settle  # noqa: PLC0415

    serve.log_to_stderr(chosen.verbose)
    stop = ending()
    application = None
    try:
        application = await _server(settings)
        ready = await _unless(stop, child.go())
        if ready is None:
            return codes.OK if stop.is_set() else codes.FAILED
        settle()
        bridge.warn(chosen.open_dialects)
        lines = bridge.opening(ready.url, ready.urls)
        if application is None:
            after = ["Ctrl-C ends the bridge alone."]
            serve.greet(f"A server runs already for {settings.home}: this is its bridge", lines, after)
        else:
            serve.greet("Sightline is up", lines, serve.listens(settings, application.port), serve.ends(settings))
        code = await _unless(stop, child.ended())
        if code is None:
            return codes.OK
        sys.stderr.write(f"sightline: {_died(code)}{': the server ends too' if application else ''}\n")
        return codes.FAILED
    finally:
        # The bridge first: it still tells its clients, and what they have asked for is answered.
        await child.stop()
        if application is not None:
            await application.stop()


async def _server(settings: Settings) -> Application | None:
    """The server of this process; None: another one runs for the home."""
    from sightline_server.app import Application  # noqa: PLC0415
    from sightline_server.errors import SecondServer, StartupError  # noqa: PLC0415

    application = Application(settings)
    try:
        await application.start()
    except SecondServer:
        return None
    except StartupError as error:
        raise Complaint(str(error)) from error
    return application


async def _unless(stop: asyncio.Event, awaited: Coroutine[Any, Any, T]) -> T | None:
    """What comes of it; None: the program is to end before that."""
    import asyncio  # noqa: PLC0415

    stopping, task = asyncio.create_task(stop.wait()), asyncio.create_task(awaited)
    await asyncio.wait({stopping, task}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if stop.is_set():
        task.cancel()
        return None
    return task.result()


def _died(code: int) -> str:
    import signal  # noqa: PLC0415

    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"has ended by itself (exit code {code})"
    return f"the bridge {how}"


UP = Command(
    name="up",
    summary="Start the server and its dashboard, in the foreground.",
    when="""\
The server as `sightline serve` starts it, and the bridge as `sightline bridge` does, in a process of its own.
It prints an address that logs a browser in once, within a minute; `sightline open` gives another one. Where a
server runs already for the home, only the bridge is started. SIGTERM and Ctrl-C end both in order; when one of
them dies, the other one ends too.""",
    examples=(
        ("sightline up", "server and dashboard, with the defaults"),
        ("sightline up --web-address 127.0.0.1:0", "the dashboard on any free port"),
        ("sightline open", "a new address, in the browser"),
    ),
    arguments=_arguments,
    run=_up,
    remote=False,
)

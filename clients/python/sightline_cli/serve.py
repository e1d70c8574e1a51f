"""serve: the server in the foreground. Arguments to settings, and what is printed; the server itself is `sightline_server.app`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from sightline_cli import codes, people
from sightline_cli.command import Command, Complaint

if TYPE_CHECKING:
    from sightline_server.settings import Settings

FLAGS = (
    ("home", "DIR", "where it lives: token, socket, database, spools; $SIGHTLINE_HOME, else ~/.local/state/sightline"),
    ("grpc-address", "HOST:PORT", "where it listens beside its socket, or `none`; $SIGHTLINE_GRPC_ADDRESS, else 127.0.0.1:7411"),
    ("token-file", "FILE", "the token that callers over TCP must show; $SIGHTLINE_TOKEN_FILE, else `token` in the home"),
    ("max-session-bytes", "SIZE", "how large a session's log may grow, or `none`; $SIGHTLINE_MAX_SESSION_BYTES, else 4GiB"),
    ("max-total-bytes", "SIZE", "how large all logs may grow, or `none`; $SIGHTLINE_MAX_TOTAL_BYTES, else 20GiB"),
    ("max-age", "AGE", "how long events are kept, such as 12h or 30d, or `none`; $SIGHTLINE_MAX_AGE, else 30d"),
    ("stream-dir", "DIR", "a directory in which every typescript (*.typescript) becomes a session; $SIGHTLINE_STREAM_DIR"),
    ("notify", "CMD", "a command that is started when a session waits for somebody or has ended; $SIGHTLINE_NOTIFY"),
    ("webhook", "URL", "where that is posted to (its path may be a secret: better in the environment); $SIGHTLINE_WEBHOOK"),
    ("webhook-secret-file", "FILE", "holds the secret by which it is signed; $SIGHTLINE_WEBHOOK_SECRET_FILE"),
    ("tls-cert", "FILE", "PEM certificates for TCP: needed to listen beyond this machine; $SIGHTLINE_TLS_CERT"),
    ("tls-key", "FILE", "their private key; $SIGHTLINE_TLS_KEY"),
    ("config", "FILE", "a TOML file with these settings; $SIGHTLINE_CONFIG, else config.toml in the home"),
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What a server is told."""
    for name, metavar, meaning in FLAGS:
        parser.add_argument(f"--{name}", metavar=metavar, help=meaning)
    parser.add_argument("--memory", action="store_true", help="keep logs in memory only: nothing is there after a restart")
    parser.add_argument("-v", "--verbose", action="store_true", help="log more on stderr")


async def _serve(chosen: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415

    from sightline_server.app import Application  # noqa: PLC0415
    from sightline_server.errors import StartupError  # noqa: PLC0415

    try:
        settings = settings_of(chosen)
        log_to_stderr(chosen.verbose)
        application = Application(settings)
        await application.start()
    except StartupError as error:
        raise Complaint(str(error)) from error
    serving = asyncio.create_task(application.serve_until_signal())
    await asyncio.sleep(0)  # it heeds signals from here on: whoever reads that it listens may end it
    greet("Sightline listens", listens(settings, application.port), ends(settings))
    await serving
    return codes.OK


def settings_of(chosen: argparse.Namespace) -> Settings:
    """The settings that the flags, the environment and the file make. Raises a `StartupError`."""
    from dataclasses import replace  # noqa: PLC0415

    from sightline_server.settings import load  # noqa: PLC0415

    names = [name.replace("-", "_") for name, _, _ in FLAGS]
    settings = load({name: getattr(chosen, name) for name in names}, os.environ)
    return replace(settings, memory=True) if chosen.memory else settings


def log_to_stderr(verbose: bool) -> None:
    """Warnings, or everything."""
    import logging  # noqa: PLC0415

    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("sightline.steps").setLevel(logging.INFO)  # what recipes print, where somebody has asked for it
    for library in ("asyncio", "grpc", "libtmux"):
        logging.getLogger(library).setLevel(logging.WARNING)


def listens(settings: Settings, port: int | None) -> list[str]:
    """Where it listens: the port that it got may not be the one that was asked for (0: any)."""
    from dataclasses import replace  # noqa: PLC0415

    lines = [f"  on the socket  {settings.socket}"]
    if settings.grpc_address is not None and port is not None:
        lines.append(f"  on TCP         {replace(settings.grpc_address, port=port)} (token in {settings.token_path})")
    return lines


def ends(settings: Settings) -> list[str]:
    """What somebody who has just started it does next."""
    return [
        f"Its home is {settings.home}. Ctrl-C ends the server; what it follows goes on, and is followed again at the next start.",
        "From another terminal: `sightline run -- CMD`, `sightline adopt`, `sightline ls`.",
    ]


def greet(title: str, *paragraphs: list[str]) -> None:
    """What somebody who has just started something wants to know; on stderr, since stdout is for output."""
    colour = people.wants_colour(sys.stderr)
    sys.stderr.write("\n".join([people.paint(title, "bold", colour), *(line for lines in paragraphs for line in lines), ""]))
    sys.stderr.flush()


SERVE = Command(
    name="serve",
    summary="Start the server, in the foreground.",
    when="""\
One server for each home; `sightline up` starts one with the dashboard beside it. It listens on a Unix socket that
only you can use, and on a TCP port of this machine that asks for a token. Each setting is a flag, else a variable
SIGHTLINE_*, else a line of the TOML file. SIGTERM and Ctrl-C end it in order; sessions outlive it, and the next
server goes on with them.""",
    examples=(
        ("sightline serve", "with the defaults"),
        ("sightline serve --home /tmp/try --grpc-address none", "one to try things on: its own home, no port"),
        ("SIGHTLINE_HOME=/tmp/try sightline ls", "how to reach that one"),
    ),
    arguments=add_flags,
    run=_serve,
    remote=False,
)

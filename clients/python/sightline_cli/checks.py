"""What `doctor` looks at, one function a thing. Reads and never changes anything; each finding says how to mend what it found."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sightline_server.errors import StartupError
from sightline_server.settings import Settings, load

from sightline_cli import people

MAX_SOCKET = 107  # bytes: what the kernel takes as a Unix socket's path
LOW_DISK = 1 << 30  # bytes free below which there is a warning
NO_DISK = 64 << 20  # bytes free below which nothing goes on for long
OLDEST_TMUX = (3, 2)  # the first with everything that is used
FEW_WATCHES = 1024


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        check: what was looked at.
        level: `ok`, `warn` or `fail`.
        text: what was found.
        mend: what to do; empty when there is nothing to do.
    """

    check: str
    level: str
    text: str
    mend: str = ""


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", text)


def warn(check: str, text: str, mend: str) -> Finding:
    """It works, and may not for long, or not as somebody expects."""
    return Finding(check, "warn", text, mend)


def fail(check: str, text: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(check, "fail", text, mend)


async def examine() -> list[Finding]:
    """Every check, in the order of what depends on what."""
    from sightline_cli.checks_web import web  # noqa: PLC0415

    try:
        settings = load({}, os.environ)
    except StartupError as error:
        return [fail("settings", str(error), "correct the setting that is named"), *versions()]
    checks: Iterable[Callable[[Settings], Iterable[Finding]]] = (home, token, database, disk, tmux)
    findings = [ok("settings", f"home {settings.home}")]
    for check in checks:
        findings += check(settings)
    findings += await server(settings)
    findings += await web(settings)
    return [*findings, *leftovers(), *inotify(), *versions()]


def home(settings: Settings) -> Iterable[Finding]:
    """The directory: there, ours, private, and short enough for sockets."""
    path = settings.home
    longest = len(os.fsencode(settings.socket))
    if longest > MAX_SOCKET:
        yield fail(
            "socket",
            f"{settings.socket} has {longest} bytes; a socket's path may have {MAX_SOCKET}",
            "set SIGHTLINE_HOME to a shorter path",
        )
    try:
        found = path.stat()
    except FileNotFoundError:
        yield ok("home", f"{path} is not there yet: the first server makes it")
        return
    except OSError as error:
        yield fail("home", f"{path}: {error.strerror}", "make it yours, or set SIGHTLINE_HOME to another directory")
        return
    if not stat.S_ISDIR(found.st_mode):
        yield fail("home", f"{path} is no directory", "move it away, or set SIGHTLINE_HOME to another directory")
    elif found.st_uid != os.getuid():
        yield fail("home", f"{path} belongs to user {found.st_uid}", f"chown it to yourself ({os.getuid()}), or set SIGHTLINE_HOME")
    elif found.st_mode & 0o077:
        yield fail("home", f"others may enter {path} (mode {found.st_mode & 0o777:o})", f"chmod 700 {path}")
    else:
        yield ok("home", f"{path} is yours alone")


def token(settings: Settings) -> Iterable[Finding]:
    """The token's file: private, and with something in it."""
    path = settings.token_path
    try:
        found = path.stat()
        content = path.read_text().strip()
    except FileNotFoundError:
        yield ok("token", "not made yet: the first server makes it")
        return
    except (OSError, ValueError) as error:
        yield fail("token", f"{path}: {error}", "make it readable for yourself, or remove it: the server makes a new one")
        return
    if found.st_mode & 0o077:
        yield fail(
            "token",
            f"others may read {path} (mode {found.st_mode & 0o777:o})",
            f"chmod 600 {path}; remove it if somebody may have read it",
        )
    elif not content:
        yield fail("token", f"{path} is empty", "remove it: the server makes a new one")
    else:
        yield ok("token", f"{path} is readable for you alone")


def database(settings: Settings) -> Iterable[Finding]:
    """The database: whole, and of a layout that this version knows."""
    path = settings.database
    if not path.exists():
        yield ok("database", "not made yet: the first server makes it")
        return
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)
        try:
            layout = connection.execute("PRAGMA user_version").fetchone()[0]
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        yield fail(
            "database",
            f"{path} is damaged: {error}",
            f"move it away to start afresh; `sqlite3 {path} .recover` may save what is in it",
        )
        return
    known = known_layout()
    if layout > known:
        yield fail("database", f"{path} has layout {layout}; this version knows {known}", "update Sightline, or use another home")
    else:
        yield ok("database", f"{path}, layout {layout}, {people.size(path.stat().st_size)}")


def known_layout() -> int:
    """The newest layout that this version knows."""
    from sightline_server.storage.layout import LAYOUT  # noqa: PLC0415

    return LAYOUT


def disk(settings: Settings) -> Iterable[Finding]:
    """Room where logs go."""
    place = next((one for one in (settings.home, *settings.home.parents) if one.exists()), Path("/"))
    free = shutil.disk_usage(place).free
    text = f"{people.size(free)} free at {place}"
    if free < NO_DISK:
        yield fail("disk", text, "make room: nothing is lost meanwhile, and nothing new is taken")
    elif free < LOW_DISK:
        yield warn("disk", text, "make room, or lower SIGHTLINE_MAX_SESSION_BYTES; `sightline rm --ended` forgets what has ended")
    else:
        yield ok("disk", text)


def tmux(_: Settings) -> Iterable[Finding]:
    """tmux: there, and new enough."""
    install = "install it: terminals and panes need it, commands in pipes do not (Debian: apt-get install tmux)"
    try:
        version = subprocess.run(["tmux", "-V"], capture_output=True, text=True, timeout=5, check=True).stdout.split()[-1]
    except FileNotFoundError:
        yield warn("tmux", "not installed", install)
        return
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        yield warn("tmux", f"does not run: {error}", install)
        return
    numbers = tuple(int(part) for part in "".join(c if c.isdigit() else " " for c in version).split()[:2])
    if numbers and numbers < OLDEST_TMUX:
        yield warn("tmux", f"version {version}", f"update it to {'.'.join(map(str, OLDEST_TMUX))} or newer")
    else:
        yield ok("tmux", f"version {version}")


async def server(settings: Settings) -> Iterable[Finding]:
    """Who holds the home, and whether it answers; and the server that clients are sent to."""
    from sightline_cli.cleaning import holder  # noqa: PLC0415

    pid = holder(settings)
    answer = await _answers(f"unix:{settings.socket}")
    found = []
    if pid and not answer:
        found.append(ok("server", f"runs as pid {pid} and answers on {settings.socket}"))
    elif pid:
        found.append(
            fail("server", f"pid {pid} holds {settings.home} and does not answer: {answer}", f"wait, or end it: kill {pid}")
        )
    else:
        found.append(warn("server", f"none runs for {settings.home}", "sightline serve"))
    if target := os.environ.get("SIGHTLINE_TARGET"):
        problem = await _answers(target)
        if problem:
            found.append(fail("target", f"SIGHTLINE_TARGET is {target}: {problem}", "start that server, or unset SIGHTLINE_TARGET"))
        else:
            found.append(ok("target", f"SIGHTLINE_TARGET is {target}, and answers"))
    return found


async def _answers(target: str) -> str:
    """Empty when a server answers there, else why not."""
    import sightline  # noqa: PLC0415

    from sightline_cli.reach import anyone  # noqa: PLC0415

    try:
        async with asyncio.timeout(5), sightline.connect(target) as client:
            await anyone(client)
    except sightline.SightlineError as error:
        return error.message
    except TimeoutError:
        return "no answer within 5 s"
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def leftovers() -> Iterable[Finding]:
    """What goes on without a server."""
    from sightline_cli import cleaning  # noqa: PLC0415

    left = cleaning.look()
    if left.going_on:
        mend = "start the server: it goes on with them, and nothing is lost; or `sightline doctor --clean`"
        yield warn("leftovers", "; ".join(left.going_on), mend)
    elif not left.server:
        yield ok("leftovers", "none")


def inotify() -> Iterable[Finding]:
    """The limits that following files runs into."""
    place = Path("/proc/sys/fs/inotify")
    try:
        instances, watches = (int((place / name).read_text()) for name in ("max_user_instances", "max_user_watches"))
    except (OSError, ValueError):
        yield warn("inotify", "not here: this is no Linux, or a closed container", "run the server on Linux")
        return
    if watches < FEW_WATCHES or instances < 16:
        yield warn(
            "inotify",
            f"{instances} instances, {watches} watches",
            "sysctl fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=256",
        )
    else:
        yield ok("inotify", f"{instances} instances, {watches} watches")


def versions() -> Iterable[Finding]:
    """What a report of a fault should say."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    found = [f"Python {platform.python_version()}"]
    for name in ("sightline", "aiohttp", "grpcio", "protobuf", "libtmux"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield fail("versions", f"{name} is not installed", "install Sightline anew: ./scripts/setup, or pip install sightline")
    yield ok("versions", ", ".join([*found, f"SQLite {sqlite3.sqlite_version}", f"Linux {platform.release()}"]))

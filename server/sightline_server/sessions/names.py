"""What a session may be called, and what it is called when nobody says."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import PurePath

from sightline_server.errors import BadName

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
MAX_NAME = 64


def check(name: str) -> str:
    """The name, if it is one; raises `BadName`."""
    if not NAME.fullmatch(name):
        raise BadName(name=name)
    return name


def without_host(name: str, hostname: str) -> str:
    """`name@host` without the host when that is this one; otherwise as it is, which is then no name."""
    plain, at, host = name.partition("@")
    return plain if at and host in ("", "localhost", hostname) else name


def invent(argv: Sequence[str], taken: Callable[[str], bool]) -> str:
    """A free name made from a command: `make`, `make-2`, and so on."""
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePath(argv[0]).name if argv else "").strip("-.")[: MAX_NAME - 8] or "session"
    number = 1
    name = base
    while taken(name):
        number += 1
        name = f"{base}-{number}"
    return name

"""Where the server is, and what to show it. Reads the environment and the token file; knows nothing of gRPC."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True)
class Target:
    """A server to connect to.

    Attributes:
        address: as gRPC writes it: `unix:PATH`, percent-encoded, or `host:port`.
        shown: the same for people.
        token: for `authorization: Bearer`; empty: none. Never set for a Unix socket, whose file mode says who may enter.
        tls: speak TLS.
        ca: a PEM file of the authority that the server's certificate comes from; None: the system's.
    """

    address: str
    shown: str
    token: str = field(default="", repr=False)
    tls: bool = False
    ca: Path | None = None


def home(environ: Mapping[str, str]) -> Path:
    """The server's directory: `SIGHTLINE_HOME`, else `sightline` in `XDG_STATE_HOME`, else `~/.local/state/sightline`."""
    if given := environ.get("SIGHTLINE_HOME"):
        return Path(given).expanduser().absolute()
    state = environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local/state").absolute() / "sightline"


def find(target: str | None, token: str | None, environ: Mapping[str, str]) -> Target:
    """The server meant by an argument or, without one, by the environment.

    Args:
        target: `unix:PATH`, `host:port`, or `https://host:port` for TLS; None or empty: `SIGHTLINE_TARGET`, else the socket in
            the home.
        token: for TCP; None: the content of the file named by `SIGHTLINE_TOKEN_FILE`, else of `token` in the home, if it can be
            read.
        environ: the environment, usually `os.environ`. `SIGHTLINE_TLS_CA` (a PEM file) turns TLS on for TCP.

    Raises:
        ValueError: the target is none of these forms, or is another machine without TLS: the token could be read on the way.
        OSError: the file named by `SIGHTLINE_TOKEN_FILE` cannot be read.
    """
    given = target or environ.get("SIGHTLINE_TARGET") or f"unix:{home(environ) / 'sightline.sock'}"
    if given.startswith("unix:"):
        path = Path(given.removeprefix("unix:").removeprefix("//")).absolute()
        return Target(f"unix:{quote(os.fsencode(path))}", f"unix:{path}")
    address = given.removeprefix("https://").removeprefix("http://").rstrip("/")
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise ValueError(f"{given!r} is no target: give unix:PATH, host:port, or https://host:port for TLS")
    ca = environ.get("SIGHTLINE_TLS_CA")
    tls = given.startswith("https://") or bool(ca)
    if not tls and not _is_here(host):
        raise ValueError(
            f"{given!r} is another machine, and without TLS the token could be read on the way: "
            "give https://host:port, set SIGHTLINE_TLS_CA, or forward its port here with ssh -L"
        )
    return Target(address, given, _token(environ) if token is None else token, tls, Path(ca) if ca else None)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name that somebody's DNS resolves
        return False


def _token(environ: Mapping[str, str]) -> str:
    if named := environ.get("SIGHTLINE_TOKEN_FILE"):
        return Path(named).expanduser().read_text().strip()
    try:
        return (home(environ) / "token").read_text().strip()
    except OSError:
        return ""  # the server says UNAUTHENTICATED, and what to do

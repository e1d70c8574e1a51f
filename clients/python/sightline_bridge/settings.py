"""What the bridge is told, once, at the start: by flags, else by the environment. Frozen afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sightline.target import Target, find, home

from sightline_bridge.doors import is_loopback
from sightline_bridge.passes import read_token

DEFAULT_ADDRESS = "127.0.0.1:7412"
ORIGIN = re.compile(r"(?P<scheme>https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>[1-9][0-9]{0,4}))?")


@dataclass(frozen=True)
class Settings:
    """Where the bridge listens, whom it lets in, and which server it is for.

    Attributes:
        target: the server.
        token: what scripts show, and what browsers' tokens are signed with.
        addresses: where it listens, host and port (0: any); loopback only.
        origins: pages beside its own that may come in.
        open_dialects: clients of the dialects need no token.
        environ: the environment, for what a dialect is told by it.
    """

    target: Target
    token: str = field(repr=False)
    addresses: tuple[tuple[str, int], ...]
    origins: tuple[str, ...] = ()
    open_dialects: bool = False
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


def load(
    environ: Mapping[str, str],
    *,
    target: str | None = None,
    addresses: Sequence[str] = (),
    origins: Sequence[str] = (),
    open_dialects: bool = False,
) -> Settings:
    """Settings of flags and environment.

    Args:
        environ: `SIGHTLINE_TARGET`, `SIGHTLINE_HOME`, `SIGHTLINE_TOKEN_FILE` as for every client, `SIGHTLINE_WEB_ADDRESS`
            (HOST:PORT, several with commas between).
        target: the server; None: as for every client.
        addresses: HOST:PORT each; none: the environment's, else 127.0.0.1:7412.
        origins: pages that may come in, `https://example.org`.
        open_dialects: clients of the dialects need no token.

    Raises:
        ValueError: an address, an origin or the target is none.
        TokenUnusable: there is no token to judge by.
    """
    named = list(addresses) or environ.get("SIGHTLINE_WEB_ADDRESS", DEFAULT_ADDRESS).split(",")
    return Settings(
        target=find(target, None, environ),
        token=read_token(Path(environ.get("SIGHTLINE_TOKEN_FILE") or home(environ) / "token").expanduser()),
        addresses=tuple(_address(one.strip()) for one in named),
        origins=tuple(_origin(one) for one in origins),
        open_dialects=open_dialects,
        environ=dict(environ),
    )


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    is_name = bool(host) and (":" not in host or host == f"[{host[1:-1]}]")
    if not colon or not is_name or not (port.isascii() and port.isdigit()) or int(port) > 0xFFFF:
        raise ValueError(f"{text!r} is no address: write HOST:PORT, such as {DEFAULT_ADDRESS}")
    if not is_loopback(host):
        raise ValueError(
            f"{text} can be reached from other machines, and the bridge speaks no TLS: what it sends could be read on the way. "
            "Listen on 127.0.0.1, and reach it from elsewhere with `ssh -L`"
        )
    return host, int(port)


def _origin(text: str) -> str:
    """An origin that a browser would write just so: others would never match, and admit nobody."""
    match = ORIGIN.fullmatch(text)
    if match is None or match["port"] == {"http": "80", "https": "443"}[match["scheme"]]:
        raise ValueError(f"{text!r} is no origin: write it as browsers do, such as https://example.org:8443, without a path")
    return text

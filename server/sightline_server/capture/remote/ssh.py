"""The ssh program: how it is called, what may be a host's name, and what its last words mean as an error.

Knows OpenSSH's command line and English, nothing of processes. Everything that is not said here is the user's own configuration.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence

from sightline_server.errors import (
    BadHost,
    HostKeyChanged,
    HostKeyUnknown,
    HostLoginRefused,
    HostUnknown,
    HostUnreachable,
    SightlineError,
)

MAX_HOST = 255  # characters
ALIVE_SECONDS = 5  # between ssh's own looks at a silent connection
ALIVE_COUNT = 2  # looks without an answer, before the connection counts as lost

_OPTIONS: Mapping[str, str] = {
    "BatchMode": "yes",  # nothing ever asks
    "RequestTTY": "no",
    "RemoteCommand": "none",
    "ClearAllForwardings": "yes",  # the user's own connection may hold those ports
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "ControlPersist": "no",
    "ServerAliveInterval": str(ALIVE_SECONDS),
    "ServerAliveCountMax": str(ALIVE_COUNT),
    "LogLevel": "ERROR",  # the reason of a failure, and nothing else
}

_MEANINGS: Sequence[tuple[str, type[SightlineError]]] = (
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED|differs from the key|revoked host key", HostKeyChanged),
    (r"Host key verification failed|host key is known for", HostKeyUnknown),
    (r"Permission denied|Too many authentication failures|No supported authentication methods", HostLoginRefused),
    (r"Could not resolve hostname", HostUnknown),
)


def check_host(host: str) -> str:
    """The host's name, if it can be one: `NAME` or `USER@NAME`, as in the user's own configuration. Raises `BadHost`."""
    if not host or len(host) > MAX_HOST or host.startswith("-") or not set(host) <= _IN_HOST:
        raise BadHost(host=host[:MAX_HOST])
    return host


_IN_HOST = frozenset(string.ascii_letters + string.digits + "._-@:[]%")


def command(program: Sequence[str], host: str, *, control: str = "", master: bool = False, run: str = "exec sh") -> list[str]:
    """The argv of a connection that runs something there.

    Args:
        program: ssh and its first arguments.
        host: see `check_host`.
        control: the socket to share a connection through; empty: as the user has configured it.
        master: be the one that others share.
        run: what the user's login shell gets there; no secret, since everybody there can read it.
    """
    options = dict(_OPTIONS)
    if control:
        options |= {"ControlPath": control.replace("%", "%%"), "ControlMaster": "yes" if master else "no"}
    else:
        options["ControlMaster"] = "no"
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return [*program, *words, "--", host, run]


def check_command(program: Sequence[str], host: str) -> list[str]:
    """The argv that tells, by its exit code, whether the user has a live connection of their own to share."""
    return [*program, "-o", "BatchMode=yes", "-O", "check", "--", host]


def failure(host: str, said: str) -> SightlineError:
    """What ssh's last words mean."""
    for pattern, meaning in _MEANINGS:
        if re.search(pattern, said):
            return meaning(host=host, why=last_line(said))
    return HostUnreachable(host=host, why=last_line(said) or "the connection was closed")


def last_line(said: str) -> str:
    """The last line that says something, without what a terminal would obey."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "?", lines[-1])[:300] if lines else ""

"""Which requests may come in at all, by the names in their headers. Pure: knows neither HTTP nor sockets.

A page of another site can make a browser send requests to this machine, and a name of another site can be pointed at it. The
browser tells in both cases, by `Origin` and `Host`; programs other than browsers send no `Origin`, and are asked for a token.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from sightline_bridge.errors import BadHost, BadOrigin

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


def is_loopback(host: str) -> bool:
    """Whether an address, or `localhost`, is this machine's own and nobody else's."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Doors:
    """The names under which the bridge may be called, and the pages that may call it.

    Args:
        addresses: where it listens, host and port.
        origins: further pages that may come in, exactly as browsers write them: `https://example.org:8443`. A page of this
            machine, such as `http://localhost:9000`, also admits its name as `Host`: what `ssh -L 9000:127.0.0.1:7412` makes of it.
    """

    def __init__(self, addresses: Iterable[tuple[str, int]], origins: Iterable[str] = ()) -> None:
        self._hosts = {
            f"{name}:{port}".removesuffix(":80").lower()  # which browsers leave out
            for host, port in addresses
            for name in (host, *(LOOPBACK_NAMES if is_loopback(host) else ()))
        }
        self._named = frozenset(origins)
        self._origins = self._named | {f"http://{host}" for host in self._hosts}
        # Loopback names alone: no other site's DNS can be pointed at this machine by those.
        self._hosts |= {parts.netloc.lower() for parts in map(urlsplit, self._named) if is_loopback(parts.hostname or "")}

    def check(self, host: str | None, origin: str | None) -> None:
        """Judges a request by its headers `Host` and `Origin`; None: it has none.

        Raises:
            BadHost: it is called by another name.
            BadOrigin: it comes from another page.
        """
        if host is None or host.lower() not in self._hosts:
            raise BadHost(host or "", here=is_loopback(_name(host or "")))
        if origin is not None and origin not in self._origins:
            raise BadOrigin(origin)

    def is_named(self, origin: str) -> bool:
        """Whether a page was named to come in, so that its browser has to be told (CORS)."""
        return origin in self._named


def _name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host

"""What everything that answers a request shares: the settings, the server's client, who is let in, which sockets are open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, web
from sightline.client import Client

from sightline_bridge import admission
from sightline_bridge.calls import Calls
from sightline_bridge.errors import NotAdmitted, TooFast, TooManySockets
from sightline_bridge.limits import Bucket, Limits
from sightline_bridge.metrics import Counts
from sightline_bridge.passes import Passes
from sightline_bridge.settings import Settings
from sightline_bridge.wire import Wire

log = logging.getLogger(__name__)


@dataclass
class Context:
    """Made once, by the composition root.

    Attributes:
        settings: what the bridge was told.
        passes: who is let in.
        client: the server's, shared by all sockets.
        calls: the service's calls, bytes in and out.
        counts: for metrics.
        connects: how often sockets may be opened.
        logins: how often somebody may be wrong about a token or a ticket.
        limits: of sockets.
        sockets: those that are open.
        waiting: those of them that have shown no token yet, the oldest first.
    """

    settings: Settings
    passes: Passes
    client: Client
    calls: Calls
    connects: Bucket
    logins: Bucket
    limits: Limits = field(default_factory=Limits)
    counts: Counts = field(default_factory=Counts)
    sockets: set[Wire] = field(default_factory=set)
    waiting: dict[Wire, None] = field(default_factory=dict)

    def admitted(self, request: web.Request) -> bool:
        """Whether a request's header shows a valid token.

        Raises:
            NotAdmitted: it shows one that is not.
            TooFast: so did too many just now.
        """
        token = admission.shown(request)
        if not token:
            return False
        if self.passes.accepts(token):
            return True
        if not self.logins.take():
            raise TooFast
        raise NotAdmitted

    @asynccontextmanager
    async def socket(self, request: web.Request, protocols: Sequence[str] = ()) -> AsyncIterator[Wire]:
        """Accepts a socket; it is counted, pinged, and closed at the end of the block, or with the bridge.

        Args:
            request: asks for it; Host and Origin are judged before.
            protocols: subprotocols that are spoken, the best first.

        Raises:
            TooManySockets: no more may be open.
            TooFast: too many were opened just now.
        """
        if self.counts.sockets >= self.limits.sockets:
            raise TooManySockets(self.limits.sockets)
        if not self.connects.take():
            raise TooFast
        ws = Wire(protocols)
        self.counts.sockets += 1
        try:
            await ws.prepare(request)
            self.sockets.add(ws)
            self.counts.connects += 1
            yield ws
        finally:
            self.counts.sockets -= 1
            self.sockets.discard(ws)
            await asyncio.shield(ws.end())

    async def logs_in(self, ws: Wire, token_in: Callable[[bytes | str], str]) -> bool:
        """Whether a socket's first message, which is waited for, shows a valid token; closes it where not.

        Where too many wait the oldest of them goes: who has a token shows it at once.

        Args:
            ws: the socket, accepted.
            token_in: finds the token in a message; empty: it has none.
        """
        if len(self.waiting) >= self.limits.waiting:
            oldest = next(iter(self.waiting))
            del self.waiting[oldest]
            oldest.drop()
        self.waiting[ws] = None
        try:
            return await admission.first_message(ws, self.passes, token_in, self.limits.login_seconds)
        finally:
            self.waiting.pop(ws, None)

    async def look_after_sockets(self) -> None:
        """Looks at each from time to time, for ever."""
        while True:
            await asyncio.sleep(self.limits.ping_seconds)
            for ws in list(self.sockets):
                await ws.look()

    async def close_sockets(self) -> None:
        """The bridge goes: everybody is told, and nobody waited for."""
        sockets = list(self.sockets)
        await asyncio.gather(*(ws.close(code=WSCloseCode.GOING_AWAY, message=b"the bridge goes") for ws in sockets))
        for ws in sockets:
            ws.cut()

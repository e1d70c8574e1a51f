"""One WebSocket as the bridge keeps it: it takes what its peer reads, lives as long as anything moves, and ends in bounded time.

Knows nothing of what is said over it. It is aiohttp's WebSocket with three things of its own: who sends waits for a turn and may
be cancelled without harm to others; silence is judged by bytes in both directions, not by pongs alone; closing waits for nobody
for long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import WSMessage, WSMsgType, web

from sightline_bridge import limits

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.web_protocol import RequestHandler
    from aiohttp.web_request import BaseRequest

log = logging.getLogger(__name__)

UNREADABLE = {
    1002: b"this is no WebSocket message",
    1007: b"text has to be UTF-8",
    1009: b"a message has at most %d bytes" % limits.MAX_FRAME,
}
"""Close codes for what a peer has sent, and their reasons."""
NEVER = 1 << 62  # bytes before aiohttp itself would wait: `room` does


class Wire(web.WebSocketResponse):
    """A WebSocket, once `prepare` has accepted it. Reads and sends as `web.WebSocketResponse` does.

    Args:
        protocols: subprotocols that are spoken, the best first.
    """

    def __init__(self, protocols: Iterable[str] = ()) -> None:
        super().__init__(
            protocols=protocols,
            max_msg_size=limits.MAX_FRAME + 1,  # the first size that is refused
            compress=False,
            autoping=False,
            timeout=limits.CLOSE_SECONDS,
            writer_limit=NEVER,
        )
        self._turn = asyncio.Lock()
        self._link: RequestHandler | None = None
        self._out: AbstractStreamWriter | None = None
        self._heard = True  # since the last look
        self._given = 0  # bytes, to the transport
        self._seen = 0  # `taken` at the last look
        self._silent = 0  # looks

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter:
        """Accepts it. Raises `web.HTTPBadRequest` where the request asks for no WebSocket."""
        self._link = request.protocol
        self._out = await super().prepare(request)
        return self._out

    async def room(self) -> None:
        """Returns when the peer takes more. Who waits gets a turn in the order of coming.

        Raises:
            ConnectionError: it is gone.
        """
        link, out = self._link, self._out
        if link is None or out is None or not (link.writing_paused or self._turn.locked()):
            return
        async with self._turn:
            while link.writing_paused:
                if link.transport is None:
                    raise ConnectionResetError("the peer is gone")
                # What aiohttp waits for is one future for everybody: cancelled for one, it would be for all.
                await asyncio.shield(out.drain())

    async def send_bytes(self, data: bytes, compress: int | None = None) -> None:
        """Sends a binary message, when the peer takes it. Raises ConnectionError."""
        await self.room()
        self._given += len(data)
        await super().send_bytes(data, compress)

    async def send_str(self, data: str, compress: int | None = None) -> None:
        """Sends a text message, when the peer takes it. Raises ConnectionError."""
        await self.room()
        self._given += len(data)
        await super().send_str(data, compress)

    async def receive(self, timeout: float | None = None) -> WSMessage:
        """The next message. Pings are answered and pongs noticed here."""
        while True:
            message: WSMessage = await super().receive(timeout)
            self._heard = True
            if message.type is WSMsgType.PING:
                with suppress(ConnectionError):  # the next turn says that it is gone
                    await self.room()
                    await self.pong(message.data)
            elif message.type is not WSMsgType.PONG:
                return message

    @property
    def waiting(self) -> int:
        """Bytes that were sent, and that the system has not taken yet."""
        transport = self._link.transport if self._link is not None else None
        return transport.get_write_buffer_size() if transport is not None else 0

    @property
    def taken(self) -> int:
        """Bytes that the system has taken: more of them when the peer reads."""
        return self._given - self.waiting

    async def look(self) -> None:
        """Called every `limits.PING_SECONDS`: asks a silent peer for a sign, and hangs up on one that gave none for too long.

        What waits to be sent stands before the ping, so that a slow peer's pong comes late: it lives as long as it takes bytes.
        """
        if self._link is None or self._link.transport is None:
            return
        moved = self._heard or self.taken != self._seen
        self._heard, self._seen = False, self.taken
        self._silent = 0 if moved else self._silent + 1
        if self._silent >= limits.SILENT_LOOKS:
            log.info("a socket's peer has neither read nor said anything for %d looks: it is cut", self._silent)
            self._link.transport.abort()
        elif not moved and not self.waiting:
            with suppress(ConnectionError):
                await self.ping()

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = False) -> bool:
        """Closes it; waits `limits.CLOSE_SECONDS` for the peer's answer, and never for it to read."""
        if code in UNREADABLE and not self.closed:
            # A connection that is closed with bytes unread is reset, and what was told is lost with it. For a moment the rest is
            # read, and thrown away.
            with suppress(ConnectionError):
                await self.send_frame(code.to_bytes(2, "big") + UNREADABLE[code], WSMsgType.CLOSE)
            await asyncio.sleep(limits.CLOSE_SECONDS)
        return await super().close(code=code, message=message, drain=drain)

    async def end(self) -> None:
        """Closes it, unless it is; what is not read soon afterwards is thrown away with the connection."""
        if self._out is None:
            return
        if not self.closed:
            await self.close()
        asyncio.get_running_loop().call_later(limits.CLOSE_SECONDS, self.cut)

    def drop(self) -> None:
        """Ends its connection without a word; who reads from it reads that it is closed."""
        transport = self._link.transport if self._link is not None else None
        if transport is not None:
            transport.abort()

    def cut(self) -> None:
        """Ends a connection whose peer does not read what is left."""
        transport = self._link.transport if self._link is not None else None
        if transport is not None and self.waiting:
            transport.abort()

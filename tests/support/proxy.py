"""A door of the test's own before a server's TCP port, whose connections can be reset: the network at its worst."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

LINGER_NOT = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: closing sends RST, and what was under way is lost
PIECE_BYTES = 65536


class Proxy:
    """Listens on a loopback port and passes on, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self.accepted = 0
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, sock=self._listener))

    @property
    def address(self) -> str:
        """Where to connect."""
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def reset(self) -> None:
        """Resets every connection, at both ends."""
        self._do(self._reset())

    def close(self) -> None:
        """Resets everything and listens no more."""
        self._loop.call_soon_threadsafe(self._server.close)
        self.reset()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _reset(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):  # it may be gone already
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            end.transport.abort()
        await asyncio.gather(*self._serving)

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends |= {to_client, to_server}
        try:
            await asyncio.gather(pass_on(from_client, to_server), pass_on(from_server, to_client))
        finally:
            for end in (to_client, to_server):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()
            self._ends -= {to_client, to_server}


async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until either end is gone; the other end learns it."""
    with contextlib.suppress(OSError):
        while data := await source.read(PIECE_BYTES):
            sink.write(data)
            await sink.drain()
        sink.write_eof()


@contextmanager
def proxied(port: int) -> Iterator[Proxy]:
    """A door before that port, for the length of a block."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()

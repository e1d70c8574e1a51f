"""A door of the test's own before a server's TCP port, whose connections can be reset, or fall silent: the network at its worst."""

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
    """Listens on a loopback port and passes on, in a thread of its own.

    Args:
        port: where it passes on to; 0: told later, by `port`.
        host: the same.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.accepted = 0
        self.port = port
        self._host = host
        self._refuses = False
        self._way = Way()
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

    def cut(self) -> None:
        """Resets every connection, and each new one at once, until `mend`."""
        self._refuses = True
        self.reset()

    def silence(self) -> None:
        """Passes nothing on any more on the connections that are open, and resets none: neither end is told. New ones work."""
        self._way.open = False
        self._way = Way()

    def mend(self) -> None:
        """New connections work again."""
        self._refuses = False

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
        ends = [to_client]
        try:
            if self._refuses:
                return
            from_server, to_server = await asyncio.open_connection(self._host, self.port)
            ends.append(to_server)
            self._ends |= set(ends)
            way = self._way
            await asyncio.gather(pass_on(from_client, to_server, way), pass_on(from_server, to_client, way))
        except OSError:
            pass  # nobody listens there: the client learns it by the end of its connection
        finally:
            for end in ends:
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()
            self._ends -= set(ends)


class Way:
    """What some connections go through.

    Attributes:
        open: what is sent arrives; else it is lost.
    """

    def __init__(self) -> None:
        self.open = True


async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Way) -> None:
    """Until either end is gone; the other end learns it, if the way is open."""
    with contextlib.suppress(OSError):
        while data := await source.read(PIECE_BYTES):
            if way.open:
                sink.write(data)
                await sink.drain()
        if way.open:
            sink.write_eof()


@contextmanager
def proxied(port: int) -> Iterator[Proxy]:
    """A door before that port, for the length of a block."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()

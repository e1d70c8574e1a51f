"""From a forked child to its parent: messages in a socket that never makes the child wait. Knows bytes, nothing of sessions."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

ROOM = 1024 * 1024  # bytes in the socket; the kernel may give less
MAX_MESSAGE = 256 * 1024  # bytes; the kernel takes less


class Relay:
    """Made before the fork, so that both processes have both ends; each uses its own."""

    def __init__(self, parent: socket.socket, child: socket.socket) -> None:
        self._parent = parent
        self._child = child
        self._taking = threading.Lock()

    @classmethod
    def new(cls, put: Callable[[bytes, int], None]) -> Relay | None:
        """Calls `put(data, channel)` in this process, in a thread, for what children send. None: there is no room for it."""
        try:
            parent, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:
            return None
        child.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        relay = cls(parent, child)
        try:
            threading.Thread(target=relay._receive, args=(put,), name="sightline-relay", daemon=True).start()
        except RuntimeError:
            return None
        return relay

    def in_child(self) -> None:
        """Leaves the parent's end to it: when it is gone, sending fails."""
        self._parent.close()
        self._child.setblocking(False)

    def _receive(self, put: Callable[[bytes, int], None]) -> None:
        with suppress(OSError, ValueError):
            while True:
                select.select([self._parent], [], [])
                with self._taking:
                    message = self._parent.recv(MAX_MESSAGE)
                    put(message[1:], message[0])

    def is_empty(self) -> bool:
        """In the parent: whether all that children have sent was put."""
        with self._taking:
            return not select.select([self._parent], [], [], 0)[0]

    def send(self, channel: int, data: bytes) -> None:
        """From the child. Raises BlockingIOError when there is no room now, other OSErrors when the parent is gone."""
        self._child.send(bytes([channel]) + data)

    def wait(self, seconds: float) -> None:
        """In the child: returns when there may be room to send, or after so long."""
        select.select([], [self._child], [], seconds)

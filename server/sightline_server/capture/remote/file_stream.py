"""From a growing typescript on a host to a sink: at the exact byte, without the lines that `script` adds.

Knows the file and its two lines, nothing of who writes it. A stream ends where the file was truncated: what comes then is
no more of the same.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from sightline_server.capture.base import Sink
from sightline_server.capture.remote.host import Host
from sightline_server.capture.remote.scripts import line
from sightline_server.capture.remote.stream import Stream
from sightline_server.decode import typescript
from sightline_server.decode.typescript import Footer

FRAME_BYTES = 4096  # in which a first or a last line is looked for
LINE_SECONDS = 0.2  # for the rest of what may be one of them


class FileStream(Stream):
    """One file, followed.

    Args:
        sink: what it reports to.
        host: where it is.
        path: of the file.
        base: the sink's position at which it begins.
        on_change: called when it broke, has ended, failed, or ends with what may be the last line.

    Attributes:
        footer: what stands at the end now, and is the last line if nothing comes behind it.
    """

    def __init__(self, sink: Sink, host: Host, path: str, base: int, on_change: Callable[[], None]) -> None:
        super().__init__(sink, host, "", "terminal", on_change)
        self.footer: Footer | None = None
        self._path = path
        self._base = base
        self._marker = f"tail: {path}: file truncated\n".encode("utf-8", "surrogateescape")
        self._at_start = False
        self._letting: asyncio.TimerHandle | None = None

    @property
    def length(self) -> int:
        """How much of the file has come."""
        return self._received - self._base

    async def attach(self) -> None:
        """See `Stream`."""
        self.footer = None
        await super().attach()

    async def detach(self) -> None:
        """See `Stream`."""
        if self._letting:
            self._letting.cancel()
            self._letting = None
        await super().detach()

    def let_all_out(self) -> None:
        """What was kept back is output after all."""
        self._letting = None
        self._at_start = False
        self._kept_back = 0
        self._flow()

    def _go(self) -> None:
        token = secrets.token_hex(8)
        self._token = token.encode()
        self._in_head = True
        self._at_start = self.length == 0
        if self._channel:
            self._channel.write((line("sl_follow", token, self._path, str(self.length)) + "\n").encode("utf-8", "surrogateescape"))

    def _take_bytes(self, data: bytes) -> None:
        self._received += len(data)
        self._sift(data)
        self._hold_back_if_full()

    def _sift(self, data: bytes) -> None:
        super()._sift(data)
        if self._letting:
            self._letting.cancel()
            self._letting = None
        if self._at_start and not self._leave_out_first_line():
            return
        tail = bytes(self._waiting[-FRAME_BYTES:])
        last = typescript.footer(tail)
        self._kept_back = 0 if self._marked else last.length if last else typescript.held_back(tail)
        if last != self.footer:
            self.footer = last
            self._on_change()
        if self._kept_back and not last:
            self._letting = self._loop.call_later(LINE_SECONDS, self.let_all_out)

    def _leave_out_first_line(self) -> bool:
        """False: more bytes are needed to know what the first line is."""
        data = bytes(self._waiting[:FRAME_BYTES])
        first = typescript.header(data)
        if first is None and typescript.may_be_header(data) and not self._marked:
            self._kept_back = len(self._waiting)
            self._letting = self._loop.call_later(LINE_SECONDS, self.let_all_out)
            return False
        self._at_start = False
        if first:
            del self._waiting[: first.length]
            self._offset += first.length
        return True

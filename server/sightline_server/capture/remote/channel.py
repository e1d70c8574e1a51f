"""One ssh process: what it prints, what is written to it, its last words and its end.

Knows processes and pipes, nothing of what is spoken over them. asyncio's own subprocesses are not used: one that is cancelled while
it starts hangs its task.
"""

from __future__ import annotations

import asyncio
import os
import signal as signals
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, cast

from sightline_server.capture import processes
from sightline_server.capture.processes import Identity

CLOSE_SECONDS = 1.0  # for a process to go by itself, once its stdin is closed
MAX_SAID = 8192  # bytes of its last words


class Channel(asyncio.Protocol):
    """A process in pipes. Made by `start`.

    Args:
        on_data: gets what it prints, in pieces.
        on_gone: called once when it has ended, or was closed.
    """

    def __init__(self, on_data: Callable[[bytes], None], on_gone: Callable[[], None]) -> None:
        self._on_data = on_data
        self._on_gone = on_gone
        self._gone = asyncio.get_running_loop().create_future()
        self._words = _Words()
        self._process: Identity | None = None
        self._reaped: asyncio.Task[None] | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._stdout: asyncio.ReadTransport | None = None
        self._stderr: asyncio.BaseTransport | None = None

    @classmethod
    async def start(
        cls, argv: Sequence[str], env: Mapping[str, str], on_data: Callable[[bytes], None], on_gone: Callable[[], None]
    ) -> Channel:
        """Starts a process. Raises OSError when it cannot be."""
        channel = cls(on_data, on_gone)
        pid, stdin, stdout, stderr = _spawn(argv, env)
        channel._process = processes.identify(pid)
        if channel._process:
            channel._reaped = asyncio.create_task(processes.exited(channel._process, reap=True), name=f"ssh {pid}")
        loop = asyncio.get_running_loop()
        try:
            channel._stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, stdin)
            channel._stderr, _ = await loop.connect_read_pipe(lambda: channel._words, stderr)
            channel._stdout, _ = await loop.connect_read_pipe(lambda: channel, stdout)
        except BaseException:
            channel.kill()
            for file in (stdin, stdout, stderr):
                file.close()
            raise
        return channel

    @property
    def gone(self) -> bool:
        """It has ended, or was closed."""
        return self._gone.done()

    @property
    def pid(self) -> int:
        """The process; 0: it was gone at once."""
        return self._process.pid if self._process else 0

    @property
    def said(self) -> str:
        """Its last words: what it printed on stderr."""
        return self._words.said.decode("utf-8", "replace")

    def write(self, data: bytes) -> None:
        """Writes to its stdin; what nobody reads any more is dropped."""
        if self._stdin and not self.gone:
            self._stdin.write(data)

    def pause(self) -> None:
        """Reads no more until `resume`: what it has waits with it, and at last with whoever writes on the other side."""
        if self._stdout and not self._stdout.is_closing():
            self._stdout.pause_reading()

    def resume(self) -> None:
        """See `pause`."""
        if self._stdout and not self._stdout.is_closing():
            self._stdout.resume_reading()

    def kill(self) -> None:
        """Ends it at once."""
        if self._process:
            processes.send_signal(self._process, signals.SIGKILL)
        self._end()
        if self._stderr:
            self._stderr.close()

    async def wait(self, seconds: float) -> None:
        """Until the process has exited and its last words are read, but not longer than this."""
        if self._reaped:
            await asyncio.wait([self._reaped], timeout=seconds)
        await asyncio.sleep(0)

    async def close(self) -> None:
        """Ends it: by itself, if it can be so kind."""
        self._end()
        if self._reaped:
            await asyncio.wait([self._reaped], timeout=CLOSE_SECONDS)
            if not self._reaped.done() and self._process:
                processes.send_signal(self._process, signals.SIGKILL)
                await asyncio.wait([self._reaped], timeout=CLOSE_SECONDS)
        if self._stderr:
            self._stderr.close()
        await asyncio.sleep(0)  # asyncio closes the pipes in the loop's next turn: it may be the last

    # --- what asyncio calls

    def data_received(self, data: bytes) -> None:
        """See `Protocol`."""
        if not self.gone:
            self._on_data(data)

    def connection_lost(self, _error: Exception | None) -> None:
        """See `Protocol`."""
        self._end()

    def _end(self) -> None:
        if self._gone.done():
            return
        self._gone.set_result(None)
        for transport in (self._stdin, self._stdout):
            if transport is None or transport.is_closing():
                continue
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()  # what it has still to write, nobody reads
            else:
                transport.close()
        self._on_gone()


class _Words(asyncio.Protocol):
    """The end of what a process says."""

    def __init__(self) -> None:
        self.said = b""

    def data_received(self, data: bytes) -> None:
        self.said = (self.said + data)[-MAX_SAID:]


def _spawn(argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, BinaryIO, BinaryIO, BinaryIO]:
    """Starts a process; returns its pid and our ends of its stdin, stdout and stderr."""
    (its_in, our_in), (our_out, its_out), (our_err, its_err) = os.pipe(), os.pipe(), os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((its_in, its_out, its_err))]
    ours = [os.fdopen(fd, mode, buffering=0) for fd, mode in ((our_in, "wb"), (our_out, "rb"), (our_err, "rb"))]
    try:
        # A session of its own, so that a Ctrl-C in the server's terminal is not for it; it goes with its stdin.
        pid = os.posix_spawnp(argv[0], list(argv), env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=range(1, 32))
    except OSError:
        for file in ours:
            file.close()
        raise
    finally:
        for fd in (its_in, its_out, its_err):
            os.close(fd)
    stdin, stdout, stderr = (cast("BinaryIO", file) for file in ours)
    return pid, stdin, stdout, stderr

"""A control client: one `tmux -C attach` process that is held, so that a command costs a write instead of a process.

Knows how to start one, to send commands and to match the replies. What tmux says is always read, so that nobody waits for us.
"""

from __future__ import annotations

import asyncio
import os
import signal as signals
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from .tmux_protocol import ControlParser, PaneOutput, Reply, command_line

ATTACH_SECONDS = 10.0  # until a client must be attached
CLOSE_SECONDS = 1.0  # for a client to go by itself

Command = Sequence[str | bytes]
"""A tmux command and its arguments, as words."""


class CommandFailed(Exception):
    """tmux refused a command; the text is its own."""


class ClientGone(Exception):
    """The client has ended: tmux went, or the session it was attached to. Whether a command under way was done is not known."""


class ControlClient(asyncio.SubprocessProtocol):
    """An attached client. Made by `attach`.

    Args:
        on_output: gets what panes write, where the client was not told to leave that out.
        on_gone: called once when the client has ended.
    """

    def __init__(self, on_output: Callable[[PaneOutput], None] | None, on_gone: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._parser = ControlParser()
        self._on_output = on_output
        self._on_gone = on_gone
        self._replies: deque[asyncio.Future[tuple[bytes, ...]]] = deque()
        self._attached: asyncio.Future[None] = loop.create_future()
        self._gone: asyncio.Future[None] = loop.create_future()
        self._closed: asyncio.Future[None] = loop.create_future()
        self._process: asyncio.SubprocessTransport | None = None
        self._errors = b""

    @classmethod
    async def attach(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str],
        on_gone: Callable[[], None],
        on_output: Callable[[PaneOutput], None] | None = None,
    ) -> ControlClient:
        """Starts a client and waits until it is attached. Raises `CommandFailed` with tmux's words, TimeoutError."""
        loop = asyncio.get_running_loop()
        _, client = await loop.subprocess_exec(lambda: cls(on_output, on_gone), *argv, env=env, cwd="/")
        try:
            async with asyncio.timeout(ATTACH_SECONDS):
                await client._attached
        except BaseException:
            await client.close()
            raise
        return client

    @property
    def gone(self) -> bool:
        """It has ended."""
        return self._gone.done()

    async def ask(self, commands: Sequence[Command], least_lines: Sequence[int] = ()) -> list[tuple[bytes, ...]]:
        """Sends commands in one write, so that nothing happens in tmux between them, and gives the lines of each reply.

        `least_lines`: how many lines each reply has at least, where a program's text is in it. Raises `CommandFailed` for the first
        that was refused (the later ones were tried too), `ClientGone`.
        """
        if self._process is None or self.gone:
            raise ClientGone
        loop = asyncio.get_running_loop()
        line = b"".join(map(command_line, commands))
        replies = [loop.create_future() for _ in commands]
        for number in range(len(commands)):
            self._parser.expect(least_lines[number] if least_lines else 0)
        self._replies.extend(replies)
        stdin = self._process.get_pipe_transport(0)
        assert isinstance(stdin, asyncio.WriteTransport)  # noqa: S101 - subprocess_exec makes it
        stdin.write(line)
        done = await asyncio.gather(*replies, return_exceptions=True)
        for reply in done:
            if isinstance(reply, BaseException):
                raise reply
        return [reply for reply in done if not isinstance(reply, BaseException)]

    def kill(self) -> None:
        """Ends it at once."""
        # The transport's own `kill` and `close` wait for the child themselves, and asyncio complains that somebody did.
        if self._process is not None and not self._closed.done():
            with suppress(ProcessLookupError):
                os.kill(self._process.get_pid(), signals.SIGKILL)
        self._end()

    async def close(self) -> None:
        """Detaches, and ends a client that does not go by itself."""
        if self._process is None or self._closed.done():
            return
        stdin = self._process.get_pipe_transport(0)
        if isinstance(stdin, asyncio.WriteTransport) and not stdin.is_closing():
            stdin.write(b"\n")  # an empty line detaches
        await asyncio.wait([self._closed], timeout=CLOSE_SECONDS)
        if not self._closed.done():
            self.kill()
            await asyncio.wait([self._closed], timeout=CLOSE_SECONDS)

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `SubprocessProtocol`."""
        assert isinstance(transport, asyncio.SubprocessTransport)  # noqa: S101 - what subprocess_exec promises
        self._process = transport

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """See `SubprocessProtocol`."""
        assert isinstance(data, bytes)  # noqa: S101 - pipes give bytes
        if fd != 1:
            self._errors = (self._errors + data)[-1000:]
            return
        for message in self._parser.feed(data):
            if isinstance(message, PaneOutput):
                if self._on_output:
                    self._on_output(message)
            elif isinstance(message, Reply):
                self._reply(message)
            elif message.name == b"session-changed" and not self._attached.done():
                self._attached.set_result(None)

    def process_exited(self) -> None:
        """See `SubprocessProtocol`."""
        self._end()

    def connection_lost(self, _error: Exception | None) -> None:
        """See `SubprocessProtocol`."""
        self._end()
        self._closed.set_result(None)

    def pipe_connection_lost(self, fd: int, _error: Exception | None) -> None:
        """See `SubprocessProtocol`."""
        if fd == 1:
            self._end()

    def _reply(self, reply: Reply) -> None:
        if reply.ours:
            waiting = self._replies.popleft()
            if waiting.done():
                return  # whoever asked has gone
            if reply.ok:
                waiting.set_result(reply.lines)
            else:
                waiting.set_exception(CommandFailed(text(reply.lines)))
        elif not reply.ok and not self._attached.done():
            self._attached.set_exception(CommandFailed(text(reply.lines)))

    def _end(self) -> None:
        if self._gone.done():
            return
        self._gone.set_result(None)
        if not self._attached.done():
            self._attached.set_exception(CommandFailed(text([self._errors]) or "tmux ended without a word"))
            self._attached.exception()  # nobody may be waiting any more
        for waiting in self._replies:
            if not waiting.done():
                waiting.set_exception(ClientGone())
        self._replies.clear()
        self._on_gone()


def text(lines: Sequence[bytes]) -> str:
    """Lines of tmux as text for people."""
    return b"\n".join(lines).decode("utf-8", "replace").strip()

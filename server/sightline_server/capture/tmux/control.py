"""A control client: one `tmux -C attach` process that is held, so that a command costs a write instead of a process.

Knows how to start one, to send commands and to match the replies. What tmux says is always read, so that nobody waits for us.
"""

from __future__ import annotations

import asyncio
import os
import signal as signals
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, cast

from sightline_server.capture import processes
from sightline_server.capture.processes import Identity
from sightline_server.capture.tmux.protocol import ControlParser, PaneOutput, Reply, command_line

ATTACH_SECONDS = 10.0  # until a client must be attached
CLOSE_SECONDS = 1.0  # for a client to go by itself

Command = Sequence[str | bytes]
"""A tmux command and its arguments, as words."""


class CommandFailed(Exception):
    """tmux refused a command; the text is its own."""


class ClientGone(Exception):
    """The client has ended: tmux went, or the session it was attached to. Whether a command under way was done is not known."""


class ControlClient(asyncio.Protocol):
    """An attached client. Made by `attach`.

    Attributes:
        server_pid: the tmux server that it is attached to, as far as whoever attached it knows; 0: not said.

    asyncio's own subprocesses are not used: one that is cancelled while it starts hangs its task, and the loop's end with it.

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
        self._stdin: asyncio.WriteTransport | None = None
        self._stdout: asyncio.BaseTransport | None = None
        self._process: Identity | None = None
        self._reaped: asyncio.Task[None] | None = None
        self._strays: list[bytes] = []
        self.server_pid = 0

    @classmethod
    async def attach(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str],
        on_gone: Callable[[], None],
        on_output: Callable[[PaneOutput], None] | None = None,
    ) -> ControlClient:
        """Starts a client and waits until it is attached. Raises `CommandFailed` with tmux's words, TimeoutError."""
        client = cls(on_output, on_gone)
        try:
            async with asyncio.timeout(ATTACH_SECONDS):
                await client._start(argv, env)
                await client._attached
        except BaseException:
            await client.close()
            raise
        return client

    async def _start(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        loop = asyncio.get_running_loop()
        pid, stdin, stdout = _spawn(argv, env)
        self._process = processes.identify(pid)
        if self._process:
            self._reaped = asyncio.create_task(processes.exited(self._process), name=f"tmux client {pid}")
        try:
            self._stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, stdin)
            self._stdout, _ = await loop.connect_read_pipe(lambda: self, stdout)
        except BaseException:
            self.kill()
            stdin.close()
            stdout.close()
            raise

    @property
    def gone(self) -> bool:
        """It has ended."""
        return self._gone.done()

    async def ask(self, commands: Sequence[Command], least_lines: Sequence[int] = ()) -> list[tuple[bytes, ...]]:
        """Sends commands in one write, so that nothing happens in tmux between them, and gives the lines of each reply.

        `least_lines`: how many lines each reply has at least, where a program's text is in it. Raises `CommandFailed` for the first
        that was refused (the later ones were tried too), `ClientGone`.
        """
        if self._stdin is None or self.gone:
            raise ClientGone
        loop = asyncio.get_running_loop()
        line = b"".join(map(command_line, commands))
        replies = [loop.create_future() for _ in commands]
        for number in range(len(commands)):
            self._parser.expect(least_lines[number] if least_lines else 0)
        self._replies.extend(replies)
        self._stdin.write(line)
        done = await asyncio.gather(*replies, return_exceptions=True)
        for reply in done:
            if isinstance(reply, BaseException):
                raise reply
        return [reply for reply in done if not isinstance(reply, BaseException)]

    def kill(self) -> None:
        """Ends it at once."""
        if self._process:
            processes.send_signal(self._process, signals.SIGKILL)
        self._end()

    async def close(self) -> None:
        """Detaches, and ends a client that does not go by itself."""
        if self._stdin and not self._stdin.is_closing():
            if not self.gone:
                self._stdin.write(b"\n")  # an empty line detaches
            self._stdin.close()
        if self._reaped:
            await asyncio.wait([self._reaped], timeout=CLOSE_SECONDS)
            if not self._reaped.done():
                self.kill()
                await asyncio.wait([self._reaped], timeout=CLOSE_SECONDS)
        self._end()
        await asyncio.sleep(0)  # asyncio closes the pipes in the loop's next turn: it may be the last

    # --- what asyncio calls

    def data_received(self, data: bytes) -> None:
        """See `Protocol`."""
        for message in self._parser.feed(data):
            if isinstance(message, PaneOutput):
                if self._on_output:
                    self._on_output(message)
            elif isinstance(message, Reply):
                self._reply(message)
            elif not message.name:
                self._strays.append(message.words)
            elif message.name == b"session-changed" and not self._attached.done():
                self._attached.set_result(None)

    def connection_lost(self, _error: Exception | None) -> None:
        """See `Protocol`."""
        self._end()

    def _reply(self, reply: Reply) -> None:
        if reply.ours:
            waiting = self._replies.popleft() if self._replies else None
            if waiting is None or waiting.done():
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
        for transport in (self._stdin, self._stdout):
            if transport:
                transport.close()
        if not self._attached.done():
            self._attached.set_exception(CommandFailed(text(self._strays) or "tmux ended without a word"))
            self._attached.exception()  # nobody may be waiting any more
        for waiting in self._replies:
            if not waiting.done():
                waiting.set_exception(ClientGone())
        self._replies.clear()
        self._on_gone()


def text(lines: Sequence[bytes]) -> str:
    """Lines of tmux as text for people."""
    return b"\n".join(lines).decode("utf-8", "replace").strip()


def _spawn(argv: Sequence[str], env: Mapping[str, str]) -> tuple[int, BinaryIO, BinaryIO]:
    """Starts a client; returns its pid, what writes to it and what reads from it."""
    (its_in, our_out), (our_in, its_out) = os.pipe(), os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((its_in, its_out, its_out))]
    stdin, stdout = open(our_out, "wb", buffering=0), open(our_in, "rb", buffering=0)  # noqa: SIM115 - they become transports
    try:
        # A session of its own, so that a Ctrl-C in the server's terminal is not for it; it goes with its stdin.
        pid = os.posix_spawn(argv[0], list(argv), env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=range(1, 32))
    except OSError:
        stdin.close()
        stdout.close()
        raise
    finally:
        os.close(its_in)
        os.close(its_out)
    return pid, cast("BinaryIO", stdin), cast("BinaryIO", stdout)

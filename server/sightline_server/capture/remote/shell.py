"""A held `sh` over a channel: commands go in, each answer comes out whole and in order, however it was cut on the way.

Knows how an answer is told from the next one, nothing of hosts or of what the commands do.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from sightline_server.capture.remote.channel import Channel


class ShellGone(Exception):
    """The channel has ended. Whether a command under way was done is not known."""


class Refused(Exception):
    """A command failed; the text is what it printed.

    Attributes:
        status: its exit status.
    """

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class Shell:
    """A shell that takes commands. Made by `start`; one whose `preamble` prints nothing.

    Attributes:
        channel: what it runs over.
        heard: called for whatever comes.
    """

    def __init__(self, heard: Callable[[], None]) -> None:
        self.channel: Channel
        self._heard = heard
        self._rest = b""
        self._asked: deque[tuple[bytes, asyncio.Future[bytes]]] = deque()

    @classmethod
    async def start(
        cls, argv: Sequence[str], env: Mapping[str, str], preamble: bytes, heard: Callable[[], None], on_gone: Callable[[], None]
    ) -> Shell:
        """Starts one. What comes before its first answer, such as what a login prints, is left out. Raises OSError."""
        shell = cls(heard)

        def gone() -> None:
            shell._fail()
            on_gone()

        shell.channel = await Channel.start(argv, env, shell._take, gone)
        shell.channel.write(preamble)
        return shell

    async def ask(self, command: str) -> str:
        """Runs a command and gives what it printed, without the last line end. Raises `Refused`, `ShellGone`."""
        return (await self.ask_bytes(command)).decode("utf-8", "surrogateescape").removesuffix("\n")

    async def ask_bytes(self, command: str) -> bytes:
        """The same, as it came."""
        if self.channel.gone:
            raise ShellGone
        # Nobody can know the token beforehand, so that no output is taken for the end of an answer.
        token = secrets.token_hex(16)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked.append((token.encode(), answer))
        start = f"printf '%s\\n' {token}\n"
        end = f"printf '\\n%s %s\\n' {token} $?\n"
        self.channel.write(f"{start}{{ {command}\n}} </dev/null 2>&1\n{end}".encode("utf-8", "surrogateescape"))
        return await answer

    def _take(self, data: bytes) -> None:
        self._heard()
        self._rest += data
        while self._asked:
            token, answer = self._asked[0]
            end = self._rest.find(b"\n" + token + b" ")
            after = self._rest.find(b"\n", end + 1)
            if end < 0 or after < 0:
                return
            start = self._rest.find(token + b"\n") + len(token) + 1
            said, status = self._rest[start : max(start, end)], int(self._rest[end + len(token) + 2 : after])
            self._rest = self._rest[after + 1 :]
            self._asked.popleft()
            if answer.done():
                continue  # whoever asked has gone
            if status:
                answer.set_exception(Refused(status, said.decode("utf-8", "replace").strip()))
            else:
                answer.set_result(said)

    def _fail(self) -> None:
        while self._asked:
            _, answer = self._asked.popleft()
            if not answer.done():
                answer.set_exception(ShellGone())
                answer.exception()  # nobody may be waiting any more

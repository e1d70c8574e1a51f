"""Typescripts on a host: somebody else's `script` writes them there; they are read, and otherwise left as they are.

Knows what can be known of a file from afar: which it is, and that its last line has come. Who writes it is not looked for.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sightline.v1.event_pb2 import CaptureState, Event, Notice
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind, Snapshot, Terminal, Typescript

from sightline_server import errors
from sightline_server.capture.base import Ending, Sink, Typed
from sightline_server.capture.remote.file_stream import FileStream
from sightline_server.capture.remote.host import Host
from sightline_server.capture.remote.scripts import line
from sightline_server.capture.remote.source import Place, RemoteSource
from sightline_server.capture.remote.stream import Stream
from sightline_server.decode import typescript

POLL_SECONDS = 2.0  # between looks at which file the path names
LAST_SECONDS = 1.0  # that a last line must have stood at the end
TRUNCATED = "the typescript was truncated: it is read from its beginning again"
REPLACED = "the typescript was replaced by another file, which is read from its beginning"


async def record(host: Host, wanted: Typescript) -> SessionMessage:
    """A session's record of a typescript there. Raises `FileNotThere`, and what is wrong with the host."""
    await host.connected()
    path = await host.ask(f"readlink -f -- {line(wanted.path)} || :")
    if not path or not await host.ask(line("sl_file", path)):
        raise errors.FileNotThere(path=f"{wanted.path} on {host.name}")
    first = typescript.header(await host.ask_bytes(line("head", "-c", "4096", path)))
    return SessionMessage(
        kind=SessionKind.SESSION_KIND_TYPESCRIPT,
        host=host.name,
        typescript=Typescript(path=path),
        terminal=Terminal(columns=first.columns, rows=first.rows) if first and first.columns else None,
    )


class RemoteTypescript(RemoteSource):
    """A typescript on a host.

    For `start` it needs its `path`; a source that resumes does not.
    """

    kind = SessionKind.SESSION_KIND_TYPESCRIPT

    def __init__(self, sink: Sink, host: Host, *, path: str = "") -> None:
        super().__init__(sink, host)
        self._path = path
        self._releasing = False
        self._gone = False
        self._polling: asyncio.TimerHandle | None = None
        self._last_since = 0.0  # loop time

    async def start(self) -> None:
        """See `Source`."""
        await self._host.connected()
        for tool in ("tail", "wc", "env"):
            self._host.need(tool, "following a typescript on another host")
        file = await self._file()
        if file is None:
            raise errors.FileNotThere(path=f"{self._path} on {self._host.name}")
        self._note(Place("", path=self._path, file=file[0]))
        self._follow()

    def check_send(self, typed: Typed) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        raise errors.NoKeyboard(session=self._sink.session_name)

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        self.check_send(typed)

    async def interrupt(self) -> None:
        """See `Source`."""
        raise errors.NoKeyboard(session=self._sink.session_name)

    async def resize(self, columns: int, rows: int) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        raise errors.NotResizable(session=self._sink.session_name)

    async def terminate(self, signal: int, grace: float) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        raise errors.NotOurs(session=self._sink.session_name, why="it is written on another host")

    async def snapshot(self) -> Snapshot:
        """See `Source`."""
        raise errors.NoScreen(session=self._sink.session_name)

    async def release(self) -> None:
        """See `Source`. Nothing of ours is there, so that no connection is needed."""
        await self.detach()
        await self._sink.ended(Ending(released=True))

    def _make_streams(self) -> list[Stream]:
        return [self._stream()]

    def _stream(self) -> FileStream:
        assert self._held is not None  # noqa: S101 - it is followed
        return FileStream(self._sink, self._host, self._held.path, self._held.base, self._changed.set)

    def _note(self, held: Place) -> None:
        held.write(self._sink.directory)
        self._hold(held)
        self._path = held.path

    def _hold(self, held: Place) -> None:
        super()._hold(held)
        self._path = held.path

    async def _still_there(self) -> Ending | None:
        return None

    async def _forget(self) -> None:
        """Nothing of ours is there."""

    async def _following_again(self) -> None:
        if not self._gone:
            await super()._following_again()

    async def _attach(self) -> None:
        """Looks first which file the path names: what was read before belongs to no other."""
        self._host.check_up()
        (stream,) = self._streams
        if not stream.attached and not await self._is_the_same():
            return
        await super()._attach()

    async def _look(self) -> Ending | None:
        (stream,) = self._streams
        assert isinstance(stream, FileStream)  # noqa: S101 - `_make_streams` makes no others
        if stream.ended:
            await self._begin_again(TRUNCATED)
            return None
        if not await self._is_the_same():
            return None
        return self._over(stream)

    def _over(self, stream: FileStream) -> Ending | None:
        loop = asyncio.get_running_loop()
        last = stream.footer
        if last is None:
            self._last_since = 0.0
            self._look_again(POLL_SECONDS)
            return None
        self._last_since = self._last_since or loop.time()
        if loop.time() - self._last_since < LAST_SECONDS:
            self._look_again(LAST_SECONDS)
            return None
        if last.exit_code is None:
            return Ending(observed=False, error=last.why or "the typescript does not say how the program ended")
        return Ending(exit_code=last.exit_code, error=last.why)

    async def _is_the_same(self) -> bool:
        """The path still names the file that is followed. Otherwise that is said, and a new one is begun with."""
        assert self._held is not None  # noqa: S101 - it is followed
        (stream,) = self._streams
        assert isinstance(stream, FileStream)  # noqa: S101 - `_make_streams` makes no others
        file = await self._file()
        if file is None:
            self._gone = True
            why = str(errors.FileNotThere(path=f"{self._path} on {self._host.name}"))
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, why)
            self._look_again(POLL_SECONDS)
            return False
        self._gone = False
        inode, size = file
        read = self._sink.position("terminal") - self._held.base
        if inode != self._held.file:
            await self._begin_again(REPLACED, inode)
            return False
        if not stream.attached and size < read:
            await self._begin_again(TRUNCATED)
            return False
        return True

    async def _begin_again(self, why: str, file: str = "") -> None:
        assert self._held is not None  # noqa: S101 - it is followed
        (stream,) = self._streams
        await stream.detach()
        position = self._sink.position("terminal")
        await self._sink.event(Event(notice=Notice(text=why)), "sightline")
        self._note(replace(self._held, file=file or self._held.file, base=position))
        self._streams = [self._stream()]
        self._changed.set()

    async def _file(self) -> tuple[str, int] | None:
        """Which file the path names, and its length."""
        words = (await self._host.ask(line("sl_file", self._path))).split()
        return (words[0], int(words[1])) if len(words) == 2 else None

    def _look_again(self, seconds: float) -> None:
        if self._polling:
            self._polling.cancel()
        self._polling = asyncio.get_running_loop().call_later(seconds, self._changed.set)

    async def _let_go(self) -> None:
        if self._polling:
            self._polling.cancel()
        await super()._let_go()

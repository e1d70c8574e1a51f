"""What all sources on other hosts have in common: streams that are attached again whenever the host is back, and the end.

Knows when to read and what to say about the capture; how a thing begins there and when it is over is each kind's to say.
"""

from __future__ import annotations

import asyncio
import json
import logging
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sightline.v1.event_pb2 import CaptureState, Channel, Event, OutputLost
from sightline.v1.session_pb2 import Snapshot

from sightline_server import errors
from sightline_server.capture.base import Ending, Sink, Typed
from sightline_server.capture.remote.host import FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, Facts, Host
from sightline_server.capture.remote.scripts import line
from sightline_server.capture.remote.shell import Refused
from sightline_server.capture.remote.stream import Stream
from sightline_server.errors import SightlineError

log = logging.getLogger(__name__)

KILL_ROUNDS = 20  # each finds what was started meanwhile
KILL_SECONDS = 0.25  # for the killed of one round to be gone
SIGNAL_SECONDS = 0.1  # between looks at whether the signalled are gone


@dataclass(frozen=True)
class Place:
    """What a session must remember of what it follows on a host, in the file `remote.json`.

    Attributes:
        directory: its own directory there.
        pane: the pane's id; empty: none yet, or none at all.
        tty: the pane's terminal.
        socket: of its tmux server.
        server: pid and start of that server, as `sl_who` says them.
        piped: our writer is at the pane's pipe; False: somebody else's is.
        path: of the file that is followed, where it is one.
        file: which file that is, as `sl_file` says it.
        base: the position at which that file begins: what was read of those before it.
    """

    directory: str
    pane: str = ""
    tty: str = ""
    socket: str = ""
    server: str = ""
    piped: bool = True
    path: str = ""
    file: str = ""
    base: int = 0

    def write(self, directory: Path) -> None:
        """Writes it, whole or not at all."""
        fresh = directory / ".remote.json.new"
        fresh.write_text(json.dumps(asdict(self)), encoding="utf-8")
        fresh.replace(directory / "remote.json")

    @classmethod
    def read(cls, directory: Path) -> Place | None:
        """The one of a directory; None: nothing was begun yet."""
        try:
            return cls(**json.loads((directory / "remote.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None


class RemoteSource:
    """Something on another host that is followed. Is a `Watcher` of its host. Subclasses say what, and when it is over.

    Attributes:
        place: see `Watcher`.
    """

    channels: Sequence[str] = ("terminal",)

    def __init__(self, sink: Sink, host: Host) -> None:
        self.place = ""
        self._sink = sink
        self._host = host
        self._held: Place | None = None
        self._streams: list[Stream] = []
        self._changed = asyncio.Event()
        self._news: set[str] = set()
        self._following: asyncio.Task[None] | None = None
        self._delay = FIRST_RETRY_SECONDS
        self._problem: Exception | None = None  # why nothing comes just now

    # --- `Watcher`

    def changed(self) -> None:
        """See `Watcher`."""
        self._changed.set()

    def news(self, words: Sequence[str]) -> None:
        """See `Watcher`."""
        if " ".join(words) not in self._news:
            self._news.add(" ".join(words))
            self._changed.set()

    # --- `Source`, as far as all are alike

    async def resume(self) -> None:
        """See `Source`."""
        held = Place.read(self._sink.directory)
        if held is None:
            await self._sink.ended(Ending(started=False, error="the server went down before anything was begun on the host"))
            return
        self._hold(held)
        self._follow(resumed=True)

    async def terminate(self, signal: int, grace: float) -> None:
        """See `Source`."""
        self._host.check_up()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        left = await self._signal(signal)
        while left and loop.time() < deadline:
            await asyncio.sleep(min(SIGNAL_SECONDS, max(0.0, deadline - loop.time())))
            left = await self._signal(0)
        for _ in range(KILL_ROUNDS):
            if not left or not await self._signal(9):
                return
            await asyncio.sleep(KILL_SECONDS)
            left = await self._signal(0)
        log.warning("session %s: %d processes could not be ended", self._sink.session_id, left)

    async def snapshot(self) -> Snapshot:
        """See `Source`."""
        raise errors.NoTerminal(session=self._sink.session_name)

    async def echo_is_off(self) -> bool:
        """See `Source`."""
        return False

    async def resize(self, columns: int, rows: int) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        raise errors.NoTerminal(session=self._sink.session_name)

    async def release(self) -> None:
        """See `Source`."""
        raise errors.NotAdopted(session=self._sink.session_name)

    def check_send(self, typed: Typed) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        self._check_connected()

    async def detach(self) -> None:
        """See `Source`."""
        if self._following:
            self._following.cancel()
            await asyncio.wait([self._following])
        await self._let_go()

    # --- for subclasses

    def _check_connected(self) -> None:
        """Raises `HostDisconnected` for as long as the capture says so."""
        if self._problem is not None:
            raise errors.HostDisconnected(host=self._host.name, why=self._problem)
        self._host.check_up()

    @abstractmethod
    async def _look(self) -> Ending | None:
        """How it ended; None: it goes on. Called when something changed, while the host is up. Raises domain errors, `Refused`."""

    async def _completed(self, ending: Ending) -> Ending:
        """The ending with what can be said only when all is taken."""
        return ending

    async def _signal(self, signal: int) -> int:
        """Signals the session's processes; 0 only counts them. How many there are."""
        return int(await self._host.ask(line("sl_signal", self._sink.session_id, str(signal))))

    async def _begin_place(self) -> Facts:
        """Connects, and notes where the session's directory will be there: what a killed server leaves must be found again."""
        facts = await self._host.connected()
        held = Place(f"{facts.state}/{self._sink.session_id}")
        held.write(self._sink.directory)
        self._hold(held)
        return facts

    def _hold(self, held: Place) -> None:
        self._held = held
        self.place = held.directory

    @property
    def _directory(self) -> str:
        assert self._held is not None  # noqa: S101 - it is followed
        return self._held.directory

    def _follow(self, *, resumed: bool = False) -> None:
        self._streams = self._make_streams()
        self._host.watch(self)
        self._following = asyncio.create_task(self._run(resumed=resumed), name=f"remote {self._sink.session_id}")

    def _make_streams(self) -> list[Stream]:
        return [Stream(self._sink, self._host, self._directory, name, self._changed.set) for name in self.channels]

    async def _note_hole(self, why: str) -> None:
        lost = OutputLost(channel=Channel.CHANNEL_TERMINAL, reason=why)
        await self._sink.event(Event(output_lost=lost), "terminal")

    async def _forget(self) -> None:
        """Removes what is ours on the host."""
        with suppress(SightlineError, Refused):
            await self._host.ask(line("sl_forget", self._directory))

    async def _let_go(self) -> None:
        self._host.unwatch(self)
        for stream in self._streams:
            await stream.detach()

    # --- following

    async def _run(self, *, resumed: bool) -> None:
        try:
            ending = await self._until_over(resumed=resumed)
            ending = await self._completed(ending)
            await self._forget()
            await self._let_go()
            await self._sink.ended(ending)
        except Exception as error:
            log.exception("session %s: following stopped", self._sink.session_id)
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, str(error))

    async def _until_over(self, *, resumed: bool) -> Ending:
        unseen = resumed  # nobody has looked yet whether it is still there
        while True:
            self._changed.clear()
            for stream in self._streams:
                stream.check()
            try:
                if unseen:
                    ending = await self._still_there()
                    unseen = False
                    if ending:
                        return ending
                await self._attach()
                ending = await self._look()
                if ending:
                    return ending
            except (SightlineError, Refused) as problem:
                await self._disconnected(problem)
                continue
            await self._changed.wait()

    async def _still_there(self) -> Ending | None:
        """How it ended while no server was there, if nothing of it can be found."""
        self._host.check_up()
        if await self._host.ask(f"[ -d {line(self._directory)} ] || echo gone"):
            return Ending(observed=False, error="its directory on the host is gone, and with it what was not read yet")
        return None

    async def _attach(self) -> None:
        self._host.check_up()
        for stream in self._streams:
            problem, stream.problem = stream.problem, None
            if problem and not stream.ended:
                raise problem  # after a moment: the host may just be noticing the same
            if not stream.ended and not stream.attached:
                await stream.attach()
                self._delay = FIRST_RETRY_SECONDS
        self._problem = None
        await self._following_again()

    async def _following_again(self) -> None:
        await self._sink.capture(CaptureState.CAPTURE_STATE_FOLLOWING, "")

    async def _disconnected(self, problem: Exception) -> None:
        """Says why nothing comes, and waits until that may have changed."""
        why = self._host.problem if not self._host.up and self._host.problem else problem
        if self._host.up or self._host.problem:  # while it is first connected to, nothing is wrong yet
            self._problem = why
            await self._sink.capture(CaptureState.CAPTURE_STATE_DISCONNECTED, str(why))
        for stream in self._streams:
            await stream.detach()
        if self._host.up:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._delay):
                    await self._changed.wait()
            self._delay = min(self._delay * 2, LAST_RETRY_SECONDS)
        else:
            await self._changed.wait()

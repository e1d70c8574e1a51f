"""What every source keeps, whatever it follows: one suite, one rig for each kind. See `rig.py`."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from conformance.rig import Parrot, Rig, is_running, until
from conformance.rigs.agent import AgentTerminalRig, AgentTmuxRig
from conformance.rigs.command import CommandRig
from conformance.rigs.held import HeldRig
from conformance.rigs.recipe import RecipeRig
from conformance.rigs.remote import RemoteCommandRig, RemoteTerminalRig, RemoteTmuxRig, RemoteTypescriptRig
from conformance.rigs.screen import HeldScreenRig, ScreenPairRig, ScreenRig
from conformance.rigs.terminal import TerminalRig
from conformance.rigs.tmux import TmuxRig
from conformance.rigs.typescript import TypescriptRig
from server.capture.memory_sink import MemorySink
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline_server.capture import processes
from sightline_server.capture.base import Source, Typed
from sightline_server.capture.sources import Sources
from sightline_server.errors import NoInput, NotAdopted, NoTerminal
from sightline_server.settings import Settings

RIGS: dict[str, Callable[[Path], Rig]] = {
    "command": CommandRig,
    "recipe": RecipeRig,
    "terminal": TerminalRig,
    "tmux": TmuxRig,
    "held": HeldRig,
    "typescript": TypescriptRig,
    "screen": ScreenRig,
    "screen_pair": ScreenPairRig,
    "held_screen": HeldScreenRig,
    "remote_command": RemoteCommandRig,
    "remote_terminal": RemoteTerminalRig,
    "remote_tmux": RemoteTmuxRig,
    "remote_typescript": RemoteTypescriptRig,
    "agent_terminal": AgentTerminalRig,
    "agent_tmux": AgentTmuxRig,
}

ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/", "TERM": "xterm-256color"}
EXIT_CODE = 3
EVERY_BYTE = bytes(range(256))
PIECE = 50_000


class Stage:
    """One source with its program, and the server around it, which can be restarted.

    Attributes:
        program: what runs in it.
        sink: what it reports to; its log survives restarts.
        rig: its kind.
    """

    def __init__(self, rig: Rig, home: Path) -> None:
        self.rig = rig
        self.program = Parrot(home.parent / "parrot")
        directory = home / "spool" / "session"
        directory.mkdir(mode=0o700, parents=True)
        self.sink = MemorySink(directory, f"s-{uuid.uuid4().hex[:12]}", "conforming")
        self.source: Source
        self._settings = Settings(home=home, ssh=getattr(rig, "ssh", ("ssh",)))  # only those on other hosts have it
        self._environment = {**ENVIRONMENT, **getattr(rig, "environment", {})}
        self._sources = Sources(self._settings, self._environment)
        self._record = SessionMessage()
        self._written = b""
        self._before: object = None

    async def begin(self) -> None:
        """Creates the session, as the server does it; returns when its program is ready."""
        request = await self.rig.request(self.program)
        if self.rig.adopted:
            await self.program.ready()
        self._before = self.rig.traces()
        kind = self._sources.of_request(request)
        kind.check(request)
        self._record = await kind.record(request)
        self._record.id = self.sink.session_id
        self._record.name = self.sink.session_name
        self.source = kind.new(request, self._record, self.sink)
        await self.source.start()
        await self.program.ready()

    async def leave(self) -> None:
        """The server goes."""
        await self.source.detach()
        await self._sources.close()

    async def come_back(self) -> None:
        """The server is there again: all that it knows is the record, the log and the spool."""
        self._sources = Sources(self._settings, self._environment)
        record = SessionMessage.FromString(self._record.SerializeToString())
        self.source = self._sources.resumed(record, self.sink)
        await self.source.resume()

    async def write(self, data: bytes) -> None:
        """Has the program write."""
        self._written += data
        await self.program.write(data)

    @property
    def output(self) -> bytes:
        """All output bytes that are in the log."""
        return b"".join(event.output.data for event in self.sink.log if event.HasField("output"))

    async def all_there(self) -> None:
        """Waits until the log has all that was written, and checks that it is that and nothing else."""
        await self.sink.until(lambda: len(self.output) >= len(self._written))
        assert self.output == self._written

    def is_untouched(self) -> bool:
        """Nothing of ours is to be seen around the adopted program."""
        return self.rig.traces() == self._before

    async def close(self) -> None:
        """Nothing is left running."""
        await self.leave()
        self.program.end()
        await self.rig.close()
        await processes.end_tree(self.sink.session_id, None, signal.SIGKILL, 0)


@pytest_asyncio.fixture(params=sorted(RIGS))
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    place = Path(tempfile.mkdtemp(prefix="slc"))  # sockets need a short path
    home = place / "home"
    home.mkdir(mode=0o700)
    made = Stage(RIGS[request.param](home), home)
    try:
        await made.begin()
        yield made
    finally:
        await made.close()
        while os.path.exists(place):  # noqa: ASYNC240 - relays still write their last words
            shutil.rmtree(place, ignore_errors=True)


def noise(seed: int, count: int) -> bytes:
    """Bytes of all values, with what a terminal's program writes in between."""
    made = random.Random(seed)
    parts = [made.randbytes(50), b"line\r\n", "é漢🙂".encode(), b"\x1b[31mred\x1b[0m", b"\x00\xff\x1b]0;title\x07"]
    return b"".join(made.choice(parts) for _ in range(count // 15))[:count]


async def test_every_byte_arrives_unchanged_and_in_order(stage: Stage) -> None:
    await stage.write(EVERY_BYTE)
    for seed in range(20):
        await stage.write(noise(seed, 1 + seed * 997))
    await stage.all_there()


async def test_a_restart_of_the_server_loses_and_doubles_nothing(stage: Stage) -> None:
    for round_ in range(3):
        await stage.write(noise(round_, PIECE))
        await stage.leave()
        await stage.write(noise(round_ + 100, PIECE))
        await stage.come_back()
    await stage.write(b"and on it goes")
    await stage.all_there()


async def test_a_server_that_goes_between_reading_and_committing_reads_it_again(stage: Stage) -> None:
    await stage.write(b"before")
    await stage.all_there()
    stage.sink.gate.clear()
    await stage.write(noise(1, PIECE))
    await stage.leave()
    forgotten, stage.sink = stage.sink, stage.sink.as_committed()
    forgotten.gate.set()
    assert stage.output == b"before"
    await stage.come_back()
    await stage.all_there()


async def test_a_full_disk_loses_nothing(stage: Stage) -> None:
    stage.sink.gate.clear()
    for seed in range(5):
        await stage.write(noise(seed, PIECE // 5))
    assert stage.output == b""
    stage.sink.gate.set()
    await stage.all_there()


async def test_the_end_comes_once_behind_the_last_byte(stage: Stage) -> None:
    await stage.write(noise(3, PIECE))
    await stage.program.order(b"x", b"%d" % EXIT_CODE)
    ending = await stage.sink.ending()
    await stage.all_there()
    if stage.rig.knows_exit_code:
        assert (ending.exit_code, ending.observed, ending.started) == (EXIT_CODE, True, True)
        assert ending.descendants_left == 0
    else:
        assert (ending.exit_code, ending.observed) == (None, False)
        assert ending.error


async def test_a_program_that_ends_while_no_server_is_there_is_read_to_its_end(stage: Stage) -> None:
    await stage.write(b"before")
    await stage.all_there()
    await stage.leave()
    await stage.write(noise(4, PIECE))
    pid = stage.program.pid
    await stage.program.order(b"x", b"%d" % EXIT_CODE)
    await until(lambda: not is_running(pid))
    await stage.come_back()
    ending = await stage.sink.ending()
    await stage.all_there()
    assert ending.exit_code == (EXIT_CODE if stage.rig.knows_exit_code else None)


async def test_what_is_sent_arrives_byte_for_byte(stage: Stage) -> None:
    if not stage.rig.takes_input:
        with pytest.raises(NoInput):
            stage.source.check_send(Typed(data=b"x"))
        return
    said = b"plain " + "é漢".encode() + b" \x01\x1b[A\\^ ';\" $HOME %d #{pid} \x7f\xfe end"
    for typed in (Typed(data=said), Typed(data=b"", keys=("Enter",)), Typed(data=b"-n", submit=True)):
        stage.source.check_send(typed)
        await stage.source.send(typed)
    enter = (b"\r", b"\n")
    await until(lambda: len(stage.program.received) >= len(said) + 4)
    assert stage.program.received in {said + one + b"-n" + one for one in enter}


async def test_typing_works_after_a_restart_too(stage: Stage) -> None:
    if not stage.rig.takes_input:
        pytest.skip("this kind takes no input: the test above says so")
    await stage.leave()
    await stage.come_back()
    await stage.source.send(Typed(data=b"again"))
    await until(lambda: stage.program.received == b"again")


async def test_an_interrupt_reaches_the_program(stage: Stage) -> None:
    if not stage.rig.takes_input:
        with pytest.raises(NoInput):
            await stage.source.interrupt()
        return
    await stage.source.interrupt()
    await until(lambda: stage.program.received in {b"\x03", b"<SIGINT>"})  # a raw terminal gives the key itself


async def test_terminate_ends_what_is_ours_with_all_its_children(stage: Stage) -> None:
    if stage.rig.adopted:
        pytest.skip("the program is somebody else's: each kind's own tests say what terminate means there")
    child = await stage.program.child()
    await stage.write(b"before the end")
    await stage.source.terminate(signal.SIGTERM, 1.0)
    await stage.sink.ending()
    await stage.all_there()
    await until(lambda: not is_running(child))
    assert not is_running(stage.program.pid)


async def test_release_leaves_an_adopted_program_running_without_a_trace(stage: Stage) -> None:
    if not stage.rig.adopted:
        with pytest.raises(NotAdopted):
            await stage.source.release()
        return
    await stage.write(b"seen")
    await stage.all_there()
    await stage.source.release()
    ending = await stage.sink.ending()
    assert ending.released
    assert is_running(stage.program.pid)
    await until(stage.is_untouched)
    await stage.program.write(b"not seen")
    assert stage.output == b"seen"


async def test_a_screen_is_a_screen_or_there_is_no_terminal(stage: Stage) -> None:
    await stage.write(b"on the screen\r\n")
    await stage.all_there()
    try:
        screen = await stage.source.snapshot()
    except NoTerminal:
        return
    assert any("on the screen" in line for line in screen.text)


async def test_nothing_is_said_about_a_capture_that_works(stage: Stage) -> None:
    await stage.write(noise(5, PIECE))
    await stage.leave()
    await stage.come_back()
    await stage.write(noise(6, PIECE))
    await stage.all_there()
    assert not [state for state in stage.sink.states if state[1]]
    assert await asyncio.wait_for(stage.source.echo_is_off(), 5) in {True, False}

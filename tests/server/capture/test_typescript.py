"""Typescripts, adopted: real `script` processes of util-linux, and files that lie."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from server.capture.memory_sink import MemorySink
from sightline.v1.session_pb2 import Typescript
from sightline.v1.session_service_pb2 import CreateRequest, DiscoverRequest
from sightline_server.capture.base import Typed
from sightline_server.capture.sources import Sources
from sightline_server.capture.typescript.source import TypescriptSource
from sightline_server.errors import FileNotThere, NoKeyboard, NoScreen, NotOurs, NotResizable
from sightline_server.settings import Settings

SECOND = 1_000_000_000
STARTED = b'Script started on 2026-03-01 10:00:42+00:00 [COMMAND="make" <not executed on terminal>]\n'
START = 1_772_359_242 * SECOND
DONE = b'\nScript done on 2026-03-01 10:00:50+00:00 [COMMAND_EXIT_CODE="3"]\n'


class Studio:
    """Where recordings are made and followed."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.path = place / "x.typescript"
        self.timing = place / "x.timing"
        (place / "spool").mkdir()
        self.sink = MemorySink(place / "spool")
        self.sources = Sources(Settings(home=place / "home"), os.environ)
        self.source: TypescriptSource | None = None
        self._scripts: list[subprocess.Popen[bytes]] = []

    def record(self, *options: str, command: str) -> subprocess.Popen[bytes]:
        """Starts `script`; returns when its typescript is there."""
        words = ["script", "-q", "-f", *options, "-c", command, str(self.path)]
        script = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self._scripts.append(script)
        deadline = time.monotonic() + 20
        while not self.path.exists() or not self.path.stat().st_size:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return script

    async def follow(self) -> None:
        """Adopts it."""
        request = CreateRequest(typescript=Typescript(path=str(self.path)))
        record = await self.sources.of_request(request).record(request)
        source = self.sources.typescript.new(request, record, self.sink)
        assert isinstance(source, TypescriptSource)
        self.source = source
        await self.source.start()

    async def written(self, data: bytes) -> None:
        """Waits until so much output is logged, and checks that it is this."""
        await self.sink.until(lambda: self.sink.sizes["terminal"] >= len(data))
        assert self.sink.written("terminal") == data

    async def close(self) -> None:
        if self.source:
            await self.source.detach()
        for script in self._scripts:
            script.kill()
            assert script.stdin
            script.stdin.close()
            script.wait()
        await self.sources.close()


@pytest_asyncio.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    made = Studio(tmp_path)
    try:
        yield made
    finally:
        await made.close()


def python(code: str) -> str:
    """A command line that runs this."""
    return shlex.join([sys.executable, "-c", code])


FORMATS: Sequence[Sequence[str]] = ([], ["-T", "x.timing"], ["-T", "x.timing", "-m", "advanced"])


@pytest.mark.parametrize("options", FORMATS, ids=["none", "classic", "advanced"])
async def test_a_recording_is_followed_to_its_exit_code_with_its_times_where_it_has_them(
    studio: Studio, options: Sequence[str]
) -> None:
    before = time.time_ns()
    studio.record(
        *(str(studio.timing) if word == "x.timing" else word for word in options),
        command=r"""for i in 1 2 3; do echo $i; sleep 0.1; done; printf '\303'; sleep 0.05; printf '\244\n'; exit 7""",
    )
    await studio.follow()
    ending = await studio.sink.ending()
    assert (ending.exit_code, ending.observed) == (7, True)
    assert studio.sink.written("terminal") == "1\r\n2\r\n3\r\nä\r\n".encode()
    output = studio.sink.of_kind("output")
    if not options:
        assert not any(event.HasField("source_time") for event in output)
        return
    times = [event.source_time.ToNanoseconds() for event in output]
    assert times == sorted(times)
    assert before - 2 * SECOND < times[0] <= times[-1] < time.time_ns() + SECOND
    assert times[-1] - times[0] >= 300_000_000
    assert not studio.sink.of_kind("notice")


async def test_the_lines_that_script_adds_are_no_output_whatever_it_is_read_in(studio: Studio) -> None:
    studio.path.write_bytes(b"")
    with studio.path.open("ab", buffering=0) as writer:
        await studio.follow()
        for byte in STARTED + b"out\nput\n" + DONE:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)  # each is told and read alone; a pause would make the beginning of the last line output
            await asyncio.sleep(0)
    ending = await studio.sink.ending()
    assert ending.exit_code == 3
    assert studio.sink.written("terminal") == b"out\nput\n"


async def test_what_looks_like_a_last_line_and_is_not_the_last_is_output(studio: Studio) -> None:
    studio.path.write_bytes(STARTED)
    with studio.path.open("ab", buffering=0) as writer:
        await studio.follow()
        writer.write(b"raw" + DONE)
        await studio.written(b"raw")
        writer.write(b"and on")
        await studio.written(b"raw" + DONE + b"and on")
        assert not studio.sink.endings
    assert not (await studio.sink.ending()).observed


@pytest.mark.parametrize(
    "lie",
    [
        b"0.1 5\n-3.0 5\n",
        b"0.1 5\nnonsense\n",
        b"0.1 999999\n",
        b"0.1 3\n",
        b"0.1 5\n0.1 5\n0.1",
        b"",
        b"\x00\xff" * 1000,
        b"x" * 2_000_000,
    ],
    ids=["negative", "nonsense", "too much", "too little", "torn", "empty", "binary", "endless"],
)
async def test_a_timing_that_lies_costs_times_and_never_a_byte(studio: Studio, lie: bytes) -> None:
    output = b"12345abcde" + bytes(range(256)) * 400
    studio.timing.write_bytes(lie)
    studio.path.write_bytes(STARTED + output + DONE)
    await studio.follow()
    ending = await studio.sink.ending()
    assert studio.sink.written("terminal") == output
    assert ending.exit_code == 3
    (said,) = studio.sink.of_kind("notice")
    assert said.notice.code == "timing_unusable"
    for event in studio.sink.of_kind("output"):
        if event.HasField("source_time"):
            assert START <= event.source_time.ToNanoseconds() <= START + 2 * SECOND


@pytest.mark.parametrize(
    "make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["directory", "fifo", "zeros"]
)
async def test_a_timing_that_is_no_file_costs_times_and_never_a_byte(studio: Studio, make: Callable[[Path], object]) -> None:
    make(studio.timing)
    studio.path.write_bytes(STARTED + b"output" + DONE)
    await studio.follow()
    ending = await studio.sink.ending()
    assert (studio.sink.written("terminal"), ending.exit_code) == (b"output", 3)
    (said,) = studio.sink.of_kind("notice")
    assert "no regular file" in said.notice.text


async def test_a_timing_of_another_recording_is_not_believed(studio: Studio) -> None:
    studio.path.write_bytes(STARTED + b"12345" + DONE)
    studio.timing.write_bytes(b"H 0.000000 START_TIME 2024-01-01 00:00:00+00:00\nO 0.1 5\n")
    await studio.follow()
    await studio.sink.ending()
    (output,) = studio.sink.of_kind("output")
    assert not output.HasField("source_time")
    assert "another" in studio.sink.of_kind("notice")[0].notice.text


async def test_a_script_that_is_killed_leaves_a_session_whose_end_is_lost(studio: Studio) -> None:
    script = studio.record(command="echo there; sleep 60")
    await studio.follow()
    await studio.written(b"there\r\n")
    script.kill()
    ending = await studio.sink.ending()
    assert (ending.observed, ending.exit_code) == (False, None)
    assert "last line" in ending.error


async def test_script_that_stops_by_itself_says_why(studio: Studio) -> None:
    studio.record("-o", "2000", command=python("while True: print('x' * 70)"))
    await studio.follow()
    ending = await studio.sink.ending()
    assert not ending.observed
    assert "max" in ending.error
    assert studio.sink.written("terminal").startswith(b"x" * 70)


async def test_the_terminals_size_comes_from_the_first_line_and_the_timing(studio: Studio) -> None:
    shown = STARTED.replace(b"<not executed on terminal>", b'TERM="xterm" TTY="/dev/pts/2" COLUMNS="132" LINES="43"')
    studio.path.write_bytes(shown + b"12345abcde" + DONE)
    studio.timing.write_bytes(b"H 0.0 COMMAND make\nO 0.1 5\nS 0.2 SIGWINCH ROWS=30 COLS=100\nO 0.3 5\n")
    await studio.follow()
    await studio.sink.ending()
    events = [event for event in studio.sink.log if event.WhichOneof("payload") in {"resized", "output"}]
    assert [(event.resized.columns, event.resized.rows, event.output.data) for event in events] == [
        (132, 43, b""),
        (0, 0, b"12345"),
        (100, 30, b""),
        (0, 0, b"abcde"),
    ]


async def test_a_deleted_typescript_is_followed_over_a_restart_while_script_has_it_open(studio: Studio) -> None:
    go_on = studio.place / "go on"
    studio.record(command=f"echo before; while [ ! -e {shlex.quote(str(go_on))} ]; do sleep 0.01; done; echo after; exit 2")
    await studio.follow()
    await studio.written(b"before\r\n")
    studio.path.unlink()
    assert studio.source
    await studio.source.detach()
    record = await asyncio.to_thread(lambda: Typescript(path=str(studio.path)))
    studio.source = TypescriptSource(studio.sink, studio.sources._inotify, studio.sources.lookout, record)
    await studio.source.resume()
    await studio.sink.until(lambda: bool(studio.sink.states) and studio.sink.states[-1][1] == "")
    go_on.touch()
    ending = await studio.sink.ending()
    assert studio.sink.written("terminal") == b"before\r\nafter\r\n"
    assert ending.exit_code == 2


async def test_nothing_can_be_typed_into_it_and_the_errors_say_so(studio: Studio) -> None:
    studio.record(command="echo there; sleep 60")
    await studio.follow()
    assert studio.source
    with pytest.raises(NoKeyboard):
        studio.source.check_send(Typed(data=b"x"))
    with pytest.raises(NoKeyboard):
        await studio.source.interrupt()
    with pytest.raises(NotResizable):
        await studio.source.resize(10, 10)
    with pytest.raises(NoScreen):
        await studio.source.snapshot()


async def test_terminate_ends_script_and_what_it_records(studio: Studio) -> None:
    script = studio.record(command="echo there; sleep 60")
    await studio.follow()
    await studio.written(b"there\r\n")
    assert studio.source
    await studio.source.terminate(signal.SIGTERM, 5.0)
    await studio.sink.ending()
    assert await asyncio.to_thread(script.wait, 20) is not None


async def test_who_is_not_script_is_not_ended(studio: Studio) -> None:
    studio.path.write_bytes(STARTED)
    with studio.path.open("ab"):  # this very process writes it, and nobody looks at its own
        await studio.follow()
        assert studio.source
        with pytest.raises(NotOurs):
            await studio.source.terminate(signal.SIGTERM, 1.0)


async def test_what_is_not_there_is_refused(studio: Studio) -> None:
    with pytest.raises(FileNotThere):
        await studio.follow()
    studio.path.touch()
    request = CreateRequest(typescript=Typescript(path=str(studio.path), timing_path=str(studio.timing)))
    with pytest.raises(FileNotThere):
        await studio.sources.typescript.record(request)


async def test_discovery_finds_what_script_writes_anywhere_and_what_lies_in_directories(studio: Studio) -> None:
    script = studio.record("-T", str(studio.timing), command="echo there; sleep 60")
    lying = studio.place / "lying"
    lying.mkdir()
    (lying / "old.typescript").write_bytes(STARTED + DONE)
    (lying / "no.txt").touch()
    found, problems = await studio.sources.discover(DiscoverRequest(directories=[str(lying), str(studio.place / "not there")]))
    typescripts = {
        one.typescript.path: one
        for one in found
        if one.HasField("typescript") and one.typescript.path.startswith(str(studio.place))
    }
    assert sorted(typescripts) == sorted([str(lying / "old.typescript"), str(studio.path)])
    assert typescripts[str(studio.path)].command == "echo there; sleep 60"
    assert typescripts[str(studio.path)].cwd == os.getcwd()
    assert typescripts[str(lying / "old.typescript")].command == "make"
    assert [problem.code for problem in problems if "not there" in problem.message] == ["FILE_UNREADABLE"]
    assert script.poll() is None

"""A screen session and the typescript that is written in it are one session, whichever is found first; and pairs of our own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from server.capture.memory_sink import MemorySink
from server.capture.screen.rooms import Room, room, until
from sightline.v1.session_pb2 import Command, Screen, SessionKind, Terminal, Typescript
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import CreateRequest, DiscoverRequest
from sightline_server import errors
from sightline_server.capture.base import Source, Typed
from sightline_server.capture.screen import windows
from sightline_server.capture.sources import Sources
from sightline_server.settings import Settings

PROMPT = "exec env 'PS1=$ ' sh"


@asynccontextmanager
async def sources(here: Room, stream_dir: Path | None = None) -> AsyncIterator[Sources]:
    """All kinds, for the sessions of a room."""
    made = Sources(replace(Settings(home=here.home), stream_dir=stream_dir), here.environ)
    try:
        yield made
    finally:
        await made.close()


async def recorded(here: Room, name: str, *, direct: bool = True, file: str = "") -> tuple[int, Path]:
    """A session with `script` in it, and its typescript."""
    path = here.place / (file or f"{name}.typescript")
    script = ["script", "-q", "-f", f"--timing={path.with_suffix('.timing')}", "-c", PROMPT, str(path)]
    pid = await here.session(name, *(script if direct else ["sh", "-c", '"$@"; exit 5', "sh", *script]))
    await until(lambda: path.exists() and b"$ " in path.read_bytes())
    return pid, path


def command_line(pid: int) -> bytes:
    """A process's words, which everybody may read."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def begun(made: Sources, request: CreateRequest, sink: MemorySink) -> tuple[SessionMessage, Source]:
    """A session as the server begins it."""
    kind = made.of_request(request)
    record = await kind.record(request)
    record.id, record.name = sink.session_id, sink.session_name
    source = kind.new(request, record, sink)
    await source.start()
    return record, source


@pytest.mark.parametrize("first", ["screen", "typescript"])
async def test_whichever_is_found_first_bytes_come_from_the_file_and_input_goes_to_screen(first: str) -> None:
    async with room() as here, sources(here) as made:
        pid, path = await recorded(here, "work")
        by_screen = CreateRequest(screen=Screen(name="work"))
        by_file = CreateRequest(typescript=Typescript(path=str(path)))
        sink = here.sink()
        record, source = await begun(made, by_screen if first == "screen" else by_file, sink)
        assert (record.screen.pid, record.typescript.path) == (pid, str(path))
        await source.send(Typed(b"echo a-$((6*7))", submit=True))
        await sink.until(lambda: b"\r\na-42\r\n" in sink.written("terminal"))
        assert not any("/log." in file for file in here.files(pid)), "screen writes no log for us"
        for other in (by_screen, by_file):
            assert made.are_same(record, await made.of_request(other).record(other))
        await source.send(Typed(b"exit 3", submit=True))
        assert (await sink.ending()).exit_code == 3


async def test_a_typescript_of_the_sessions_name_is_its_even_when_something_stands_between() -> None:
    async with room() as here, sources(here) as made:
        _, path = await recorded(here, "work", direct=False)
        record = await made.of_request(CreateRequest(screen=Screen(name="work"))).record(CreateRequest(screen=Screen(name="work")))
        assert record.typescript.path == str(path)


async def test_a_typescript_of_another_name_is_only_a_part_of_what_a_window_shows() -> None:
    async with room() as here, sources(here) as made:
        pid, path = await recorded(here, "work", direct=False, file="part.typescript")
        request = CreateRequest(screen=Screen(name="work"))
        assert not (await made.of_request(request).record(request)).HasField("typescript")
        request = CreateRequest(typescript=Typescript(path=str(path)))
        assert (await made.of_request(request).record(request)).screen.pid == pid


async def test_a_typescript_of_the_sessions_name_that_is_written_elsewhere_is_none_of_its() -> None:
    async with room() as here, sources(here) as made:
        await here.session("work", "sleep", "600")
        (here.place / "work.typescript").write_bytes(b"Script started on 2026-01-01 00:00:00+00:00 [<not executed on terminal>]\n")
        request = CreateRequest(typescript=Typescript(path=str(here.place / "work.typescript")))
        assert not (await made.of_request(request).record(request)).HasField("screen")


async def test_a_pair_is_shown_once() -> None:
    async with room() as here, sources(here) as made:
        pid, path = await recorded(here, "work")
        found, _ = await made.discover(DiscoverRequest(directories=[str(path.parent)]))
        ours = [one for one in found if one.typescript.path == str(path) or one.screen.pid == pid]
        assert [one.kind for one in ours] == [SessionKind.SESSION_KIND_SCREEN]


async def test_a_held_program_is_that_pair_with_its_files_where_they_are_looked_for() -> None:
    async with room() as here:
        directory = here.home / "stream"
        directory.mkdir()
        async with sources(here, directory) as made:
            sink = here.sink()
            command = Command(argv=["sh", "-c", "stty size; read answer; exit $answer"], holder=Command.HOLDER_SCREEN)
            command.terminal.CopyFrom(Terminal(columns=91, rows=31))
            request = CreateRequest(command=command, cwd=str(here.place), env={"SECRET": "s3cret"})
            record, source = await begun(made, request, sink)
            assert record.holder == Command.HOLDER_SCREEN
            assert record.typescript.path == str(directory / f"{sink.session_name}.typescript")
            assert f"{record.screen.pid}.{sink.session_name}\t" in here.screen("-ls")
            assert b"s3cret" not in b"".join(map(command_line, windows.descendants(record.screen.pid)))
            assert (directory / f"{sink.session_name}.timing").stat().st_mode & 0o777 == 0o600
            await sink.until(lambda: b"31 91\r\n" in sink.written("terminal"))
            found = CreateRequest(typescript=Typescript(path=record.typescript.path))
            assert made.are_same(record, await made.of_request(found).record(found))
            await source.send(Typed(b"7", submit=True))
            assert (await sink.ending()).exit_code == 7
            await until(lambda: not any(here.screens.iterdir()))
            assert (directory / f"{sink.session_name}.typescript").exists()


async def test_a_held_program_that_is_not_there_leaves_nothing() -> None:
    async with room() as here, sources(here) as made:
        request = CreateRequest(command=Command(argv=["/nonexistent"], holder=Command.HOLDER_SCREEN), cwd=str(here.place))
        with pytest.raises(errors.ProgramNotFound):
            await begun(made, request, here.sink())
        assert not any(here.screens.iterdir())

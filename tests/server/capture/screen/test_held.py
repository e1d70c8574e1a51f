"""Programs that are held in screen, where a server went down while it started one, and where `script` ends before the program."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from server.capture.memory_sink import MemorySink
from sightline.v1.session_pb2 import Command, Session, SessionKind
from sightline.v1.session_service_pb2 import CreateRequest
from sightline_server import errors
from sightline_server.capture import relay_link
from sightline_server.capture.screen.client import ScreenProgram
from sightline_server.capture.sources import Sources
from sightline_server.settings import Settings


async def test_one_whose_record_was_stored_before_it_was_started_never_ran(tmp_path: Path) -> None:
    sources = Sources(Settings(home=tmp_path), os.environ)
    sink = MemorySink(tmp_path)
    record = Session(kind=SessionKind.SESSION_KIND_TERMINAL, holder=Command.HOLDER_SCREEN)
    try:
        await sources.resumed(record, sink).resume()
        (ending,) = sink.endings
        assert not ending.started
        assert (record.screen.name, Path(record.typescript.path).name) == (sink.session_name, f"{sink.session_name}.typescript")
    finally:
        await sources.close()


async def test_a_script_that_ends_before_the_program_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shutil.which("false")
    assert found
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "script").symlink_to(found)
    (tmp_path / "screens").mkdir(mode=0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    environ = {**os.environ, "SCREENDIR": str(tmp_path / "screens")}
    sources = Sources(Settings(home=tmp_path), environ)
    (tmp_path / "spool").mkdir()
    sink = MemorySink(tmp_path / "spool")
    request = CreateRequest(cwd="/", command=Command(argv=["sleep", "1000"], holder=Command.HOLDER_SCREEN))
    try:
        kind = sources.of_request(request)
        with pytest.raises(errors.ProgramNotStarted, match="script"):
            await kind.new(request, await kind.record(request), sink).start()
        assert not await ScreenProgram(environ).sessions()
    finally:
        await sources.close()


def test_a_launcher_that_does_not_read_is_not_waited_for_where_its_fifo_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "spec")
    assert relay_link.open_spec(tmp_path / "spec") == -1
    reader = os.open(tmp_path / "spec", os.O_RDONLY | os.O_NONBLOCK)
    try:
        relay_link.write_spec(relay_link.open_spec(tmp_path / "spec"), b"what it is to start")
        assert os.read(reader, 100) == b"what it is to start"
    finally:
        os.close(reader)

"""Programs that are held in screen, where a server went down while it started one."""

from __future__ import annotations

import os
from pathlib import Path

from server.capture.memory_sink import MemorySink
from sightline.v1.session_pb2 import Command, Session, SessionKind
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

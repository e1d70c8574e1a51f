"""A small server for tests to kill: hosts one command with a sink in a file.

    python command_host.py DIRECTORY start|resume [ARGV…]

DIRECTORY/journal holds records of source, position and bytes, each whole or torn at the end; DIRECTORY/ending the `Ending`.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sightline.v1.event_pb2 import CaptureState, Channel, Event
from sightline_server.capture.base import Ending
from sightline_server.capture.command import CommandSource
from sightline_server.capture.inotify import Inotify

RECORD = struct.Struct("<BQI")  # place of the source in SOURCES, position after it, length of the bytes that follow
SOURCES = ("stdout", "stderr")


def read_journal(path: Path) -> tuple[dict[str, bytes], dict[str, int], int]:
    """The bytes and the position of each source, and where the last whole record ends."""
    data = path.read_bytes() if path.exists() else b""
    pieces: dict[str, list[bytes]] = {source: [] for source in SOURCES}
    positions: dict[str, int] = {}
    place = 0
    while place + RECORD.size <= len(data):
        number, position, length = RECORD.unpack_from(data, place)
        if place + RECORD.size + length > len(data):
            break
        place += RECORD.size
        pieces[SOURCES[number]].append(data[place : place + length])
        positions[SOURCES[number]] = position
        place += length
    return {source: b"".join(parts) for source, parts in pieces.items()}, positions, place


class JournalSink:
    """Bytes and positions in one write: what is torn by a kill does not count."""

    session_name = "host"

    def __init__(self, directory: Path) -> None:
        self.session_id = f"s-{directory.name}"
        self.directory = directory / "spool"
        self.done = asyncio.Event()
        self._ending = directory / "ending"
        _, self._positions, size = read_journal(directory / "journal")
        self._fd = os.open(directory / "journal", os.O_WRONLY | os.O_CREAT, 0o600)
        os.ftruncate(self._fd, size)
        os.lseek(self._fd, size, os.SEEK_SET)

    def position(self, source: str) -> int:
        return self._positions.get(source, 0)

    def output(
        self,
        source: str,
        channel: Channel.ValueType,
        chunks: Sequence[bytes],
        position: int,
        spool: str = "",
        *,
        times: Sequence[int] = (),
    ) -> asyncio.Future[int]:
        data = b"".join(chunks)
        os.writev(self._fd, [RECORD.pack(SOURCES.index(source), position, len(data)), data])
        self._positions[source] = position
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        done.set_result(0)
        return done

    async def event(self, event: Event, source: str, position: int | None = None, spool: str = "") -> int:
        raise AssertionError(f"nothing should be lost: {event}")

    def events(self, events: Sequence[Event], source: str, position: int, spool: str = "") -> asyncio.Future[int]:
        raise AssertionError(f"nothing should be lost: {events}")

    async def capture(self, state: CaptureState.ValueType, reason: str) -> None:
        raise AssertionError(f"nothing should be in the way: {state} {reason}")

    async def ended(self, ending: Ending) -> None:
        self._ending.write_text(json.dumps(asdict(ending)))
        self.done.set()


async def main(directory: Path, how: str, argv: list[str]) -> None:
    inotify = Inotify()
    sink = JournalSink(directory)
    source = CommandSource(sink, inotify, argv=argv, env=dict(os.environ), cwd="/tmp", stdin_open=True)
    await (source.start() if how == "start" else source.resume())
    await sink.done.wait()
    await source.detach()
    inotify.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))

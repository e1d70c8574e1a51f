"""Writing without stopping the loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from sightline_cli.outlet import MAX_WAITING, Outlet

BOUND = 10  # seconds


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


async def test_bytes_arrive_in_order(pipe: tuple[int, int]) -> None:
    outlet = Outlet()
    for number in range(100):
        outlet.put(pipe[1], b"%d\n" % number)
    await asyncio.wait_for(outlet.drain(), BOUND)
    assert os.read(pipe[0], 65536) == b"".join(b"%d\n" % number for number in range(100))
    outlet.close()


async def test_a_reader_that_does_not_read_holds_back_the_writer_and_not_the_loop(pipe: tuple[int, int]) -> None:
    outlet = Outlet()
    outlet.put(pipe[1], b"x" * (MAX_WAITING + (1 << 20)))
    waiting = asyncio.create_task(outlet.room())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    read = 0
    loop = asyncio.get_running_loop()
    while not waiting.done():
        read += len(await loop.run_in_executor(None, os.read, pipe[0], 1 << 20))
    assert read > 0
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError):
        await asyncio.wait_for(outlet.drain(), BOUND)


async def test_a_reader_that_has_left_is_an_error_at_the_next_step(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    outlet = Outlet()
    outlet.put(pipe[1], b"x")
    with pytest.raises(BrokenPipeError):
        await asyncio.wait_for(outlet.drain(), BOUND)
    with pytest.raises(BrokenPipeError):
        outlet.put(pipe[1], b"y")


async def test_a_descriptor_that_others_made_non_blocking_gets_everything(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    outlet = Outlet()
    data = os.urandom(1 << 20)
    outlet.put(pipe[1], data)
    got = bytearray()
    loop = asyncio.get_running_loop()
    while len(got) < len(data):
        got += await loop.run_in_executor(None, os.read, pipe[0], 1 << 16)
    assert bytes(got) == data
    outlet.close()

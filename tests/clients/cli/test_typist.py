"""One send in flight; what is typed meanwhile is gathered."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from sightline_cli.typist import MAX_GATHERED, MAX_SEND, Typist


class Slow:
    """A way that takes as long as the test wants, and remembers what went."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.began = asyncio.Event()
        self.go = asyncio.Event()

    async def send(self, data: bytes) -> None:
        self.sent.append(data)
        self.began.set()
        await self.go.wait()


async def cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_is_typed_while_a_send_is_on_its_way_goes_with_the_next_one() -> None:
    slow = Slow()
    typist = Typist(slow.send)
    running = asyncio.create_task(typist.run())
    typist.type(b"a")
    await slow.began.wait()
    for key in (b"b", b"c", b"d"):
        typist.type(key)
    slow.go.set()
    await asyncio.wait_for(typist.sent(), 5)
    assert slow.sent == [b"a", b"bcd"]
    await cancelled(running)


async def test_a_paste_is_sent_in_parts_and_in_order() -> None:
    slow = Slow()
    slow.go.set()
    typist = Typist(slow.send)
    paste = bytes(range(256)) * (MAX_SEND // 128)
    typist.type(paste)
    running = asyncio.create_task(typist.run())
    await asyncio.wait_for(typist.sent(), 5)
    assert b"".join(slow.sent) == paste
    assert max(map(len, slow.sent)) == MAX_SEND
    await cancelled(running)


async def test_too_much_is_refused_and_what_was_taken_stays() -> None:
    typist = Typist(Slow().send)
    assert typist.type(b"x" * MAX_GATHERED)
    assert not typist.type(b"y")


async def test_what_a_send_raises_ends_it() -> None:
    async def fail(_: bytes) -> None:
        raise ValueError("no way")

    typist = Typist(fail)
    typist.type(b"a")
    with pytest.raises(ValueError, match="no way"):
        await asyncio.wait_for(typist.run(), 5)

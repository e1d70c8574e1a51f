"""Output as text: how fast escape codes are taken out, and one subscriber with the text view."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from sightline.v1 import session_service_pb2 as pb
from sightline_server.decode.text import TextDecoder

from benchmarks.figures import Figure, at_least, median, plain
from benchmarks.processes import processor
from benchmarks.run import MB, Run
from benchmarks.server import server
from benchmarks.sources import FloodFile, gate, gated_cat

BUILD_MB = 50.0  # MB/s wanted on what builds write
CHUNK = 65536  # bytes, as they come


def cargo(chance: random.Random) -> bytes:
    """A line or a warning of cargo."""
    number = chance.randrange(1000)
    if chance.random() < 0.7:
        return b"\x1b[0m\x1b[0m\x1b[1m\x1b[32m   Compiling\x1b[0m serde_derive v1.0.%d (/home/user/src/it)\r\n" % number
    return (
        b"\x1b[0m\x1b[1m\x1b[33mwarning\x1b[0m\x1b[0m\x1b[1m: unused variable: `value%d`\x1b[0m\r\n"
        b"\x1b[0m  \x1b[0m\x1b[0m\x1b[1m\x1b[38;5;12m--> \x1b[0m\x1b[0msrc/main.rs:%d:9\x1b[0m\r\n" % (number, number)
    )


def gcc(chance: random.Random) -> bytes:
    """A command of make, or a diagnostic of gcc, with its quotes and its erasing."""
    number = chance.randrange(1000)
    if chance.random() < 0.7:
        return b"gcc -O2 -Wall -Wextra -DNDEBUG -Iinclude -c -o build/objects/file%d.o src/file%d.c\r\n" % (number, number)
    return (
        b"\x1b[01m\x1b[Ksrc/file%d.c:12:5:\x1b[m\x1b[K \x1b[01;35m\x1b[Kwarning: \x1b[m\x1b[Kunused "
        b"variable \xe2\x80\x98\x1b[01m\x1b[Kit\x1b[m\x1b[K\xe2\x80\x99 [\x1b[01;35m\x1b[K-Wunused-variable\x1b[m\x1b[K]\r\n"
        % number
    )


def pytest(chance: random.Random) -> bytes:
    """A test that passed."""
    return b"tests/test_it%d.py::test_that_it_is \x1b[32mPASSED\x1b[0m\x1b[32m%s[ 50%%]\x1b[0m\r\n" % (
        chance.randrange(100),
        b" " * 30,
    )


def npm(chance: random.Random) -> bytes:
    """A few steps of a spinner, and a line."""
    turns = b"".join(b"\x1b[1G\x1b[0K%s" % sign.encode() for sign in "⠙⠹⠸⠼")
    return turns + b"\x1b[1G\x1b[0K\x1b[90mnpm\x1b[39m \x1b[33mwarn\x1b[39m deprecated package@%d\r\n" % chance.randrange(100)


def build(chance: random.Random) -> bytes:
    """Any of them, as often as they are met."""
    return chance.choices((cargo, gcc, pytest, npm), (40, 40, 18, 2))[0](chance)


def progress(chance: random.Random) -> bytes:
    """A bar that grows."""
    part = chance.randrange(50)
    return b"\rDownloading [%s%s] %d%%" % (b"=" * part, b" " * (50 - part), 2 * part)


WHAT: dict[str, tuple[str, Callable[[random.Random], bytes]]] = {
    "cargo": ("  cargo", cargo),
    "gcc": ("  make and gcc, an escape each 10 bytes where it warns", gcc),
    "pytest": ("  pytest", pytest),
    "plain": ("  without escapes", lambda _: b"a line as most are, of some length and with nothing special in it\n"),
    "dense": ("  a colour each 5 bytes", lambda chance: b"\x1b[3%dmabcde" % chance.randrange(8)),
    "progress": ("  a progress bar without end", progress),
    "screen": ("  a full-screen program", lambda chance: b"\x1b[%d;%dH\x1b[1mcell" % (chance.randrange(50), chance.randrange(99))),
    "moves": ("  the worst met: moves within a line, each 4 bytes", lambda _: b"\x1b[2Cabcd\b"),
}


def sample(make: Callable[[random.Random], bytes], size: int) -> bytes:
    """So many bytes of it."""
    chance = random.Random(1)  # noqa: S311 - the same output each time
    unit = b"".join(make(chance) for _ in range(5000))
    return (unit * (size // len(unit) + 1))[:size]


def decoded(data: bytes) -> float:
    """MB of it for a second of this process's processor time."""
    decoder = TextDecoder()
    chunks = [data[place : place + CHUNK] for place in range(0, len(data), CHUNK)]
    began = time.process_time()
    for chunk in chunks:
        decoder.feed(chunk)
    decoder.end()
    return len(data) / MB / (time.process_time() - began)


async def measure(run: Run) -> AsyncIterator[Figure]:
    """The decoder alone, then a history through a server."""
    size = run.pick(20 * MB, MB)
    rounds = run.pick(5, 1)
    run.say("text of what builds write")
    whole = sample(build, size)
    rates = [decoded(whole) for _ in range(rounds)]
    yield at_least("text.build", "coloured build output to text", median(rates), "MB/s of processor time", BUILD_MB)
    for key, (name, make) in WHAT.items():
        run.say(f"text: {name.strip()}")
        some = sample(make, size // 10)
        yield plain(f"text.{key}", name, median([decoded(some) for _ in range(rounds)]), "MB/s")
    async for figure in subscribed(run, sample(build, run.pick(100 * MB, 5 * MB)), rounds):
        yield figure


async def subscribed(run: Run, data: bytes, rounds: int) -> AsyncIterator[Figure]:
    """One subscriber of a history, with each view."""
    with tempfile.NamedTemporaryFile(prefix="sltext") as file, gate() as at:
        file.write(data)
        file.flush()
        async with server() as running:
            session = (await running.create(*gated_cat(at, FloodFile(Path(file.name), 0)))).id
            at.open()
            await running.ended(session)
            rates: dict[pb.View.ValueType, list[float]] = {pb.VIEW_RAW: [], pb.VIEW_TEXT: []}
            spent: list[float] = []
            for _ in range(rounds):
                for view, found in rates.items():
                    run.say(f"a history, {pb.View.Name(view)}")
                    before, began, size = processor(running.pid), time.monotonic(), 0
                    async for response in running.stub.Subscribe(pb.SubscribeRequest(sessions=[session], view=view)):
                        size += sum(len(event.output.data) for event in response.events)
                    found.append(len(data) / MB / (time.monotonic() - began))
                    if view == pb.VIEW_TEXT:
                        spent.append((processor(running.pid) - before) / (len(data) / MB))
                    elif size != len(data):
                        raise RuntimeError(f"of {len(data)} bytes {size} came")
    name = f"a history of {len(data) // MB} MB to one subscriber as text"
    yield plain("text.subscriber", name, median(rates[pb.VIEW_TEXT]), "MB/s of output")
    yield plain("text.subscriber.raw", "  as it was written", median(rates[pb.VIEW_RAW]), "MB/s")
    yield plain("text.subscriber.processor", "  as text: the server's processor time", 1000 * median(spent), "ms/MB")

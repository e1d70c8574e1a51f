"""Searching a long history: how fast it gets into the index, how large that is, and how long answers take."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Iterator
from itertools import accumulate
from pathlib import Path

from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Channel
from sightline_server.log import record
from sightline_server.storage.contract import Commit
from sightline_server.storage.sqlite import SqliteStore

from benchmarks.figures import Figure, below, median, plain
from benchmarks.processes import processor
from benchmarks.run import GB, MB, Run
from benchmarks.server import Server, new_home, serving
from benchmarks.stored import BOOT_ID, COMMIT_BYTES, SOURCE, STEP, as_block, session_row

ANSWER_MS = 200.0
SESSIONS = 200
EVENT_BYTES = 32 * 1024
POOL_BYTES = 8 * MB  # of made-up lines; what is taken from it again has other numbers in it
WORDS = 20_000
PLACES = 500
QUERIES = (
    "error",  # in every fifth line
    "error warning",
    '"error while"',
    "needle17",  # in one line
    "nosuchword",
    "src/net/*",
    "e*",
    "error[E0308]",
    "C++",  # `c` is common, this is nowhere
    "the of in to",
)


def pool(chance: random.Random) -> bytes:
    """Lines as builds and servers write them: few words often, many seldom, paths, numbers, colours."""
    words = ["the", "of", "in", "to", "error", "warning", "while", "c", "info"]
    words += ["".join(chance.choices("etaoinshrdlucmf", k=chance.randrange(3, 10))) for _ in range(WORDS)]
    weights = list(accumulate(1 / (place + 3) for place in range(len(words))))
    places = [f"src/{chance.choice(words)}/{chance.choice(words)}.rs" for _ in range(PLACES)]
    lines: list[str] = []
    size = 0
    while size < POOL_BYTES:
        said = " ".join(chance.choices(words, cum_weights=weights, k=chance.randrange(4, 14)))
        place = f"{chance.choice(places)}:{chance.randrange(2000)}"
        line = chance.choice((said, f"\x1b[1m{place}: \x1b[35mwarning:\x1b[0m {said}", f"2026-01-01T00:00:00Z INFO id=#### {said}"))
        lines.append(f"error[E{chance.randrange(700):04}]: {said}" if chance.random() < 0.01 else line)
        size += len(line) + 1
    return "\n".join(lines).encode() + b"\n"


def write_history(home: Path, size: int) -> list[str]:
    """A home with so much output, in sessions that have ended; gives their ids."""
    chance = random.Random(1)  # noqa: S311 - the same history each time
    text = pool(chance)
    store = SqliteStore(home / "sightline.db", BOOT_ID.read_text().strip())
    store.open()
    commit, waiting, ids = Commit(), 0, []
    now = time.time_ns() - SESSIONS * 60 * record.NANOSECONDS
    for number in range(1, SESSIONS + 1):
        row = session_row(number)
        ids.append(row.session_id)
        commit.rows.append(row)
        start, source = record.head_start(row.session_id), record.head_source(SOURCE)
        begun, offset = now + number * 60 * record.NANOSECONDS, 0
        for seq, data in enumerate(chunks(text, size // SESSIONS, number, chance), 1):
            entry = record.output_entry(record.output_head(start, seq, begun + seq * STEP, source), Channel.CHANNEL_STDOUT, data)
            block = as_block([entry], [(record.OUTPUT_KIND, Channel.CHANNEL_STDOUT)], seq, offset, begun)
            commit.blocks.append((number, block))
            offset += len(entry)
            waiting += len(entry)
        if waiting >= COMMIT_BYTES:
            store.commit(commit)
            commit, waiting = Commit(), 0
    store.commit(commit)
    store.close()
    return ids


def chunks(text: bytes, size: int, number: int, chance: random.Random) -> Iterator[bytes]:
    """Output of one session, cut anywhere; its last line holds a word of its own."""
    left = size
    while left > 0:
        place = chance.randrange(len(text) - EVENT_BYTES)
        yield text[place : place + EVENT_BYTES].replace(b"####", b"%08x" % chance.getrandbits(32))
        left -= EVENT_BYTES
    yield b"\nneedle%d is here\n" % number


async def indexed(running: Server) -> None:
    """Until everything can be found."""
    while (await running.stub.Search(pb.SearchRequest(query="needle1"))).indexed_through:  # noqa: ASYNC110 - the server is another process
        await asyncio.sleep(0.5)


async def answered(running: Server, query: str) -> float:
    """Milliseconds until the first page is there."""
    began = time.monotonic()
    await running.stub.Search(pb.SearchRequest(query=query))
    return (time.monotonic() - began) * 1000


def drop(path: Path) -> None:
    """Takes a file out of the page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


async def measure(run: Run) -> AsyncIterator[Figure]:
    """One history, indexed from nothing, then asked."""
    size = run.pick(GB, 10 * MB)
    with new_home() as home:
        run.say(f"a history of {size // MB} MB is written")
        await asyncio.to_thread(write_history, home, size)
        async with serving(home) as running:
            run.say("it is indexed")
            before = processor(running.pid)
            await indexed(running)
            spent = processor(running.pid) - before
            run.say("searches")
            warm = {query: median([await answered(running, query) for _ in range(run.pick(5, 2))]) for query in QUERIES}
        share = (home / "search.db").stat().st_size / size
        cold: dict[str, float] = {}
        for query in QUERIES:
            drop(home / "search.db")
            async with serving(home) as running:
                await answered(running, "nosuchword")  # the index is open
                cold[query] = await answered(running, query)
    yield plain("search.index", f"search: {size // MB} MB of history indexed, a second of processor", size / MB / spent, "MB")
    yield plain("search.size", "  the index's size, of the output's", share * 100, "%")
    slowest = max(warm, key=lambda query: warm[query])
    yield below("search.warm", f"  {len(QUERIES)} queries, the slowest", warm[slowest], "ms", ANSWER_MS, note=slowest)
    yield plain("search.warm.median", "  the median", median(list(warm.values())), "ms")
    slowest = max(cold, key=lambda query: cold[query])
    yield below("search.cold", "  after a start with a cold index, the slowest", cold[slowest], "ms", ANSWER_MS, note=slowest)

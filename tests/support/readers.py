"""Subscribers in a process of their own: to be killed, stopped, or told to stop reading. Run as a program, it is that process.

Each has a connection of its own. What they got is told as they end, as one line of JSON: a list of `Got`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc
from sightline.v1.session_service_pb2 import EndReason, GapReason, SubscribeRequest, SubscribeResponse
from sightline.v1.session_service_pb2_grpc import SessionServiceStub

OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1))
BEGAN = "began\n"


@dataclasses.dataclass
class Missing:
    """A gap."""

    first_seq: int
    last_seq: int
    reason: str


@dataclasses.dataclass
class Got:
    """What one subscriber of one session got.

    Attributes:
        size: bytes of output.
        digest: of them.
        last_seq: of the last event or gap.
        dense: every event and every gap began right behind the one before.
        gaps: what was said to be missing.
        signs: the signs' names in order, without repeats of the same one in a row.
        end: why the stream ended; empty: it broke.
    """

    size: int = 0
    digest: str = ""
    last_seq: int = 0
    dense: bool = True
    gaps: list[Missing] = dataclasses.field(default_factory=list)
    signs: list[str] = dataclasses.field(default_factory=list)
    end: str = ""

    def take(self, response: SubscribeResponse) -> None:
        """The next response."""
        sign = response.WhichOneof("sign") or ("events" if response.events else "")
        if self.signs[-1:] != [sign]:
            self.signs.append(sign)
        if sign == "header":
            self.last_seq = response.header.cursor.seq
        elif sign == "snapshot":
            self.last_seq = max(self.last_seq, response.snapshot.as_of_seq)  # what came before is on the screen
        elif sign == "gap":
            gap = response.gap
            self._passed(gap.first_seq, gap.last_seq)
            self.gaps.append(Missing(gap.first_seq, gap.last_seq, GapReason.Name(gap.reason)))
        elif sign == "end":
            self.end = EndReason.Name(response.end.reason)
        for event in response.events:
            self._passed(event.seq, event.seq)
            self.size += len(event.output.data)

    def _passed(self, first: int, last: int) -> None:
        self.dense = self.dense and first == self.last_seq + 1
        self.last_seq = last


class Readers:
    """The process, from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def until_began(self) -> None:
        """Returns when each has its first events."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == BEGAN

    def read_on(self) -> None:
        """Lets those that stall read on."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def got(self) -> list[Got]:
        """What each got, once all are through."""
        assert self.process.stdout is not None
        line = self.process.stdout.read().splitlines()[-1]
        assert self.process.wait() == 0
        return [Got(**{**each, "gaps": [Missing(**gap) for gap in each["gaps"]]}) for each in json.loads(line)]


@contextmanager
def reading(target: str, request: SubscribeRequest, count: int = 1, *, stalled: bool = False) -> Iterator[Readers]:
    """`count` subscribers; `stalled`: each stops reading behind its first events, until `read_on`."""
    argv = [sys.executable, __file__, target, request.SerializeToString().hex(), str(count), "stalled" if stalled else "reading"]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Readers(process)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


async def read(target: str, request: SubscribeRequest, go_on: asyncio.Event, began: asyncio.Semaphore) -> Got:
    """One subscriber, to its end."""
    got, digest = Got(), hashlib.sha256()
    async with grpc.aio.insecure_channel(target, OPTIONS) as channel:
        waits = True
        async for response in SessionServiceStub(channel).Subscribe(request):
            got.take(response)
            for event in response.events:
                digest.update(event.output.data)
            if waits and response.events:
                waits = False
                began.release()
                await go_on.wait()
    got.digest = digest.hexdigest()
    return got


async def main(target: str, request: SubscribeRequest, count: int, *, stalled: bool) -> None:
    """All of them."""
    loop = asyncio.get_running_loop()
    go_on, began = asyncio.Event(), asyncio.Semaphore(0)
    if stalled:
        threading.Thread(
            target=lambda: (sys.stdin.readline(), loop.call_soon_threadsafe(go_on.set)),
            daemon=True,
        ).start()
    else:
        go_on.set()
    tasks = [asyncio.create_task(read(target, request, go_on, began)) for _ in range(count)]
    for _ in range(count):
        await began.acquire()
    sys.stdout.write(BEGAN)
    sys.stdout.flush()
    sys.stdout.write(json.dumps([dataclasses.asdict(got) for got in await asyncio.gather(*tasks)]) + "\n")


if __name__ == "__main__":
    _, to, asked, how_many, mode = sys.argv
    asyncio.run(main(to, SubscribeRequest.FromString(bytes.fromhex(asked)), int(how_many), stalled=mode == "stalled"))

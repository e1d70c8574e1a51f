"""Subscribers in processes of their own, so that reading costs the measured server nothing but the connection.

Both ends are here: `Readers` starts processes of this file and hears from them, a JSON object a line. Each subscriber has a
connection of its own and the generated contract's messages; a process holds several of them in one event loop.

    count   counts the bytes of events, which are those of the log; they are not decoded
    events  keeps what comes, and counts the events in it when the stream is over
    parse   decodes what comes as it comes, and counts its events
    clock   decodes, and tells how long each line that is a time was on its way
    stall   reads until it is caught up and then nothing; told so, the first one reads on to the end
"""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import grpc
from sightline.v1 import session_service_pb2 as pb

from benchmarks.run import ROOT
from benchmarks.server import OPTIONS

METHOD = "/sightline.v1.SessionService/Subscribe"
EVENTS_TAG = pb.SubscribeResponse.DESCRIPTOR.fields_by_name["events"].number << 3 | 2  # first byte of a response with events
LINE_LIMIT = 256 * 1024 * 1024  # bytes, of one report


@dataclass
class Report:
    """What one subscriber saw.

    Attributes:
        bytes: of events, framed as in the log.
        responses: that carried them.
        events: how many, where they are counted.
        began: monotonic nanoseconds at which it subscribed, connected already.
        ended: monotonic nanoseconds at which the stream was over.
        delays: milliseconds that each line with a time was on its way.
    """

    bytes: int = 0
    responses: int = 0
    events: int = 0
    began: int = 0
    ended: int = 0
    delays: list[float] = field(default_factory=list)


class Readers:
    """Subscribers in processes; a context manager.

    Args:
        mode: see the module.
        target: the server.
        sessions: what they follow.
        count: how many subscribers; 0: nobody, and no process.
        processes: how many processes they are spread over; 0: as many as there are processors.
        lines: end after so many lines with a time, for those who follow a stream without an end; 0: at its end.
        joined: how many sessions each follows, where they are not named.
    """

    def __init__(
        self, mode: str, target: str, sessions: list[str], count: int = 1, *, processes: int = 0, lines: int = 0, joined: int = 0
    ) -> None:
        wanted = min(count, processes or os.cpu_count() or 1)  # processes
        self._specs = [
            {
                "mode": mode,
                "target": target,
                "sessions": sessions,
                "count": count // wanted + (number < count % wanted),
                "lines": lines,
                "joined": joined or len(sessions),
            }
            for number in range(wanted)
        ]
        self._processes: list[asyncio.subprocess.Process] = []

    async def __aenter__(self) -> Readers:
        """Starts them; returns when all are caught up."""
        env = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
        for spec in self._specs:
            self._processes.append(
                await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "benchmarks.readers",
                    json.dumps(spec),
                    env=env,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=LINE_LIMIT,
                )
            )
        try:
            await asyncio.gather(*(heard(process) for process in self._processes))
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Ends those that still run."""
        await self._end()

    async def _end(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def reports(self) -> list[Report]:
        """Of all subscribers, once their streams are over."""
        found = await asyncio.gather(*(heard(process) for process in self._processes))
        return [Report(**report) for reports in found for report in reports]

    async def read_on(self) -> None:
        """Tells those that stall to go on."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.write(b"go on\n")
                await process.stdin.drain()


async def heard(process: asyncio.subprocess.Process) -> Any:
    """The next thing that a process says. Raises RuntimeError when it ended instead."""
    line = await process.stdout.readline() if process.stdout else b""
    if not line:
        raise RuntimeError(f"a reader ended with {await process.wait()}")
    return json.loads(line)


# --- the other end


class Subscriber:
    """One stream.

    Args:
        mode: see the module.
        lines: see `Readers`.
        on_caught_up: called once for each session that is caught up.
    """

    def __init__(self, mode: str, lines: int, on_caught_up: Callable[[], None]) -> None:
        self.report = Report()
        self.stream: Any = None
        self._mode = mode
        self._kept: list[bytes] = []
        self._lines = lines
        self._on_caught_up = on_caught_up

    async def follow(self, channel: grpc.aio.Channel, sessions: list[str]) -> None:
        """Reads to the end, or until it is to stall."""
        await channel.channel_ready()
        call: Any = channel.unary_stream(METHOD, request_serializer=pb.SubscribeRequest.SerializeToString)
        self.report.began = time.monotonic_ns()
        self.stream = call(pb.SubscribeRequest(sessions=sessions))
        await self.read(stall=self._mode == "stall")

    async def read(self, *, stall: bool = False) -> None:
        """Goes on reading."""
        read, report = self.stream.read, self.report
        look = {"events": self._keep, "parse": self._count, "clock": self._note}.get(self._mode)
        while True:
            response = await read()
            if response is grpc.aio.EOF:
                raise RuntimeError("the stream broke")
            if response[0] == EVENTS_TAG:
                report.bytes += len(response)
                report.responses += 1
                if look is not None and look(response):
                    return
                continue
            sign = pb.SubscribeResponse.FromString(response)
            if sign.HasField("caught_up"):
                self._on_caught_up()
                if stall:
                    return
            elif sign.HasField("gap"):
                raise RuntimeError(f"events are missing: {sign.gap}")
            elif sign.HasField("end"):
                report.ended = time.monotonic_ns()
                for kept in self._kept:
                    self._count(kept)
                return

    def _keep(self, response: bytes) -> None:
        self._kept.append(response)

    def _count(self, response: bytes) -> None:
        self.report.events += len(pb.SubscribeResponse.FromString(response).events)

    def _note(self, response: bytes) -> bool:
        """True: that was the last line."""
        now = time.monotonic_ns()
        for event in pb.SubscribeResponse.FromString(response).events:
            for line in event.output.data.split():
                if line.isdigit():
                    self.report.delays.append((now - int(line)) / 1e6)
        return 0 < self._lines <= len(self.report.delays)


async def read_all(spec: dict[str, Any]) -> None:
    """What the process does."""
    waiting = spec["count"] * spec["joined"]
    everybody = asyncio.Event()

    def caught_up() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            everybody.set()

    channels = [grpc.aio.insecure_channel(spec["target"], options=OPTIONS) for _ in range(spec["count"])]
    subscribers = [Subscriber(spec["mode"], spec["lines"], caught_up) for _ in channels]
    async with asyncio.TaskGroup() as group:
        for subscriber, channel in zip(subscribers, channels, strict=True):
            group.create_task(subscriber.follow(channel, spec["sessions"]))
        await everybody.wait()
        tell({})
    if spec["mode"] == "stall":
        await asyncio.to_thread(sys.stdin.readline)
        await subscribers[0].read()
    tell([asdict(subscriber.report) for subscriber in subscribers])


def tell(what: object) -> None:
    """To who started us."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(read_all(json.loads(sys.argv[1])))
    os._exit(0)  # without closing a thousand connections one by one

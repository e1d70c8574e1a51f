"""Counting what a server does: by its own counters, the kernel's and the profiler's; and readers that count what they get."""

from __future__ import annotations

import os
import pstats
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import grpc
from sightline.v1 import session_service_pb2 as pb
from support.server import PATIENCE, SIGHTLINE, ServerProcess, connect

EVENTS_TAG = 0x0A  # first byte of a response with events


@dataclass
class Work:
    """What was done, or the sum up to a moment.

    Attributes:
        events, event_bytes, commits, store_reads, responses, response_bytes, copied_bytes: of `Metrics`, without `sightline_` and
            `_total`.
        rchar, wchar: bytes that the server's read and write calls moved, files, pipes and sockets alike, not those of sendmsg.
        syscr, syscw: those calls.
    """

    events: int = 0
    event_bytes: int = 0
    commits: int = 0
    store_reads: int = 0
    responses: int = 0
    response_bytes: int = 0
    copied_bytes: int = 0
    rchar: int = 0
    wchar: int = 0
    syscr: int = 0
    syscw: int = 0

    def __sub__(self, other: Work) -> Work:
        return Work(*(getattr(self, each.name) - getattr(other, each.name) for each in fields(Work)))


def kernel(pid: int) -> dict[str, int]:
    """`/proc/PID/io`."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return {name: int(value) for name, value in (line.split(": ") for line in lines)}


def work_so_far(server: ServerProcess) -> Work:
    names = {each.name for each in fields(Work)}
    with connect(server.target) as stub:
        metrics = stub.Metrics(pb.MetricsRequest(), timeout=PATIENCE).metrics
    counted = {metric.name.removeprefix("sightline_").removesuffix("_total"): int(metric.value) for metric in metrics}
    known = {name: value for name, value in (counted | kernel(server.process.pid)).items() if name in names}
    assert set(known) == names
    return Work(**known)


@dataclass
class Subscriber:
    """Counts what it gets, in a thread of its own, on a connection of its own; `has_all` when events ended with `last`."""

    target: str
    session: str
    last: bytes
    event_bytes: int = 0
    all_bytes: int = 0
    responses: int = 0
    caught_up: threading.Event = field(default_factory=threading.Event)
    has_all: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None

    def start(self) -> Subscriber:
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def expect(self, last: bytes) -> None:
        """`has_all` is set when this has come."""
        self.last = last
        self.has_all.clear()

    def join(self) -> None:
        self.thread.join(60)
        assert not self.thread.is_alive(), "a subscriber is not told of the end"
        assert self.error is None

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as error:
            self.error = error

    def _read(self) -> None:
        options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self.target, options) as channel:
            call: Any = channel.unary_stream("/sightline.v1.SessionService/Subscribe", pb.SubscribeRequest.SerializeToString)
            for response in call(pb.SubscribeRequest(sessions=[self.session]), timeout=60):
                self.all_bytes += len(response)
                self.responses += 1
                if response[0] == EVENTS_TAG:
                    self.event_bytes += len(response)
                    if response.endswith(self.last):
                        self.has_all.set()
                elif pb.SubscribeResponse.FromString(response).HasField("caught_up"):
                    self.caught_up.set()


class Gate:
    """A FIFO: `head -c1` waits at it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR)

    def open(self) -> None:
        self.write(b".")

    def write(self, data: bytes) -> None:
        os.write(self._fd, data)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


class ProfiledServer(ServerProcess):
    """A server under Python's profiler, which counts the calls of each function."""

    @property
    def profile(self) -> Path:
        return self.home / "profile"

    def spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "cProfile", "-o", str(self.profile), *SIGHTLINE, "serve"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log)
        return self._process


def calls(profile: Path) -> Counter[str]:
    """How often each function was called in the server's main thread: by name, of our own ones `module.py:name`."""
    counted: Counter[str] = Counter()
    stats: Any = pstats.Stats(str(profile))  # its type knows nothing of what it holds
    for (file, _line, name), (_primitive, count, *_times) in stats.stats.items():
        ours = file.partition("/sightline_server/")[2]
        counted[f"{ours}:{name}" if ours else name] += count
    return counted


def encodings(counted: Counter[str], name: str) -> int:
    """Calls of protobuf's methods of that name."""
    return sum(number for function, number in counted.items() if name in function)


def relay_of(spool: Path) -> int:
    """The pid that the relay has written down."""
    line = next(line for line in (spool / "started").read_text().splitlines() if line.startswith("relay "))
    return int(line.split()[1])


def spooled(spool: Path) -> int:
    return sum(path.stat().st_size for path in spool.glob("stdout.0*"))


def reaped(pid: int) -> bool:
    """It is gone, and its doings are in its parent's account."""
    return not Path(f"/proc/{pid}").exists()

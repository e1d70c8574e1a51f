"""A real server in a process of its own, with a home of its own, that can be killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sightline.v1 import session_pb2
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Completed, Event
from sightline.v1.session_service_pb2_grpc import SessionServiceStub

HealthStub: Any = health_pb2_grpc.HealthStub  # comes with a stub that knows nothing of its methods

PATIENCE = 40.0  # seconds for anything that should take a moment, on a machine that is busy
SIGHTLINE = (str(Path(sys.executable).with_name("sightline")),)


class ServerProcess:
    """A server. `start` and `kill` as often as you like; `close` leaves nothing behind.

    Args:
        home: its home; a new short one by default (a socket's path may have 107 bytes).
        environ: further variables; unless told otherwise `SIGHTLINE_GRPC_ADDRESS=none`, and a `SCREENDIR` of its own.
    """

    def __init__(self, home: Path | None = None, **environ: str) -> None:
        self.home = home or Path(tempfile.mkdtemp(prefix="sl"))
        self._log = Path(tempfile.mkdtemp(prefix="sllog")) / "server.log"
        screens = self._log.with_name("screens")
        screens.mkdir(mode=0o700)
        own = {"SIGHTLINE_GRPC_ADDRESS": "none", "SCREENDIR": str(screens), **environ, "SIGHTLINE_HOME": str(self.home)}
        self.environ = {**os.environ, **own}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> str:
        return f"unix:{self.home}/sightline.sock"

    @property
    def port(self) -> int:
        """The TCP port that it says it listens on."""
        return next(int(word.split(":")[1]) for word in self.log().split() if word.startswith("127.0.0.1:"))

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def spawn(self) -> subprocess.Popen[bytes]:
        """Starts it without waiting."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([*SIGHTLINE, "serve"], env=self.environ, stdout=log, stderr=log)
        return self._process

    def start(self) -> None:
        """Starts it, until it is SERVING."""
        process = self.spawn()
        deadline = time.monotonic() + PATIENCE
        socket = self.home / "sightline.sock"
        while not socket.exists() or health(self.target) != health_pb2.HealthCheckResponse.SERVING:
            assert process.poll() is None, f"the server ended with {process.returncode}: {self.log()}"
            assert time.monotonic() < deadline, f"the server does not serve: {self.log()}"
            time.sleep(0.01)

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def log(self) -> str:
        """What it printed; gRPC itself prints also what no text is."""
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        """Ends what runs in it, then the server, and removes its home."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(grpc.RpcError), connect(self.target) as stub:
                for session in stub.List(pb.ListRequest(page_size=1000), timeout=PATIENCE).sessions:
                    request = pb.TerminateRequest(session=session.id)
                    request.grace.FromMilliseconds(200)
                    stub.Terminate(request, timeout=PATIENCE)
            self.terminate()
        self._end_tmux()
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self._log.parent, ignore_errors=True)

    def _end_tmux(self) -> None:
        """tmux 3.3a waits for ever for a control client that had something to say when its reader was killed."""
        if not (self.home / "tmux.sock").exists():
            return  # most have none, and asking for it twice costs as much as an answer
        tmux = ["tmux", "-S", str(self.home / "tmux.sock")]
        found = subprocess.run([*tmux, "display-message", "-p", "#{pid}"], check=False, capture_output=True)
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
        if found.stdout.strip().isdigit():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(found.stdout), signal.SIGKILL)


@contextlib.contextmanager
def running(**environ: str) -> Iterator[ServerProcess]:
    """A server for the length of a block."""
    server = ServerProcess(None, **environ)
    try:
        server.start()
        yield server
    finally:
        server.close()


CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 5000),  # how long an attempt may take
    ("grpc.max_reconnect_backoff_ms", 100),
)


@contextlib.contextmanager
def connect(target: str) -> Iterator[SessionServiceStub]:
    """A blocking stub."""
    with grpc.insecure_channel(target, CHANNEL_OPTIONS) as channel:
        yield SessionServiceStub(channel)


def health(target: str) -> int:
    """What health says; UNKNOWN when nobody answers."""
    with grpc.insecure_channel(target, CHANNEL_OPTIONS) as channel:
        try:
            answer = HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.RpcError:
            return health_pb2.HealthCheckResponse.UNKNOWN
        return int(answer.status)


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    words = Path(f"/proc/{pid}/status").read_text().split()
    return int(words[words.index("VmRSS:") + 1]) * 1024


def descriptors(pid: int) -> int:
    """How many files and sockets a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def is_relay(path: Path, session: str) -> bool:
    """Whether this `/proc/PID/cmdline` is of the relay that holds a session's command."""
    try:
        words = path.read_bytes()
    except OSError:
        return False
    return b"/relay." in words and session.encode() in words  # its source, or what Python has compiled of it


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Returns when it holds; fails when that takes too long."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


async def eventually(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """The same, with the loop going on meanwhile."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.01)


def reason_of(error: grpc.RpcError) -> str:
    """The `ErrorInfo.reason` of a failed call."""
    return str(error_info(error).reason)


def error_info(error: grpc.RpcError) -> ErrorInfo:
    call = cast(grpc.Call, error)
    metadata = dict(call.trailing_metadata() or ())
    status = Status.FromString(metadata["grpc-status-details-bin"])
    assert status.code == call.code().value[0]
    assert status.message == call.details()
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "sightline"
    return info


def command(*argv: str, terminal: bool = False, stdin: bool = False) -> session_pb2.Command:
    """A command to create."""
    made = session_pb2.Command(argv=argv, stdin=session_pb2.Command.STDIN_OPEN if stdin else session_pb2.Command.STDIN_NULL)
    if terminal:
        made.terminal.columns, made.terminal.rows = 80, 24
    return made


def create(stub: SessionServiceStub, *argv: str, env: Mapping[str, str] | None = None, **fields: object) -> session_pb2.Session:
    """A session that runs this."""
    made = command(*argv, terminal=bool(fields.pop("terminal", False)), stdin=bool(fields.pop("stdin", False)))
    request = pb.CreateRequest(command=made, env=env, **fields)  # type: ignore[arg-type]
    return stub.Create(request, timeout=PATIENCE).session


def follow(stub: SessionServiceStub, session: str, seconds: float = 60.0) -> list[Event]:
    """All events of a session to its end."""
    events: list[Event] = []
    ended = False
    for response in stub.Subscribe(pb.SubscribeRequest(sessions=[session]), timeout=seconds):
        events += response.events
        ended = ended or response.HasField("end")
    assert ended, "the stream broke"
    check_log(events)
    return events


def check_log(events: list[Event]) -> None:
    """What holds for every ended session's whole log."""
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.WhichOneof("payload") for event in events].count("completed") == 1
    assert events[-1].HasField("completed")
    times = [event.time.ToNanoseconds() for event in events]
    assert times == sorted(times)


def data_of(events: list[Event], source: str) -> bytes:
    """What was written there."""
    return b"".join(event.output.data for event in events if event.source == source)


def completed(events: list[Event]) -> Completed:
    return events[-1].completed

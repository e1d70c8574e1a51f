"""Whatever runs, wherever: one look lists it all, each is adopted by what the look gave, and one stream brings all of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import EventKind, Outcome
from sightline.v1.session_pb2 import SessionKind
from support.server import PATIENCE, ServerProcess, connect, until
from support.sshd import SshHost, host

KINDS = {SessionKind.SESSION_KIND_TMUX, SessionKind.SESSION_KIND_SCREEN, SessionKind.SESSION_KIND_TYPESCRIPT}


class User:
    """Somebody with a tmux, a GNU screen, a recording and another host, each of which says its name when its file appears."""

    def __init__(self, box: SshHost) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="sla"))
        self.screens = self.place / "screens"
        self.screens.mkdir(mode=0o700)
        self.sockets = self.place / "tmux"
        self.sockets.mkdir(mode=0o700)
        self.recordings = self.place / "recordings"
        self.recordings.mkdir()
        self.box = box
        self.environ = {
            "SCREENDIR": str(self.screens),
            "SCREENRC": "/dev/null",
            "SYSSCREENRC": "/dev/null",
            "TMUX_TMPDIR": str(self.sockets),
            "SIGHTLINE_SSH": box.ssh,
        }
        self._recording: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Starts all four."""
        self.run("tmux", "-f", "/dev/null", "new-session", "-d", "-s", "work", *self.program("tmux"))
        self.run("screen", "-dmS", "work", *self.program("screen"))
        argv = ["script", "-q", "-f", "-c", " ".join(["exec", *map(repr, self.program("script"))]), "work.typescript"]
        self._recording = subprocess.Popen(
            argv, cwd=self.recordings, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )
        there = {**os.environ, **self.box.environ}
        tmux = ["tmux", "-f", "/dev/null", "new-session", "-d", "-s", "there", *self.program("host")]
        subprocess.run(tmux, env=there, check=True, timeout=PATIENCE)

    def program(self, name: str) -> list[str]:
        """Waits for its file, then says its name until it is ended."""
        line = f"echo up; until [ -e {self.place}/go ]; do sleep 0.05; done; echo this is {name}; exec sleep 300"
        return ["sh", "-c", line]

    def run(self, *argv: str) -> None:
        subprocess.run(argv, env={**os.environ, **self.environ}, cwd=self.place, check=True, timeout=PATIENCE)

    def close(self) -> None:
        for environ in (self.environ, self.box.environ):
            subprocess.run(["tmux", "kill-server"], env={**os.environ, **environ}, capture_output=True, check=False)
        for socket in self.screens.iterdir():
            subprocess.run(["screen", "-S", socket.name, "-X", "quit"], env={**os.environ, **self.environ}, check=False)
        if self._recording:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._recording.pid, signal.SIGKILL)
            self._recording.wait()
        shutil.rmtree(self.place, ignore_errors=True)


@pytest.fixture
def user() -> Iterator[User]:
    with host() as box:
        made = User(box)
        try:
            made.begin()
            yield made
        finally:
            made.close()


def request_for(candidate: pb.Candidate) -> pb.CreateRequest:
    """What adopts a candidate: its origin as it was found."""
    made = pb.CreateRequest(host=candidate.host)
    origin = candidate.WhichOneof("origin")
    assert origin
    getattr(made, origin).CopyFrom(getattr(candidate, origin))
    return made


def test_one_look_lists_everything_and_one_stream_brings_it(user: User) -> None:
    server = ServerProcess(None, **user.environ)
    look = pb.DiscoverRequest(hosts=["localhost", "box"], directories=[str(user.recordings)])
    try:
        server.start()
        with connect(server.target) as stub:

            def ours() -> list[pb.Candidate]:
                found = stub.Discover(look, timeout=PATIENCE)
                assert not found.problems
                return [
                    each
                    for each in found.candidates
                    if each.kind != SessionKind.SESSION_KIND_TYPESCRIPT or each.typescript.path.startswith(str(user.place))
                    if each.kind != SessionKind.SESSION_KIND_TRANSCRIPT  # agents of whoever runs the tests are listed too
                ]

            until(
                lambda: (
                    {(each.kind, each.host) for each in ours()}
                    >= {*((kind, "") for kind in KINDS), (SessionKind.SESSION_KIND_TMUX, "box")}
                )
            )
            sessions = [stub.Create(request_for(each), timeout=PATIENCE).session for each in ours() if not each.session_id]
            assert {(each.kind, each.host) for each in sessions} >= {(kind, "") for kind in KINDS}
            assert all(each.session_id for each in ours())  # and says so from then on

            stream = stub.Subscribe(pb.SubscribeRequest(sessions=["*"], filter=pb.Filter(kinds=[EventKind.EVENT_KIND_OUTPUT])))
            (user.place / "go").touch()
            said: dict[str, bytes] = {}
            wanted = {f"this is {name}".encode() for name in ("tmux", "screen", "script", "host")}
            for response in stream:
                for event in response.events:
                    said[event.session_id] = said.get(event.session_id, b"") + event.output.data
                if all(any(words in data for data in said.values()) for words in wanted):
                    break
            stream.cancel()

            for each in sessions:
                released = stub.Release(pb.ReleaseRequest(session=each.id), timeout=PATIENCE).session
                assert released.outcome == Outcome.OUTCOME_RELEASED
            assert not any(each.session_id for each in ours())
    finally:
        server.close()

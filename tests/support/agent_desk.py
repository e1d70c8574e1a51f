"""A real agent at a desk of its own: what tests of real agents work with."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Event
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from support.model_server import Model
from support.real_agents import RealAgent
from support.server import PATIENCE, SIGHTLINE, ServerProcess, follow

SECONDS = 120.0  # for one run of a program that needs 2 to 8 s of a quiet machine
GOING_SECONDS = 2.0  # for processes that are just going, such as the relay behind a session


@dataclass
class Desk:
    """What a test works with.

    Attributes:
        agent: which one.
        model: what it talks to; its `steps` are the test's.
        project: the directory that it works in, a git repository with two files.
        environ: of all that is started.
        server: Sightline's.
        stub: a client of that.
    """

    agent: RealAgent
    model: Model
    project: Path
    environ: dict[str, str]
    server: ServerProcess
    stub: SessionServiceStub

    def plain(self, prompt: str) -> str:
        """What the program prints by itself, without streaming."""
        done = subprocess.run(
            self.agent.plain,
            input=prompt,
            env=self.environ,
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        return done.stdout

    def sightline(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs the command line, as a user would."""
        environ = {**self.environ, "SIGHTLINE_HOME": str(self.server.home)}
        return subprocess.run(
            [*SIGHTLINE, *words], env=environ, cwd=self.project, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    def _words(self, prompt: str) -> list[str]:
        return ["run", "--name", "it", "--agent", self.agent.name, f"--prompt={prompt}"]

    def run(self, prompt: str, *options: str) -> subprocess.CompletedProcess[str]:
        """`sightline run --agent`, as the session `it`."""
        return self.sightline(*self._words(prompt), *options, "--", *self.agent.argv)

    def begin(self, prompt: str) -> subprocess.Popen[bytes]:
        """The same, and does not wait for it."""
        environ = {**self.environ, "SIGHTLINE_HOME": str(self.server.home)}
        words = [*SIGHTLINE, *self._words(prompt), "--", *self.agent.argv]
        return subprocess.Popen(words, env=environ, cwd=self.project, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def events(self, session: str = "it") -> list[Event]:
        """The whole log of an ended session."""
        return follow(self.stub, session, SECONDS)

    def so_far(self, session: str = "it") -> list[Event]:
        """What is in a session's log now."""
        return list(self.stub.ListEvents(pb.ListEventsRequest(session=session), timeout=PATIENCE).events)

    def pids(self) -> dict[int, str]:
        """What runs from this home, but for the server: pids and command lines."""
        found = {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                environ = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
                words = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"HOME={self.environ['HOME']}".encode() in environ and int(name) != self.server.process.pid and words:
                found[int(name)] = words
        return found

    def processes(self) -> list[str]:
        """The command lines of these, once those that are just going are gone."""
        deadline = time.monotonic() + GOING_SECONDS
        while (found := self.pids()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return [f"{pid} {words}" for pid, words in found.items()]


def of_kind(events: Sequence[Event], kind: str) -> list[Event]:
    """Those with this payload."""
    return [event for event in events if event.WhichOneof("payload") == kind]

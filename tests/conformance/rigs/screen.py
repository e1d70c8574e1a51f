"""Windows of the user's own GNU screen sessions: bare, with `script` inside, and programs that Sightline starts in screen."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from conformance.rig import Parrot
from sightline.v1.session_pb2 import Command, Screen, Terminal
from sightline.v1.session_service_pb2 import CreateRequest

NAME = "work"


class ScreenRig:
    """See `Rig`. A session that was started by hand, without any recording."""

    adopted = True
    takes_input = True
    knows_exit_code = False
    holds_back = False

    def __init__(self, home: Path) -> None:
        self._home = home
        self._sockets = home.parent / "screens"
        self._sockets.mkdir(mode=0o700)
        self.environment = {"SCREENDIR": str(self._sockets), "SCREENRC": "/dev/null", "SYSSCREENRC": "/dev/null"}

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        self._start(program.argv)
        return CreateRequest(screen=Screen(name=NAME))

    def traces(self) -> object:
        """See `Rig`. The files that screen has open, the window's own words, and where a log would begin."""
        session = next(path.name for path in self._sockets.iterdir())
        pid = session.partition(".")[0]
        files = sorted(os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir())
        facts = re.sub(r"\(\d+,\d+\)", "", self._screen("-S", session, "-Q", "info"), count=1)  # but for its cursor
        return files, facts, sorted(path.name for path in self._place.iterdir())

    async def close(self) -> None:
        """See `Rig`."""
        for path in self._sockets.iterdir():
            self._screen("-S", path.name, "-X", "quit")
            try:
                os.kill(int(path.name.partition(".")[0]), signal.SIGKILL)
            except ProcessLookupError:
                continue

    @property
    def _place(self) -> Path:
        """The directory of the user's session."""
        return self._home.parent / "place"

    def _start(self, argv: Sequence[str]) -> None:
        self._place.mkdir()
        self._screen("-dmS", NAME, *argv)

    def _screen(self, *words: str) -> str:
        cwd = self._place if self._place.exists() else None
        environment = {**os.environ, **self.environment}
        ran = subprocess.run(["screen", *words], capture_output=True, check=False, text=True, env=environment, cwd=cwd, timeout=20)
        return ran.stdout


class ScreenPairRig(ScreenRig):
    """See `Rig`. A session around `script`, as others start it."""

    knows_exit_code = True

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        line = f"exec {shlex.join(program.argv)}"
        self._start(["script", "-q", "-e", "-f", f"--timing={NAME}.timing", "-c", line, f"{NAME}.typescript"])
        return CreateRequest(screen=Screen(name=NAME))


class HeldScreenRig(ScreenRig):
    """See `Rig`. The same pair, of our own."""

    adopted = False
    knows_exit_code = True

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        command = Command(argv=program.argv, terminal=Terminal(columns=90, rows=30), holder=Command.HOLDER_SCREEN)
        return CreateRequest(cwd=str(self._home), command=command)

    def traces(self) -> object:
        """See `Rig`."""
        return None

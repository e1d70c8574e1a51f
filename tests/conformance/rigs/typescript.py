"""Typescripts that somebody else's `script -f` writes."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from conformance.rig import Parrot
from sightline.v1.session_pb2 import Typescript
from sightline.v1.session_service_pb2 import CreateRequest


class TypescriptRig:
    """See `Rig`."""

    adopted = True
    takes_input = False
    knows_exit_code = True
    holds_back = False

    def __init__(self, home: Path) -> None:
        self._directory = home.parent / "recordings"
        self._directory.mkdir()
        self._script: subprocess.Popen[bytes] | None = None

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        path, timing = self._directory / "work.typescript", self._directory / "work.timing"
        words = ["script", "-q", "-f", "-T", str(timing), "-c", f"exec {shlex.join(program.argv)}", str(path)]
        self._script = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: ASYNC220 - returns at once
        return CreateRequest(typescript=Typescript(path=str(path)))

    def traces(self) -> object:
        """See `Rig`."""
        return sorted(path.name for path in self._directory.iterdir())

    async def close(self) -> None:
        """See `Rig`."""
        if self._script:
            self._script.kill()
            if self._script.stdin:
                self._script.stdin.close()
            self._script.wait()

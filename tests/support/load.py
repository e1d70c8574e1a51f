"""Load to kill things under: a command and a pane that write a round, and end, whenever told to; and what they will write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from support.server import create
from support.watched import Watched

LINE = b"%09d the quick brown fox jumps over the lazy dog and writes a build log\n"
COMMAND_BYTES, PANE_BYTES = 7_000_000, 3_000_000  # of one round
EXIT_CODE = 7


def written(path: Path, size: int) -> bytes:
    """A file of that size, every line different, so that a repeated or missing piece is seen."""
    path.write_bytes(b"".join(LINE % n for n in range(size // len(LINE % 0))))
    return path.read_bytes()


class Load:
    """See the module.

    Args:
        directory: for its files.
        rounds: how many there will be.
    """

    def __init__(self, directory: Path, rounds: int) -> None:
        self._directory = directory
        self._rounds = rounds
        self._released = 0
        self._pieces = {"command": written(directory / "command", COMMAND_BYTES), "pane": written(directory / "pane", PANE_BYTES)}
        self._gates: list[int] = []
        for name in self._pieces:
            os.mkfifo(directory / f"{name}.gate")
            self._gates.append(os.open(directory / f"{name}.gate", os.O_RDWR))  # so that neither end waits for the other

    def start(self, stub: SessionServiceStub) -> dict[str, str]:
        """Starts both; their ids."""
        ids = {}
        for name in self._pieces:
            path = self._directory / name
            rounds = f"for n in $(seq {self._rounds}); do read go; echo round $n; cat {path}; done"
            session = create(
                stub,
                "sh",
                "-c",
                f"{{ {rounds}; read go; }} <{path}.gate; echo the end >&2; exit {EXIT_CODE}",
                terminal=name == "pane",
            )
            ids[name] = session.id
        return ids

    def watched(self) -> dict[str, Watched]:
        """How a watcher is to see both."""
        command = {"stdout": self._rounds_of("command", b"\n"), "stderr": iter([b"the end\n"])}
        return {
            "command": Watched("command", command),
            "pane": Watched("pane", {"terminal": self._rounds_of("pane", b"\r\n", b"the end\r\n")}),
        }

    def _rounds_of(self, name: str, ending: bytes, last: bytes = b"") -> Iterator[bytes]:
        lines = self._pieces[name].replace(b"\n", ending)
        for number in range(1, self._rounds + 1):
            yield b"round %d%b" % (number, ending)
            yield lines
        if last:
            yield last

    def release(self) -> int:
        """Lets both write one round more; how many bytes there will be then, at least."""
        self._released += 1
        self._go()
        return self._released * sum(map(len, self._pieces.values()))

    def end(self) -> None:
        """Lets both end, once they have written all rounds."""
        self._go()

    def _go(self) -> None:
        for gate in self._gates:
            os.write(gate, b"go\n")

    def close(self) -> None:
        """Closes what it opened; programs that still wait for a round go on waiting."""
        for gate in self._gates:
            os.close(gate)

"""What a recipe must remember over a restart, as files in its session's spool directory (0700, each file 0600).

    plan         the steps' labels, limits and kinds: nothing that could be a secret
    plan.secret  the whole request with its environment, removed as soon as the last program has started
    result       `$SIGHTLINE_RESULT`: what the steps leave behind by name
    cancelled    somebody ended it: nothing more is started
    step-N/      the spool of step N, from 1; `timed-out` in it: it took too long
    undo-N/      the spool of the program that takes back what step N has made

The session's own command uses the directory itself. How far the recipe is stands in the log, as a position, never here.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline.v1.session_pb2 import Step, Worktree
from sightline.v1.session_service_pb2 import CreateRequest

from sightline_server.capture import relay_link
from sightline_server.capture.recipe import result
from sightline_server.errors import ProgramNotFound, SightlineError

RESULT_VARIABLE = "SIGHTLINE_RESULT"
OURS = frozenset({"plan", "plan.secret", "result", "cancelled"})


@dataclass(frozen=True)
class StepEnd:
    """How a step ended.

    Attributes:
        exit_code: its exit code; 128 + N when signal N ended it, 127 when there is no such program, 126 when it could not be
            started, 124 when it took too long; -1 when nobody saw its end.
        signal: what ended it; 0: none.
        failure: why it failed, for people; empty: it succeeded.
        detail: what an exit code does not say, for people; mostly empty.
        observed: somebody saw its end.
        seconds: how long it took.
    """

    exit_code: int
    signal: int = 0
    failure: str = ""
    detail: str = ""
    observed: bool = True
    seconds: float = 0.0


@dataclass(frozen=True)
class Made:
    """A worktree that a step has seen to.

    Attributes:
        path: where it is.
        branch: its branch.
        ours: the step made it, or was stopped while it did.
    """

    path: str
    branch: str
    ours: bool


class Plan:
    """The files of one recipe."""

    def __init__(self, directory: Path, outline: CreateRequest) -> None:
        self.directory = directory
        self.steps: Sequence[Step] = outline.steps
        self.has_command = outline.WhichOneof("origin") is not None
        self.log_steps = outline.log_steps

    @classmethod
    def write(cls, directory: Path, request: CreateRequest) -> Plan:
        """Writes down a request whose `env` is the whole environment. Raises OSError."""
        outline = CreateRequest(log_steps=request.log_steps)
        if request.HasField("command"):
            outline.command.SetInParent()
        for step in request.steps:
            kept = Step(source=step.source, allow_failure=step.allow_failure)
            if step.HasField("timeout"):
                kept.timeout.CopyFrom(step.timeout)
            if step.HasField("worktree"):
                kept.worktree.CopyFrom(Worktree())
            outline.steps.append(kept)
        put(directory / "result", b"")
        put(directory / "plan.secret", request.SerializeToString())
        put(directory / "plan", outline.SerializeToString())
        return cls(directory, outline)

    @classmethod
    def read(cls, directory: Path) -> Plan:
        """What was written down. Raises FileNotFoundError."""
        return cls(directory, CreateRequest.FromString((directory / "plan").read_bytes()))

    def whole(self) -> CreateRequest | None:
        """The request; None: the last program has started, and what it needed is forgotten."""
        try:
            return CreateRequest.FromString((self.directory / "plan.secret").read_bytes())
        except FileNotFoundError:
            return None

    def forget(self) -> None:
        """The last program has started: what could be a secret goes."""
        (self.directory / "plan.secret").unlink(missing_ok=True)

    def is_untouched(self) -> bool:
        """The session's own command has left nothing in the directory: it was not started."""
        return all(name in OURS or name.startswith(("step-", "undo-")) for name in os.listdir(self.directory))

    @property
    def result(self) -> Path:
        """`$SIGHTLINE_RESULT`."""
        return self.directory / "result"

    # --- ended by somebody

    @property
    def cancelled(self) -> bool:
        """Somebody ended it."""
        return (self.directory / "cancelled").exists()

    def cancel(self) -> None:
        """Nothing more is to be started, by the next server neither. Raises OSError."""
        put(self.directory / "cancelled", b"")

    # --- steps

    def of_step(self, number: int) -> Path:
        """The spool of a step, numbered from 1."""
        return self.directory / f"step-{number}"

    def of_undoing(self, number: int) -> Path:
        """The spool of what takes a step back."""
        return self.directory / f"undo-{number}"

    def time_left(self, number: int) -> float | None:
        """Seconds until a step that has started takes too long, below 0 when it does; None: it may take any time."""
        step = self.steps[number - 1]
        return step.timeout.ToNanoseconds() / 1e9 - self._seconds(number) if step.HasField("timeout") else None

    def has_exited(self, number: int) -> bool:
        """A step's program is over, or was never started."""
        return (self.of_step(number) / "exit").exists()

    def was_late(self, number: int) -> bool:
        """A step took longer than it may."""
        left = self.time_left(number)
        return left is not None and left < 0

    def note_timeout(self, number: int) -> None:
        """It took too long. Raises OSError."""
        put(self.of_step(number) / "timed-out", b"")

    def end(self, number: int) -> StepEnd:
        """How a step that is over has ended."""
        step = self.steps[number - 1]
        directory = self.of_step(number)
        seconds = self._seconds(number)
        if (directory / "timed-out").exists():
            limit = step.timeout.ToNanoseconds() / 1e9
            failure = f"{step.source} timed out after {limit:g} s"
            return StepEnd(124, failure=failure, detail=failure, seconds=seconds)
        exited = relay_link.read_exit(directory)
        if exited is None:
            why = f"{step.source} was lost: the relay that held it was killed, or the machine was restarted"
            return StepEnd(-1, failure=why, detail=why, observed=False, seconds=seconds)
        if exited.error:
            number_, text = exited.error
            code = 127 if number_ == errno.ENOENT else 126
            return StepEnd(code, failure=f"{step.source} failed with exit code {code}: {text}", detail=text)
        code = 128 + exited.signal if exited.code is None else exited.code
        failure = f"{step.source} failed with exit code {code}" if code else ""
        return StepEnd(code, exited.signal, failure, seconds=seconds)

    def made(self, number: int) -> Made | None:
        """The worktree that a step has seen to; None: it has not got so far."""
        try:
            known = json.loads((self.of_step(number) / "worktree").read_bytes())
        except FileNotFoundError:
            return None
        return Made(known["path"], known["branch"], known["made"] != "no")

    def worktree(self, before: int) -> Made | None:
        """The worktree that is there for step `before`: the last one that an earlier step has seen to."""
        for number in range(before - 1, 0, -1):
            if self.steps[number - 1].HasField("worktree") and self.end(number).exit_code == 0:
                return self.made(number)
        return None

    def _seconds(self, number: int) -> float:
        """How long a step took, or has taken until now. By the files of its relay, which was there all the time."""
        directory = self.of_step(number)
        try:
            started = (directory / "started").stat().st_mtime
        except FileNotFoundError:
            return 0.0
        try:
            ended = (directory / "exit").stat().st_mtime
        except FileNotFoundError:
            ended = time.time()
        return max(0.0, ended - started)  # the clock may have been set back

    # --- what is left behind

    def results(self, *, whole: bool) -> tuple[dict[str, str], list[str]]:
        """What the steps left by name, and what of it was left out and why; see `result.parse`."""
        try:
            # The steps can put there what they like: a link, a pipe that nobody writes, a directory.
            with open(self.result, "rb", opener=lambda name, _: os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
                return result.parse(file.read(result.MAX_BYTES + 1) or b"", whole=whole)
        except OSError as error:
            return {}, [f"the file in ${RESULT_VARIABLE} cannot be read: {error.strerror}"]


def put(path: Path, data: bytes) -> None:
    """Writes a private file, whole or not at all. Raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    fresh.rename(path)


def note_not_started(directory: Path, error: SightlineError) -> None:
    """Writes down why a program was not started, where and as its relay would. Raises OSError."""
    number = errno.ENOENT if isinstance(error, ProgramNotFound) else errno.EIO
    put(directory / "exit", f"error {number} {' '.join(str(error).split())}\n".encode())

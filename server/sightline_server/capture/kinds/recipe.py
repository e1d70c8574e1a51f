"""Sessions that begin with steps: a recipe in front of a command of any kind, or of none."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind, Step
from sightline.v1.session_service_pb2 import CreateRequest

from sightline_server.capture.base import Sink, Source
from sightline_server.capture.kind import Kind, Shared, StartedKind, directory
from sightline_server.capture.recipe import RecipeSource
from sightline_server.errors import BadField, CwdNotFound

MAX_STEPS = 100
MAX_SCRIPT = 1024 * 1024  # bytes of one step's script
MAX_SECONDS = 366 * 24 * 3600  # a year, of any step
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(:[A-Za-z0-9._-]+)?")
MAX_LABEL = 64  # characters
RESERVED = frozenset({"sightline", "stdout", "stderr", "terminal"})
"""What the server, and programs without a label, are called in `Event.source`."""


class RecipeKind(StartedKind):
    """See `Kind`.

    Args:
        shared: what all kinds have in common.
        of_request: the kind that a request without steps means.
        of_record: the kind that a session without steps is of.
    """

    def __init__(
        self, shared: Shared, of_request: Callable[[CreateRequest], Kind], of_record: Callable[[SessionMessage], Kind]
    ) -> None:
        self._shared = shared
        self._of_request = of_request
        self._of_record = of_record

    def check(self, request: CreateRequest) -> None:
        if len(request.steps) > MAX_STEPS:
            raise BadField(field="steps", problem=f"{len(request.steps)} of them; at most {MAX_STEPS}")
        for index, step in enumerate(request.steps):
            check_step(step, f"steps[{index}]")
        origin = request.WhichOneof("origin")
        if origin == "command":
            without = without_steps(request)
            self._of_request(without).check(without)
        elif origin is not None:
            raise BadField(field="steps", problem="they come before a command of Sightline's own, or stand alone")

    def words(self, request: CreateRequest) -> Sequence[str]:
        # Whoever ran `--recipe web` looks for `web`, whatever program comes last in it.
        project = request.labels.get("project", "")
        return [project] if project else request.command.argv or [request.steps[0].source]

    async def record(self, request: CreateRequest) -> SessionMessage:
        if request.HasField("command"):
            without = without_steps(request)
            record = await self._of_request(without).record(without)
        else:
            record = SessionMessage(kind=SessionKind.SESSION_KIND_COMMAND, cwd=directory(request.cwd))
        if not os.path.isdir(record.cwd):  # noqa: ASYNC240 - one look, as all sources take it
            raise CwdNotFound(cwd=record.cwd)
        record.steps = len(request.steps)
        return record

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        whole = CreateRequest()
        whole.CopyFrom(request)
        whole.cwd = record.cwd
        whole.clear_env = True
        whole.env.update(self._shared.environment(request))
        return RecipeSource(sink, self._shared.inotify, record, _Commands(self), environ=self._shared.environ, request=whole)

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        return RecipeSource(sink, self._shared.inotify, record, _Commands(self), environ=self._shared.environ)

    def kind_of(self, request: CreateRequest) -> Kind:
        """Of the session's own command."""
        return self._of_request(request)

    def kind_of_record(self, record: SessionMessage) -> Kind:
        """The same, of a stored session."""
        without = SessionMessage()
        without.CopyFrom(record)
        without.steps = 0
        return self._of_record(without)


class _Commands:
    """Makes the session's own command, whatever kind it is of. See `CommandMaker`."""

    def __init__(self, kind: RecipeKind) -> None:
        self._kind = kind

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        return self._kind.kind_of(request).new(request, record, sink)

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        return self._kind.kind_of_record(record).resumed(record, sink)


def without_steps(request: CreateRequest) -> CreateRequest:
    """The request for the session's own command alone."""
    without = CreateRequest()
    without.CopyFrom(request)
    del without.steps[:]
    return without


def check_step(step: Step, field: str) -> None:
    """Refuses a step that could not be done anywhere. Raises `BadField`, which names `field`."""
    if not LABEL.fullmatch(step.source) or len(step.source) > MAX_LABEL or RESERVED & set(step.source.split(":")):
        raise BadField(
            field=f"{field}.source",
            problem=f"{step.source[:MAX_LABEL]!r} is no label: use a word such as git or script:setup (A-Z a-z 0-9 . _ -), "
            f"not one of {', '.join(sorted(RESERVED))}",
        )
    if step.HasField("timeout") and not 0 < step.timeout.ToNanoseconds() / 1e9 <= MAX_SECONDS:
        raise BadField(field=f"{field}.timeout", problem="it must be above 0 and at most a year; leave it out for no limit")
    if _has_zero(step.cwd, *step.env, *step.env.values()):
        raise BadField(field=field, problem="a zero byte ends a word for every program: it cannot be given")
    if any(not name or "=" in name for name in step.env):
        raise BadField(field=f"{field}.env", problem="a variable's name is not empty and holds no `=`")
    _check_action(step, field)


def _check_action(step: Step, field: str) -> None:
    match step.WhichOneof("action"):
        case "argv":
            if not step.argv.argv or not step.argv.argv[0] or _has_zero(*step.argv.argv):
                raise BadField(field=f"{field}.argv", problem="name a program; neither it nor its arguments may hold a zero byte")
        case "script":
            if not step.script.strip() or len(step.script.encode()) > MAX_SCRIPT:
                raise BadField(field=f"{field}.script", problem=f"it must not be empty, nor over {MAX_SCRIPT} bytes")
        case "worktree":
            wanted = step.worktree
            if not wanted.branch or _has_zero(wanted.path, wanted.branch, wanted.base):
                raise BadField(field=f"{field}.worktree", problem="name its branch; no zero bytes")
        case _:
            raise BadField(field=field, problem="say what it does: argv, script or worktree")


def _has_zero(*words: str) -> bool:
    return any("\0" in word for word in words)

"""Everything that the client raises, as a tree. What lives here knows the wire form of errors, and neither channels nor calls.

SightlineError
├── InvalidArgument     the words of the call are wrong, whatever the state of things
├── NotFound            what was named is not there
├── AlreadyExists       what was to be made exists
├── FailedPrecondition  right words, wrong moment (a cursor of another epoch: `EPOCH_CHANGED`)
├── OutOfRange          a position that the log does not have
├── ResourceExhausted   a limit, or no room left
├── Unauthenticated     no token, or a wrong one
├── Unimplemented       in the contract, not in the server's version
├── Unavailable         the server, or what it depends on, does not answer; trying again may help
│   └── ServerNotFound  there is no server at the target
└── TimedOut            `run` was given a time and it was over (also a `TimeoutError`)

Cancelled               the task was cancelled; not a `SightlineError`, because it is nobody's fault
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import grpc

    from sightline.running import RunResult

DETAILS_KEY = "grpc-status-details-bin"  # gRPC's name for the trailing metadata that holds a google.rpc.Status

Cancelled = asyncio.CancelledError
"""What `run` raises when its task was cancelled, after its process tree was ended.

It is asyncio's own class, under a name that says what to catch, and not a subclass: up to Python 3.12 `asyncio.timeout` and
`asyncio.TaskGroup` know a cancellation by identity (`exc_type is CancelledError`), so a subclass would turn a timeout into a
cancellation and a cancelled group into a failed one. What `run` knows (the session, whether its tree is gone) is a note on it.
"""


class SightlineError(Exception):
    """An error of the server or on the way to it.

    Attributes:
        reason: stable word for programs, such as `SESSION_NOT_FOUND`; empty when the server gave none.
        message: what happened, what it means and what to do, for people.
        code: the name of the gRPC status code, such as `NOT_FOUND`.
        metadata: the variables of the message, such as `{"session": "build"}`.
    """

    default_code: ClassVar[str] = "UNKNOWN"

    def __init__(self, message: str, *, reason: str = "", code: str = "", metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.code = code or self.default_code
        self.metadata = dict(metadata or {})

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, reason={self.reason!r}, code={self.code!r})"


class InvalidArgument(SightlineError):
    """The words of the call are wrong, whatever the state of things."""

    default_code = "INVALID_ARGUMENT"


class NotFound(SightlineError):
    """What was named is not there."""

    default_code = "NOT_FOUND"


class AlreadyExists(SightlineError):
    """What was to be made exists."""

    default_code = "ALREADY_EXISTS"


class FailedPrecondition(SightlineError):
    """Right words, wrong moment."""

    default_code = "FAILED_PRECONDITION"


class OutOfRange(SightlineError):
    """A position that the log does not have."""

    default_code = "OUT_OF_RANGE"


class ResourceExhausted(SightlineError):
    """A limit, or no room left."""

    default_code = "RESOURCE_EXHAUSTED"


class Unauthenticated(SightlineError):
    """No token, or a wrong one."""

    default_code = "UNAUTHENTICATED"


class Unimplemented(SightlineError):
    """In the contract, not in the server's version."""

    default_code = "UNIMPLEMENTED"


class Unavailable(SightlineError):
    """The server, or what it depends on, does not answer; trying again may help."""

    default_code = "UNAVAILABLE"

    @property
    def broken(self) -> bool:
        """True when the connection or the server went away, so that the same call may work at the server's next life.

        False when the server lives and says that something behind it does not answer.
        """
        return self.reason in {"", "DRAINING", "STREAM_BROKEN"}


class ServerNotFound(Unavailable):
    """There is no server at the target, and this client never reached one there.

    Attributes:
        target: where it was looked for.
    """

    def __init__(self, target: str, detail: str = "") -> None:
        self.target = target
        because = f" ({detail})" if detail else ""
        super().__init__(
            f"no Sightline server answers at {target}{because}: start one with `sightline serve`, "
            "or set SIGHTLINE_TARGET to where it is",
            reason="SERVER_NOT_FOUND",
            metadata={"target": target},
        )


class TimedOut(SightlineError, TimeoutError):
    """`run` was given a time and it was over; the process tree was ended.

    Attributes:
        result: what there was until then, with the outcome `CANCELLED`.
    """

    default_code = "DEADLINE_EXCEEDED"

    def __init__(self, seconds: float, result: RunResult) -> None:
        self.result = result
        super().__init__(
            f"not done within {seconds:g} s: session {result.session_id} was ended",
            reason="TIMED_OUT",
            metadata={"seconds": f"{seconds:g}", "session": result.session_id},
        )


_KINDS: tuple[type[SightlineError], ...] = (
    InvalidArgument,
    NotFound,
    AlreadyExists,
    FailedPrecondition,
    OutOfRange,
    ResourceExhausted,
    Unauthenticated,
    Unimplemented,
    Unavailable,
)

BY_CODE = {kind.default_code: kind for kind in _KINDS} | {"CANCELLED": Unavailable}
"""Status codes that are not here become `SightlineError` itself. CANCELLED: the client's own cancellations never get here, so the
server gave the call up, as it does when its time to drain is over."""


def from_rpc(error: grpc.aio.AioRpcError) -> SightlineError:
    """The error of a failed call. Never fails itself: without readable details, the status alone is what it says."""
    code = error.code().name
    reason, metadata = "", dict[str, str]()
    trailing = dict(error.trailing_metadata() or ())
    details = trailing.get(DETAILS_KEY)
    if isinstance(details, bytes):
        reason, metadata = _error_info(details)
    return BY_CODE.get(code, SightlineError)(error.details() or code, reason=reason, code=code, metadata=metadata)


def _error_info(details: bytes) -> tuple[str, dict[str, str]]:
    # Imported when something has failed: programs should not pay for it at each start.
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from google.rpc import error_details_pb2, status_pb2  # noqa: PLC0415

    info = error_details_pb2.ErrorInfo()
    try:
        for detail in status_pb2.Status.FromString(details).details:
            if detail.Unpack(info):
                return info.reason, dict(info.metadata)
    except DecodeError:
        pass  # a proxy's, or a newer form: the code and the text still stand
    return "", {}

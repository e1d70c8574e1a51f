"""What every format of a recording shares: the head, what a reader gives, when things happened, and what can be wrong.

Times are whole nanoseconds since 1970: sums of them have no rounding error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from sightline.v1 import event_pb2 as e
from sightline.v1.session_pb2 import SessionKind

SECOND = 1_000_000_000  # nanoseconds
MICROSECOND = 1_000  # nanoseconds
LATEST = 253_402_300_799 * SECOND  # the end of the year 9999, beyond which the contract has no times
MAX_DATA = 512 * 1024  # bytes of output in one event that a reader gives: an event of the log has 1 MiB at most
DEFAULT_SIZE = (80, 24)  # columns and rows where nobody knows better
MARKER = "marker"  # `Notice.code` of a mark that somebody set in a recording
SERVER = "sightline"  # `Event.source` of what the server itself has to say
TOLD_LATER = frozenset(
    {SessionKind.SESSION_KIND_PUBLISHED, SessionKind.SESSION_KIND_TYPESCRIPT, SessionKind.SESSION_KIND_TRANSCRIPT}
)
"""Kinds of sessions whose events may have happened long before the server heard of them."""
UNKNOWN_END = "the recording does not say how the program ended"


class BadRecording(Exception):
    """A file that is no recording of the format, or not one that can be read: its text says what, where, and what to do."""


@dataclass
class Head:
    """What a recording says of the whole.

    Attributes:
        started: nanoseconds since 1970; 0: it does not say.
        columns: of the terminal at the start; 0: not known, or there was none.
        rows: as `columns`.
        command: as one line, for people; empty: not known.
        title: empty: none.
        idle_limit: seconds that a pause is to last at most; None: as it was.
    """

    started: int = 0
    columns: int = 0
    rows: int = 0
    command: str = ""
    title: str = ""
    idle_limit: float | None = None


@dataclass
class Recording:
    """A recording that is being read.

    Attributes:
        head: known at once.
        events: payload, `source` and `source_time`, in order; read as they are asked for. Raises BadRecording.
        problems: what was found wrong and could be passed over, in words for people; complete when `events` is at its end.
    """

    head: Head
    events: Iterator[e.Event]
    problems: list[str] = field(default_factory=list)


class Writer(Protocol):
    """Makes the files of one recording. Each call gives the next bytes of each file of the format, in the format's order."""

    @property
    def problems(self) -> list[str]:
        """What the format cannot hold and was changed or left out, for people; complete after `finish`."""
        ...

    def event(self, event: e.Event, moment: int | None) -> tuple[bytes, ...]:
        """The next event, and when it happened, as `Timeline` says it."""
        ...

    def finish(self) -> tuple[bytes, ...]:
        """There are no more."""
        ...


class Timeline:
    """When the events of a log happened: never decreasing, by the source's clock where it has one.

    An event without a time of its source is placed by the server's clock, shifted by as much as the two differed last: in a log
    that was imported years later both kinds stand together.

    Args:
        kind: of the session. What one of `TOLD_LATER` says may be old: what the server said before the first of it is then of
            another time, and has no place.
    """

    def __init__(self, kind: SessionKind.ValueType) -> None:
        self._told_later = kind in TOLD_LATER
        self._shift: int | None = None
        self._last = 0

    def moment(self, event: e.Event) -> int | None:
        """Nanoseconds since 1970; None: it has no place."""
        logged = event.time.ToNanoseconds()
        if event.HasField("source_time"):
            moment = event.source_time.ToNanoseconds()
            self._shift = logged - moment
        elif self._shift is None and self._told_later and event.source == SERVER:
            return None
        else:
            moment = logged - (self._shift or 0)
        self._last = max(self._last, moment)
        return self._last


def stamped(event: e.Event, moment: int) -> e.Event:
    """The event with the time of its source set."""
    event.source_time.FromNanoseconds(min(max(moment, 0), LATEST))
    return event


def shown(data: bytes, moment: int) -> Iterator[e.Event]:
    """Output of a terminal, in events that fit a log."""
    for begin in range(0, len(data), MAX_DATA):
        output = e.Output(channel=e.CHANNEL_TERMINAL, data=data[begin : begin + MAX_DATA])
        yield stamped(e.Event(source="terminal", output=output), moment)


def typed(data: bytes, moment: int) -> Iterator[e.Event]:
    """What was typed, in events that fit a log."""
    for begin in range(0, len(data), MAX_DATA):
        piece = data[begin : begin + MAX_DATA]
        yield stamped(e.Event(source="terminal", input=e.Input(data=piece, length=len(piece))), moment)


def resized(columns: int, rows: int, moment: int) -> e.Event:
    """The terminal's size from here on."""
    return stamped(e.Event(source="terminal", resized=e.Resized(columns=columns, rows=rows)), moment)


def ended(exit_code: int | None, moment: int) -> e.Event:
    """The end, as far as it is known: without an exit code nobody saw how."""
    last = e.Completed(outcome=e.OUTCOME_LOST, error=UNKNOWN_END)
    if exit_code is not None:
        outcome = e.OUTCOME_FAILED if exit_code else e.OUTCOME_SUCCEEDED
        last = e.Completed(outcome=outcome, exit_code=exit_code)
    return stamped(e.Event(source="terminal", completed=last), moment)


def exit_code_of(last: e.Completed) -> int | None:
    """One number for an end, as a shell says it; None where it is not known."""
    if last.HasField("exit_code"):
        return last.exit_code
    return 128 + last.signal if last.signal else None


def is_size(columns: int, rows: int) -> bool:
    """Whether a terminal of Sightline's can have this size."""
    return 1 <= columns <= 10_000 and 1 <= rows <= 10_000

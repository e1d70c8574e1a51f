"""The contract between a session and what it follows.

A `Source` is one program, pane or file; it knows how to start, follow, type, interrupt and end it, and nothing of logs, stores or
gRPC. A `Sink` is what the session gives it to report to. Bytes flow one way (source to sink), commands the other.

A source keeps what it must remember over a restart in files below `Sink.directory`, its spool directory. Its place in each spool is
the sink's `position`, committed together with the events read from it: after `kill -9` nothing is read twice or left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from sightline.v1.event_pb2 import CaptureState, Channel, Completed, Event
from sightline.v1.session_pb2 import SessionKind, Snapshot


@dataclass(frozen=True)
class Ending:
    """How a source ended, as far as it was observed.

    Attributes:
        exit_code: the program's exit code; None when a signal ended it or nothing is known.
        signal: the number of the signal that ended it; 0: none.
        started: False when the program never ran; `error` then says why.
        observed: False when nobody saw the end, so that neither code nor signal is known.
        released: it was let go and may still run.
        error: why, for people; empty when there is nothing to add.
        descendants_left: processes of the session that were still running.
        screen: a terminal's last screen; None where there is none.
        labels: what the session leaves behind by name.
        said: the end in the program's own words, which beat what was observed; None where it said nothing.
    """

    exit_code: int | None = None
    signal: int = 0
    started: bool = True
    observed: bool = True
    released: bool = False
    error: str = ""
    descendants_left: int = 0
    screen: Snapshot | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    said: Completed | None = None


@dataclass(frozen=True)
class Typed:
    """What is to be typed: the parts in the order of the fields.

    Attributes:
        data: bytes, typed as they are.
        keys: named keys, such as `Enter` or `C-c`.
        submit: Enter afterwards, as a key of its own.
        eof: the end of stdin afterwards.
    """

    data: bytes = b""
    keys: tuple[str, ...] = ()
    submit: bool = False
    eof: bool = False


@dataclass(frozen=True)
class Answer:
    """What an agent is to be answered.

    Attributes:
        request_id: of its request.
        option_id: the option that was taken; empty: `text` is the answer.
        text: free text.
        author: who answers.
    """

    request_id: str
    option_id: str = ""
    text: str = ""
    author: str = ""


class Sink(Protocol):
    """What a session gives its source to report to."""

    @property
    def session_id(self) -> str:
        """The session's public id."""
        ...

    @property
    def session_name(self) -> str:
        """Its name."""
        ...

    @property
    def directory(self) -> Path:
        """The source's own spool directory: exists, mode 0700, removed when the session has ended."""
        ...

    def position(self, spool: str) -> int:
        """How many bytes of a spool are in the log; 0 at first. A spool has the name of its source, unless it was given one."""
        ...

    def output(
        self,
        source: str,
        channel: Channel.ValueType,
        chunks: Sequence[bytes],
        position: int,
        spool: str = "",
        *,
        times: Sequence[int] = (),
    ) -> asyncio.Future[int]:
        """Logs each chunk as one `output` event of `source` and moves `position(spool or source)` there, in one transaction.

        `times` are the source's own, one for each chunk, in ns since 1970, 0 where it has none; empty: it keeps no time.

        The future is done when that is committed, often at once; it waits, without losing anything, while the disk is full. Its
        result is the last event's `seq`. A chunk is 1 to 65536 bytes.
        """
        ...

    async def event(self, event: Event, source: str, position: int | None = None, spool: str = "") -> int:
        """Logs an event whose payload is set and returns its `seq` when it is committed; `position` as in `output`."""
        ...

    def events(self, events: Sequence[Event], source: str, position: int, spool: str = "") -> asyncio.Future[int]:
        """Logs events whose payloads are set, if any, in one transaction with `position`; the rest is as in `output`.

        An event that names its source keeps it.
        """
        ...

    async def capture(self, state: CaptureState.ValueType, reason: str) -> None:
        """The way from the source changed. Saying the same again does nothing."""
        ...

    async def ended(self, ending: Ending) -> None:
        """The source is over and all its bytes were given to `output`. Called once; the last call of a source."""
        ...


class Source(Protocol):
    """Something that a session follows. Errors are those of `sightline_server.errors`."""

    kind: SessionKind.ValueType

    async def start(self) -> None:
        """Starts or takes over the program and begins to follow it. Returns when it runs. Called once, or `resume` is.

        Raises a domain error when that cannot be; nothing of it is left then.
        """
        ...

    async def resume(self) -> None:
        """Follows on after a restart of the server, from the committed positions.

        Never raises for a source that is gone: it reports `Sink.ended`.
        """
        ...

    async def send(self, typed: Typed) -> None:
        """Types. Returns when the bytes are with the program's terminal or stdin; never waits for a program that does not read."""
        ...

    def check_send(self, typed: Typed) -> None:
        """Raises what `send` would raise for reasons known beforehand (an unknown key, no stdin, closed). Types nothing."""
        ...

    async def echo_is_off(self) -> bool:
        """True while the terminal does not echo, so that what is typed may be a secret. False without a terminal."""
        ...

    async def interrupt(self) -> None:
        """What Ctrl-C means there."""
        ...

    async def resize(self, columns: int, rows: int) -> None:
        """Sets the terminal's size; raises `NoTerminal` or `NotResizable`."""
        ...

    async def terminate(self, signal: int, grace: float) -> None:
        """Ends the whole tree: `signal` first, SIGKILL to what is left after `grace` seconds. `Sink.ended` follows."""
        ...

    async def release(self) -> None:
        """Lets an adopted source go, leaving it running with nothing of ours on it; raises `NotAdopted`. `Sink.ended` follows."""
        ...

    async def snapshot(self) -> Snapshot:
        """The screen without `session_id` and `as_of_seq`, `exact` as far as the source can tell; raises `NoTerminal`.

        `exact` is True when everything on the screen was given to `Sink.output` before this returns, and nothing more.
        """
        ...

    async def detach(self) -> None:
        """The server goes: stop following, leave the program and its relay running. Nothing is reported to the sink afterwards."""
        ...


@runtime_checkable
class Answering(Protocol):
    """A source with an agent that can be answered from here."""

    async def answer(self, answer: Answer) -> int | None:
        """Logs that a request is resolved, tells the agent, and returns the event's `seq`. None: no such request is open.

        Raises `AgentTakesNoAnswers`, `BadField` for an option that it does not offer, and what `Source.send` raises.
        """
        ...

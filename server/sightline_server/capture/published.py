"""The source of a session whose events other programs publish: there is nothing to follow, to type into or to end.

What it is told comes through `Publish`, past it. It only knows how such a session ends when somebody else ends it.
"""

from __future__ import annotations

from sightline.v1.session_pb2 import SessionKind, Snapshot

from sightline_server.capture.base import Ending, Sink, Typed
from sightline_server.errors import NoInput, NoTerminal

NO_INPUT = "its events come from another program, which Sightline cannot reach"


class PublishedSource:
    """See `Source`."""

    kind = SessionKind.SESSION_KIND_PUBLISHED

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def start(self) -> None:
        """See `Source`."""

    async def resume(self) -> None:
        """See `Source`."""

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        self.check_send(typed)

    def check_send(self, typed: Typed) -> None:  # noqa: ARG002 - whatever it is
        """See `Source`."""
        raise NoInput(session=self._sink.session_name, why=NO_INPUT)

    async def echo_is_off(self) -> bool:
        """See `Source`."""
        return False

    async def interrupt(self) -> None:
        """See `Source`."""
        raise NoInput(session=self._sink.session_name, why=NO_INPUT)

    async def resize(self, columns: int, rows: int) -> None:  # noqa: ARG002 - whatever they are
        """See `Source`."""
        raise NoTerminal(session=self._sink.session_name)

    async def terminate(self, signal: int, grace: float) -> None:  # noqa: ARG002 - there is no program to send it to
        """See `Source`. The publisher is not ours to end: it is refused from now on."""
        await self._sink.ended(Ending(observed=False, error="ended by a caller; the program that published may still run"))

    async def release(self) -> None:
        """See `Source`. The publisher may still run, and is refused from now on."""
        await self._sink.ended(Ending(observed=False, released=True))

    async def snapshot(self) -> Snapshot:
        """See `Source`."""
        raise NoTerminal(session=self._sink.session_name)

    async def detach(self) -> None:
        """See `Source`."""

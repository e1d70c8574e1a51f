"""What subscriptions need of sessions and of where they are kept. Promises only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from sightline.v1.session_pb2 import Session, Snapshot

from sightline_server.log.session_log import SessionLog


class Subject(Protocol):
    """A session, as far as a subscriber needs it."""

    log: SessionLog

    number: int
    """Sessions are numbered as they begin, from 1."""

    @property
    def has_terminal(self) -> bool:
        """It has a screen to begin with."""
        ...

    def describe(self, *, followers: bool = True) -> Session:
        """As it is now; without its followers, if they are not wanted."""
        ...

    async def snapshot(self) -> Snapshot:
        """Its screen; raises a `SightlineError` when there is none to be had."""
        ...


class Directory(Protocol):
    """Where sessions are found."""

    draining: bool
    """The server is going down."""

    @property
    def next_number(self) -> int:
        """Of the sessions that are still to join those that are there, none has a smaller one."""
        ...

    on_join: set[Callable[[Subject], None]]
    """Called for each session that is created from now on."""

    on_drain: set[Callable[[], None]]
    """Called when `draining` becomes true."""

    def find(self, session: str) -> Subject:
        """By id or name; raises `SessionNotFound`."""
        ...

    def live(self) -> Iterable[Subject]:
        """All that have not ended."""
        ...

    def all(self) -> Iterable[Subject]:
        """All that are kept, each looked up when it is asked for: there may be many, and they may go meanwhile."""
        ...

"""Watches one session: gives an `Observer` its time and its looks, and says in the log what it decides.

Costs a search for two bytes for each chunk of output, and a timer; looks are had when the observer asks for one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind, Snapshot

from sightline_server.capture.base import Typed
from sightline_server.capture.foreground import Foreground, OnTty, foreground
from sightline_server.errors import SightlineError
from sightline_server.sessions.state.judge import Decision
from sightline_server.sessions.state.observation import Look, ScreenJudge, Trust
from sightline_server.sessions.state.observer import Observer

log = logging.getLogger(__name__)

SCREEN_SECONDS = 5.0  # that a screen is waited for
MOMENT = 1e-6  # seconds between two events that are recalled
SUBMITTING = frozenset({"Enter", "C-m", "C-j", "C-c", "C-d", "C-z", "C-\\", "Escape"})
PROTOCOL_KINDS = frozenset({SessionKind.SESSION_KIND_COMMAND, SessionKind.SESSION_KIND_PUBLISHED})
"""What such a session's events tell is an agent's own protocol; of others it is a transcript."""
SCREENLESS = frozenset({SessionKind.SESSION_KIND_COMMAND, SessionKind.SESSION_KIND_PUBLISHED, SessionKind.SESSION_KIND_TRANSCRIPT})


class Watch:
    """See above.

    Args:
        record: the session's.
        decided: the state that is known at first.
        say: takes a new state into the log at once.
        source: gives what the session follows; None: nothing, by now.
        screens: knows what screens and titles say; None: nobody does.
    """

    def __init__(
        self,
        record: SessionMessage,
        decided: Decision,
        say: Callable[[Decision], object],
        source: Callable[[], object | None],
        screens: ScreenJudge | None = None,
    ) -> None:
        self._record = record
        self._say = say
        self._source = source
        self._trust = Trust.PROTOCOL if record.kind in PROTOCOL_KINDS else Trust.TRANSCRIPT
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._closed = False
        eyes = record.kind not in SCREENLESS
        self.observer = Observer(decided, self._loop.time(), screens=screens, agent=record.agent, eyes=eyes)
        self._arm()

    def output(self, chunks: Sequence[bytes]) -> None:
        """Bytes that the terminal has written."""
        now = self._loop.time()
        for chunk in chunks:
            self.observer.output(chunk, now)
        self._decide(now)

    def event(self, event: Event, *, hook: bool = False) -> None:
        """A typed event of the session; `hook`: it was published beside its source."""
        now = self._loop.time()
        trust, provenance = (Trust.TRANSCRIPT, "hook") if hook else (self._trust, "")
        if self.observer.event(event, now, trust, provenance):
            self._decide(now)

    def typed(self, typed: Typed | None) -> None:
        """Something is about to be typed; None: an interrupt."""
        now = self._loop.time()
        decision = self.observer.interrupted(now) if typed is None else self.observer.typed(now, submitted=self._submits(typed))
        if decision is not None and not self._closed:
            self._say(decision)
        self._arm()

    def recall(self, events: Sequence[Event]) -> None:
        """What was told before this server, in its order: the state that follows from the last of it may not be said yet."""
        decided, now = self.observer.judge.decided, self._loop.time()
        for place, event in enumerate(events, -len(events)):
            moment = now + place * MOMENT
            if event.HasField("input"):
                said = event.input
                self.observer.interrupted(moment) if said.interrupt else self.observer.typed(moment, submitted=True)
            else:
                self.observer.event(event, moment, self._trust)
        self.observer.judge.told(decided)
        self._decide(now)

    def _submits(self, typed: Typed) -> bool:
        """It is read, not only written down. Without a terminal there is no line that waits for Enter."""
        if self._record.kind in SCREENLESS or typed.submit or typed.eof or b"\r" in typed.data or b"\n" in typed.data:
            return True
        return not SUBMITTING.isdisjoint(typed.keys)

    def told(self, decision: Decision) -> None:
        """Somebody else, who knows it, has said the state."""
        self.observer.told(decision, self._loop.time())
        self._arm()

    def close(self) -> None:
        """Nothing is looked at or said any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def _decide(self, now: float) -> None:
        if not self._closed:
            decision = self.observer.decide(now)
            if decision is not None:
                self._say(decision)
            self._arm()

    def _arm(self) -> None:
        due = self.observer.due
        if due is None or self._closed or self._looking is not None:
            return
        if self._timer is not None:
            if self._timer.when() <= due:
                return  # it will find what is due then
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._loop.time()
        look_at = self.observer.look_at
        if look_at is not None and look_at <= now and self._looking is None:
            self._looking = self._loop.create_task(self._look(), name=f"look at {self._record.id}")
        else:
            self._decide(now)

    async def _look(self) -> None:
        begun = self._loop.time()
        seen, screen = None, None
        try:
            seen = await self._foreground()
            if self.observer.wants_screen:
                screen = await self._screen()
        except SightlineError:
            pass  # what is followed is just going: its source says so
        except Exception:
            log.exception("session %s: it could not be looked at", self._record.id)
        self._looking = None
        now = self._loop.time()
        self.observer.looked(begun, now, seen, screen)
        self._decide(now)

    async def _foreground(self) -> Foreground | None:
        source = self._source()
        tty = source.tty() if isinstance(source, OnTty) else None
        return await asyncio.to_thread(foreground, tty) if tty is not None else None

    async def _screen(self) -> Look | None:
        snapshot: Callable[[], Awaitable[Snapshot]] | None = getattr(self._source(), "snapshot", None)
        if snapshot is None:
            return None
        try:
            async with asyncio.timeout(SCREEN_SECONDS):
                screen = await snapshot()
        except TimeoutError:
            return None
        observer = self.observer
        return Look(
            rows=screen.text,
            title=screen.title or observer.title,
            agent=observer.agent,
            version=observer.version,
            cursor_row=screen.cursor_row,
            cursor_column=screen.cursor_column,
            cursor_visible=screen.cursor_visible,
            alternate="alternate_screen" in screen.modes,
        )

"""What a session says of changed files: events, with the tool call behind a change where one named the file. Knows no watching."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from sightline.v1.event_pb2 import Error, ErrorOrigin, Event, FileChanged, Notice, SessionState
from sightline.v1.session_pb2 import Session as SessionMessage

from sightline_server.capture.file_changes import Report
from sightline_server.capture.files import Files, Watching
from sightline_server.errors import SightlineError
from sightline_server.log.session_log import Draft, SessionLog
from sightline_server.sessions.publishing import OURS
from sightline_server.sessions.tool_calls import ToolCalls

FIRST_LOOK_SECONDS = 2.0  # that a session's start waits at most for a large directory to be watched
AGAIN = "the server was away: what changed in the files meanwhile is not known"
UNWATCHED = "FILES_NOT_WATCHED"


class FileEvents:
    """The changes of files of one session.

    Args:
        record: of the session.
        log: of the session.
        clock: nanoseconds since 1970.
    """

    def __init__(self, record: SessionMessage, log: SessionLog, clock: Callable[[], int]) -> None:
        self._record = record
        self._log = log
        self._clock = clock
        self._calls = ToolCalls(record.cwd)
        self._beginning: asyncio.Task[Watching] | None = None
        self._closed = False

    async def begin(self, files: Files, directory: str, *, again: bool) -> None:
        """Watches the directory from now on. `again`: it was watched before the server's restart."""
        if again:
            self._say([Event(notice=Notice(code="files_watched_again", text=AGAIN))])
        self._beginning = asyncio.ensure_future(files.watch(directory, self))
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                await asyncio.shield(self._beginning)

    def note(self, event: Event) -> None:
        """Looks at an event of the session: tool calls name files."""
        if self._beginning is not None:
            self._calls.note(event, self._clock())

    def files_changed(self, report: Report) -> None:
        """See `files.Follower`."""
        now = self._clock()
        events = [
            Event(
                file_changed=FileChanged(
                    path=changed.path,
                    change=changed.change,
                    size=changed.size,
                    old_path=changed.old_path,
                    tool_call_id=self._calls.behind(changed.path, now) or self._calls.behind(changed.old_path, now),
                )
            )
            for changed in report.changes
        ]
        if report.rest:
            events.append(Event(notice=Notice(code="files_changed", text=report.rest)))
        events += [Event(notice=Notice(code=code, text=text)) for code, text in report.notices]
        if report.problem is not None:
            error = report.problem
            code = error.reason if isinstance(error, SightlineError) else UNWATCHED
            text = f"not all changes of files are told: {error}"
            events.append(Event(error=Error(code=code, message=text, origin=ErrorOrigin.ERROR_ORIGIN_SIGHTLINE)))
        if events:
            self._say(events)

    def _say(self, events: list[Event]) -> None:
        if not self._closed and self._record.state != SessionState.SESSION_STATE_ENDED:  # the end may wait for its commit
            noted = self._log.append([Draft(OURS, event) for event in events], refusable=True)
            noted.add_done_callback(lambda done: done.cancelled() or done.exception())  # on a full disk it is not told

    async def settle(self) -> None:
        """Returns when what has happened until now is on its way into the log, or after 2 s."""
        if self._beginning is not None and self._beginning.done() and not self._closed:
            await self._beginning.result().settle()

    def close(self) -> None:
        """Nothing more is said."""
        self._closed = True
        if self._beginning is not None:
            self._beginning.add_done_callback(lambda begun: None if begun.cancelled() else begun.result().close())

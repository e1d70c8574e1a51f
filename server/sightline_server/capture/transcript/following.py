"""All transcripts of one agent: the first, those that come after it (a resumed or cleared session), those of its subagents.

Each file has its own place in the log. Knows files and sinks, and of agents which files are theirs; not when a session is over.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sightline.v1.event_pb2 import CaptureState, Channel, Completed, Event, Notice

from sightline_server import errors
from sightline_server.capture.base import Sink
from sightline_server.capture.file_tail import FileTail
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.transcript.notes import Followed, Notes
from sightline_server.capture.transcript.reader import Transcript, keys_of
from sightline_server.capture.transcript.subagents import Folder, about
from sightline_server.decode.agents.choose import TRANSCRIPTS
from sightline_server.decode.agents.decoder import End

MAX_SUBAGENTS = 1000  # files of one session; what comes beyond is left out, and said
OPEN_SUBAGENTS = 32  # followed at once: those that were quiet longest are closed, and opened again when they grow
DELEGATING = frozenset({"Agent", "Task"})
LIMIT = "subagents.limit"
CLOSED = ".end"  # behind a spool's name: the mark that its last events are in the log
NEXT_FILE = "the agent goes on in another transcript"
NO_FILE = "the agent has written no transcript yet"


@dataclass
class _Open:
    """A file that is followed now."""

    file: Followed
    tail: FileTail
    transcript: Transcript


class _Quiet:
    """A sink for files whose coming and going says nothing about the session."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.session_id, self.session_name, self.directory = sink.session_id, sink.session_name, sink.directory
        self.position, self.output, self.event, self.events, self.ended = (
            sink.position,
            sink.output,
            sink.event,
            sink.events,
            sink.ended,
        )

    async def capture(self, state: CaptureState.ValueType, reason: str) -> None:
        """See `Sink`."""


class Following:
    """The transcripts of one agent. `noted` says what was followed before.

    Args:
        sink: gets the events.
        inotify: tells when files grow.
        noted: kept up to date, and written before anything of it is done.
        changed: called when there is something to look at.
    """

    def __init__(self, sink: Sink, inotify: Inotify, noted: Notes) -> None:
        self.noted = noted
        self.changed = asyncio.Event()
        self._sink = sink
        self._inotify = inotify
        self._main: _Open | None = None
        self._last: Transcript | None = None  # the one that was finished last
        self._subagents: dict[str, _Open] = {}
        self._calls: dict[str, tuple[str, str]] = {}  # calls that make subagents: their prompt and turn, by id
        self._folder = Folder()

    @property
    def path(self) -> Path | None:
        """The transcript that is followed now, or was last; None: none was found yet."""
        mains = self._mains()
        return Path(mains[-1].path) if mains else None

    @property
    def is_open(self) -> bool:
        """A transcript is followed now."""
        return self._main is not None

    def _mains(self) -> list[Followed]:
        return [one for one in self.noted.files if not one.agent_id]

    def write(self) -> None:
        """Keeps what is noted."""
        self.noted.write(self._sink.directory)

    # --- beginning

    async def begin(self, path: Path) -> None:
        """Follows this transcript, but for what one before it had already. Raises what `FileTail.start` does."""
        number = len(self._mains()) + 1
        file = Followed("transcript" if number == 1 else f"transcript-{number}", str(path))
        if self._last is not None:
            before = self._mains()[-1].path
            file.turns = self._last.decoder.conversation.turns
            file.begins, file.before = (self._last.offset, "") if before == file.path else (0, before)
        opened = await self._opened(file, self._sink)
        self.noted.files.append(file)
        self.write()
        try:
            opened.tail.start()
        except BaseException:
            self.noted.files.remove(file)
            self.write()
            raise
        self._main = opened

    async def resume(self) -> None:
        """Goes on with what was followed before the restart."""
        mains = self._mains()
        if mains and not self._is_closed(mains[-1]):
            self._main = await self._opened(mains[-1], self._sink)
            self._main.tail.resume()
        elif mains:
            await self._finished(mains[-1], End(observed=False))  # what comes behind it counts on from there

    async def _opened(self, file: Followed, sink: Sink) -> _Open:
        told = await asyncio.to_thread(keys_of, Path(file.before)) if file.before else ()
        decoder = TRANSCRIPTS[self.noted.family](keep_raw=self.noted.keep_raw)
        decoder.conversation.turns = file.turns
        translate = (lambda events: self._as_subagent(file, events)) if file.agent_id else self._noted_calls
        transcript = Transcript(decoder, translate, file.begins, told)
        tail = FileTail(
            sink,
            self._inotify,
            Path(file.path),
            source=self.noted.family,
            channel=Channel.CHANNEL_UNSPECIFIED,
            spool=file.spool,
            reader=transcript,
            begin=file.begins,
            changed=self.changed.set,
        )
        return _Open(file, tail, transcript)

    # --- while it goes on

    async def look(self) -> None:
        """Follows files of subagents that are new or have grown. Raises what the sink raised."""
        if self._main is None:
            return
        if self._main.tail.over:
            await self._main.tail.drained()
        found = await asyncio.to_thread(self._folder.files, Path(self._main.file.path))
        known = {one.agent_id: one for one in self.noted.files if one.agent_id}
        for agent_id, (path, size) in found.items():
            file = known.get(agent_id)
            if file is None and len(known) >= MAX_SUBAGENTS:
                await self._say_too_many()
            elif file is None:
                file = await self._joined(agent_id, path)
                known.update({agent_id: file} if file else {})
            if file is not None and agent_id not in self._subagents and size > self._sink.position(file.spool):
                opened = self._subagents[agent_id] = await self._opened(file, _Quiet(self._sink))
                opened.tail.resume()
        await self._close_quiet()

    async def _joined(self, agent_id: str, path: Path) -> Followed | None:
        """Notes a subagent's file with the call that it acts for. None: that cannot be known yet."""
        assert self._main is not None  # noqa: S101 - it is its subagent
        told, prompt = await asyncio.to_thread(about, path)
        if not told and not prompt:
            return None  # its first line is not whole yet
        if not told:
            taken = {one.call_id for one in self.noted.files}
            told = next((call for call, (asked, _) in self._calls.items() if asked == prompt and call not in taken), "")
        if not told and not self._main.tail.caught_up():
            return None
        turn_id = self._calls.get(told, ("", ""))[1]
        name = f"agent-{agent_id}"
        file = Followed(name, str(path), agent_id=agent_id, call_id=told or name, turn_id=turn_id)
        self.noted.files.append(file)
        self.write()
        return file

    async def _close_quiet(self) -> None:
        """Leaves no more files open than there may be: who grows again is opened again."""
        while len(self._subagents) > OPEN_SUBAGENTS:
            quiet = next((key for key, one in self._subagents.items() if one.tail.caught_up()), None)
            if quiet is None:
                return
            await self._subagents.pop(quiet).tail.stop()

    async def _say_too_many(self) -> None:
        if not self._sink.position(LIMIT):
            text = f"it has more than {MAX_SUBAGENTS} subagents: what the others write is not in this log"
            await self._sink.event(Event(notice=Notice(code="subagents_left_out", text=text)), self.noted.family, 1, LIMIT)

    async def move_on(self, path: Path) -> None:
        """Another transcript comes behind the one that is followed, which is read to its end first."""
        await self.finish(End(observed=False, error=NEXT_FILE))
        await self.begin(path)

    # --- what the decoders say

    def _noted_calls(self, events: list[Event]) -> list[Event]:
        for event in events:
            if event.HasField("tool_call") and event.tool_call.name in DELEGATING:
                with suppress(ValueError, AttributeError):
                    prompt = json.loads(event.tool_call.input_json).get("prompt", "")
                    self._calls[event.tool_call.tool_call_id] = (str(prompt).strip(), event.turn_id)
        return events

    def _as_subagent(self, file: Followed, events: list[Event]) -> list[Event]:
        """A subagent's exchange is no exchange of the session's: what it says and does belongs to the call that made it."""
        said = [event for event in events if event.WhichOneof("payload") not in {"turn_started", "turn_finished", "agent_info"}]
        for event in self._noted_calls(said):
            if event.parent_tool_call_id in ("", file.agent_id):
                event.parent_tool_call_id = file.call_id
            event.turn_id = file.turn_id
        return said

    # --- ending

    async def finish(self, end: End) -> Completed | None:
        """Nobody writes any more: reads everything to its end, and logs the last events. None: there was no exchange at all."""
        await self._finish_subagents()
        main, self._main = self._main, None
        if main is not None:
            self._last = main.transcript
            completed = await self._finish(main, end)
        elif mains := self._mains():
            completed = await self._finished(mains[-1], end)
        else:
            return None
        return completed if self._last and self._last.decoder.conversation.turns else None

    async def _finished(self, file: Followed, end: End) -> Completed:
        """How a transcript ended that is not followed any more: its last events are in the log, and not told again."""
        opened = await self._opened(file, self._sink)
        opened.transcript.begin(-1, file.begins + self._sink.position(file.spool))
        await self._catch_up(opened)
        self._last = opened.transcript
        return opened.transcript.close(end)[1]

    async def _finish_subagents(self) -> None:
        with suppress(errors.SightlineError, OSError):
            await self.look()
        for opened in self._subagents.values():
            await self._finish(opened, End(observed=False))
        self._subagents.clear()

    async def _finish(self, opened: _Open, end: End) -> Completed:
        opened.tail.finish()
        await opened.tail.drained()
        await self._catch_up(opened)
        events, completed = opened.transcript.close(end)
        if events and not self._is_closed(opened.file):
            await self._sink.events(events, self.noted.family, 1, opened.file.spool + CLOSED)
        await opened.tail.stop()
        return completed

    async def _catch_up(self, opened: _Open) -> None:
        """The decoder has had all that was committed before a restart, also where nothing came afterwards."""
        with suppress(OSError), open(opened.file.path, "rb", buffering=0) as file:  # noqa: ASYNC230 - a local file, once
            while opened.transcript.read_again(file.fileno()):  # noqa: ASYNC110 - others have their turn
                await asyncio.sleep(0)

    def _is_closed(self, file: Followed) -> bool:
        return self._sink.position(file.spool + CLOSED) > 0

    async def stop(self) -> None:
        """Follows nothing any more."""
        for opened in [*self._subagents.values(), *([self._main] if self._main else [])]:
            await opened.tail.stop()
        self._subagents.clear()

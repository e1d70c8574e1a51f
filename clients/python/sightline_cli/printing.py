"""What a stream of events looks like on a screen or in a pipe: bytes, prefixed lines, or JSON.

Knows events and where they go; not where they come from.
"""

from __future__ import annotations

import codecs
import json
import sys
from dataclasses import dataclass
from typing import Protocol

from sightline.v1 import event_pb2 as e
from sightline.v1.session_pb2 import Session, SessionKind
from sightline.v1.session_service_pb2 import Gap

from sightline_cli import people, talk, words
from sightline_cli.lines import Line, Screen
from sightline_cli.modes import Modes
from sightline_cli.queries import QueryFilter

OWN = {"", "stdout", "stderr", "terminal"}
"""Sources whose bytes are the program's own: they get no prefix."""
MATTERS = {"output_lost", "error"}
"""Kinds that a follower is told of, unasked."""
TALK = "/talk"  # no source is called so
TOLD = {"request", "error"}
"""Kinds that are told also where nothing else of an agent's session is shown."""
ERASE = b"\r\x1b[K"  # takes the line of progress away


class Descriptors(Protocol):
    """Where bytes go."""

    def put(self, descriptor: int, data: bytes) -> None:
        """Takes bytes for a descriptor."""
        ...


class Printer(Protocol):
    """Shows what a subscription gives."""

    def session(self, session: Session) -> None:
        """The session that events come from, before the first of them."""
        ...

    def event(self, event: e.Event) -> None:
        """Shows one event, or does not."""
        ...

    def gap(self, gap: Gap) -> None:
        """Says what is missing."""
        ...

    def note(self, text: str) -> None:
        """One line of our own, on stderr."""
        ...

    def finish(self) -> None:
        """Nothing comes any more."""
        ...


@dataclass(frozen=True)
class Look:
    """What the printing depends on.

    Attributes:
        stdout_is_terminal: and so questions to the terminal are left out.
        stderr_is_terminal: and so notes begin on a line of their own.
        colour: stderr in colour, notes dim.
        names: each line begins with its session's name.
        everything: events that are not output are output too, a line each.
        talk: the descriptor on which an agent's session is shown; 0: nowhere.
        result: an agent's last word goes to stdout, as a run of it without streaming would print it.
        screens: of an agent with a terminal its screen is shown; False: what it says and does.
        columns: of the terminal that progress is shown on, on one line; 0: not at all.
        talk_colour: an agent's session in colour.
    """

    stdout_is_terminal: bool = False
    stderr_is_terminal: bool = False
    colour: bool = False
    names: bool = False
    everything: bool = False
    talk: int = 1
    result: bool = False
    screens: bool = True
    columns: int = 0
    talk_colour: bool = False


def look(*, names: bool = False, everything: bool = False, result: bool = False, screens: bool = True) -> Look:
    """The look that fits this process's stdout and stderr.

    With `result` stdout is for an agent's last word unless it is a terminal, and what it does is shown on stderr if that is one.
    """
    out, err = sys.stdout.isatty(), sys.stderr.isatty()
    place = 1 if out or not result else 2 if err else 0
    stream = sys.stderr if place == 2 else sys.stdout
    columns = (people.width_of(stream) or 0) if place and stream.isatty() and not names else 0
    colour = bool(place) and people.wants_colour(stream)
    return Look(out, err, people.wants_colour(sys.stderr), names, everything, place, result and not out, screens, columns, colour)


class ScreenPrinter:
    """Output as the program wrote it, stdout to stdout, stderr to stderr; named sources and, where asked, sessions get prefixes."""

    def __init__(self, outlet: Descriptors, how: Look) -> None:
        self._outlet = outlet
        self._look = how
        screen = Screen()
        # Two descriptors on one terminal share the cursor; a pipe is a place of its own.
        self._screens = {1: screen, 2: screen if how.stdout_is_terminal and how.stderr_is_terminal else Screen()}
        self._sessions: dict[str, Session] = {}
        self._talks: dict[str, talk.Talk] = {}
        self._progress = False  # a line of it stands there
        self._lines: dict[tuple[str, str, int], Line] = {}
        self._filters: dict[str, QueryFilter] = {}
        self._modes = Modes()
        dim = people.COLOURS["dim"].encode() if how.colour else b""
        self._note = Line(b"[sightline] ", dim, people.RESET.encode() if how.colour else b"")

    def session(self, session: Session) -> None:
        """See `Printer`."""
        self._sessions[session.id] = session

    def event(self, event: e.Event) -> None:
        """See `Printer`."""
        kind = event.WhichOneof("payload")
        if kind == "output":
            self._output(event)
        elif self._look.everything:
            line = self._line(event.session_id, event.source if event.source not in OWN else "sightline", 1)
            self._put(1, line, words.line(event).encode(errors="replace") + b"\n")
        elif kind in talk.SHOWN and (kind, event.source) != ("error", "sightline") and self._shows_talk(event.session_id, kind):
            self._talk(event)
        elif kind in MATTERS:
            self._say(event.session_id, words.line(event))
        elif event.step_finished.failure_allowed:
            step = event.step_finished
            self._say(event.session_id, f"{step.step} failed with exit code {step.exit_code}, which is allowed")

    def gap(self, gap: Gap) -> None:
        """See `Printer`."""
        self._say(gap.session_id, gap_text(gap))

    def note(self, text: str) -> None:
        """See `Printer`."""
        self._put(2, self._note, text.encode(errors="replace") + b"\n")

    def finish(self) -> None:
        """See `Printer`."""
        self._erase_progress()
        for filtered in self._filters.values():
            self._outlet.put(1, filtered.finish())
        if self._filters:
            self._outlet.put(1, self._modes.restore())
        for descriptor in (1, 2):
            self._outlet.put(descriptor, self._screens[descriptor].finish())

    def _say(self, session_id: str, text: str) -> None:
        named = self._look.names and self._name(session_id)
        self.note(f"{named}: {text}" if named else text)

    def _name(self, session_id: str) -> str:
        session = self._sessions.get(session_id)
        return session.name if session else ""

    # --- an agent's session

    def _shows_talk(self, session_id: str, kind: str) -> bool:
        """What others publish into a plain command's session is not its own; a file's end is told where somebody spoke in it."""
        session = self._sessions.get(session_id)
        if session is None:
            return kind != "completed" or session_id in self._talks
        return not self._look.screens or is_told(session)

    def _talk(self, event: e.Event) -> None:
        kind = event.WhichOneof("payload")
        if self._look.result and kind == "completed" and event.completed.result_text:
            text = event.completed.result_text
            self._put(1, self._line(event.session_id, "", 1), text.encode(errors="replace") + b"\n" * (not text.endswith("\n")))
        if not self._look.talk:
            if kind in TOLD:
                self._say(event.session_id, self._told(event))
            return
        descriptor = self._look.talk
        line = self._line(event.session_id, TALK, descriptor)
        shown = self._talks.get(event.session_id)
        if shown is None:
            shown = self._talks[event.session_id] = talk.Talk(self._sessions.get(event.session_id), colour=self._look.talk_colour)
        if kind == "progress":
            self._show_progress(event, shown, line)
            return
        text = shown.event(event, still_open=self._screens[descriptor].is_open(line))
        self._put(descriptor, line, text.encode(errors="replace"))

    def _told(self, event: e.Event) -> str:
        if not event.HasField("request"):
            return words.line(event)
        return f"{talk.asks(event.request)} ({talk.answer_with(event.request, self._sessions.get(event.session_id))})"

    def _show_progress(self, event: e.Event, shown: talk.Talk, line: Line) -> None:
        """On one line, written again and again; not within a message, whose text shows that something happens."""
        descriptor = self._look.talk
        if not self._look.columns or (shown.in_text and self._screens[descriptor].is_open(line)):
            return
        self._put(descriptor, line, shown.end_line().encode() if self._screens[descriptor].is_open(line) else b"")
        self._erase_progress()
        text = people.paint(people.fit(talk.progress(event), self._look.columns - 1), "dim", self._look.talk_colour)
        self._outlet.put(descriptor, text.encode())
        self._progress = True

    def _erase_progress(self) -> None:
        if self._progress:
            self._progress = False
            self._outlet.put(self._look.talk, ERASE)

    def _output(self, event: e.Event) -> None:
        data, descriptor = event.output.data, 1
        if event.output.channel == e.CHANNEL_STDERR:
            descriptor = 2
        elif event.output.channel == e.CHANNEL_TERMINAL and self._look.stdout_is_terminal:
            data = self._filters.setdefault(event.session_id, QueryFilter()).feed(data)
            self._modes.feed(data)
        self._put(descriptor, self._line(event.session_id, event.source, descriptor), data)

    def _put(self, descriptor: int, line: Line, data: bytes) -> None:
        if data:
            self._erase_progress()
        self._outlet.put(descriptor, self._screens[descriptor].write(line, data))

    def _line(self, session_id: str, source: str, descriptor: int) -> Line:
        key = (session_id, source, descriptor)
        line = self._lines.get(key)
        if line is None:
            prefix = "" if source in OWN or source == TALK else f"[{words.label(source)}] "
            if self._look.names:
                prefix = f"[{self._name(session_id) or session_id}] {prefix}"
            red = descriptor == 2 and self._look.colour and source != TALK
            line = self._lines[key] = Line(
                prefix.encode(),
                people.COLOURS["red"].encode() if red else b"",
                people.RESET.encode() if red else b"",
                apart=source == TALK,
            )
        return line


class JsonPrinter:
    """One event a line, as canonical proto3 JSON; with `text`, output carries its decoded text beside the bytes."""

    def __init__(self, outlet: Descriptors, text: bool) -> None:
        self._outlet = outlet
        self._text = text
        self._decoders: dict[tuple[str, str, int], codecs.IncrementalDecoder] = {}

    def session(self, session: Session) -> None:
        """See `Printer`."""

    def event(self, event: e.Event) -> None:
        """See `Printer`."""
        self._outlet.put(1, self._encode(event).encode() + b"\n")

    def gap(self, gap: Gap) -> None:
        """See `Printer`: on stderr, since it is no event."""
        self.note(gap_text(gap))

    def note(self, text: str) -> None:
        """See `Printer`."""
        self._outlet.put(2, f"[sightline] {text}\n".encode(errors="replace"))

    def finish(self) -> None:
        """See `Printer`."""

    def _encode(self, event: e.Event) -> str:
        encoded = to_json(event)
        if not self._text or event.WhichOneof("payload") != "output":
            return encoded
        return f'{encoded[:-1]}, "text": {json.dumps(self._decode(event), ensure_ascii=False)}}}'

    def _decode(self, event: e.Event) -> str:
        """UTF-8, also where a character is cut between two events: it appears with the second."""
        key = (event.session_id, event.source, event.output.channel)
        decoder = self._decoders.get(key)
        if decoder is None:
            decoder = self._decoders[key] = codecs.getincrementaldecoder("utf-8")("replace")
        return decoder.decode(event.output.data)


def to_json(message: object) -> str:
    """Canonical proto3 JSON in one line."""
    from google.protobuf.json_format import MessageToJson  # noqa: PLC0415 - only `--json` needs it
    from google.protobuf.message import Message  # noqa: PLC0415

    assert isinstance(message, Message)  # noqa: S101 - for the type checker: callers pass messages
    return MessageToJson(message, indent=None, ensure_ascii=False)


def is_told(session: Session) -> bool:
    """Whether a person is shown what is said and done in it, rather than bytes: an agent's, unless it has a terminal."""
    if session.kind in talk.SCREENS or (session.kind == SessionKind.SESSION_KIND_PUBLISHED and session.HasField("terminal")):
        return False
    return bool(session.agent) or session.kind in {SessionKind.SESSION_KIND_TRANSCRIPT, SessionKind.SESSION_KIND_PUBLISHED}


def forgotten(session: Session) -> list[str]:
    """What of a session's beginning is no longer kept, as one line; nothing when all is."""
    return [f"events 1 to {session.oldest_seq - 1} are no longer kept"] if session.oldest_seq > 1 else []


def gap_text(gap: Gap) -> str:
    """What is missing, and why."""
    why = {1: "no longer kept", 2: "left out as asked", 3: "skipped, because this reader was slow", 4: "damaged on the disk"}.get(
        gap.reason, "missing"
    )
    size = f", {people.size(gap.bytes)}" if gap.bytes else ""
    return f"events {gap.first_seq} to {gap.last_seq}{size}: {why}"

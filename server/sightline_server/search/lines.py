"""The lines that a log's events hold, each with the event where it begins. Sans-I/O: events in, lines out; knows no index.

Program output is one stream for each source and channel, and text there is what `decode.text` makes of it: a word that two chunks
share, or that has escape codes within, is whole. Pieces of a message are one stream for each message. A line that has no end yet is
given when asked for (`rest`), and again, whole, when it has grown: then it takes the place of what was given before. What is open
between two calls is a small value that can be stored.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sightline.v1.event_pb2 import Event

from sightline_server.decode.escapes import strip
from sightline_server.decode.text import TextDecoder

MAX_LINE = 1000  # characters; a longer one is several, cut between words where there is a space
CUT_BACK = 200  # characters at the end of a cut line in which that space is looked for
MAX_OPEN = 64  # streams of one log within a line; the oldest line is ended by a further one
MAX_TAIL = 4096  # bytes of an unfinished line that are stored: after a restart a longer one is a little less exact
GARBAGE = 8  # one character in so many that is no text makes a line that nobody looks for
NEVER = -1
NANOSECONDS = 1_000_000_000

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_SPACES = {code: " " for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x0A}


@dataclass(slots=True)
class Line:
    """One line.

    Attributes:
        seq: the event where it begins.
        time: of that event, in nanoseconds since 1970.
        text: without its end; empty: nothing is to stand in its place any more.
        place: its place in the index, if it was given before; `NEVER`: it was not.
        before: what it was then.
    """

    seq: int
    time: int
    text: str
    place: int = NEVER
    before: str = ""


@dataclass(slots=True)
class Stream:
    """Lines of one kind, and the one that has no end yet.

    Attributes:
        decoder: what it is made by.
        tail: the bytes of that line, or their end, to go on from after a restart.
        seq: the event where it begins; 0: nothing of it came yet.
        time: of that event.
        begun: of a line that was so long that its beginning came already.
        place: the line's place in the index, if it was given; `NEVER`: it was not.
        given: what was given.
    """

    decoder: TextDecoder = field(default_factory=TextDecoder)
    tail: bytes = b""
    seq: int = 0
    time: int = 0
    begun: str = ""
    place: int = NEVER
    given: str = ""

    def line(self, text: str) -> Line:
        """The line, and what it takes the place of; after this the stream is at the beginning of another."""
        line = Line(self.seq, self.time, text, self.place, self.given)
        self.place, self.given = NEVER, ""
        return line

    @property
    def pending(self) -> str:
        """What stands on the line so far."""
        return self.begun + self.decoder.pending.decode(errors="replace")


class Lines:
    """The lines of one log.

    Args:
        state: what `state` gave before; empty: the log's beginning.
    """

    def __init__(self, state: str = "") -> None:
        self._streams: dict[str, Stream] = {}
        self._asked: list[tuple[Line, Stream]] = []
        for key, (tail, *values) in json.loads(state or "{}").items():
            self._streams[key] = stream = Stream(TextDecoder(), tail.encode("latin-1"), *values)
            stream.decoder.feed(stream.tail)

    @property
    def state(self) -> str:
        """What is open."""
        streams = {
            key: (one.tail.decode("latin-1"), one.seq, one.time, one.begun, one.place, one.given)
            for key, one in self._streams.items()
            if one.seq
        }
        return json.dumps(streams) if streams else ""

    def feed(self, event: Event) -> list[Line]:
        """The lines that end with this event."""
        found: list[Line] = []
        kind = event.WhichOneof("payload")
        time = event.time.seconds * NANOSECONDS + event.time.nanos
        if kind == "output":
            self._go_on(f"{event.output.channel}:{event.source}", event.seq, time, event.output.data, found)
        elif kind == "input":
            if not event.input.redacted:
                self._go_on(f"input:{event.input.author}", event.seq, time, typed(event), found)
        elif kind in {"message", "thinking"} and (piece := getattr(event, kind)).delta and piece.message_id:
            self._go_on(f"{kind}:{piece.message_id}", event.seq, time, piece.text.encode(), found)
        elif kind:
            for text in texts(event):
                put(plain(text).split("\n"), event.seq, time, found)
        if kind == "completed":
            self._end_all(found)
        return found

    def interrupted(self) -> list[Line]:
        """Something is missing between the last event and the next one: no line goes on over that."""
        found: list[Line] = []
        self._end_all(found)
        return found

    def rest(self) -> list[Line]:
        """The lines that have no end yet and were not given as they are now. `settle` takes note of where each was put."""
        self._asked = []
        for stream in self._streams.values():
            if stream.seq:
                text = normal(stream.pending)[:MAX_LINE]
                if text != stream.given and is_text(text):
                    self._asked.append((Line(stream.seq, stream.time, text, stream.place, stream.given), stream))
        return [line for line, _ in self._asked]

    def settle(self) -> str:
        """What `rest` gave has its places. Returns the state."""
        for line, stream in self._asked:
            stream.place, stream.given = line.place, line.text
        self._asked = []
        return self.state

    def _go_on(self, key: str, seq: int, time: int, data: bytes, found: list[Line]) -> None:
        stream = self._streams.pop(key, None) or Stream()
        if not stream.seq:
            stream.seq, stream.time = seq, time
        text = stream.decoder.feed(data).decode(errors="replace")
        first, *others = text.split("\n")
        stream.begun += first
        if others:
            put_line(stream, stream.begun, found)
            stream.seq, stream.time = seq, time
            stream.begun = others.pop()
            put(others, seq, time, found)
        if len(stream.begun) > MAX_LINE:
            put_line(stream, stream.begun, found)
            stream.begun = ""
        end = data.rfind(b"\n") + 1
        stream.tail = (data[end:] if end else stream.tail + data)[-MAX_TAIL:]
        if not stream.tail and stream.place == NEVER and not stream.begun:
            stream.seq = 0
        self._streams[key] = stream
        if len(self._streams) > MAX_OPEN:
            oldest = self._streams.pop(next(iter(self._streams)))
            put_line(oldest, oldest.pending, found)

    def _end_all(self, found: list[Line]) -> None:
        for stream in self._streams.values():
            put_line(stream, stream.pending, found)
        self._streams.clear()


def put(lines: Iterable[str], seq: int, time: int, found: list[Line]) -> None:
    """Adds whole lines: most of all, so this is kept short."""
    for line in lines:
        if len(line) > MAX_LINE:
            found.extend(Line(seq, time, piece) for piece in pieces(line))
        elif is_text(line):
            found.append(Line(seq, time, normal(line)))


def put_line(stream: Stream, text: str, found: list[Line]) -> None:
    """Adds the stream's line. If it was given and holds nothing now, its place is to hold nothing."""
    first, *others = pieces(text) or [""]
    if first != stream.given:
        found.append(stream.line(first))
    else:
        stream.place, stream.given = NEVER, ""
    found.extend(Line(stream.seq, stream.time, piece) for piece in others)


def pieces(line: str) -> list[str]:
    """A line cut into some that are not too long."""
    found: list[str] = []
    while line:
        space = line.rfind(" ", MAX_LINE - CUT_BACK, MAX_LINE) if len(line) > MAX_LINE else -1
        length = space if space > 0 else MAX_LINE
        if is_text(line[:length]):
            found.append(normal(line[:length]))
        line = line[length:]
    return found


def is_text(line: str) -> bool:
    """Whether anybody may look for it: it holds something, and not only what stands for bytes that are no characters."""
    if line.isascii():
        return bool(line) and not line.isspace()
    return not line.isspace() and line.count("\ufffd") * GARBAGE <= len(line)


def normal(line: str) -> str:
    """A line in which one character is written in one way, and spaces are spaces."""
    if _CONTROL.search(line):
        line = line.translate(_SPACES)
    return line if line.isascii() else unicodedata.normalize("NFC", line)


def plain(text: str) -> str:
    """A text without escape codes, if it has any."""
    if "\x1b" in text or "\r" in text:
        return strip(text.encode(errors="replace")).decode(errors="replace").replace("\r\n", "\n")
    return text if text.isascii() else text.encode(errors="replace").decode()  # JSON can hold half characters


def typed(event: Event) -> bytes:
    """What was typed, with a line's end where Enter was pressed."""
    data = event.input.data.replace(b"\r", b"\n")
    return data + b"\n" if event.input.submit or event.input.eof or event.input.interrupt else data


def texts(event: Event) -> Iterator[str]:  # noqa: C901, PLR0912 - one case for each kind
    """What an event says in words, beside program output and what was typed."""
    match event.WhichOneof("payload"):
        case "output_lost":
            yield event.output_lost.reason
        case "step_started":
            yield event.step_started.step
        case "turn_started":
            yield event.turn_started.prompt
        case "turn_finished":
            yield event.turn_finished.text
        case "notice":
            yield f"{event.notice.code} {event.notice.text}".strip()
        case "message":
            yield event.message.text
        case "thinking":
            yield event.thinking.text
        case "tool_call":
            yield f"{event.tool_call.name} {event.tool_call.title}".strip()
            yield from words_of(event.tool_call.input_json)
            yield from (location.path for location in event.tool_call.locations)
        case "tool_result":
            yield event.tool_result.content
        case "plan":
            yield from (entry.content for entry in event.plan.entries)
        case "file_changed":
            yield event.file_changed.path
            yield event.file_changed.old_path
        case "request":
            yield event.request.text
            yield from (option.label for option in event.request.options)
        case "request_resolved":
            yield event.request_resolved.text
        case "error":
            yield f"{event.error.code} {event.error.message}".strip()
        case "completed":
            yield event.completed.result_text
            yield event.completed.error
            yield from (f"{key}={value}" for key, value in sorted(event.completed.labels.items()))
        case _:
            pass


def words_of(encoded: bytes) -> Iterator[str]:
    """The strings in JSON, with their line ends; of what is no JSON the whole."""
    try:
        found = list(strings_in(json.loads(encoded or b"null")))
    except (ValueError, RecursionError):
        found = [encoded.decode(errors="replace")]
    yield from found


def strings_in(value: object) -> Iterator[str]:
    """All strings, numbers and keys of a JSON value, in order."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from strings_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_in(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)

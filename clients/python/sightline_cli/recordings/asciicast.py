"""asciicast v2 and v3: what asciinema writes and plays (https://docs.asciinema.org/manual/asciicast/v3/).

A file holds text, so bytes that are no UTF-8 become U+FFFD, one for each, and are counted; a character that was cut between two
events is written whole with the second. What a program wrote to a pipe gets the carriage returns that a terminal would have put
in: else each line would begin where the one before ended.

Times are written in microseconds: v2 counts from the start; v3 from the event before, as differences of whole numbers, so that the
sum of any number of them is exact.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sightline.v1 import event_pb2 as e

from sightline_cli.recordings import recording as r
from sightline_cli.recordings.pieces import lines

SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
NOT_UTF8 = re.compile("[\udc80-\udcff]")
UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")
UNPRINTABLES = (b"\x7f", b"\xc2", b"\xe2\x80", b"\xef\xbb\xbf")
"""How each of these begins in UTF-8. Others begin so too."""
MAX_MARK = 200  # characters of a marker's label
MICROSECONDS = 1_000_000  # in a second

# --- writing


class Writer:
    """Writes one file. See `recording.Writer`.

    Args:
        version: 2 or 3.
        head: what is known of the recording.
        keep_input: write also what was typed; what was redacted is never there.
    """

    def __init__(self, version: int, head: r.Head, *, keep_input: bool = True) -> None:
        self.problems: list[str] = []
        self._version = version
        self._head = head
        self._keep_input = keep_input
        self._size = (head.columns, head.rows)
        self._started = False
        self._start = 0
        self._written = 0  # microseconds from the start to the last event
        self._changed = 0
        self._decoders: dict[tuple[str, int], codecs.IncrementalDecoder] = {}

    def event(self, event: e.Event, moment: int | None) -> tuple[bytes, ...]:
        """See `recording.Writer`."""
        if moment is None:
            return (b"",)
        head = b"" if self._started else self._begin(moment)
        return (head + self._event(event, moment),)

    def finish(self) -> tuple[bytes, ...]:
        """See `recording.Writer`."""
        parts = [b"" if self._started else self._begin(self._head.started)]
        parts.append(self._flush(self._start + self._written * r.MICROSECOND))
        if self._changed:
            self.problems.append(
                f"{self._changed} {'byte was' if self._changed == 1 else 'bytes were'} no UTF-8 text, and became U+FFFD: "
                "an asciicast holds text only (typescript and jsonl hold all bytes)"
            )
        return (b"".join(parts),)

    def _event(self, event: e.Event, moment: int) -> bytes:
        kind = event.WhichOneof("payload")
        if kind == "resized":
            return self._resized((event.resized.columns, event.resized.rows), moment)
        if kind == "output":
            return self._text(event.output.data, event.output.channel, ("o", event.output.channel), moment)
        if kind == "completed":
            return self._ended(event.completed, moment)
        if kind == "input" and self._keep_input and not event.input.redacted:
            return self._text(event.input.data, e.CHANNEL_TERMINAL, ("i", 0), moment)
        mark = mark_of(event)
        return b"" if mark is None else self._line(moment, "m", mark)

    def _resized(self, size: tuple[int, int], moment: int) -> bytes:
        changed, self._size = size != self._size, size
        return self._line(moment, "r", f"{size[0]}x{size[1]}") if changed else b""

    def _ended(self, last: e.Completed, moment: int) -> bytes:
        code = r.exit_code_of(last)
        cut = self._flush(moment)
        return cut if code is None or self._version < 3 else cut + self._line(moment, "x", str(code))

    def _text(self, data: bytes, channel: int, key: tuple[str, int], moment: int) -> bytes:
        if channel != e.CHANNEL_TERMINAL:
            data = data.replace(b"\n", b"\r\n")
        decoder = self._decoders.get(key)
        if decoder is None:
            decoder = self._decoders[key] = codecs.getincrementaldecoder("utf-8")()
        return self._decoded(moment, key[0], decoder, data)

    def _flush(self, moment: int) -> bytes:
        """Characters that were begun and never ended."""
        return b"".join(self._decoded(moment, key[0], one, b"", final=True) for key, one in self._decoders.items())

    def _decoded(self, moment: int, code: str, decoder: codecs.IncrementalDecoder, data: bytes, *, final: bool = False) -> bytes:
        try:
            text = decoder.decode(data, final)
        except UnicodeDecodeError:  # it has kept what it held before
            decoder.errors = "surrogateescape"
            text, changed = NOT_UTF8.subn("\ufffd", decoder.decode(data, final))
            decoder.errors = "strict"
            self._changed += changed
        return self._line(moment, code, text) if text else b""  # half a character comes with the next event

    def _line(self, moment: int, code: str, text: str) -> bytes:
        now = max(self._written, (moment - self._start + r.MICROSECOND // 2) // r.MICROSECOND)
        time = now - self._written if self._version == 3 else now
        self._written = now
        quoted = json.dumps(text, ensure_ascii=False)
        line = f'[{time // MICROSECONDS}.{time % MICROSECONDS:06d}, "{code}", {quoted}]\n'.encode()
        if not any(begin in line for begin in UNPRINTABLES):  # five times as fast as the search
            return line
        return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", line.decode()).encode()

    def _begin(self, moment: int) -> bytes:
        self._started = True
        self._start = moment
        columns, rows = self._size if all(self._size) else r.DEFAULT_SIZE
        size = {"term": {"cols": columns, "rows": rows}} if self._version == 3 else {"width": columns, "height": rows}
        head: dict[str, object] = {"version": self._version, **size}
        if moment:
            head["timestamp"] = moment // r.SECOND
        if self._head.command:
            head["command"] = self._head.command
        if self._head.title:
            head["title"] = self._head.title
        return json.dumps(head).encode() + b"\n"


def mark_of(event: e.Event) -> str | None:
    """What a player's list of chapters calls this moment; None: it is no chapter."""
    match event.WhichOneof("payload"):
        case "step_started":
            text = event.step_started.step
        case "turn_started":
            text = event.turn_started.prompt
        case "notice" if event.notice.code == r.MARKER:
            return event.notice.text
        case _:
            return None
    return " ".join(text.split())[:MAX_MARK]


# --- reading


def read(pieces: Iterable[bytes], began: int) -> r.Recording:
    """A recording of version 2 or 3.

    Args:
        pieces: the file's bytes.
        began: nanoseconds since 1970, for a recording that does not say when it began.

    Raises:
        BadRecording: it does not begin as an asciicast does.
    """
    found = lines(pieces)
    version, head = _head(next(found, b""))
    recording = r.Recording(head, iter(()))
    recording.events = _Events(found, version, recording.problems).read(head, head.started or began)
    return recording


def _head(line: bytes) -> tuple[int, r.Head]:
    try:
        told = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        raise r.BadRecording("its first line is no JSON: this is no asciicast") from None
    version = told.get("version") if isinstance(told, dict) else None
    if version not in (2, 3):
        said = "no version" if version is None else f"version {_short(version)}"
        raise r.BadRecording(f"its first line tells of {said}: asciicast versions 2 and 3 can be read")
    size = told.get("term") if version == 3 else told
    names = ("cols", "rows") if version == 3 else ("width", "height")
    columns, rows = (size.get(name) if isinstance(size, dict) else None for name in names)
    if not (isinstance(columns, int) and isinstance(rows, int) and r.is_size(columns, rows)):
        raise r.BadRecording(f"its first line tells no size of a terminal: asciicast v{version} needs {names[0]} and {names[1]}")
    limit = told.get("idle_time_limit")
    return version, r.Head(
        started=_nanoseconds(told.get("timestamp")) or 0,
        columns=columns,
        rows=rows,
        command=_string(told.get("command")),
        title=_string(told.get("title")),
        idle_limit=limit if isinstance(limit, int | float) and limit > 0 else None,
    )


class _Events:
    """The lines behind the first."""

    def __init__(self, found: Iterator[bytes], version: int, problems: list[str]) -> None:
        self._lines = found
        self._version = version
        self._problems = problems
        self._number = 1
        self._unknown: dict[str, int] = {}
        self._backwards = 0
        self._raw = 0

    def read(self, head: r.Head, start: int) -> Iterator[e.Event]:
        now = start
        code: int | None = None
        yield r.resized(head.columns, head.rows, start)
        for offset, kind, data in self._entries():
            told = (now if self._version == 3 else start) + offset
            if told < now:
                self._backwards += 1
            now = max(now, told)
            if kind == "x":
                code = self._exit_code(data)
            else:
                yield from self._event(kind, data, now)
        self._tell()
        yield r.ended(code, now)

    def _entries(self) -> Iterator[tuple[int, str, str]]:
        for line in self._lines:
            self._number += 1
            if not line.strip() or line.startswith(b"#"):
                continue
            entry = self._entry(line)
            if entry is not None:
                yield entry
                continue
            if any(rest.strip(b"\0 \r\t") for rest in self._lines):
                raise r.BadRecording(
                    f"line {self._number} is no event of an asciicast, and others follow: the file is damaged there, "
                    f"or something else; the {self._number - 1} lines before it are good"
                )
            self._problems.append(f"line {self._number}, the last, is torn: everything before it was read")
            return

    def _entry(self, line: bytes) -> tuple[int, str, str] | None:
        try:
            told: Any = json.loads(line.decode(errors="surrogateescape"))
        except (ValueError, RecursionError):
            return None
        if not (isinstance(told, list) and len(told) >= 3):
            return None
        time, kind, data = told[:3]
        offset = _nanoseconds(time)
        if offset is None or not isinstance(kind, str):
            return None
        if not isinstance(data, str):
            return offset, kind, json.dumps(data)
        self._raw += NOT_UTF8.search(data) is not None
        return offset, kind, data

    def _event(self, kind: str, data: str, now: int) -> Iterator[e.Event]:
        if kind == "o":
            yield from r.shown(_bytes(data), now)
        elif kind == "i":
            yield from r.typed(_bytes(data), now)
        elif kind == "m":
            notice = e.Notice(code=r.MARKER, text=_string(data))
            yield r.stamped(e.Event(source="terminal", notice=notice), now)

        elif kind == "r" and (size := SIZE.fullmatch(data)) and r.is_size(int(size[1]), int(size[2])):
            yield r.resized(int(size[1]), int(size[2]), now)
        else:
            self._unknown[kind] = self._unknown.get(kind, 0) + 1

    def _exit_code(self, data: str) -> int | None:
        try:
            code = int(data)
        except ValueError:
            code = -1
        if 0 <= code < 2**31:
            return code
        self._unknown["x"] = self._unknown.get("x", 0) + 1
        return None

    def _tell(self) -> None:
        for kind, count in self._unknown.items():
            what = "a size or a code that is none" if kind in {"r", "x"} else "a kind that is not known here"
            self._problems.append(f"{count} of the events {_short(kind)} left out: {what}")
        if self._backwards:
            self._problems.append(f"{self._backwards} events are older than the one before: they count as simultaneous with it")
        if self._raw:
            self._problems.append(f"{self._raw} events hold bytes that are no UTF-8: they were taken as they are")


def _nanoseconds(seconds: object) -> int | None:
    """None for what is no time."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not abs(seconds) <= r.LATEST // r.SECOND:
        return None
    # The decimals that were written, not the binary fraction nearest to them; a double has 15 of them.
    return round(seconds * MICROSECONDS) * r.MICROSECOND if abs(seconds) > MICROSECONDS else round(seconds * r.SECOND)


def _bytes(text: str) -> bytes:
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half of a pair, written as an escape: no character
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _string(told: object) -> str:
    return _bytes(told).decode(errors="replace") if isinstance(told, str) else ""


def _short(told: object) -> str:
    text = repr(told)
    return text if len(text) <= 40 else text[:37] + "..."

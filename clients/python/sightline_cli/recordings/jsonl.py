"""JSON lines: one event a line, as canonical proto3 JSON. Everything that a log holds, and what `watch --json` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from sightline.v1 import event_pb2 as e

from sightline_cli.recordings import recording as r
from sightline_cli.recordings.pieces import lines

MAX_AHEAD = 64  # events read before the first is given, to find the terminal's size
MAX_DEPTH = 20  # of an event's JSON: none has more than five levels


class Writer:
    """Writes one file. See `recording.Writer`.

    Args:
        keep_input: write also what was typed.
    """

    def __init__(self, *, keep_input: bool = True) -> None:
        self.problems: list[str] = []
        self._keep_input = keep_input

    def event(self, event: e.Event, moment: int | None) -> tuple[bytes, ...]:  # noqa: ARG002 - its times are in it
        """See `recording.Writer`."""
        if not self._keep_input and event.HasField("input"):
            return (b"",)
        return (MessageToJson(event, indent=None, ensure_ascii=False).encode() + b"\n",)

    def finish(self) -> tuple[bytes, ...]:
        """See `recording.Writer`."""
        return (b"",)


def read(pieces: Iterable[bytes], began: int) -> r.Recording:
    """A log: each event with the time of its source, or else the time at which the server had logged it.

    Args:
        pieces: the file's bytes.
        began: nanoseconds since 1970, for an event that has no time at all.

    Raises:
        BadRecording: it does not begin with an event.
    """
    problems: list[str] = []
    events = _events(lines(pieces), began, problems)
    head = r.Head()
    ahead: list[e.Event] = []
    for event in events:
        ahead.append(event)
        if not head.started:
            head.started = event.source_time.ToNanoseconds()
        if event.HasField("resized") and r.is_size(event.resized.columns, event.resized.rows):
            head.columns, head.rows = event.resized.columns, event.resized.rows
        if head.columns or event.HasField("output") or len(ahead) == MAX_AHEAD:
            break
    if not head.columns and any(event.output.channel == e.CHANNEL_TERMINAL for event in ahead):
        head.columns, head.rows = r.DEFAULT_SIZE
    return r.Recording(head, _joined(ahead, events), problems)


def _joined(ahead: list[e.Event], events: Iterator[e.Event]) -> Iterator[e.Event]:
    yield from ahead
    yield from events


def _events(found: Iterator[bytes], began: int, problems: list[str]) -> Iterator[e.Event]:
    session = ""
    unknown = 0
    for number, line in enumerate(found, 1):
        if not line.strip():
            continue
        event = e.Event()
        try:
            Parse(line, event, ignore_unknown_fields=True, max_recursion_depth=MAX_DEPTH)
        except (ParseError, ValueError, RecursionError) as error:
            if number == 1 or any(rest.strip(b"\0 \r\t") for rest in found):
                why = " ".join(str(error).split())[:200]
                raise r.BadRecording(f"line {number} is no event as `sightline export` writes it: {why}") from None
            problems.append(f"line {number}, the last, is torn: everything before it was read")
            break
        if session and event.session_id and event.session_id != session:
            raise r.BadRecording(f"line {number} is of another session than those before it: write one file for each session")
        session = session or event.session_id
        if event.WhichOneof("payload") is None:
            unknown += 1
            continue
        if not event.HasField("source_time"):
            if event.HasField("time"):
                event.source_time.CopyFrom(event.time)
            else:
                event.source_time.FromNanoseconds(began)
        yield event
    if unknown:
        problems.append(f"{unknown} events of kinds that are not known here were left out")

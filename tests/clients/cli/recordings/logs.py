"""Logs to be written as recordings, and what a recording says, in the words that the formats share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hypothesis import strategies as st
from sightline.v1 import event_pb2 as e
from sightline.v1.session_pb2 import SessionKind
from sightline_cli.recordings.recording import Timeline, Writer

BEGAN = 1_700_000_000_000_000_000  # ns


def at(event: e.Event, moment: int) -> e.Event:
    event.time.FromNanoseconds(moment)
    return event


def output(data: bytes, moment: int, channel: e.Channel.ValueType = e.CHANNEL_TERMINAL) -> e.Event:
    return at(e.Event(source="terminal", output=e.Output(channel=channel, data=data)), moment)


def typed(data: bytes, moment: int, *, redacted: bool = False) -> e.Event:
    said = e.Input(data=b"" if redacted else data, length=len(data), redacted=redacted)
    return at(e.Event(source="sightline", input=said), moment)


def resized(columns: int, rows: int, moment: int) -> e.Event:
    return at(e.Event(source="sightline", resized=e.Resized(columns=columns, rows=rows)), moment)


def completed(exit_code: int, moment: int) -> e.Event:
    outcome = e.OUTCOME_FAILED if exit_code else e.OUTCOME_SUCCEEDED
    return at(e.Event(source="sightline", completed=e.Completed(outcome=outcome, exit_code=exit_code)), moment)


def started(moment: int) -> e.Event:
    return at(e.Event(source="sightline", state_changed=e.StateChanged(state=e.SESSION_STATE_STARTING)), moment)


def write(writer: Writer, events: Iterable[e.Event]) -> tuple[bytes, ...]:
    """The files of a recording."""
    timeline = Timeline(SessionKind.SESSION_KIND_TERMINAL)
    parts = [writer.event(event, timeline.moment(event)) for event in events]
    parts.append(writer.finish())
    return tuple(b"".join(pieces) for pieces in zip(*parts, strict=True))


def story(events: Iterable[e.Event]) -> list[tuple[int, str, object]]:
    """What happened and when, in microseconds, of the events that every terminal recording knows."""
    told: list[tuple[int, str, object]] = []
    size: object = None
    for event in events:
        kind = event.WhichOneof("payload")
        when = (event.source_time if event.HasField("source_time") else event.time).ToMicroseconds()
        if kind == "output" and event.output.data:
            told.append((when, "o", event.output.data))
        elif kind == "input" and event.input.data:
            told.append((when, "i", event.input.data))
        elif kind == "resized" and (new := (event.resized.columns, event.resized.rows)) != size:
            size = new
            told.append((when, "r", new))
        elif kind == "completed":
            told.append((when, "x", event.completed.exit_code if event.completed.HasField("exit_code") else None))
    return told


def shown(events: Iterable[e.Event]) -> bytes:
    return b"".join(event.output.data for event in events)


def cut(data: bytes, places: Sequence[int]) -> Iterator[bytes]:
    """The bytes in pieces, some of them empty."""
    begin = 0
    for place in sorted(place % (len(data) + 1) for place in places):
        yield data[begin:place]
        begin = place
    yield data[begin:]


cuts = st.lists(st.integers(0, 1 << 30), max_size=12)
pauses = st.one_of(st.integers(0, 3000), st.integers(0, 5 * 10**9), st.integers(0, 10**14))  # ns


@st.composite
def logs(draw: st.DrawFn, data: st.SearchStrategy[bytes]) -> list[e.Event]:
    """A log of a terminal from its start to its end, with times that never decrease."""
    moment = BEGAN + draw(st.integers(0, 10**9))
    events = [started(moment), resized(80, 24, moment)]
    for _ in range(draw(st.integers(0, 12))):
        moment += draw(pauses)
        match draw(st.sampled_from("oooir")):
            case "o":
                events.append(output(draw(data), moment))
            case "i":
                events.append(typed(draw(data), moment))
            case _:
                events.append(resized(draw(st.integers(1, 300)), draw(st.integers(1, 100)), moment))
    events.append(completed(draw(st.integers(0, 255)), moment + draw(pauses)))
    return events

"""Neighbours that become one event, and those that must not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline.v1.event_pb2 import Channel, Event, Message, Output, Role, Thinking
from sightline_server.log import record
from sightline_server.log.record import INDEX
from sightline_server.subscription.merging import MERGED_BYTES, merge
from sightline_server.subscription.position import Entry

OUT, ERR = Channel.CHANNEL_STDOUT, Channel.CHANNEL_STDERR
SOURCES = {"stdout": 1, "stderr": 2, "agent": 3}


def entries(*events: Event) -> list[Entry]:
    """Events as a position gives them."""
    found: list[Entry] = []
    end = 0
    for seq, event in enumerate(events, 1):
        event.seq = seq
        event.time.FromSeconds(seq)
        data, kind, channel = record.encode(event)
        end += len(data)
        part = INDEX.pack(len(data), kind, SOURCES[event.source], channel)[record.FILTER_PART]
        found.append(Entry(seq, end, part, data))
    return found


def merged(*events: Event) -> list[Event]:
    return record.decode(b"".join(group.encoded() for group in merge(entries(*events))))


def output(data: bytes, channel: Channel.ValueType = OUT, source: str = "stdout", **fields: object) -> Event:
    return Event(source=source, output=Output(channel=channel, data=data), **fields)  # type: ignore[arg-type]


def said(text: str, message_id: str = "m", *, delta: bool = True, role: Role.ValueType = Role.ROLE_ASSISTANT) -> Event:
    return Event(source="agent", message=Message(text=text, message_id=message_id, delta=delta, role=role))


def thought(text: str, message_id: str = "t", *, delta: bool = True) -> Event:
    return Event(source="agent", thinking=Thinking(text=text, message_id=message_id, delta=delta))


def spans(events: list[Event]) -> list[tuple[int, int]]:
    return [(event.first_seq, event.seq) for event in events]


def test_neighbouring_output_becomes_one_event_with_the_number_and_time_of_the_last() -> None:
    (event,) = merged(output(b"a"), output(b"b"), output(b"c"))
    assert (event.first_seq, event.seq, event.time.seconds) == (1, 3, 3)
    assert event.output == Output(channel=OUT, data=b"abc")
    assert event.source == "stdout"


def test_pieces_of_one_message_or_thought_become_one_piece() -> None:
    events = merged(said("a"), said("b"), thought("x"), thought("y"), said("c"))
    assert spans(events) == [(1, 2), (3, 4), (0, 5)]
    assert events[0].message == Message(text="ab", message_id="m", delta=True, role=Role.ROLE_ASSISTANT)
    assert events[1].thinking == Thinking(text="xy", message_id="t", delta=True)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (output(b"a"), output(b"b", ERR, "stderr")),
        (output(b"a"), output(b"b", source="agent")),
        (output(b"a", turn_id="1"), output(b"b", turn_id="2")),
        (output(b"a", raw=b"line"), output(b"b", raw=b"line")),
        (output(b"a", truncated_bytes=7), output(b"b")),
        (output(b"a", cause_seq=1), output(b"b")),
        (said("a"), said("b", "other")),
        (said("a"), said("b", delta=False)),
        (said("a", ""), said("b", "")),
        (said("a"), said("b", role=Role.ROLE_USER)),
        (thought("a", delta=False), thought("b", delta=False)),
        (said("a"), thought("b", "m")),
    ],
)
def test_what_differs_stays_apart(first: Event, second: Event) -> None:
    assert spans(merged(first, second)) == [(0, 1), (0, 2)]


def test_a_merged_event_stays_far_below_the_limit_of_an_event() -> None:
    chunk = b"x" * record.MAX_CHUNK
    events = merged(*(output(chunk) for _ in range(40)), output(b"y" * (record.MAX_EVENT - 1000)), output(b"z"))
    assert max(event.ByteSize() for event in events[:-2]) <= MERGED_BYTES
    assert b"".join(event.output.data for event in events) == chunk * 40 + b"y" * (record.MAX_EVENT - 1000) + b"z"


EVENTS = st.one_of(
    st.builds(output, st.binary(max_size=9)),
    st.builds(output, st.binary(max_size=9), st.just(ERR), st.just("stderr")),
    st.builds(said, st.text(max_size=5), st.sampled_from(["m", "n", ""]), delta=st.booleans()),
    st.builds(thought, st.text(max_size=5), st.sampled_from(["m", ""])),
)


@given(st.lists(EVENTS, max_size=30))
def test_merging_loses_nothing_and_keeps_the_order(events: list[Event]) -> None:
    got = merged(*events)
    assert [seq for event in got for seq in range(event.first_seq or event.seq, event.seq + 1)] == list(range(1, len(events) + 1))
    for event in got:
        parts = events[(event.first_seq or event.seq) - 1 : event.seq]
        assert event.output.data == b"".join(part.output.data for part in parts)
        assert event.message.text == "".join(part.message.text for part in parts)
        assert event.thinking.text == "".join(part.thinking.text for part in parts)
        assert all((part.source, part.output.channel) == (event.source, event.output.channel) for part in parts)

"""When events happened, which format a file has, and what is in pieces."""

from __future__ import annotations

from pathlib import Path

import pytest
from clients.cli.recordings.logs import BEGAN, completed, cut, cuts, output, shown, started
from hypothesis import given
from hypothesis import strategies as st
from sightline.v1 import event_pb2 as e
from sightline.v1.session_pb2 import SessionKind
from sightline_cli.recordings import asciicast, formats, jsonl, plain, typescript
from sightline_cli.recordings.pieces import Pieces, lines
from sightline_cli.recordings.recording import BadRecording, Timeline, ended, stamped

NOW = BEGAN + 10**17  # three years later


@pytest.mark.parametrize("kind", [SessionKind.SESSION_KIND_PUBLISHED, SessionKind.SESSION_KIND_TYPESCRIPT])
def test_an_old_log_keeps_its_own_time_and_what_the_server_said_first_has_none(kind: SessionKind.ValueType) -> None:
    timeline = Timeline(kind)
    imported = [stamped(output(b"x", NOW + second), BEGAN + second * 10**9) for second in range(3)]
    lost = ended(None, 0)
    lost.ClearField("source_time")
    lost.time.FromNanoseconds(NOW + 7)
    moments = [timeline.moment(event) for event in (started(NOW - 5), *imported, lost)]
    assert moments == [None, BEGAN, BEGAN + 10**9, BEGAN + 2 * 10**9, BEGAN + 2 * 10**9 + 5]


def test_a_live_log_is_placed_by_the_servers_clock() -> None:
    timeline = Timeline(SessionKind.SESSION_KIND_TMUX)
    assert [timeline.moment(event) for event in (started(BEGAN), output(b"x", BEGAN + 3), completed(0, BEGAN + 2))] == [
        BEGAN,
        BEGAN + 3,
        BEGAN + 3,
    ]


def test_a_published_log_without_times_of_its_own_begins_with_what_was_published() -> None:
    timeline = Timeline(SessionKind.SESSION_KIND_PUBLISHED)
    assert [timeline.moment(event) for event in (started(BEGAN), output(b"x", BEGAN + 3))] == [None, BEGAN + 3]


@pytest.mark.parametrize(
    ("name", "begin", "kind"),
    [
        ("x", b'{"version": 3, "term": {}}\n', "v3"),
        ("x", b'{"version": 2}\n', "v2"),
        ("x", b'\xef\xbb\xbf{"version": 2}\n', "v2"),
        ("x", b'{"version": 1}\n', "v3"),
        ("x.cast", b"not at all\n", "v3"),
        ("x.log", b'{"sessionId": "a", "seq": "1"}\n', "jsonl"),
        ("x.jsonl", b"{torn", "jsonl"),
        ("x", b'{"level": "info"}\n', "text"),
        ("x", b"Script started on 2026-11-21 09:52:36+00:00 [<not executed on terminal>]\n", "typescript"),
        ("x.typescript", b"no frame", "typescript"),
        ("x.txt", b"words", "text"),
        ("x", b"\x00\xff", "text"),
        ("x", b"", "text"),
    ],
)
def test_the_format_is_found_by_the_first_bytes_and_then_by_the_name(name: str, begin: bytes, kind: str) -> None:
    assert formats.by_content(begin, Path(name)) == kind


def test_the_timing_and_the_input_of_a_typescript_are_found_beside_it(tmp_path: Path) -> None:
    script = tmp_path / "a.typescript"
    assert formats.found_beside(script) == (None, None)
    for timing, typed in (formats.beside(script), formats.beside(tmp_path / "a")):
        assert (timing, typed) == (tmp_path / "a.timing", tmp_path / "a.input")
    (tmp_path / "a.typescript.timing").touch()
    assert formats.found_beside(script) == (tmp_path / "a.typescript.timing", None)
    (tmp_path / "a.timing").touch()
    (tmp_path / "a.input").touch()
    assert formats.found_beside(script) == (tmp_path / "a.timing", tmp_path / "a.input")


@given(st.binary(max_size=200), cuts)
def test_text_is_read_and_written_as_it_is(data: bytes, places: list[int]) -> None:
    events = list(plain.read(cut(data, places), BEGAN).events)
    assert shown(events) == data
    assert b"".join(part for event in events for part in plain.Writer().event(event, None)) == data
    assert events[-1].completed.outcome == e.OUTCOME_LOST


GOOD = {
    "asciicast": (
        asciicast.read,
        b'{"version": 3, "term": {"cols": 80, "rows": 24}}\n[0.1, "o", "x"]\n[1, "r", "9x9"]\n[2, "x", "1"]\n',
    ),
    "jsonl": (
        jsonl.read,
        b'{"seq": "1", "resized": {"columns": 9}}\n{"seq": "2", "time": "2026-01-01T00:00:00Z", "output": {"data": "eA=="}}\n',
    ),
    "timing": (
        lambda pieces, began: typescript.read([b"hello"], pieces, None, began),
        b"H 0 COLUMNS 80\nO 0.1 3\nI 0.1 2\nS 1.0 SIGWINCH ROWS=9 COLS=9\n",
    ),
}


@pytest.mark.parametrize("kind", GOOD)
@given(edits=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), st.binary(max_size=4)), max_size=5))
def test_whatever_is_in_a_file_it_is_read_or_called_bad(kind: str, edits: list[tuple[int, int, bytes]]) -> None:
    read, data = GOOD[kind]
    for place, removed, put in edits:
        data = data[:place] + put + data[place + removed :]
    try:
        recording = read([data], BEGAN)
        events = list(recording.events)
    except BadRecording:
        return
    moments = [event.source_time.ToNanoseconds() for event in events]
    assert moments == sorted(moments) or kind == "jsonl"
    for event in events:
        event.source_time.ToJsonString()


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line), max_size=10), cuts)
def test_lines_are_the_same_however_their_bytes_come(there: list[bytes], places: list[int]) -> None:
    assert list(lines(cut(b"".join(line + b"\n" for line in there), places))) == there


@given(st.binary(max_size=100), cuts, st.lists(st.integers(0, 30), max_size=10))
def test_bytes_are_taken_by_count_however_they_come(data: bytes, places: list[int], counts: list[int]) -> None:
    pieces = Pieces(cut(data, places))
    begin = 0
    for count in counts:
        assert pieces.peek(count) == data[begin : begin + count]
        assert b"".join(pieces.take(count)) == data[begin : begin + count]
        begin += count
    assert b"".join(pieces.rest()) == data[begin:]

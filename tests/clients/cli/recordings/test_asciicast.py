"""asciicast v2 and v3: what is written can be read back, what asciinema writes is read, and what is broken is said."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from clients.cli.recordings.logs import (
    BEGAN,
    completed,
    cut,
    cuts,
    logs,
    output,
    pauses,
    resized,
    shown,
    started,
    story,
    typed,
    write,
)
from hypothesis import given
from hypothesis import strategies as st
from sightline.v1 import event_pb2 as e
from sightline_cli.recordings import asciicast
from sightline_cli.recordings.recording import BadRecording, Head, Recording

V3 = b'{"version": 3, "term": {"cols": 80, "rows": 24}, "timestamp": 1700000000}\n'
V2 = b'{"version": 2, "width": 80, "height": 24, "timestamp": 1700000000}\n'
HEAD = Head(columns=80, rows=24)
texts = st.text(st.characters(exclude_categories=["Cs"])).map(str.encode)


def read(*pieces: bytes) -> Recording:
    return asciicast.read(pieces, BEGAN)


def seconds(story: list[tuple[int, str, object]], first: int) -> list[tuple[int, str, object]]:
    """The same with times from the recording's start: a head tells whole seconds only."""
    return [(when - first, kind, what) for when, kind, what in story]


@given(logs(texts), cuts)
def test_a_log_of_text_comes_back_from_v3_with_every_byte_time_and_size_and_its_exit_code(
    log: list[e.Event], places: list[int]
) -> None:
    (data,) = write(asciicast.Writer(3, HEAD), log)
    there, back = story(log), story(read(*cut(data, places)).events)
    assert len(there) == len(back)
    for (when, kind, what), (when_back, kind_back, what_back) in zip(
        seconds(there, there[0][0]), seconds(back, back[0][0]), strict=True
    ):
        assert (kind, what) == (kind_back, what_back)
        assert abs(when - when_back) <= 1  # rounded to a microsecond, however many came before


@given(logs(texts))
def test_what_was_read_is_written_as_the_same_file(log: list[e.Event]) -> None:
    for version in (2, 3):
        (data,) = write(asciicast.Writer(version, HEAD), log)
        assert write(asciicast.Writer(version, HEAD), list(read(data).events)) == (data,)


@given(st.lists(pauses, max_size=200))
def test_no_rounding_error_grows_however_many_intervals_there_are(intervals: list[int]) -> None:
    moments = [BEGAN + sum(intervals[: count + 1]) for count in range(len(intervals))]
    (data,) = write(asciicast.Writer(3, HEAD), [started(BEGAN), *(output(b"x", moment) for moment in moments)])
    times = [json.loads(line, parse_float=lambda text: int(text.replace(".", "")))[0] for line in data.splitlines()[1:]]
    for count, moment in enumerate(moments):
        assert abs(sum(times[: count + 1]) * 1000 - (moment - BEGAN)) <= 500


@given(st.lists(st.binary(max_size=6), max_size=12))
def test_bytes_that_are_no_text_become_one_replacement_each_and_are_counted(chunks: list[bytes]) -> None:
    writer = asciicast.Writer(3, HEAD)
    (data,) = write(writer, [started(BEGAN), *(output(chunk, BEGAN) for chunk in chunks)])
    whole = b"".join(chunks)
    expected = whole.decode(errors="surrogateescape")
    bad = sum("\udc80" <= character <= "\udcff" for character in expected)
    text = "".join("\ufffd" if "\udc80" <= character <= "\udcff" else character for character in expected)
    assert shown(read(data).events) == text.encode()
    assert [int(problem.split()[0]) for problem in writer.problems] == ([bad] if bad else [])


def test_a_character_that_was_cut_between_two_events_comes_whole_with_the_second() -> None:
    (data,) = write(asciicast.Writer(3, HEAD), [started(BEGAN), output(b"a\xc3", BEGAN), output(b"\xa9b", BEGAN + 10**9)])
    assert data.splitlines()[1:] == [b'[0.000000, "o", "a"]', '[1.000000, "o", "éb"]'.encode()]


def test_outputs_of_pipes_get_the_carriage_returns_of_a_terminal_and_do_not_share_a_cut_character() -> None:
    log = [started(BEGAN), output(b"\xc3", BEGAN, e.CHANNEL_STDOUT), output(b"no\n", BEGAN, e.CHANNEL_STDERR)]
    (data,) = write(asciicast.Writer(3, HEAD), [*log, output(b"\xa9\n", BEGAN, e.CHANNEL_STDOUT)])
    assert shown(read(data).events).decode() == "no\r\né\r\n"


def test_the_file_is_as_the_specification_has_it() -> None:
    head = Head(columns=100, rows=50, command="make -j2", title="build")
    step = e.Event(source="sightline", step_started=e.StepStarted(step="script:setup", index=1, count=2))
    step.time.FromNanoseconds(BEGAN + 2 * 10**9)
    hidden = typed(b"secret", BEGAN + 2 * 10**9, redacted=True)
    log = [
        started(BEGAN),
        output(b'\x1b[1m"\\\x7f\xc2\x85\xe2\x80\xa8', BEGAN + 1_500_000),
        typed(b"\r", BEGAN + 10**9),
        hidden,
        step,
        resized(90, 30, BEGAN + 3 * 10**9),
        completed(2, BEGAN + 4 * 10**9),
    ]
    (v3,) = write(asciicast.Writer(3, head), log)
    assert v3.decode().splitlines() == [
        '{"version": 3, "term": {"cols": 100, "rows": 50}, "timestamp": 1700000000, "command": "make -j2", "title": "build"}',
        r'[0.001500, "o", "\u001b[1m\"\\\u007f\u0085\u2028"]',
        r'[0.998500, "i", "\r"]',
        '[1.000000, "m", "script:setup"]',
        '[1.000000, "r", "90x30"]',
        '[1.000000, "x", "2"]',
    ]
    (v2,) = write(asciicast.Writer(2, head, keep_input=False), log)
    assert v2.decode().splitlines() == [
        '{"version": 2, "width": 100, "height": 50, "timestamp": 1700000000, "command": "make -j2", "title": "build"}',
        r'[0.001500, "o", "\u001b[1m\"\\\u007f\u0085\u2028"]',
        '[2.000000, "m", "script:setup"]',
        '[3.000000, "r", "90x30"]',
    ]


def test_the_specifications_own_example_is_read() -> None:
    lines = rb"""{"version": 3, "term": {"cols": 80, "rows": 24, "type": "xterm-256color"}, \
"timestamp": 1504467315, "title": "Demo", "env": {"SHELL": "/bin/zsh"}, "idle_time_limit": 2, "tags": ["x"]}
# event stream follows the header
[0.248, "o", "\u001b[1;31mHello \u001b[32mWorld!\u001b[0m\n"]
[1.001, "o", "That was ok\rThis is better."]
[3.500, "m", "half"]

# terminal window resized to 90 cols and 30 rows
[2.050, "r", "90x30"]
[1.541, "o", "Bye!"]
[0.887, "x", "7"]
"""
    recording = read(lines.replace(b"\\\n", b""))
    start = 1504467315_000000
    assert (recording.head.title, recording.head.columns, recording.head.idle_limit) == ("Demo", 80, 2)
    events = list(recording.events)
    assert story(events) == [
        (start, "r", (80, 24)),
        (start + 248_000, "o", b"\x1b[1;31mHello \x1b[32mWorld!\x1b[0m\n"),
        (start + 1_249_000, "o", b"That was ok\rThis is better."),
        (start + 6_799_000, "r", (90, 30)),
        (start + 8_340_000, "o", b"Bye!"),
        (start + 9_227_000, "x", 7),
    ]
    assert [event.notice.text for event in events if event.HasField("notice")] == ["half"]
    assert recording.problems == []


def test_without_an_exit_code_the_end_is_lost_and_says_why() -> None:
    *_, last = read(V2, b'[0.1, "o", "x"]\n').events
    assert last.completed.outcome == e.OUTCOME_LOST
    assert "does not say" in last.completed.error


def test_a_recording_of_asciinema_is_read_and_ours_is_played_by_it(tmp_path: Path) -> None:
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    path = tmp_path / "theirs.cast"
    command = r"printf 'h\303\251'; stty cols 90 rows 30; sleep 0.3; printf '\377'; stty size; exit 3"
    subprocess.run(["asciinema", "rec", "-q", "-c", command, str(path)], env=env, stdin=subprocess.DEVNULL, check=True, timeout=30)
    recording = read(path.read_bytes())
    assert recording.problems == []
    events = list(recording.events)
    assert shown(events).decode().startswith("hé�")
    first, *_, last = (event.source_time.ToMicroseconds() for event in events)
    assert last - first >= 300_000

    ours = tmp_path / "ours.cast"
    ours.write_bytes(b"".join(write(asciicast.Writer(2, recording.head), events)))
    played = []
    for one in (path, ours):
        play = ["asciinema", "play", "-s", "100", str(one)]
        played.append(subprocess.run(play, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=30).stdout)
    assert played == [shown(events)] * 2


# --- what is broken


def test_everything_before_a_torn_last_line_is_read(tmp_path: Path) -> None:
    good = V3 + b'[0.1, "o", "one"]\n[0.1, "o", "two"]\n'
    for torn in (b"[0.1", b'[0.1, "o", "thr', b'[0.1, "o", "\xc3', b"[0.1]\n", b"\0\0\0\0", b'[0.1, "o", "x"]\0\0'):
        recording = read(good + torn)
        assert shown(recording.events) == b"onetwo"
        assert recording.problems == ["line 4, the last, is torn: everything before it was read"]


def test_a_last_line_without_its_end_is_not_torn_when_it_is_whole() -> None:
    recording = read(V3 + b'[0.1, "o", "one"]')
    assert shown(recording.events) == b"one"
    assert recording.problems == []


@pytest.mark.parametrize("bad", [b"{}", b"[0.1]", b'["0.1", "o", "x"]', b'[NaN, "o", "x"]', b'[1e999, "o", "x"]', b"[" * 5000])
def test_a_broken_line_in_the_middle_is_an_error_that_names_it(bad: bytes) -> None:
    recording = read(V3, b'[0.1, "o", "one"]\n', bad, b'\n[0.1, "o", "two"]\n')
    with pytest.raises(BadRecording, match="line 3 is no event"):
        list(recording.events)


@pytest.mark.parametrize(
    ("first", "problem"),
    [
        (b"", "no JSON"),
        (b"hello\n", "no JSON"),
        (b"\xff\xfe{\0", "no JSON"),
        (b"[]\n", "no version"),
        (b'{"version": 1, "width": 80, "height": 24, "stdout": []}\n', "version 1"),
        (b'{"version": 4}\n', "version 4"),
        (b'{"version": [3]}\n', r"version \[3\]"),
        (b'{"version": 3, "width": 80, "height": 24}\n', "cols and rows"),
        (b'{"version": 2, "width": "80", "height": 24}\n', "width and height"),
        (b'{"version": 3, "term": {"cols": 0, "rows": 24}}\n', "cols and rows"),
    ],
)
def test_a_wrong_head_is_an_error_that_says_what_is_wrong(first: bytes, problem: str) -> None:
    with pytest.raises(BadRecording, match=problem):
        read(first)


def test_events_of_unknown_kinds_are_left_out_and_counted() -> None:
    recording = read(V3, b'[0.1, "z", "?"]\n[0.1, "z", {"a": 1}]\n[0.1, "o", "x", "more"]\n[0.1, "r", "axb"]\n[0.1, "x", "q"]\n')
    assert shown(recording.events) == b"x"
    assert [problem.split()[:5] for problem in recording.problems] == [
        ["2", "of", "the", "events", "'z'"],
        ["1", "of", "the", "events", "'r'"],
        ["1", "of", "the", "events", "'x'"],
    ]


def test_times_that_go_back_count_as_simultaneous() -> None:
    recording = read(V2, b'[2, "o", "a"]\n[1.5, "o", "b"]\n[3, "o", "c"]\n')
    times = [event.source_time.ToMicroseconds() - 1700000000_000000 for event in recording.events]
    assert times == [0, 2_000_000, 2_000_000, 3_000_000, 3_000_000]
    assert len(recording.problems) == 1


def test_bytes_that_are_no_utf8_are_taken_as_they_are() -> None:
    recording = read(V3, b'[0.1, "o", "a\xff\xe9"]\n[0.1, "o", "\\ud83d!"]\n')
    assert shown(recording.events) == b"a\xff\xe9" + "\ufffd!".encode()
    assert recording.problems == ["1 events hold bytes that are no UTF-8: they were taken as they are"]


def test_a_line_without_an_end_is_given_up_before_it_fills_the_memory() -> None:
    taken = 0

    def endless() -> object:
        nonlocal taken
        yield V3
        while True:
            taken += 1
            yield b"x" * 65536

    with pytest.raises(BadRecording, match="line 2 has more than 16 MiB"):
        list(asciicast.read(endless(), BEGAN).events)  # type: ignore[arg-type]
    assert taken <= 257


def test_a_large_output_becomes_events_that_fit_a_log() -> None:
    events = list(read(V3, b'[0.1, "o", "', b"x" * 1_500_000, b'"]\n').events)
    assert [len(event.output.data) for event in events if event.HasField("output")] == [524288, 524288, 451424]
    assert len({event.source_time.ToNanoseconds() for event in events if event.HasField("output")}) == 1


def test_a_recording_that_does_not_say_when_it_began_counts_from_the_moment_it_was_given() -> None:
    recording = asciicast.read([b'{"version": 3, "term": {"cols": 80, "rows": 24}}\n[1, "o", "x"]\n'], 5_000_000_000)
    assert [when for when, _, _ in story(recording.events)] == [5_000_000, 6_000_000, 6_000_000]

"""Typescripts: byte for byte both ways, with the real `script` and `scriptreplay`, and with a timing that lies."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest
from clients.cli.recordings.logs import BEGAN, completed, cut, cuts, logs, output, shown, started, story, typed, write
from hypothesis import given
from hypothesis import strategies as st
from sightline.v1 import event_pb2 as e
from sightline_cli.recordings import typescript
from sightline_cli.recordings.recording import Head, Recording

HEAD = Head(columns=80, rows=24, command="make -j2")
FIRST = b'Script started on 2026-11-21 09:52:36+00:00 [COMMAND="make" COLUMNS="80" LINES="24"]\n'
LAST = b'\nScript done on 2026-11-21 09:52:40+00:00 [COMMAND_EXIT_CODE="3"]\n'
START = 1795254756  # of FIRST, in seconds
data = st.one_of(st.binary(max_size=200), st.sampled_from([LAST, b"\n", FIRST]))


def read(output: bytes, timing: bytes | None = None, typed: bytes | None = None) -> Recording:
    return typescript.read([output], None if timing is None else [timing], None if typed is None else [typed], BEGAN)


def relative(told: list[tuple[int, str, object]]) -> list[tuple[int, str, object]]:
    return [(when - told[0][0], kind, what) for when, kind, what in told]


@given(logs(data), cuts, cuts, cuts)
def test_a_log_comes_back_with_every_byte_time_size_and_its_exit_code(
    log: list[e.Event], first: list[int], second: list[int], third: list[int]
) -> None:
    script, timing, typed_ = write(typescript.Writer(HEAD), log)
    recording = typescript.read(cut(script, first), cut(timing, second), cut(typed_, third), BEGAN)
    back = story(recording.events)
    there = story(log)
    assert [(kind, what) for _, kind, what in back] == [(kind, what) for _, kind, what in there]
    for (when, _, _), (when_back, _, _) in zip(relative(there), relative(back), strict=True):
        assert abs(when - when_back) <= 1
    assert recording.problems == []
    assert recording.head.command == "make -j2"


@pytest.mark.parametrize("size", [65_535, 131_073, 2_000_000])
def test_large_outputs_come_back_whole_with_and_without_a_timing(size: int) -> None:
    large = bytes(range(256)) * (size // 256) + b"\n" * (size % 256)
    script, timing, _ = write(typescript.Writer(HEAD), [started(BEGAN), output(large, BEGAN), completed(3, BEGAN)])
    for recording in (read(script, timing), read(script)):
        events = list(recording.events)
        assert shown(events) == large
        assert max(len(event.output.data) for event in events) <= 524_288
        assert events[-1].completed.exit_code == 3
        assert recording.problems == []


@given(logs(data))
def test_the_classic_timing_gives_every_byte_back_at_its_time(log: list[e.Event]) -> None:
    script, timing, typed_ = write(typescript.Writer(HEAD, advanced=False), log)
    assert typed_ == b""
    back = [one for one in story(read(script, timing).events) if one[1] == "o"]
    there = [one for one in story(log) if one[1] == "o"]
    assert [what for _, _, what in back] == [what for _, _, what in there]
    start = log[0].time.ToMicroseconds()
    for (when, _, _), (when_back, _, _) in zip(there, back, strict=True):
        assert abs((when - start) - (when_back - start // 10**6 * 10**6)) <= 1


@given(logs(st.binary(min_size=1, max_size=50)))
def test_what_was_read_is_written_as_the_same_files(log: list[e.Event]) -> None:
    parts = write(typescript.Writer(HEAD), log)
    assert write(typescript.Writer(HEAD), list(read(*parts).events)) == parts


def test_the_files_are_as_script_writes_them() -> None:
    log = [started(BEGAN), output(b"$ ", BEGAN + 10_000), typed(b"ls\r", BEGAN + 10**9), typed(b"pw", BEGAN + 10**9, redacted=True)]
    parts = write(typescript.Writer(HEAD), [*log, output(b"a\r\n\xff", BEGAN + 2 * 10**9), completed(3, BEGAN + 3 * 10**9)])
    assert parts == (
        b'Script started on 2023-11-14 22:13:20+00:00 [COMMAND="make -j2" COLUMNS="80" LINES="24"]\n'
        b'$ a\r\n\xff\nScript done on 2023-11-14 22:13:23+00:00 [COMMAND_EXIT_CODE="3"]\n',
        b"H 0.000000 START_TIME 2023-11-14 22:13:20+00:00\nH 0.000000 COLUMNS 80\nH 0.000000 LINES 24\n"
        b"H 0.000000 COMMAND make -j2\nO 0.000010 2\nI 0.999990 3\nO 1.000000 4\n"
        b"H 0.000000 DURATION 3.000000\nH 0.000000 EXIT_CODE 3\n",
        b'Script started on 2023-11-14 22:13:20+00:00 [COMMAND="make -j2" COLUMNS="80" LINES="24"]\n'
        b'ls\r\nScript done on 2023-11-14 22:13:23+00:00 [COMMAND_EXIT_CODE="3"]\n',
    )


def test_a_session_that_goes_on_has_no_last_line_yet() -> None:
    script, _, _ = write(typescript.Writer(HEAD), [started(BEGAN), output(b"so far", BEGAN)])
    assert script.endswith(b"\nso far")


@pytest.mark.parametrize("advanced", [True, False])
def test_scriptreplay_shows_what_was_written(tmp_path: Path, advanced: bool) -> None:
    log = [started(BEGAN), output(b"one\r\n", BEGAN + 10**7), typed(b"x", BEGAN + 10**7), output(b"two\xff\r\n", BEGAN + 2 * 10**7)]
    parts = write(typescript.Writer(HEAD, advanced=advanced), [*log, completed(0, BEGAN + 3 * 10**7)])
    names = [str(tmp_path / name) for name in ("s.typescript", "s.timing", "s.input")]
    for name, part in zip(names, parts, strict=True):
        Path(name).write_bytes(part)
    replayed = subprocess.run(["scriptreplay", "-T", names[1], "-O", names[0]], capture_output=True, check=True, timeout=30)
    assert replayed.stdout == b"one\r\ntwo\xff\r\n" + b"\n"  # it adds a line end of its own
    assert replayed.stderr == b""
    if advanced:
        replay = ["scriptreplay", "-T", names[1], "-I", names[2], "-c", "never"]
        assert subprocess.run(replay, capture_output=True, check=True, timeout=30).stdout == b"x\n"


@pytest.mark.parametrize("options", [["-m", "classic"], ["-m", "advanced"]])
def test_a_recording_of_script_is_read_with_its_size_times_and_exit_code(tmp_path: Path, options: list[str]) -> None:
    command = r"stty -echo; printf 'h\303\251\377'; read x; echo; exit 3"
    # The pause is behind what it has recorded: a sleep of its own could begin long before that.
    on_a_terminal(["script", "-q", "-e", *options, "-c", command, "-O", "s", "-T", "t"], tmp_path, b"\r", at=b"\xff", pause=0.2)
    recording = read((tmp_path / "s").read_bytes(), (tmp_path / "t").read_bytes())
    events = list(recording.events)
    assert recording.problems == []
    assert (recording.head.columns, recording.head.rows) == (100, 30)
    assert recording.head.command == command
    assert shown(events) == b"h\xc3\xa9\xff\r\n"
    assert events[-1].completed.exit_code == 3
    assert events[-1].source_time.ToMicroseconds() - events[1].source_time.ToMicroseconds() >= 190_000


@pytest.mark.parametrize("options", [["-I", "i", "-O", "s"], ["-B", "s"]])
def test_what_was_typed_is_read_from_its_own_file_and_from_between_the_output(tmp_path: Path, options: list[str]) -> None:
    on_a_terminal(["script", "-q", "-c", "echo ready; read x; echo got $x", *options, "-T", "t"], tmp_path, b"hi\r")
    typed_ = (tmp_path / "i").read_bytes() if "-I" in options else None
    recording = read((tmp_path / "s").read_bytes(), (tmp_path / "t").read_bytes(), typed_)
    events = list(recording.events)
    assert recording.problems == []
    assert b"".join(event.input.data for event in events) == b"hi\r"
    assert shown(events).endswith(b"got hi\r\n")
    assert events[-1].completed.exit_code == 0


def test_a_window_that_changed_its_size_is_read(tmp_path: Path) -> None:
    script = ["script", "-q", "-m", "advanced", "-c", "echo ready; sleep 0.5", "-O", "s", "-T", "t"]
    on_a_terminal(script, tmp_path, resize=(90, 20))
    recording = read((tmp_path / "s").read_bytes(), (tmp_path / "t").read_bytes())
    assert [what for _, kind, what in story(recording.events) if kind == "r"] == [(100, 30), (90, 20)]


def test_without_a_timing_every_byte_is_there_and_the_frame_is_not() -> None:
    recording = read(FIRST + b"one\ntwo" + LAST)
    events = list(recording.events)
    assert shown(events) == b"one\ntwo"
    assert {event.source_time.seconds for event in events} == {START}
    assert events[-1].completed.exit_code == 3
    assert recording.problems == []


def test_a_file_that_script_did_not_begin_is_all_output() -> None:
    assert shown(read(b"one\ntwo\n").events) == b"one\ntwo\n"


# --- a timing that lies


LIES = {
    "more than there is": (b"0.1 3\n0.1 400\n", b"onetwo", "397 bytes that the typescript does not have"),
    "less than there is": (b"0.1 3\n", b"onetwo", "3 bytes that the timing does not tell of"),
    "no timing at all": (b"", b"onetwo", "6 bytes that the timing does not tell of"),
    "garbage": (b"0.1 3\nwhat?\n0.1 3\n", b"onetwo", "line 2 of the timing makes no sense"),
    "a negative time": (b"0.1 3\n-5 3\n", b"onetwo", "line 2 of the timing makes no sense"),
    "a time beyond all": (b"0.1 3\n9999999999 1\n9999999999 1\n9999999999 1\n" * 20, b"onetwo", "bytes that the typescript"),
    "a size beyond all": (b"0.1 999999999999999999\n", b"onetwo", "999999999999999993 bytes that the typescript"),
    "not text": (b"\xff\xfe\0\0\0", b"onetwo", "line 1 of the timing makes no sense"),
    "a line without end": (b"0.1 3\n" + b"1" * 2_000_000, b"onetwo", "line 1 of the timing makes no sense"),
    "the frame too": (b"0.1 3\n0.1 50\n", b"onetwo", ""),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_timing_that_lies_loses_no_byte_and_is_told(lie: str) -> None:
    timing, said, problem = LIES[lie]
    recording = read(FIRST + said + LAST, timing)
    assert shown(recording.events).startswith(said)
    assert any(problem in told for told in recording.problems) or not problem, recording.problems


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=100))
def test_whatever_the_files_hold_every_byte_of_output_is_read_or_framed(output: bytes, timing: bytes, typed: bytes) -> None:
    events = list(read(output, timing, typed).events)
    assert events[-1].HasField("completed")
    total = len(shown(events)) + sum(len(event.input.data) for event in events)
    assert total >= len(output) - 2 * output.count(b"Script") - len(output) * (b"[" in output)


def test_typed_bytes_that_are_kept_elsewhere_are_known_by_their_number() -> None:
    events = list(read(FIRST + b"x", b"I 0.1 5\nO 0.1 1\n").events)
    inputs = [event.input for event in events if event.HasField("input")]
    assert [(one.redacted, one.length, one.data) for one in inputs] == [(True, 5, b"")]


def on_a_terminal(
    argv: list[str],
    directory: Path,
    keys: bytes = b"",
    resize: tuple[int, int] | None = None,
    *,
    at: bytes = b"ready",
    pause: float = 0,
) -> None:
    """Runs a program on a terminal of 100x30; types, or changes the window, when it has said `at`; waits for its end.

    `pause`: seconds from then until that is done.
    """
    leader, follower = os.openpty()
    window(leader, 100, 30)
    env = {**os.environ, "SHELL": "/bin/sh", "LC_ALL": "C.UTF-8", "TERM": "xterm"}
    program = subprocess.Popen(
        ["setsid", "--ctty", *argv], cwd=directory, env=env, stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    seen = b""
    try:
        while data := os.read(leader, 4096):
            seen += data
            if at in seen:
                time.sleep(pause)
                os.write(leader, keys)
                if resize:
                    window(leader, *resize)
                keys, resize, pause = b"", None, 0
    except OSError:
        pass  # its end
    finally:
        os.close(leader)
        assert program.wait(30) in {0, 3}, seen


def window(leader: int, columns: int, rows: int) -> None:
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

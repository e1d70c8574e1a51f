"""What was: exported, imported, and shown again, with a real server and the programs that own the formats."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from clients.cli.program import Program, Terminal
from google.protobuf.json_format import Parse
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import CHANNEL_STDERR, Event
from sightline.v1.session_pb2 import Session
from sightline.v1.session_pb2 import Terminal as Size
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from support.server import PATIENCE, SIGHTLINE, ServerProcess, connect, create, follow, until

STUBBORN = b"\x1b[31mh\xc3\xa9\xff\x00\x1b[c\x1b]52;c;eA==\x07\x1b[?25l\r\n"
"""Colours, a character, a byte that is none, a question to the terminal, a write to the clipboard, a hidden cursor."""


def run(server: ServerProcess, *words: str, code: int = 0, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run([*SIGHTLINE, *words], env=server.environ, input=stdin, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == code, done
    return done


def ended(stub: SessionServiceStub, *argv: str, name: str) -> Session:
    session = create(stub, *argv, name=name)
    follow(stub, session.id)
    return session


def events(stub: SessionServiceStub, session: str) -> list[Event]:
    return follow(stub, stub.Get(pb.GetRequest(session=session)).session.id)


def without_server(log: Sequence[Event]) -> list[tuple[str, Event]]:
    """What is of the recording itself: time, payload and whoever said it; not which log it stands in."""
    told = []
    for event in log:
        made = Event()
        made.CopyFrom(event)
        if not made.HasField("source_time"):
            made.source_time.CopyFrom(made.time)
        for ours in ("session_id", "seq", "time", "source"):
            made.ClearField(ours)
        if not event.HasField("state_changed"):
            told.append(("" if event.source in {"sightline", "imported"} else event.source, made))
    return told


@pytest.fixture(scope="module")
def lively(grpc_stub: SessionServiceStub, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A session of a terminal in which everything happened that a recording knows."""
    path = tmp_path_factory.mktemp("lively") / "stubborn"
    path.write_bytes(STUBBORN)
    script = f"cat {path}; read x; echo got $x; stty size; exit 3"
    session = create(grpc_stub, "bash", "-c", script, terminal=True, name="lively")
    grpc_stub.Resize(pb.ResizeRequest(session=session.id, terminal=Size(columns=90, rows=30)))
    grpc_stub.Send(pb.SendRequest(session=session.id, text="hello", submit=True))
    follow(grpc_stub, session.id)
    return session


@pytest.fixture(scope="module")
def both(grpc_stub: SessionServiceStub) -> str:
    """A command that wrote to both of its outputs."""
    ended(grpc_stub, "sh", "-c", "echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three", name="both")
    return "both"


@pytest.mark.parametrize(("name", "options"), [("a.cast", []), ("a.cast", ["-f", "v2"]), ("a.typescript", [])])
def test_what_is_imported_is_exported_as_the_same_files(
    grpc_server: ServerProcess, lively: Session, tmp_path: Path, name: str, options: list[str]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    run(grpc_server, "export", "lively", "-o", str(first / name), *options)
    imported = run(grpc_server, "import", str(first / name), "--name", "again", "--label", "command=x").stdout.decode().strip()
    assert imported == "again"
    run(grpc_server, "export", "again", "-o", str(second / name), *options)
    for file in first.iterdir():
        there, here = file.read_bytes(), (second / file.name).read_bytes()
        assert without_words(there) == without_words(here)


def without_words(data: bytes) -> bytes:
    """Without title and command, which name a session."""
    lines = data.split(b"\n")
    return b"\n".join(line for line in lines if b"COMMAND" not in line and b'"version"' not in line)


def test_json_lines_bring_every_event_back(
    grpc_server: ServerProcess, grpc_stub: SessionServiceStub, lively: Session, tmp_path: Path
) -> None:
    exported = run(grpc_server, "export", "lively", "-f", "jsonl").stdout
    there = follow(grpc_stub, lively.id)
    assert [Parse(line, Event()) for line in exported.splitlines()] == there
    run(grpc_server, "import", "-", "--name", "from-json", stdin=exported)
    assert without_server(events(grpc_stub, "from-json")) == without_server(there)
    session = grpc_stub.Get(pb.GetRequest(session="from-json")).session
    assert (session.exit_code, session.terminal.columns, session.labels["imported_as"]) == (3, 90, "jsonl")


def test_every_byte_of_a_terminal_is_in_the_typescript_and_comes_back(
    grpc_server: ServerProcess, grpc_stub: SessionServiceStub, lively: Session, tmp_path: Path
) -> None:
    path = tmp_path / "a.typescript"
    run(grpc_server, "export", "lively", "-o", str(path))
    there = b"".join(event.output.data for event in follow(grpc_stub, lively.id))
    assert STUBBORN[:-2] in there
    replayed = subprocess.run(
        ["scriptreplay", "-d", "1000", "-T", str(tmp_path / "a.timing"), "-O", str(path)], capture_output=True, check=True
    )
    assert replayed.stdout == there + b"\n"
    run(grpc_server, "import", str(path), "--name", "from-script")
    log = events(grpc_stub, "from-script")
    assert b"".join(event.output.data for event in log) == there
    assert b"".join(event.input.data for event in log) == b"hello"
    assert log[-1].completed.exit_code == 3


def test_both_outputs_of_a_command_are_exported_in_the_order_in_which_they_came(
    grpc_server: ServerProcess, grpc_stub: SessionServiceStub, both: str
) -> None:
    cast = run(grpc_server, "export", both).stdout.decode().splitlines()
    assert [json.loads(line)[1:] for line in cast[1:]] == [["o", "one\r\n"], ["o", "two\r\n"], ["o", "three\r\n"], ["x", "0"]]
    script = run(grpc_server, "export", both, "-f", "typescript").stdout
    assert b"one\ntwo\nthree\n" in script
    exported = run(grpc_server, "export", both, "-f", "jsonl").stdout
    run(grpc_server, "import", "-", "--name", "both-again", stdin=exported)
    log = events(grpc_stub, "both-again")
    assert [event.output.data for event in log if event.output.channel == CHANNEL_STDERR] == [b"two\n"]


def test_text_is_what_there_is_to_read_and_comes_back_as_it_is(
    grpc_server: ServerProcess, grpc_stub: SessionServiceStub, tmp_path: Path
) -> None:
    path = tmp_path / "words.txt"
    ended(grpc_stub, "printf", r"\033[31mred\033[0m \303\251\n 10%%\r100%%\n", name="words")
    run(grpc_server, "export", "words", "-o", str(path))
    assert path.read_bytes() == "red é\n100%\n".encode()
    assert run(grpc_server, "import", str(path), "--name", "words-again").stdout == b"words-again\n"
    assert run(grpc_server, "replay", "words-again").stdout == path.read_bytes()
    assert run(grpc_server, "export", "words-again", "-f", "text").stdout == path.read_bytes()


def test_what_is_typed_in_secret_is_in_no_file(grpc_server: ServerProcess, grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    session = create(grpc_stub, "sh", "-c", "read x", stdin=True, name="secret")
    grpc_stub.Send(pb.SendRequest(session=session.id, text="hunter2\n", sensitive=True))
    follow(grpc_stub, session.id)
    for name in ("s.cast", "s.typescript", "s.jsonl"):
        run(grpc_server, "export", "secret", "-o", str(tmp_path / name))
    assert all(b"hunter2" not in path.read_bytes() for path in tmp_path.iterdir())


def test_of_a_live_session_there_is_what_there_is_now(
    grpc_server: ServerProcess, grpc_stub: SessionServiceStub, tmp_path: Path
) -> None:
    session = create(grpc_stub, "sh", "-c", "echo now; read x", stdin=True, name="live")
    until(lambda: b"now" in run(grpc_server, "export", "live", "-f", "typescript").stdout)
    done = run(grpc_server, "export", "live", "-o", str(tmp_path / "live.cast"))
    assert b"live goes on, and this is what there was" in done.stderr
    assert json.loads((tmp_path / "live.cast").read_text().splitlines()[-1])[1:] == ["o", "now\r\n"]
    assert b"live goes on" in run(grpc_server, "replay", "live", "--speed", "inf").stderr
    exported = run(grpc_server, "export", "live", "-f", "jsonl").stdout
    taken = run(grpc_server, "import", "-", "--name", "live", stdin=exported, code=1)
    assert b"Give the import another name with --name" in taken.stderr
    run(grpc_server, "import", "-", "--name", "live-then", stdin=exported)
    assert events(grpc_stub, "live-then")[-1].completed.error == "the recording does not say how the program ended"
    grpc_stub.Terminate(pb.TerminateRequest(session=session.id))


def test_what_is_no_longer_kept_is_told(grpc_server: ServerProcess, grpc_stub: SessionServiceStub) -> None:
    long = ended(grpc_stub, "sh", "-c", "head -c 4000000 /dev/zero | tr '\\0' x", name="long")
    grpc_stub.Collect(pb.CollectRequest(limits=pb.RetentionLimits(max_session_bytes=1_000_000)))
    first = grpc_stub.Get(pb.GetRequest(session=long.id)).session.oldest_seq
    assert first > 1
    for words in (("export", "long", "-f", "typescript"), ("replay", "long", "--speed", "inf")):
        done = run(grpc_server, *words)
        assert f"events 1 to {first - 1} are no longer kept".encode() in done.stderr
        assert 0 < done.stdout.count(b"x") < 4_000_000


def test_a_file_is_replaced_only_when_asked(grpc_server: ServerProcess, lively: Session, tmp_path: Path) -> None:
    path = tmp_path / "a.txt.cast"
    path.write_text("mine")
    assert b"--force" in run(grpc_server, "export", "lively", "-o", str(path), code=1).stderr
    assert path.read_text() == "mine"
    run(grpc_server, "export", "lively", "-o", str(path), "--force")
    assert path.read_text().startswith('{"version": 3')
    assert b"no session" in run(grpc_server, "export", "nobody", "-o", str(path), "--force", code=1).stderr.lower()
    assert path.read_text().startswith('{"version": 3')
    assert os.listdir(tmp_path) == [path.name]


# --- importing what is broken


HEAD = b'{"version": 3, "term": {"cols": 80, "rows": 24}, "timestamp": 1700000000}\n'


def names(stub: SessionServiceStub) -> set[str]:
    return {session.name for session in stub.List(pb.ListRequest(page_size=1000)).sessions}


def test_a_torn_recording_is_imported_up_to_where_it_was_torn(
    grpc_server: ServerProcess, grpc_stub: SessionServiceStub, tmp_path: Path
) -> None:
    path = tmp_path / "torn one.cast"
    path.write_bytes(HEAD + b'[0.5, "o", "whole"]\n[0.1, "o", "to')
    done = run(grpc_server, "import", str(path))
    assert b"line 3, the last, is torn" in done.stderr
    assert done.stdout == b"torn-one\n"
    log = events(grpc_stub, "torn-one")
    assert [event.output.data for event in log if event.HasField("output")] == [b"whole"]
    assert [event.source_time.ToMilliseconds() for event in log if event.HasField("output")] == [1700000000_500]


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("middle.cast", HEAD + b'[0.1, "o", "x"]\nbroken\n[0.1, "o", "y"]\n', b"line 3 is no event of an asciicast"),
        ("head.cast", b'{"version": 3}\n', b"cols and rows"),
        ("other.cast", b"\x89PNG\r\n", b"no JSON"),
        ("long.cast", HEAD + b'[0.1, "o", "' + b"x" * (17 << 20) + b'"]\n', b"line 2 has more than 16 MiB"),
        ("a.jsonl", b'{"seq": "1", "output": {"data": "eA=="}}\nbroken\n{"seq": "2"}\n', b"line 2 is no event"),
    ],
)
def test_a_recording_that_is_broken_is_told_and_leaves_no_session(
    grpc_server: ServerProcess, grpc_stub: SessionServiceStub, tmp_path: Path, name: str, data: bytes, problem: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    before = names(grpc_stub)
    done = run(grpc_server, "import", str(path), code=1)
    assert problem in done.stderr
    assert str(path).encode() in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert names(grpc_stub) == before


def test_an_import_that_is_interrupted_leaves_no_session(grpc_server: ServerProcess, grpc_stub: SessionServiceStub) -> None:
    with importing(grpc_server, "interrupted") as (program, write):
        write(HEAD + b'[0, "o", "x"]\n' * 2000)
        until(lambda: "interrupted" in names(grpc_stub))
        program.signal(signal.SIGINT)
        assert program.ended()[0] == 130
    assert "interrupted" not in names(grpc_stub)


def test_an_import_that_is_interrupted_before_it_hears_that_its_session_is_made_leaves_none(
    grpc_server: ServerProcess, grpc_stub: SessionServiceStub
) -> None:
    with importing(grpc_server, "unheard") as (program, write):
        write(HEAD)
        while "unheard" not in names(grpc_stub):
            pass  # at once, so that what it is told is still on its way
        for signum in (signal.SIGSTOP, signal.SIGINT, signal.SIGCONT):
            program.signal(signum)
        assert program.ended()[0] == 130
    assert "unheard" not in names(grpc_stub)


def test_an_import_goes_on_over_a_kill_of_the_server_with_each_event_once(server: ServerProcess) -> None:
    lines = [f'[0.001, "o", "{number:06d}"]\n'.encode() for number in range(4000)]
    with importing(server, "killed") as (program, write):
        write(HEAD + b"".join(lines[:2500]))
        with connect(server.target) as stub:
            until(lambda: bool(names(stub)) and stub.Get(pb.GetRequest(session="killed")).session.head_seq > 2000)
        server.kill()
        server.start()
        write(b"".join(lines[2500:]))
        assert program.process.stdin is not None
        program.process.stdin.close()
        assert program.ended()[0] == 0
    with connect(server.target) as stub:
        shown = b"".join(event.output.data for event in events(stub, "killed"))
    assert shown == b"".join(f"{number:06d}".encode() for number in range(4000))


@contextmanager
def importing(server: ServerProcess, name: str) -> Iterator[tuple[Program, Callable[[bytes], None]]]:
    """An import that waits for its recording."""
    program = Program(["import", "-", "--name", name], server.environ, stdin=subprocess.PIPE)
    stream = program.process.stdin
    assert stream is not None

    def write(data: bytes) -> None:
        stream.write(data)
        stream.flush()

    try:
        yield program, write
    finally:
        program.close()


# --- shown again


PAUSED = HEAD + b'[0.3, "o", "one"]\n[3600, "o", "two"]\n[0.3, "o", "three"]\n'


def test_a_replay_takes_the_time_that_was_recorded_and_no_pause_longer_than_asked(
    grpc_server: ServerProcess, tmp_path: Path
) -> None:
    path = tmp_path / "paused.cast"
    path.write_bytes(PAUSED)
    run(grpc_server, "import", str(path))
    for what in ("paused", str(path)):
        began = time.monotonic()
        assert run(grpc_server, "replay", what, "--max-idle", "0.2").stdout == b"onetwothree"
        assert time.monotonic() - began >= 0.4  # two pauses; the first piece is shown at once
        assert run(grpc_server, "replay", what, "--speed", "0").stdout == b"onetwothree"
        assert run(grpc_server, "replay", what, "--from", "1h").stdout == b"onetwothree"


def test_a_replay_into_a_pipe_gives_each_byte_where_it_was_written(grpc_server: ServerProcess, lively: Session, both: str) -> None:
    assert STUBBORN[:-2] in run(grpc_server, "replay", "lively", "--speed", "inf").stdout
    done = run(grpc_server, "replay", both, "--speed", "inf")
    assert (done.stdout, done.stderr) == (b"one\nthree\n", b"two\n")


@contextmanager
def on_terminal(server: ServerProcess, *words: str, columns: int = 80, rows: int = 24) -> Iterator[Terminal]:
    terminal = Terminal(["replay", *words], server.environ, columns, rows)
    try:
        yield terminal
    finally:
        terminal.close()


def test_on_a_terminal_questions_and_the_clipboard_are_left_out_and_its_modes_come_back(
    grpc_server: ServerProcess, lively: Session
) -> None:
    with on_terminal(grpc_server, "lively", "--speed", "inf") as terminal:
        shown = terminal.expect(rb"q leaves.*got hello\r\n")[0]
        assert b"\x1b[31mh\xc3\xa9\xff\x00\x1b[?25l\r\r\n" in shown
        assert terminal.ended() == 0
        assert b"\x1b[?25h" in terminal.screen
        assert terminal.is_restored()


def test_a_terminal_smaller_than_the_recording_is_told(grpc_server: ServerProcess, lively: Session) -> None:
    with on_terminal(grpc_server, "lively", "--speed", "inf", columns=60) as terminal:
        terminal.expect(rb"was recorded in 90x30; this terminal is 60x24")
        assert terminal.ended() == 0


def test_keys_pause_go_on_change_the_speed_and_leave(grpc_server: ServerProcess, tmp_path: Path) -> None:
    path = tmp_path / "slow.cast"
    path.write_bytes(HEAD + b'[0, "o", "one"]\n[900, "o", "two"]\n[90000, "o", "three"]\n')
    with on_terminal(grpc_server, str(path)) as terminal:
        terminal.expect(b"one")
        terminal.type(b" ")
        terminal.type(b"++++++++++")  # 1024 times as fast: due at once, but for the pause
        terminal.type(b" ")
        terminal.expect(b"two")
        terminal.type(b"q")
        assert terminal.ended() == 0
        assert b"three" not in terminal.screen
        assert terminal.is_restored()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_replay_cleanly(grpc_server: ServerProcess, tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "hidden.cast"
    path.write_bytes(HEAD + rb'[0, "o", "\u001b[?1049h\u001b[?25lone"]' + b'\n[900, "o", "two"]\n')
    with on_terminal(grpc_server, str(path)) as terminal:
        terminal.expect(b"one")
        if number == signal.SIGINT:
            terminal.type(b"\x03")
        else:
            terminal.signal(number)
        assert terminal.ended() == 128 + number
        assert b"\x1b[?25h" in terminal.screen
        assert b"\x1b[?1049l" in terminal.screen
        assert terminal.is_restored()


def test_what_was_recorded_on_a_terminal_is_shown_without_its_line_ends_changed(grpc_server: ServerProcess, tmp_path: Path) -> None:
    path = tmp_path / "raw.cast"
    path.write_bytes(HEAD + rb'[0, "o", "down\nagain"]' + b"\n")
    with on_terminal(grpc_server, str(path)) as terminal:
        terminal.expect(b"down\nagain")
        assert terminal.ended() == 0

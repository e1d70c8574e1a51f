"""The relay by itself: real programs, real pipes, no server."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import termios
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sightline_server.capture import relay, relay_link
from sightline_server.capture.relay import SEGMENT_BYTES, SEGMENTS, Files, Mover, Segments
from sightline_server.capture.spool import Loss, SpoolReader
from support.disks import room, small_disk

WAIT = 20.0  # s, for anything that is waited for
STANDARD_SIGNALS = (1 << 31) - 1  # in the masks of /proc; those above it glibc keeps for itself or are real-time
PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


def until(condition: Callable[[], object], what: str = "") -> None:
    """Waits until a condition holds."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, what or "waited in vain"
        time.sleep(0.005)


def run(directory: Path, *argv: str, env: Mapping[str, str] = PATH, stdin_open: bool = False) -> int:
    """Starts a relay with a program; gives the relay's pid."""
    return relay_link.spawn(directory, argv, env, "/tmp", stdin_open=stdin_open)


def finished(pid: int) -> int:
    """Waits for a relay, gives its exit code."""
    until(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT), "the relay goes on")
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def read(directory: Path, channel: str) -> bytes:
    """Reads a channel to its end, deleting as a server does."""
    reader = SpoolReader(directory, channel, 0)
    parts: list[bytes] = []

    def more() -> bool:
        while piece := reader.peek():
            parts.append(piece)
            reader.advance(len(piece))
        return reader.at_end

    until(more)
    reader.close()
    return b"".join(parts)


def segments(directory: Path, channel: str) -> list[Path]:
    return sorted(directory.glob(f"{channel}.[0-9]*"))


def size(directory: Path, channel: str) -> int:
    return sum(path.stat().st_size for path in segments(directory, channel))


def unread(started: relay_link.Started) -> int:
    """Bytes of orders that a relay has not taken."""
    with open(f"/proc/{started.relay.pid}/fd/{started.control.number}", "wb") as pipe:
        return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4), sys.byteorder)


# --- command


def test_outputs_come_apart_and_the_exit_code_is_known(tmp_path: Path) -> None:
    assert finished(run(tmp_path, "sh", "-c", "echo out; echo err >&2; exit 3")) == 0
    assert read(tmp_path, "stdout") == b"out\n"
    assert read(tmp_path, "stderr") == b"err\n"
    assert relay_link.read_exit(tmp_path) == relay_link.Exit(code=3)


def test_a_signal_that_ended_the_program_is_known(tmp_path: Path) -> None:
    finished(run(tmp_path, "sh", "-c", "kill -TERM $$"))
    assert relay_link.read_exit(tmp_path) == relay_link.Exit(signal=signal.SIGTERM)


@pytest.mark.parametrize(("mode", "number"), [(0o600, 13), (None, 2)])
def test_a_program_that_cannot_be_started_says_why(tmp_path: Path, mode: int | None, number: int) -> None:
    program = tmp_path / "program"
    if mode:
        program.touch(mode)
    finished(run(tmp_path, str(program)))
    assert relay_link.read_exit(tmp_path) == relay_link.Exit(error=(number, os.strerror(number)))
    assert relay_link.read_started(tmp_path) is None


def test_a_script_that_names_no_shell_runs_as_it_does_from_a_shell(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo $0 $1\n")
    script.chmod(0o700)
    finished(run(tmp_path, str(script), "word"))
    assert read(tmp_path, "stdout") == f"{script} word\n".encode()


def test_the_program_gets_its_environment_and_words_exactly_and_the_relay_nothing_of_them(tmp_path: Path) -> None:
    secret = "s3cret=\nwith\udcffbytes"
    pid = run(
        tmp_path,
        "sh",
        "-c",
        "cat /proc/$$/environ; echo ready >&2; read line",
        "w\udcfford",
        env={**PATH, "KEY": secret},
        stdin_open=True,
    )
    until(lambda: size(tmp_path, "stderr"))
    for file in ("cmdline", "environ"):
        text = Path(f"/proc/{pid}/{file}").read_bytes()
        assert b"s3cret" not in text
        assert b"read line" not in text
    started = relay_link.read_started(tmp_path)
    assert started
    assert b"w\xfford" in Path(f"/proc/{started.child.pid}/cmdline").read_bytes()
    relay_link.order(started, relay.CONTROL_EOF)
    finished(pid)
    assert b"KEY=s3cret=\nwith\xffbytes\0" in read(tmp_path, "stdout")
    assert not any(b"s3cret" in path.read_bytes() for path in tmp_path.iterdir() if "stdout" not in path.name)


def test_the_program_starts_with_clean_signals_no_open_files_and_a_session_of_its_own(tmp_path: Path) -> None:
    leaked = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        pid = run(tmp_path, "sh", "-c", "ls /proc/$$/fd; exec cat /proc/self/status")
    finally:
        signal.signal(signal.SIGHUP, before)
        os.close(leaked)
    finished(pid)
    lines = read(tmp_path, "stdout").decode().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert int(status["SigIgn"], 16) & STANDARD_SIGNALS == 0
    assert int(status["SigBlk"], 16) == 0
    assert status["NSsid"] == status["NSpgid"] == status["Pid"]
    assert [line for line in lines if line.isdigit()] == ["0", "1", "2"]


def test_bytes_sent_before_eof_are_read_and_a_program_may_open_its_stdin_again(tmp_path: Path) -> None:
    pid = run(tmp_path, "sh", "-c", "read first; sleep 0.1; cat /dev/stdin", stdin_open=True)
    until(lambda: relay_link.read_started(tmp_path))
    started = relay_link.read_started(tmp_path)
    assert started
    relay_link.type_bytes(started, b"first\nsecond\n")
    relay_link.order(started, relay.CONTROL_EOF)
    finished(pid)
    assert read(tmp_path, "stdout") == b"second\n"


def test_a_full_spool_holds_the_program_and_the_other_channel_goes_on(tmp_path: Path) -> None:
    total = (SEGMENTS + 2) * SEGMENT_BYTES
    pid = run(tmp_path, "sh", "-c", f"head -c {total} /dev/zero & read go; echo still >&2; wait; echo done >&2", stdin_open=True)
    until(lambda: size(tmp_path, "stdout") == SEGMENTS * SEGMENT_BYTES)
    started = relay_link.read_started(tmp_path)
    assert started
    relay_link.type_bytes(started, b"go\n")
    until(lambda: size(tmp_path, "stderr") == len("still\n"))
    assert size(tmp_path, "stdout") == SEGMENTS * SEGMENT_BYTES
    assert read(tmp_path, "stdout") == bytes(total)
    finished(pid)
    assert read(tmp_path, "stderr") == b"still\ndone\n"
    assert relay_link.read_exit(tmp_path) == relay_link.Exit(code=0)


def test_the_exit_is_told_only_when_all_that_the_program_wrote_is_in_the_spool(tmp_path: Path) -> None:
    full = SEGMENTS * SEGMENT_BYTES
    pid = run(tmp_path, "sh", "-c", f"head -c {full + 4096} /dev/zero")
    started = relay_link.read_started
    until(lambda: size(tmp_path, "stdout") == full and started(tmp_path))
    child = started(tmp_path)
    assert child
    until(lambda: not Path(f"/proc/{child.child.pid}").exists(), "the last bytes are in the pipe, so the program can end")
    for _ in range(2):  # a relay that takes a second order is through with all that came before the first
        relay_link.order(child, b"?")
        until(lambda: unread(child) == 0)
    assert relay_link.read_exit(tmp_path) is None
    assert len(read(tmp_path, "stdout")) == full + 4096
    finished(pid)
    assert relay_link.read_exit(tmp_path) == relay_link.Exit(code=0)


def test_a_directory_that_went_away_does_not_kill_the_program(tmp_path: Path) -> None:
    spool, mark = tmp_path / "spool", tmp_path / "mark"
    spool.mkdir()
    pid = run(spool, "sh", "-c", f"read go; head -c {3 * SEGMENT_BYTES} /dev/zero && echo whole > {mark}", stdin_open=True)
    until(lambda: relay_link.read_started(spool))
    started = relay_link.read_started(spool)
    assert started
    for path in spool.iterdir():
        path.unlink()
    spool.rmdir()
    relay_link.type_bytes(started, b"go\n")
    finished(pid)
    assert mark.read_text() == "whole\n"


def test_without_splice_bytes_are_copied_and_kept_over_a_failed_write(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    lines = Segments(Files(str(tmp_path)), "stdout")
    mover = Mover(reader, lines)
    os.write(writer, b"one")
    lines.fd = os.open("/dev/full", os.O_WRONLY | os.O_APPEND)  # splice refuses O_APPEND, and /dev/full has no room
    mover.move()
    assert mover.waiting
    lines.close()
    os.write(writer, b"two")
    mover.move()
    mover.move()
    os.close(writer)
    mover.move()
    assert mover.ended
    assert read(tmp_path, "stdout") == b"onetwo"


def test_a_full_disk_holds_the_program_and_nothing_is_lost() -> None:
    with small_disk(2 * SEGMENT_BYTES) as disk:
        spool, ballast = disk / "spool", disk / "ballast"
        spool.mkdir()
        ballast.write_bytes(bytes(SEGMENT_BYTES))
        expected = b"".join(b"%d\n" % number for number in range(1, 700_001))
        assert SEGMENT_BYTES < len(expected) < 2 * SEGMENT_BYTES - 65536
        pid = run(spool, "seq", "700000")
        until(lambda: not room(disk))
        assert relay_link.read_exit(spool) is None
        ballast.unlink()
        finished(pid)
        assert read(spool, "stdout") == expected
        assert relay_link.read_exit(spool) == relay_link.Exit(code=0)


# --- pane


COUNTERS = array("Q", range((SEGMENTS + 4) * SEGMENT_BYTES // 8)).tobytes()  # the eight bytes at offset 8 n say n


@contextmanager
def pane(directory: Path) -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    """A relay in mode `pane` and the terminal's end of its pipe, a socket as tmux uses."""
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen([*relay.command_line("pane", str(directory)), str(SEGMENTS)], stdin=its.fileno())
    try:
        with ours:
            yield ours, process
    finally:
        process.kill()
        process.wait()


def read_lossy(directory: Path, offset: int = 0) -> tuple[dict[int, bytes], list[Loss], int]:
    """Pieces by offset, losses, and where it stopped: at what is there now."""
    reader = SpoolReader(directory, "terminal", offset)
    pieces: dict[int, bytes] = {}
    losses: list[Loss] = []
    while True:
        piece = reader.peek()
        loss = None if piece else reader.loss()
        if piece:
            pieces[reader.offset] = piece
            reader.advance(len(piece))
        elif loss:
            losses.append(loss)
            reader.advance(loss.bytes)
        else:
            reader.close()
            return pieces, losses, reader.offset


def test_a_pane_is_written_as_it_comes_and_ends_with_its_terminal(tmp_path: Path) -> None:
    with pane(tmp_path) as (terminal, process):
        terminal.sendall(b"hello \x1b[1m")
        until(lambda: size(tmp_path, "terminal"))
        assert f"relay {process.pid} " in (tmp_path / "started").read_text()
        terminal.sendall(b"there")
        terminal.close()
        assert process.wait(WAIT) == 0
    assert read(tmp_path, "terminal") == b"hello \x1b[1mthere"


def test_a_marker_that_comes_slowly_is_no_output(tmp_path: Path) -> None:
    with pane(tmp_path) as (terminal, _):
        marker = relay.marker(str(tmp_path))
        terminal.sendall(b"last" + marker[:10])
        time.sleep(0.1)
        terminal.sendall(marker[10:])
        until((tmp_path / "terminal.drained").exists)
        assert read_lossy(tmp_path)[0] == {0: b"last"}


def test_a_pane_told_to_go_takes_what_is_readable_first(tmp_path: Path) -> None:
    with pane(tmp_path) as (terminal, process):
        until((tmp_path / "started").exists)
        process.send_signal(signal.SIGSTOP)
        terminal.sendall(b"still")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        assert process.wait(WAIT) == 0
    assert read(tmp_path, "terminal") == b"still"


def test_a_pane_is_never_held_back_and_every_lost_byte_is_counted(tmp_path: Path) -> None:
    with pane(tmp_path) as (terminal, process):
        terminal.settimeout(WAIT)
        terminal.sendall(COUNTERS)
        until(lambda: size(tmp_path, "terminal") == SEGMENTS * SEGMENT_BYTES)
        pieces, losses, offset = read_lossy(tmp_path)
        until((tmp_path / "terminal.lost").exists, "the loss is told once there is room, without another byte")
        terminal.sendall(b"after the loss")
        terminal.close()
        assert process.wait(WAIT) == 0
    more, more_losses, end = read_lossy(tmp_path, offset)
    pieces |= more
    losses += more_losses
    assert end == len(COUNTERS) + len(b"after the loss")
    assert sum(map(len, pieces.values())) + sum(loss.bytes for loss in losses) == end
    assert losses
    assert all(0 < loss.since <= loss.until for loss in losses)
    stream = COUNTERS + b"after the loss"
    for start, piece in pieces.items():
        assert piece == stream[start : start + len(piece)]


def test_a_pane_that_loses_to_its_end_says_so(tmp_path: Path) -> None:
    with pane(tmp_path) as (terminal, process):
        terminal.settimeout(WAIT)
        terminal.sendall(COUNTERS)
        terminal.close()
        assert process.wait(WAIT) == 0
    _, losses, end = read_lossy(tmp_path)
    assert sum(loss.bytes for loss in losses) == len(COUNTERS) - SEGMENTS * SEGMENT_BYTES
    assert int((tmp_path / "terminal.end").read_text()) == end == len(COUNTERS)


def test_a_later_pane_relay_goes_on_behind_the_first(tmp_path: Path) -> None:
    for text in (b"first ", b"second"):
        with pane(tmp_path) as (terminal, process):
            terminal.sendall(text)
            terminal.close()
            assert process.wait(WAIT) == 0
    assert read(tmp_path, "terminal") == b"first second"


def test_a_pane_on_a_full_disk_loses_counts_and_goes_on(tmp_path: Path) -> None:
    with small_disk(SEGMENT_BYTES) as disk, pane(disk) as (terminal, process):
        ballast = disk / "ballast"
        until((disk / "started").exists)
        ballast.write_bytes(bytes(SEGMENT_BYTES // 2))
        stream = COUNTERS[:SEGMENT_BYTES]
        terminal.settimeout(WAIT)
        terminal.sendall(stream)
        until(lambda: not room(disk))
        ballast.unlink()
        until(lambda: (disk / "terminal.lost").exists() and (disk / "terminal.lost").stat().st_size)
        terminal.sendall(b"after")
        terminal.close()
        assert process.wait(WAIT) == 0
        pieces, losses, end = read_lossy(disk)
        stream += b"after"
        assert end == len(stream)
        assert losses
        assert all(piece == stream[start : start + len(piece)] for start, piece in pieces.items())
        assert sum(map(len, pieces.values())) + sum(loss.bytes for loss in losses) == end


# --- exec


def launch(directory: Path, argv: list[bytes], env: dict[bytes, bytes], cwd: bytes = b"/") -> bytes:
    """Runs a program by the launcher in a terminal, as a relay behind that terminal would; what came through before the marker."""
    os.mkfifo(directory / "spec")
    terminal = {"TERM": "screen", "TMUX": "/s,1,0", "TMUX_PANE": "%7", "OTHER": "left out"}
    master, slave = os.openpty()
    os.set_blocking(master, False)

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    command = relay.command_line("exec", str(directory))
    with subprocess.Popen(
        command,
        env=terminal,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=take_terminal,  # noqa: PLW1509 - one thread
    ) as process:
        os.close(slave)
        with (directory / "spec").open("wb") as fifo:
            fifo.write(relay.encode_spec(argv, env, cwd, False))
        output = b""

        def came_through() -> bool:
            nonlocal output
            with suppress(BlockingIOError, OSError):
                output += os.read(master, 65536)
            return relay.marker(str(directory)) in output or process.poll() is not None

        until(came_through)
        assert process.poll() is None or not (directory / "program").exists(), "it went before its last byte was seen"
        (directory / "terminal.drained").touch()
        process.wait(WAIT)
    os.close(master)
    return output.partition(relay.marker(str(directory)))[0]


def test_the_launcher_runs_the_program_in_its_directory_with_its_environment(tmp_path: Path) -> None:
    env = {b"PATH": b"/usr/bin:/bin", b"TERM": b"dumb", b"KEY": b"secret"}
    script = b"pwd; grep SigIgn /proc/self/status; env; ps -o pgid=,tpgid= -p $$; exit 5"
    lines = launch(tmp_path, [b"sh", b"-c", script], env, b"/usr").decode().splitlines()
    assert relay_link.read_exit(tmp_path) == relay_link.Exit(code=5)
    assert lines[0] == "/usr"
    assert int(lines[1].split()[1], 16) & STANDARD_SIGNALS == 0
    assert set(lines[2:]) >= {"TERM=screen", "TMUX=/s,1,0", "TMUX_PANE=%7", "KEY=secret", "PATH=/usr/bin:/bin"}
    assert not any(line.startswith("OTHER") for line in lines)
    group, foreground = lines[-1].split()
    assert group == foreground


def test_a_program_that_stops_itself_goes_on(tmp_path: Path) -> None:
    assert launch(tmp_path, [b"sh", b"-c", b"kill -STOP $$; echo on; kill -TERM $$"], {b"PATH": b"/usr/bin:/bin"}) == b"on\r\n"
    assert relay_link.read_exit(tmp_path) == relay_link.Exit(signal=15)


def test_a_program_whose_terminal_goes_is_hung_up(tmp_path: Path) -> None:
    assert launch(tmp_path, [b"sh", b"-c", b"kill -HUP $PPID; sleep 60"], {b"PATH": b"/usr/bin:/bin"}) == b""
    assert relay_link.read_exit(tmp_path) == relay_link.Exit(signal=1)


@pytest.mark.parametrize("size", range(1, 25))
def test_the_marker_is_taken_out_wherever_it_is_cut(tmp_path: Path, size: int) -> None:
    pane = relay.Pane(str(tmp_path))
    data = b"\x1b[1mbold\x1b]0;title\x07 last\x1b" + relay.marker(str(tmp_path)) + b"behind\x1b"
    for place in range(0, len(data), size):
        pane.sift(pane.held + data[place : place + size])
    assert (tmp_path / "terminal.drained").exists()
    pane.segments.close()
    assert (tmp_path / "terminal.00000000").read_bytes() + pane.held == b"\x1b[1mbold\x1b]0;title\x07 last\x1bbehind\x1b"


def test_a_launcher_that_cannot_start_the_program_says_why(tmp_path: Path) -> None:
    launch(tmp_path, [b"no-such-program"], {b"PATH": b"/usr/bin"})
    assert relay_link.read_exit(tmp_path) == relay_link.Exit(error=(2, "No such file or directory"))


def test_a_spec_that_is_cut_short_starts_nothing() -> None:
    spec = relay.encode_spec([b"sh", b"-c", b"exit 0"], {b"A": b"1"}, b"/", True, b"hello")
    assert relay.decode_spec(spec) == ([b"sh", b"-c", b"exit 0"], {b"A": b"1"}, b"/", True, b"hello")
    for cut in range(len(spec)):
        with pytest.raises(ValueError, match=r".*"):
            relay.decode_spec(spec[:cut])
    with pytest.raises(ValueError, match="NUL"):
        relay.encode_spec([b"a\0b"], {}, b"/", False)


def test_a_pipe_that_ends_in_a_directory_that_is_gone_leaves_the_relay_asleep(tmp_path: Path) -> None:
    spool, gate = tmp_path / "spool", tmp_path / "gate"
    spool.mkdir()
    os.mkfifo(gate)
    pid = run(spool, "sh", "-c", f"echo begun; read go <{gate}; exec >&-; exec sleep 60")
    until(lambda: (spool / "stdout.00000000").exists() and (spool / "stdout.00000000").stat().st_size)
    started = relay_link.read_started(spool)
    assert started
    shutil.rmtree(spool)
    gate.write_text("go\n")
    until(lambda: b"sleep" in Path(f"/proc/{started.child.pid}/cmdline").read_bytes())
    asleep = 0

    def for_a_while() -> bool:
        nonlocal asleep
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        asleep = asleep + 1 if state == "S" else 0
        return asleep == 20

    until(for_a_while, "the relay spins")
    os.kill(started.child.pid, signal.SIGKILL)
    assert finished(pid) == 0

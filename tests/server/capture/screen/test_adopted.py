"""Windows of the user's own screen sessions: followed exactly, typed into exactly, let go without a trace; and how they end."""

from __future__ import annotations

import os
import signal as signals
import sys
from pathlib import Path

import pytest
from server.capture.screen.rooms import SHELL, FileSink, Room, counted, hosted, room, shown, until
from sightline.v1.event_pb2 import CaptureState
from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.base import Typed
from sightline_server.capture.screen import adopted, windows

KEEPER = """
import os, sys, tty
tty.setraw(0)
out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
os.close(os.open(sys.argv[1] + ".ready", os.O_CREAT))
while data := os.read(0, 65536):
    os.write(out, data)
"""
SLEEPER = "import os, sys, time, tty\ntty.setraw(0)\nos.close(os.open(sys.argv[1], os.O_CREAT))\ntime.sleep(600)"

# Counts from `go` on: one until `enough`, without a pause, the other to 5000 and, behind `enough`, to 20000.
GO = "until [ -e go ]; do sleep 0.01; done"
WITHOUT_A_PAUSE = f"{GO}; until [ -e enough ]; do n=$((n+1)); echo $n; done; echo $n over; sleep 600"
WITH_A_PAUSE = f"{GO}; seq 1 5000; until [ -e enough ]; do sleep 0.01; done; seq 5001 20000; echo 20000 over; sleep 600"


def traces(here: Room, pid: int) -> tuple[list[str], str, list[str]]:
    """What can be seen of us around a session: open files, the word `log`, files where a log would begin."""
    facts = here.screen("-S", str(pid), "-p", "0", "-Q", "info").partition("/")[2]
    return here.files(pid), facts, sorted(path.name for path in here.place.iterdir())


async def keeper(here: Room, name: str = "keeper") -> tuple[int, Path]:
    """A session whose program keeps what it reads, in a raw terminal."""
    kept = here.home / f"{name}.kept"
    pid = await here.session(name, sys.executable, "-c", KEEPER, str(kept))
    await until(Path(f"{kept}.ready").exists)
    return pid, kept


async def test_a_session_without_any_recording_streams_from_its_adoption_on() -> None:
    async with room() as here:
        await here.session("work", *SHELL)
        sink, source = await here.adopted("work")
        await source.send(Typed(b"echo a-$((6*7))", submit=True))
        await shown(sink, b"\r\na-42\r\n")
        assert sink.states == []


async def test_every_byte_of_a_flood_is_there_once_over_killed_servers() -> None:
    last = 2_500_000  # 22 MB: more than one file
    async with room() as here:
        spool, log, go = here.home / "spool", here.home / "log", here.home / "go"
        spool.mkdir(mode=0o700)
        waiting = f"stty -echo; echo read''y; until [ -e {go} ]; do sleep 0.1; done; seq 1 {last}; exec sleep 600"
        await here.session("work", "sh", "-c", waiting)
        sink = FileSink(spool, log)
        async with hosted(here, spool, log, "work"):
            await until((log / "following").exists)
        go.touch()
        while not sink.written().endswith(b"\r\n%d\r\n" % last):
            async with hosted(here, spool, log, "work"):
                await until(sink.has_grown(1_000_000, b"\n%d\r\n" % last))
        assert sink.written().endswith(counted(last))
        assert len(sink.written()) - len(counted(last)) <= len("ready\r\n")
        async with hosted(here, spool, log, "work"):  # the one before may have been killed just before it did
            await until(lambda: len(list(spool.glob("log.*.0"))) <= 2)  # what is committed is deleted


async def test_every_byte_value_that_is_typed_arrives_as_it_is() -> None:
    async with room() as here:
        _, kept = await keeper(here)
        _, source = await here.adopted("keeper")
        typed = bytes(range(256)) * 40  # more than one paste, more than a terminal holds
        await source.send(Typed(typed))
        await source.send(Typed(b'$HOME "^M" \\015 ~ %n', keys=("Up", "C-a", "M-x"), submit=True, eof=True))
        await source.interrupt()
        expected = typed + b'$HOME "^M" \\015 ~ %n' + b"\x1b[A\x01\x1bx" + b"\r" + b"\x04" + b"\x03"
        await until(lambda: kept.stat().st_size >= len(expected))
        assert kept.read_bytes() == expected


async def test_typing_into_a_program_that_does_not_read_is_refused_and_hangs_nothing() -> None:
    async with room() as here:
        ready = here.home / "ready"
        pid = await here.session("deaf", sys.executable, "-c", SLEEPER, str(ready))
        await until(ready.exists)
        _, source = await here.adopted("deaf")
        with pytest.raises(errors.InputCut) as cut:
            await source.send(Typed(b"x" * 20_000))
        assert cut.value.variables["typed"] == "4095"
        with pytest.raises(errors.InputBlocked):
            await source.send(Typed(b"x"))
        await source.interrupt()
        assert here.screen("-S", str(pid), "-Q", "number").startswith("0")


async def test_a_person_who_is_attached_sees_and_types_on() -> None:
    async with room() as here:
        pid, kept = await keeper(here)
        _, source = await here.adopted("keeper")
        with here.attached(pid) as terminal:
            await until(lambda: "(Attached)" in here.screen("-ls"))
            await source.send(Typed(b"ours,"))
            await until(lambda: kept.read_bytes() == b"ours,")
            os.write(terminal, b"theirs")
            await until(lambda: kept.read_bytes() == b"ours,theirs")


async def test_a_password_prompt_is_seen_as_one() -> None:
    async with room() as here:
        await here.session("work", *SHELL)
        sink, source = await here.adopted("work")
        assert not await source.echo_is_off()
        await source.send(Typed(b"stty -echo; echo of''f", submit=True))
        await shown(sink, b"\r\noff\r\n")
        assert await source.echo_is_off()


async def test_the_picture_is_told_to_be_no_exact_one() -> None:
    async with room() as here:
        await here.session("work", *SHELL)
        sink, source = await here.adopted("work")
        await source.send(Typed(b"echo on''screen", submit=True))
        await shown(sink, b"\r\nonscreen\r\n")
        screen = await source.snapshot()
        assert "onscreen" in screen.text
        assert (screen.columns, screen.rows, screen.exact) == (80, 24, False)


async def test_release_leaves_no_trace_and_the_next_log_begins_where_it_always_did() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        before = traces(here, pid)
        sink, source = await here.adopted("work")
        await source.send(Typed(b"echo se''en", submit=True))
        await shown(sink, b"\r\nseen\r\n")
        await source.release()
        assert (await sink.ending()).released
        assert traces(here, pid) == before
        here.screen("-S", str(pid), "-p", "0", "-X", "log", "on")
        await until((here.place / "screenlog.0").exists)
        assert str(here.place / "screenlog.0") in here.files(pid)


async def test_the_owners_own_log_goes_on_and_is_what_is_followed() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        here.screen("-S", str(pid), "-p", "0", "-X", "log", "on")
        own = here.place / "screenlog.0"
        await until(own.exists)
        here.screen("-S", str(pid), "-p", "0", "-X", "stuff", "echo be''fore\\015")
        here.screen("-S", str(pid), "-p", "0", "-X", "logfile", "flush", "0")
        await until(lambda: b"\nbefore\r\n" in own.read_bytes())
        before = here.files(pid)
        sink, source = await here.adopted("work")
        await source.send(Typed(b"echo af''ter", submit=True))
        await shown(sink, b"\r\nafter\r\n")
        assert b"\nbefore\r\n" not in sink.written("terminal")
        assert sink.states[0][0] == CaptureState.CAPTURE_STATE_FOLLOWING
        await source.release()
        await sink.ending()
        assert here.files(pid) == before
        assert own.read_bytes().endswith(sink.written("terminal"))


async def test_a_log_of_the_owners_that_cannot_be_told_from_others_is_left_alone() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        await here.window(pid, *SHELL)
        for number in "01":
            here.screen("-S", str(pid), "-p", number, "-X", "log", "on")
        await until((here.place / "screenlog.1").exists)
        before = traces(here, pid)
        with pytest.raises(errors.ScreenLogged):
            await here.adopted("work", 0)
        assert traces(here, pid) == before


async def test_a_log_that_another_window_begins_meanwhile_is_its_owners() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        other = await here.window(pid, *SHELL)
        sink, source = await here.adopted("work", 0)
        here.screen("-S", str(pid), "-p", str(other), "-X", "log", "on")
        await until((here.place / f"screenlog.{other}").exists)
        await source.send(Typed(b"echo st''ill", submit=True))
        await shown(sink, b"\r\nstill\r\n")


@pytest.mark.parametrize(("before", "script"), [(b"", WITHOUT_A_PAUSE), (b"of last week\r\n", WITH_A_PAUSE)])
async def test_a_log_that_began_beside_ours_is_given_back_whole(
    before: bytes, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adopted, "POLL_SECONDS", 2.0)  # the other log begins before the next look, under a name that is still ours
    async with room() as here:
        pid = await here.session("work", *SHELL)
        sink, source = await here.adopted("work")
        (here.place / "count.sh").write_text(script)
        other = await here.window(pid, "sh", "count.sh")
        own = here.place / f"screenlog.{other}"
        if before:
            own.write_bytes(before)
        here.screen("-S", str(pid), "-p", str(other), "-X", "log", "on")
        (here.place / "go").touch()
        await until(lambda: own.exists() and own.stat().st_size > len(before))
        await until(lambda: not list(sink.directory.glob(f"log.*.{other}")))
        (here.place / "enough").touch()
        await until(lambda: own.read_bytes().endswith(b" over\r\n"))
        last = own.read_bytes().split()[-2]
        assert own.read_bytes() == before + counted(int(last)) + last + b" over\r\n"
        await source.send(Typed(b"echo st''ill", submit=True))
        await shown(sink, b"\r\nstill\r\n")


async def test_two_windows_of_one_session_are_two_sources() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        other = await here.window(pid, *SHELL)
        first, one = await here.adopted("work", 0)
        second, two = await here.adopted(f"{pid}.work", other)
        await one.send(Typed(b"echo fi''rst", submit=True))
        await two.send(Typed(b"echo sec''ond", submit=True))
        await shown(first, b"\r\nfirst\r\n")
        await shown(second, b"\r\nsecond\r\n")
        await one.release()
        await first.ending()
        await two.send(Typed(b"echo th''ird", submit=True))
        await shown(second, b"\r\nthird\r\n")
        assert b"second" not in first.written("terminal")
        assert b"first" not in second.written("terminal")


async def test_a_log_that_its_owner_switches_off_is_told() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        sink, _ = await here.adopted("work")
        here.screen("-S", str(pid), "-p", "0", "-X", "log", "off")
        await sink.until(lambda: bool(sink.states))
        assert sink.states[0][0] == CaptureState.CAPTURE_STATE_BLIND


@pytest.mark.parametrize("way", ["killed", "quit", "exit"])
async def test_the_end_is_told_once_and_that_nobody_saw_the_exit_code(way: str) -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        sink, source = await here.adopted("work")
        await source.send(Typed(b"echo la''st", submit=True))
        await shown(sink, b"\r\nlast\r\n")
        if way == "killed":
            os.kill(pid, signals.SIGKILL)
        elif way == "quit":
            here.screen("-S", str(pid), "-X", "quit")
        else:
            await source.send(Typed(b"exit 3", submit=True))
        ending = await sink.ending()
        assert (ending.observed, ending.exit_code) == (False, None)
        assert ending.error
        with pytest.raises(errors.SourceGone):
            await source.send(Typed(b"x"))


async def test_a_window_that_closes_ends_alone_and_the_session_has_its_settings_again() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        other = await here.window(pid, *SHELL)
        sink, source = await here.adopted("work", other)
        await source.send(Typed(b"seq 1 5000; exit", submit=True))
        await sink.ending()
        assert counted(5000) in sink.written("terminal")
        assert [window.number for window in windows.windows(pid)] == [0]
        here.screen("-S", str(pid), "-p", "0", "-X", "log", "on")
        await until((here.place / "screenlog.0").exists)


async def test_terminate_ends_the_windows_program_with_its_children() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        sink, source = await here.adopted("work")
        window = windows.windows(pid)[0]
        await source.send(Typed(b"setsid -w sleep 600 & echo star''ted", submit=True))
        await shown(sink, b"\r\nstarted\r\n")
        children = list(windows.descendants(window.program.pid))
        assert children
        await source.terminate(signals.SIGTERM, 0.2)
        await sink.ending()
        await until(lambda: not any(map(processes.identify, children)))


async def test_its_size_is_its_owners() -> None:
    async with room() as here:
        await here.session("work", *SHELL)
        _, source = await here.adopted("work")
        with pytest.raises(errors.NotResizable):
            await source.resize(100, 30)


async def test_a_screen_that_is_stopped_is_told_to_be_silent() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        os.kill(pid, signals.SIGSTOP)
        try:
            with pytest.raises(errors.ScreenSilent):
                await here.adopted("work")
        finally:
            os.kill(pid, signals.SIGCONT)


async def test_a_session_that_went_while_no_server_was_there_is_read_to_its_end() -> None:
    async with room() as here:
        await here.session("work", *SHELL)
        sink, source = await here.adopted("work")
        await source.send(Typed(b"sleep 0.3; seq 1 5000; exit", submit=True))
        await source.detach()
        await until(lambda: not list(here.screens.iterdir()))
        again = type(source)(sink, here.inotify, here.program, here.followed)
        await again.resume()
        assert (await sink.ending()).error
        assert counted(5000) in sink.written("terminal")

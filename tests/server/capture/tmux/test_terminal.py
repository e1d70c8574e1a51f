"""Terminals of our own: every byte from first to last, how they end, what is typed, what is seen; and kills of all sorts."""

from __future__ import annotations

import asyncio
import json
import os
import signal as signals
import subprocess

import pytest
from server.capture.memory_sink import MemorySink
from server.capture.tmux.rooms import ENVIRONMENT, FileSink, counted, hosted, outcome, room, until
from sightline.v1.event_pb2 import CaptureState
from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.base import Ending, Typed
from sightline_server.capture.tmux import TerminalSource
from sightline_server.capture.tmux import pipe as tmux_pipe
from sightline_server.capture.tmux.pane import Held

TERMINAL = "terminal"


async def shown(sink: MemorySink, data: bytes) -> None:
    """Waits until a terminal has shown something."""
    await sink.until(lambda: data in sink.written(TERMINAL))


async def test_a_program_runs_in_a_terminal_of_its_size_and_environment() -> None:
    async with room() as here:
        words = "tty -s && stty size; pwd; echo $SIGHTLINE_SESSION_ID $MINE ${SECRET-none}; exit 7"
        sink, _ = await here.terminal("sh", "-c", words, columns=101, rows=33, MINE="it's; #{pane_id}")
        assert await outcome(sink) == Ending(exit_code=7)
        assert sink.written(TERMINAL).decode() == f"33 101\r\n{here.home}\r\n{sink.session_id} it's; #{{pane_id}} none\r\n"


async def test_the_environment_is_for_the_program_alone() -> None:
    async with room() as here:
        sink, source = await here.terminal("cat", SECRET="sesame")
        tmux = here.ours("show-environment", "-g") + here.ours("show-environment", "-t", sink.session_id)
        pids = here.ours("list-panes", "-a", "-F", "#{pid}", ";", "list-panes", "-a", "-F", "#{pane_pid}").split()
        argvs = subprocess.run(["ps", "-o", "args", "-p", ",".join(pids)], capture_output=True, check=True, text=True).stdout  # noqa: ASYNC221 - it is short
        assert "PATH=" in tmux
        assert "tmux" in argvs
        assert "sesame" not in tmux + argvs
        await source.terminate(signals.SIGKILL, 0)
        assert (await sink.ending()).signal == signals.SIGKILL


@pytest.mark.parametrize("last", [1, 300_000])
async def test_no_byte_is_missing_when_a_program_writes_and_exits_at_once(last: int) -> None:
    async with room() as here:
        for _ in range(3):
            sink, _ = await here.terminal("seq", "1", str(last))
            assert await outcome(sink) == Ending(exit_code=0)
            assert sink.written(TERMINAL) == counted(last)


async def test_ends_are_told_one_by_one_when_many_exit_together() -> None:
    async with room() as here:
        started = await asyncio.gather(*(here.terminal("sh", "-c", f"exit {code}") for code in range(12)))
        endings = [await sink.ending() for sink, _ in started]
        assert [ending.exit_code for ending in endings] == list(range(12))
        await until(lambda: not here.ours("list-panes", "-a"))


async def test_a_fatal_signal_is_told_apart_from_a_code() -> None:
    async with room() as here:
        sink, _ = await here.terminal("sh", "-c", "kill -SEGV $$")
        assert await outcome(sink) == Ending(signal=signals.SIGSEGV)


async def test_what_a_program_leaves_behind_is_counted() -> None:
    async with room() as here:
        sink, source = await here.terminal("sh", "-c", "setsid sh -c 'echo up; exec sleep 1000' & read x; exit 0")
        await shown(sink, b"up")
        await source.send(Typed(submit=True))
        assert (await sink.ending()).descendants_left == 1
        await source.terminate(signals.SIGKILL, 0)
        assert processes.tree(sink.session_id, None) == []


async def test_a_program_that_is_not_there_is_refused_and_leaves_nothing() -> None:
    async with room() as here:
        plain = here.home / "plain"
        plain.write_text("no program")
        for argv, error in (
            (("no-such-program",), errors.ProgramNotFound),
            ((), errors.EmptyArgv),
            ((str(plain),), errors.ProgramNotStarted),
        ):
            with pytest.raises(error):
                await here.terminal(*argv)
        source = TerminalSource(here.sink(), here.inotify, here.private, argv=["cat"], env=ENVIRONMENT, cwd="/no/such/place")
        with pytest.raises(errors.CwdNotFound):
            await source.start()
        assert here.ours("list-panes", "-a") == ""


async def test_typing_text_keys_enter_and_the_end_of_file() -> None:
    async with room() as here:
        sink, source = await here.terminal("sh", "-c", "stty -echo; echo ready; cat -v")
        await shown(sink, b"ready\r\n")
        await source.send(Typed("tästy".encode(), keys=("Space", "F5", "M-x"), submit=True, eof=True))
        await sink.ending()
        assert sink.written(TERMINAL) == b"ready\r\ntM-CM-$sty ^[[15~^[x\r\n"


async def test_raw_bytes_and_long_input_come_as_they_were_typed() -> None:
    async with room() as here:
        every = bytes(range(256))
        long = every * 1000 + b"\n"
        size = len(every) + len(long)
        got = here.home / "got"
        sink, source = await here.terminal("sh", "-c", f"stty raw -echo; echo ready; exec head -c {size} >'{got.name}'")
        await shown(sink, b"ready")
        await source.send(Typed(every))
        await source.send(Typed(long))
        assert (await sink.ending()).exit_code == 0
        assert got.read_bytes() == every + long
        assert here.ours("list-buffers") == ""


async def test_long_text_is_marked_as_pasted_where_the_program_asked_for_that() -> None:
    async with room() as here:
        text = b"x" * 5000
        sink, source = await here.terminal("sh", "-c", "stty raw -echo; printf '\\033[?2004hready'; exec head -c 5012 >got")
        await shown(sink, b"ready")
        await source.send(Typed(text))
        await sink.ending()
        assert (here.home / "got").read_bytes() == b"\x1b[200~" + text + b"\x1b[201~"


async def test_typing_does_not_wait_for_a_program_that_does_not_read() -> None:
    async with room() as here:
        _, source = await here.terminal("sleep", "1000")
        async with asyncio.timeout(5):
            for _ in range(4):
                await source.send(Typed(b"x" * 500_000))


async def test_an_unknown_key_is_refused_before_anything_is_typed() -> None:
    async with room() as here:
        sink, source = await here.terminal("cat")
        typed = Typed(b"text", keys=("Nope",))
        with pytest.raises(errors.UnknownKey):
            source.check_send(typed)
        with pytest.raises(errors.UnknownKey):
            await source.send(typed)
        await source.send(Typed(eof=True))
        await sink.ending()
        assert b"text" not in sink.written(TERMINAL)


async def test_the_echo_of_the_terminal_is_seen() -> None:
    async with room() as here:
        sink, source = await here.terminal(
            "sh", "-c", "echo one; read x; stty -echo; echo two; read x; stty echo; echo three; read x"
        )
        for word, off in ((b"one", False), (b"two", True), (b"three", False)):
            await shown(sink, word)
            assert await source.echo_is_off() is off
            await source.send(Typed(submit=True))
        await sink.ending()


async def test_interrupt_is_the_key() -> None:
    async with room() as here:
        sink, source = await here.terminal("sh", "-c", "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done")
        await shown(sink, b"ready")
        await source.interrupt()
        assert (await sink.ending()).exit_code == 3
        assert b"caught" in sink.written(TERMINAL)


async def test_resizing_reaches_the_program() -> None:
    async with room() as here:
        sink, source = await here.terminal("sh", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done")
        await shown(sink, b"ready")
        await source.resize(123, 45)
        await shown(sink, b"45 123")
        screen = await source.snapshot()
        assert (screen.columns, screen.rows) == (123, 45)
        with pytest.raises(errors.NotAdopted):
            await source.release()


async def test_terminating_ends_the_tree_with_mercy_and_without() -> None:
    async with room() as here:
        sink, source = await here.terminal("sh", "-c", "trap '' TERM; setsid sleep 1000 & echo ready; wait; wait")
        await shown(sink, b"ready")
        await source.terminate(signals.SIGTERM, 0.2)
        ending = await sink.ending()
        assert (ending.signal, ending.descendants_left) == (signals.SIGKILL, 0)


SCREEN = (
    "printf '\\033[2J\\033[1;1Hplain \\033[1;31mred\\033[0m \\033[44mblue  \\033[0m'; "
    "printf '\\033[3;5H\\033(0lqqk\\033(B \\033[4;5H\\342\\224\\202 h\\303\\244 \\346\\274\\242|'; "
    "printf '\\033]2;the title\\007\\033[?1h\\033[?1000h\\033[?1006h\\033[?25l\\033[5;9r\\033[7;11H'; "
)


async def test_a_snapshot_is_the_screen_and_its_bytes_draw_it_again() -> None:
    async with room() as here:
        sink, source = await here.terminal("sh", "-c", f"{SCREEN} exec sleep 1000", columns=40, rows=10)
        await shown(sink, b"\x1b[7;11H")
        screen = await source.snapshot()
        assert screen.exact
        assert list(screen.text) == ["plain red blue", "", "    ┌──┐", "    │ hä 漢|", *[""] * 6]
        assert (screen.cursor_column, screen.cursor_row, screen.cursor_visible) == (10, 6, False)
        assert list(screen.modes) == ["application_cursor_keys", "mouse_standard", "mouse_sgr"]
        assert screen.title == "the title"

        (here.home / "drawn").write_bytes(screen.ansi)
        again, redrawn = await here.terminal("sh", "-c", "stty raw; cat drawn; exec sleep 1000", columns=40, rows=10)
        await shown(again, screen.ansi)
        copy = await redrawn.snapshot()
        copy.title = screen.title
        assert copy == screen


async def test_the_alternate_screen_is_seen_and_left() -> None:
    async with room() as here:
        sink, source = await here.terminal(
            "sh", "-c", "echo main; printf '\\033[?1049h\\033[Hother'; read x; printf '\\033[?1049l'; read x"
        )
        await shown(sink, b"other")
        screen = await source.snapshot()
        assert (screen.text[0], list(screen.modes)) == ("other", ["alternate_screen"])
        await source.send(Typed(submit=True))
        await shown(sink, b"1049l")
        screen = await source.snapshot()
        assert (screen.text[0], list(screen.modes)) == ("main", [])


async def test_a_snapshot_is_not_called_exact_while_the_log_lags_behind() -> None:
    async with room() as here:
        sink, source = await here.terminal("cat")
        sink.gate.clear()
        await source.send(Typed(b"typed"))
        spool = sink.directory / "terminal.00000000"
        await until(lambda: spool.exists() and b"typed" in spool.read_bytes())
        screen = await source.snapshot()
        assert (screen.text[0], screen.exact) == ("typed", False)
        sink.gate.set()
        await shown(sink, b"typed")
        assert (await source.snapshot()).exact


async def test_the_end_comes_with_the_last_screen() -> None:
    async with room() as here:
        sink, _ = await here.terminal("echo", "last words")
        screen = (await sink.ending()).screen
        assert screen is not None
        assert (screen.exact, screen.text[0]) == (True, "last words")
        assert here.ours("list-panes", "-a") == ""


async def test_a_flood_that_nobody_reads_holds_no_program_back_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tmux_pipe, "SEGMENTS", 4)
    async with room() as here:
        sink, _ = await here.terminal("sh", "-c", "seq 1 3000000; : >done; read x")
        sink.gate.clear()
        await until((here.home / "done").exists, 30)
        sink.gate.set()
        await sink.until(lambda: bool(sink.of_kind("output_lost")))
        whole = len(counted(3_000_000))
        await sink.until(lambda: sink.position(TERMINAL) == whole)
        lost = sum(event.output_lost.bytes for event in sink.of_kind("output_lost"))
        assert lost > 0
        assert len(sink.written(TERMINAL)) + lost == whole


async def test_a_killed_tmux_server_is_an_end_and_another_can_be_started() -> None:
    async with room() as here:
        sink, source = await here.terminal("sh", "-c", "echo before; sleep 1000")
        await shown(sink, b"before")
        os.kill(int(here.ours("display-message", "-p", "#{pid}")), signals.SIGKILL)
        ending = await sink.ending()
        # Unseen, and then it is said why, or seen to hang up as it was told to.
        assert (ending.exit_code, ending.signal) in {(None, 0), (None, signals.SIGHUP)}
        assert ending.signal or "tmux server" in ending.error
        with pytest.raises(errors.SourceGone):
            await source.send(Typed(b"x"))
        sink, _ = await here.terminal("echo", "again")
        assert (await sink.ending()).exit_code == 0


async def test_a_pane_that_is_closed_in_tmux_is_an_end() -> None:
    async with room() as here:
        await here.terminal("cat")
        sink, _ = await here.terminal("sh", "-c", "echo before; sleep 1000")
        await shown(sink, b"before")
        here.ours("kill-session", "-t", sink.session_id)
        ending = await sink.ending()
        assert (ending.exit_code, ending.signal) in {(None, 0), (None, signals.SIGHUP)}
        assert "its pane was closed" in ending.error


async def test_a_killed_launcher_is_an_end_that_nobody_saw() -> None:
    async with room() as here:
        sink, _ = await here.terminal("sh", "-c", "echo before; sleep 1000")
        await shown(sink, b"before")
        held = Held.read(sink.directory)
        assert held is not None
        processes.send_signal(held.program, signals.SIGKILL)
        ending = await sink.ending()
        assert (ending.observed, "launcher" in ending.error) == (False, True)


async def test_a_killed_relay_is_replaced_and_the_hole_is_named() -> None:
    async with room() as here:
        sink, source = await here.terminal("sh", "-c", "echo before; read x; echo after; exit 5")
        await shown(sink, b"before")
        relay = tmux_pipe.read_relay(sink.directory)
        assert relay is not None
        processes.send_signal(relay, signals.SIGKILL)
        await sink.until(lambda: bool(sink.of_kind("output_lost")))
        await source.send(Typed(submit=True))
        assert (await sink.ending()).exit_code == 5
        assert sink.written(TERMINAL).endswith(b"after\r\n")


async def test_a_pipe_that_is_taken_away_is_not_taken_back() -> None:
    async with room() as here:
        sink, source = await here.terminal("sh", "-c", "echo before; read x; exit 4")
        await shown(sink, b"before")
        here.ours("pipe-pane", "-t", sink.session_id, "cat >/dev/null")
        await sink.until(lambda: bool(sink.states) and sink.states[-1][0] == CaptureState.CAPTURE_STATE_BLIND)
        assert not (await source.snapshot()).exact
        await source.send(Typed(submit=True))
        assert (await sink.ending()).exit_code == 4


async def test_what_ended_while_no_server_was_there_is_known_with_every_byte() -> None:
    async with room() as here:
        sink, source = await here.terminal("sh", "-c", "echo one; read x; seq 1 100000; exit 9")
        await shown(sink, b"one\r\n")
        await source.detach()
        here.ours("send-keys", "-t", sink.session_id, "Enter")
        held = Held.read(sink.directory)
        assert held is not None
        await until(lambda: not processes.alive(held.program))
        resumed = TerminalSource(sink, here.inotify, here.private)
        await resumed.resume()
        assert await outcome(sink) == Ending(exit_code=9)
        assert sink.written(TERMINAL) == b"one\r\n\r\n" + counted(100_000)


async def test_a_server_killed_in_mid_flow_loses_and_repeats_nothing() -> None:
    async with room() as here:
        spool, log = here.home / "its spool", here.home / "its.log"
        spool.mkdir(mode=0o700)
        program = "seq 1 400000; read x; seq 1 400000; exit 6"
        async with hosted("terminal", here.home, spool, log, "sh", "-c", program):
            await until(lambda: log.exists() and log.stat().st_size > 200_000)
        sink = FileSink(spool, log)
        source = TerminalSource(sink, here.inotify, here.private)
        await source.resume()
        await until(lambda: log.stat().st_size == len(counted(400_000)))
        await source.send(Typed(submit=True))
        await until(lambda: log.with_suffix(".ended").exists())
        assert json.loads(log.with_suffix(".ended").read_text())["exit_code"] == 6
        assert log.read_bytes() == counted(400_000) + b"\r\n" + counted(400_000)


async def test_a_start_that_a_kill_cut_short_ends_as_never_started() -> None:
    async with room() as here:
        sink = here.sink()
        await TerminalSource(sink, here.inotify, here.private).resume()
        ending = await sink.ending()
        assert (ending.started, "before the program was started" in ending.error) == (False, True)


async def test_a_gate_that_is_never_opened_ends_as_never_started() -> None:
    async with room() as here:
        sink = here.sink()
        source = here.new_terminal(sink, "cat")
        await source._create()  # what a killed server leaves behind: the pane, and nobody who opens the gate
        resumed = TerminalSource(sink, here.inotify, here.private)
        await resumed.resume()
        ending = await sink.ending()
        assert not ending.started
        assert sink.written(TERMINAL) == b""
        await until(lambda: not here.ours("list-panes", "-a"))

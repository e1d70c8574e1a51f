"""Commands and terminals on another host: how they begin, what they get, how they end."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conformance.rig import until
from server.capture.remote.ground import flood, flooded, ground
from sightline.v1.session_pb2 import Command, Terminal
from sightline.v1.session_service_pb2 import CreateRequest
from sightline_server.capture.base import Typed
from sightline_server.capture.remote import terminal as remote_terminal
from sightline_server.errors import BadField, CwdNotFound, NoInput, NoTerminal, ProgramNotFound, ProgramNotStarted

TRICKLE = "import sys\nfor number in range(2000):\n    sys.stdout.write('%d\\n' % number); sys.stdout.flush()\n"


@pytest.mark.parametrize("terminal", [False, True], ids=["pipes", "terminal"])
async def test_a_program_gets_its_words_its_variables_and_its_directory(terminal: bool) -> None:
    words = ["it's", "$HOME", "a\nb", "", "-n", "%d", "é;#{pid}"]
    async with ground() as here:
        shown = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['A'], os.getcwd()]))"
        followed = await here.run(sys.executable, "-c", shown, *words, terminal=terminal, env={"A": "x' $y\n"}, cwd="/usr/lib")
        ending = await followed.sink.ending()
        said = followed.output().decode().replace("\r", "").replace("\n", "")
        assert said == '[["it\'s", "$HOME", "a\\nb", "", "-n", "%d", "\\u00e9;#{pid}"], "x\' $y\\n", "/usr/lib"]'
        assert (ending.exit_code, ending.signal) == (0, 0)
        assert not here.host.state.joinpath("sightline").exists()  # nothing of ours is left


@pytest.mark.parametrize("terminal", [False, True], ids=["pipes", "terminal"])
async def test_an_empty_environment_holds_what_was_given_and_no_more(terminal: bool) -> None:
    async with ground() as here:
        followed = await here.run("/usr/bin/env", terminal=terminal, env={"A": "1"}, clear_env=True)
        await followed.sink.ending()
        names = {line.split("=")[0] for line in followed.output().decode().split()}
        assert names - {"PATH", "PWD", "OLDPWD", "TERM", "TMUX", "TMUX_PANE", "_"} == {"A", "SIGHTLINE_SESSION_ID"}


@pytest.mark.parametrize("terminal", [False, True], ids=["pipes", "terminal"])
async def test_secrets_are_in_no_argv_and_no_file_there(terminal: bool) -> None:
    async with ground() as here:
        followed = await here.run("sh", "-c", "echo up; read x", terminal=terminal, stdin=True, env={"TOKEN": "hush-hush"})
        await followed.sink.until(lambda: b"up" in followed.output())
        seen = await asyncio.to_thread(subprocess.check_output, ["ps", "-eww", "-o", "args"])
        assert b"spool.sh" in seen
        assert b"hush-hush" not in seen
        files = [path for path in here.spool(followed).rglob("*") if path.is_file()]
        assert files
        assert not [path for path in files if b"hush-hush" in path.read_bytes()]
        assert {oct(path.stat().st_mode & 0o077) for path in [*here.host.state.rglob("*"), here.host.state]} == {"0o0"}
        await followed.source.send(Typed(data=b"x", submit=True))
        await followed.sink.ending()


@pytest.mark.parametrize("terminal", [False, True], ids=["pipes", "terminal"])
@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (CreateRequest(command=Command(argv=["no-such-program"])), ProgramNotFound),
        (CreateRequest(command=Command(argv=["/no/such/program"])), ProgramNotFound),
        (CreateRequest(command=Command(argv=["/etc/passwd"])), ProgramNotStarted),
        (CreateRequest(command=Command(argv=["ls"]), cwd="/no/such/directory"), CwdNotFound),
        (CreateRequest(command=Command(argv=["ls"]), cwd="relative"), CwdNotFound),
        (CreateRequest(command=Command(argv=["ls"]), env={"not a name": "x"}), BadField),
    ],
    ids=["name", "path", "no-program", "directory", "relative", "variable"],
)
async def test_what_cannot_be_started_says_why_and_leaves_nothing(
    terminal: bool, request_: CreateRequest, error: type[Exception]
) -> None:
    if terminal:
        request_.command.terminal.CopyFrom(Terminal(columns=80, rows=24))
    async with ground() as here:
        with pytest.raises(error):
            await here.create(request_)
        await until(lambda: not here.host.state.joinpath("sightline").exists())


@pytest.mark.parametrize("terminal", [False, True], ids=["pipes", "terminal"])
async def test_many_small_writes_all_come(terminal: bool) -> None:
    async with ground() as here:
        followed = await here.run(sys.executable, "-c", TRICKLE, terminal=terminal)
        await followed.sink.ending()
        assert followed.output().replace(b"\r", b"") == b"".join(b"%d\n" % number for number in range(2000))


async def test_stdout_and_stderr_are_apart_and_a_signal_is_told() -> None:
    async with ground() as here:
        followed = await here.run("sh", "-c", "echo out; echo err >&2; kill -SEGV $$")
        ending = await followed.sink.ending()
        assert (followed.output("stdout"), followed.output("stderr")) == (b"out\n", b"err\n")
        assert (ending.signal, ending.exit_code) == (signal.SIGSEGV, None)


async def test_a_program_that_closes_its_outputs_is_followed_to_its_end() -> None:
    async with ground() as here:
        followed = await here.run("sh", "-c", "echo x; exec >&- 2>&-; sleep 1.5; exit 7")
        assert (await followed.sink.ending()).exit_code == 7


async def test_who_is_left_behind_with_the_pipes_is_counted_and_not_waited_for() -> None:
    async with ground() as here:
        followed = await here.run("sh", "-c", "sleep 300 & echo done; exit 4")
        ending = await followed.sink.ending()
        assert (ending.exit_code, ending.descendants_left) == (4, 1)
        assert followed.output() == b"done\n"


async def test_stdin_comes_whole_and_ends_when_told() -> None:
    data = os.urandom(1_000_000)
    async with ground() as here:
        followed = await here.run("sha256sum", stdin=True)
        for part in range(0, len(data), 250_000):
            await followed.source.send(Typed(data=data[part : part + 250_000]))
        await followed.source.send(Typed(eof=True))
        await followed.sink.ending()
        import hashlib  # noqa: PLC0415

        assert followed.output() == f"{hashlib.sha256(data).hexdigest()}  -\n".encode()
        with pytest.raises(NoInput, match="eof"):
            followed.source.check_send(Typed(data=b"more"))


async def test_a_command_without_an_open_stdin_takes_nothing() -> None:
    async with ground() as here:
        followed = await here.run("sleep", "600")
        with pytest.raises(NoInput, match="without an open stdin"):
            await followed.source.send(Typed(data=b"x"))
        with pytest.raises(NoTerminal):
            await followed.source.snapshot()


async def test_a_command_that_nobody_reads_waits_and_loses_nothing() -> None:
    lines = 1_500_000  # 150 MB: more than its spool may hold
    async with ground() as here:
        followed = await here.run(*flood(lines))
        here.host.stop()
        await followed.disconnected()
        spool = here.spool(followed)

        def full() -> bool:
            return len(list(spool.glob("stdout.[0-9]*"))) >= 4

        await until(full)
        await asyncio.sleep(1.0)  # the time in which it would write more, if it could
        assert sum(path.stat().st_size for path in spool.glob("stdout.[0-9]*")) <= 4 * 16 * 1024 * 1024
        here.host.start()
        await followed.sink.ending(90)
        assert followed.output() == flooded(lines)


async def test_a_terminal_has_its_size_takes_another_and_leaves_its_last_screen() -> None:
    async with ground() as here:
        followed = await here.run("sh", "-c", "stty size; read x; stty size; echo last", terminal=True)
        await followed.sink.until(lambda: followed.output() == b"30 100\r\n")
        await followed.source.resize(70, 20)
        await followed.source.send(Typed(data=b"x", submit=True))
        ending = await followed.sink.ending()
        assert followed.output() == b"30 100\r\nx\r\n20 70\r\nlast\r\n"
        assert ending.screen is not None
        assert (ending.screen.columns, ending.screen.rows, ending.screen.exact) == (70, 20, True)
        assert list(ending.screen.text)[:4] == ["30 100", "x", "20 70", "last"]


# `tail` behind a slow line: 8 KB each 20 ms.
SLOW_TAIL = f"""#!{sys.executable}
import os, subprocess, sys, time
argv = ["tail", f"--pid={{os.getpid()}}", *sys.argv[1:]]
tail = subprocess.Popen(argv, executable="{shutil.which("tail")}", stdout=subprocess.PIPE)
while data := os.read(tail.stdout.fileno(), 8192):
    os.write(1, data)
    time.sleep(0.02)
sys.exit(tail.wait())
"""


async def test_the_last_bytes_of_a_terminal_come_although_the_line_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_terminal, "MARK_SECONDS", 0.3)  # the marker comes more than a second behind the end
    (tmp_path / "tail").write_text(SLOW_TAIL)
    (tmp_path / "tail").chmod(0o755)
    async with ground(PATH=f"{tmp_path}:{os.environ['PATH']}") as here:
        followed = await here.run(*flood(5_000), terminal=True)
        assert (await followed.sink.ending()).exit_code == 0
        assert followed.output() == flooded(5_000, b"\r\n")


async def test_a_snapshot_of_a_terminal_at_rest_is_exact() -> None:
    async with ground() as here:
        followed = await here.run("sh", "-c", "printf '\\033[31mred'; sleep 600", terminal=True)
        await followed.sink.until(lambda: b"red" in followed.output())
        screen = await followed.source.snapshot()
        assert screen.exact
        assert screen.text[0] == "red"
        assert b"\x1b[31mred" in screen.ansi


async def test_echo_that_is_off_is_noticed() -> None:
    async with ground() as here:
        followed = await here.run("sh", "-c", "stty -echo; echo off; sleep 600", terminal=True)
        await followed.sink.until(lambda: followed.output() == b"off\r\n")
        assert await followed.source.echo_is_off()


async def test_a_terminal_whose_tmux_is_killed_is_told_as_it_was_seen() -> None:
    async with ground() as here:
        followed = await here.run("sleep", "600", terminal=True)
        await asyncio.to_thread(subprocess.check_call, ["tmux", "-S", str(here.spool(followed) / "tmux"), "kill-server"])
        ending = await followed.sink.ending()
        assert ending.signal == signal.SIGHUP or not ending.observed
        await until(lambda: not marked(followed.record.id))


async def test_a_killed_writer_is_replaced_and_the_hole_is_named() -> None:
    async with ground() as here:
        followed = await here.run("sh", "-c", "echo one; read x; echo two; read y", terminal=True)
        await followed.sink.until(lambda: b"one" in followed.output())
        writer = int((here.spool(followed) / "terminal.writer").read_text().split()[0])
        os.kill(writer, signal.SIGKILL)
        await followed.sink.until(lambda: bool(followed.sink.of_kind("output_lost")))
        await followed.source.send(Typed(data=b"", submit=True))
        await followed.sink.until(lambda: b"two" in followed.output())


def marked(session: str) -> list[str]:
    """Processes that carry a session's mark."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"SIGHTLINE_SESSION_ID={session}".encode() in environ.read_bytes():
                found.append(environ.parent.name)
        except OSError:
            continue
    return found

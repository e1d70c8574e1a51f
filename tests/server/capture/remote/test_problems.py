"""Hosts that are not there, ask, have another key, or lack something: each says so by a reason of its own."""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
from pathlib import Path

import pytest
from server.capture.remote.ground import Ground, ground
from sightline.v1.session_pb2 import Command, Terminal, Tmux
from sightline.v1.session_service_pb2 import CreateRequest, DiscoverRequest
from sightline_server.capture.base import Typed
from sightline_server.errors import (
    BadHost,
    HostKeyChanged,
    HostKeyUnknown,
    HostLacks,
    HostLoginRefused,
    HostTmuxTooOld,
    HostUnknown,
    HostUnreachable,
    PaneNotFound,
    SshNotInstalled,
    TmuxServerNotFound,
)
from support.sshd import SshHost

COMMAND = Command(argv=["true"])
TERMINAL = Command(argv=["true"], terminal=Terminal(columns=80, rows=24))


def request(command: Command = COMMAND, host: str = "box") -> CreateRequest:
    return CreateRequest(host=host, command=command)


def configure(here: Ground, name: str, *lines: str) -> None:
    """One more host in the user's configuration."""
    with here.host.config.open("a") as config:
        config.write("".join(f"{line}\n" for line in (f"Host {name}", *lines)))


@pytest.mark.parametrize("host", ["-oProxyCommand=touch /tmp/x", "a b", "a\nb", "a;b", "a'b", "\x1b[0m", "x" * 300])
async def test_what_is_no_host_is_refused_before_anything_is_started(host: str) -> None:
    async with ground() as here:
        with pytest.raises(BadHost):
            await here.create(request(host=host))


async def test_a_host_of_an_unknown_name_is_not_found() -> None:
    async with ground() as here:
        with pytest.raises(HostUnknown, match=r"nowhere\.invalid"):
            await here.create(request(host="nowhere.invalid"))


async def test_a_port_where_nobody_listens_is_unreachable() -> None:
    async with ground() as here:
        here.host.stop()
        with pytest.raises(HostUnreachable, match="refused"):
            await here.create(request())


async def test_a_login_that_would_ask_is_refused_without_asking() -> None:
    async with ground() as here:
        (here.host.root / "authorized").write_text("")
        began = time.monotonic()
        with pytest.raises(HostLoginRefused, match="password"):
            await here.create(request())
        assert time.monotonic() - began < 10  # nobody was waited for


async def test_a_host_with_a_changed_key_gets_nothing() -> None:
    async with ground() as here:
        here.host.stop()
        here.host.change_key()
        here.host.start()
        with pytest.raises(HostKeyChanged, match="ssh-keygen -R"):
            await here.create(request())


async def test_a_host_that_is_not_known_yet_is_not_trusted() -> None:
    async with ground() as here:
        (here.host.root / "known").write_text("")
        with pytest.raises(HostKeyUnknown, match="connect once"):
            await here.create(request())


async def test_a_missing_ssh_is_told() -> None:
    with_no_ssh = SshHost()
    try:
        here = Ground(with_no_ssh, ("/no/such/ssh",))
        with pytest.raises(SshNotInstalled):
            await here.create(request())
        await here.close()
    finally:
        with_no_ssh.close()


def programs(directory: Path, *without: str) -> Path:
    """A directory with the programs of this machine that a host needs, but for some."""
    directory.mkdir()
    for place in ("/usr/bin", "/bin"):
        for program in Path(place).iterdir():
            if program.name not in without and not (directory / program.name).is_symlink():
                (directory / program.name).symlink_to(program)
    return directory


async def test_a_host_without_tmux_runs_commands_and_says_what_terminals_need(tmp_path: Path) -> None:
    async with ground() as here:
        bare(here, programs(tmp_path / "bin", "tmux"))
        followed = await here.run("true")
        assert (await followed.sink.ending()).exit_code == 0
        with pytest.raises(HostLacks, match="no tmux"):
            await here.create(request(TERMINAL))
        found, problems = await here.sources.discover(DiscoverRequest(hosts=["box"]))
        assert not found
        assert [problem.code for problem in problems] == ["HOST_LACKS"]


async def test_an_old_tmux_is_named_with_the_version_that_has_what_is_missing(tmp_path: Path) -> None:
    async with ground() as here:
        place = programs(tmp_path / "bin", "tmux")
        (place / "tmux").write_text("#!/bin/sh\necho tmux 3.1c\n")  # no such old one can be had here
        (place / "tmux").chmod(0o755)
        bare(here, place)
        with pytest.raises(HostTmuxTooOld, match=r"3\.1c.*3\.2"):
            await here.create(request(TERMINAL))


async def test_a_missing_tool_is_named(tmp_path: Path) -> None:
    async with ground() as here:
        bare(here, programs(tmp_path / "bin", "stdbuf"))
        with pytest.raises(HostLacks, match="stdbuf"):
            await here.create(request())
        assert not here.host.state.joinpath("sightline").exists()


def bare(here: Ground, place: Path) -> None:
    """The host has only these programs."""
    here.host.stop()
    here.host.environ["PATH"] = str(place)
    here.host.start()


async def test_panes_and_servers_that_are_not_there_are_not_found() -> None:
    async with ground() as here:
        with pytest.raises(TmuxServerNotFound, match="on box"):
            await here.create(CreateRequest(host="box", tmux=Tmux(target="work:0.0")))
        here.host.tmux("new-session", "-d", "-s", "work", "sleep 600")
        with pytest.raises(PaneNotFound, match="on box"):
            await here.create(CreateRequest(host="box", tmux=Tmux(target="nothing:9.9")))


async def test_hosts_are_looked_at_together_and_a_silent_one_is_a_problem_after_five_seconds() -> None:
    async with ground() as here:
        with socket.socket() as silent:  # takes connections, and never says a word
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            for name in ("mute", "mute2"):
                configure(here, name, "HostName 127.0.0.1", f"Port {silent.getsockname()[1]}")
            here.host.tmux("new-session", "-d", "-s", "work", "-x", "80", "-y", "24", "sleep 600")
            began = time.monotonic()
            hosts = ["mute", "box", "mute2", "nowhere.invalid", "-bad"]
            found, problems = await here.sources.discover(DiscoverRequest(hosts=hosts))
            assert time.monotonic() - began < 9
        assert [(one.host, one.tmux.target, one.command) for one in found] == [("box", "work:0.0", "sleep")]
        assert sorted(problem.code for problem in problems) == ["BAD_HOST", "HOST_UNKNOWN", "HOST_UNREACHABLE", "HOST_UNREACHABLE"]


async def test_more_sessions_than_one_connection_may_carry_are_all_followed() -> None:
    async with ground() as here:
        followed = [await here.run("sh", "-c", "echo up; read x; echo end", terminal=True) for _ in range(14)]
        for one in followed:
            await one.sink.until(lambda one=one: b"up" in one.output())  # type: ignore[misc] # a loop's own
        assert not [state for one in followed for state in one.sink.states if state[1]]


async def test_a_home_with_a_long_path_still_has_one_connection() -> None:
    async with ground() as here:
        home = here.home / ("x" * 60) / "home"
        home.mkdir(parents=True, mode=0o700)
        far = Ground(here.host)
        shutil.rmtree(far.home)
        far.home = home
        from sightline_server.capture.sources import Sources  # noqa: PLC0415
        from sightline_server.settings import Settings  # noqa: PLC0415

        far.sources = Sources(Settings(home=home, ssh=tuple(here.host.ssh.split())), {})
        followed = await far.run("true", terminal=True)
        assert (await followed.sink.ending()).exit_code == 0
        await far.close()


async def test_the_users_own_live_connection_is_shared() -> None:
    async with ground() as here:
        configure(here, "*", f"ControlPath {here.host.root}/own", "ControlMaster auto")
        own = await asyncio.create_subprocess_exec("ssh", "-F", str(here.host.config), "-M", "-N", "box")
        try:
            async with asyncio.timeout(10):
                while not (here.host.root / "own").exists():  # noqa: ASYNC110 - nobody would tell
                    await asyncio.sleep(0.02)
            (here.host.root / "authorized").write_text("")  # from now on nobody new gets in
            followed = await here.run("echo", "shared")
            await followed.sink.ending()
            assert followed.output() == b"shared\n"
        finally:
            own.terminate()
            await own.wait()


@pytest.mark.parametrize("terminal", [False, True], ids=["pipes", "terminal"])
async def test_a_host_whose_sh_is_bash_does_the_same(tmp_path: Path, terminal: bool) -> None:
    async with ground() as here:
        place = programs(tmp_path / "bin", "sh")
        (place / "sh").symlink_to("/bin/bash")
        bare(here, place)
        said = 'echo "${BASH_VERSION:+bash}"; read x; echo "got $x"; exit 4'
        followed = await here.run("sh", "-c", said, terminal=terminal, stdin=True, env={"UID": "7"})
        await followed.sink.until(lambda: b"bash" in followed.output())
        await followed.source.send(Typed(data=b"-n \xc3\xa9", submit=True))
        assert (await followed.sink.ending()).exit_code == 4
        assert b"got -n \xc3\xa9" in followed.output()
        followed = await here.run("sleep", "600", terminal=terminal)
        await followed.source.interrupt()
        assert (await followed.sink.ending()).signal == 2

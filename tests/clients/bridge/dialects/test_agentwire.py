"""AgentWire's clients before a real server, and before tmux servers of the tests' own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

import aiohttp
import pytest
from sightline.v1.event_pb2 import Channel, Completed, Event, Outcome, Output, SessionState
from support.bridge import RunningBridge, bridging
from support.old_client import OldClient, old_client
from support.server import PATIENCE, ServerProcess, eventually
from support.sshd import host


class Tmux:
    """A tmux server of somebody's own, where tmux looks for one."""

    def __init__(self, directory: str = "") -> None:
        self.directory = directory or tempfile.mkdtemp(prefix="sltmux")
        self._environ = {**os.environ, "TMUX_TMPDIR": self.directory}
        self._environ.pop("TMUX", None)

    def __call__(self, *words: str) -> str:
        command = ["tmux", "-f", "/dev/null", *words]
        return subprocess.run(command, env=self._environ, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout

    def close(self) -> None:
        """tmux 3.3a waits for ever in a control client that had something to say when its reader was killed."""
        clients = self("list-clients", "-F", "#{client_pid}").split()
        self("kill-server")
        for pid in clients:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def pipes(self) -> set[str]:
        """Whether something follows its panes: `0` and `1`."""
        return set(self("list-panes", "-a", "-F", "#{pane_pipe}").split())


@pytest.fixture(scope="module")
def tmux() -> Iterator[Tmux]:
    made = Tmux()
    try:
        made("new-session", "-d", "-s", "keep", "-x", "80", "-y", "24", "cat")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def tmux_server(tmux: Tmux) -> Iterator[ServerProcess]:
    server = ServerProcess(None, TMUX_TMPDIR=tmux.directory)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
async def beside_tmux(tmux_server: ServerProcess) -> AsyncIterator[RunningBridge]:
    async with bridging(tmux_server, open_dialects=True) as running:
        yield running


def path(name: str, query: str = "") -> str:
    return f"/api/sessions/{quote(name, safe='')}/stream{query}"


def printed(*pieces: bytes) -> list[Event]:
    return [Event(output=Output(channel=Channel.CHANNEL_TERMINAL, data=piece)) for piece in pieces]


END = Event(completed=Completed(outcome=Outcome.OUTCOME_SUCCEEDED))


async def text_until(client: OldClient, end: str) -> str:
    """Text frames, up to some text."""
    text = ""
    async with asyncio.timeout(PATIENCE):
        while end not in text:
            frame = await client.ws.receive()
            assert frame.type is aiohttp.WSMsgType.TEXT, frame
            text += frame.data
    return text


def spools(server: ServerProcess) -> set[str]:
    return {found.name for found in (server.home / "spool").iterdir()}


async def let_go(bridge: RunningBridge, name: str) -> None:
    """Waits until the newest session of a name has ended."""
    session = await bridge.client.get(name)
    async with asyncio.timeout(PATIENCE):
        assert (await bridge.client.wait(session)).session.outcome == Outcome.OUTCOME_RELEASED


# --- sessions


async def test_plain_text_of_one_session_from_now_on(dialects: RunningBridge) -> None:
    session = await dialects.client.create_published(terminal=(80, 24))
    await dialects.client.publish(session, printed(b"before"))
    async with old_client(dialects, path(session.name)) as client:
        await dialects.client.publish(session, printed(b"\x1b[31mh\xc3", b"\xa4\x1b[0m\xff."))
        assert await text_until(client, ".") == "\x1b[31mhä\x1b[0m\ufffd."


async def test_everything_before_it_too_when_asked_for(dialects: RunningBridge) -> None:
    session = await dialects.client.create_published(terminal=(80, 24))
    await dialects.client.publish(session, printed(b"before, "))
    async with old_client(dialects, path(session.id, "?replay=1")) as client:
        await dialects.client.publish(session, printed(b"after."))
        assert await text_until(client, ".") == "before, after."


async def test_without_escape_codes_when_asked_for(dialects: RunningBridge) -> None:
    session = await dialects.client.create_published(terminal=(80, 24))
    async with old_client(dialects, path(session.name, "?ansi=strip")) as client:
        await dialects.client.publish(session, printed(b"\x1b[31mr\xc3", b"\xa4d\x1b[0m\r\n", b"10%\r99%\r\n"))
        assert await text_until(client, "99%\n") == "räd\n99%\n"


async def test_when_the_session_ends_the_socket_is_closed(dialects: RunningBridge) -> None:
    session = await dialects.client.create_published(terminal=(80, 24))
    async with old_client(dialects, path(session.name, "?replay=1")) as client:
        await dialects.client.publish(session, [*printed(b"end\xc3"), END])
        assert await text_until(client, "end\ufffd") == "end\ufffd"
        assert await client.closed() == 1000
    async with old_client(dialects, path(session.name, "?replay=1&ansi=raw")) as client:  # it is kept
        assert await text_until(client, "\ufffd") == "end\ufffd"
        assert await client.closed() == 1000


async def test_a_session_of_this_host_has_its_host_behind_its_name_as_well(dialects: RunningBridge) -> None:
    session = await dialects.client.create_published(terminal=(80, 24))
    async with old_client(dialects, path(f"{session.name}@localhost")) as client:
        await dialects.client.publish(session, printed(b"here."))
        assert await text_until(client, ".") == "here."


@pytest.mark.parametrize(
    "name", ["nobody", "nobody@localhost", "-x", "a b", "../..", "\0", "%", "ü" * 300, "*", "x@-oProxyCommand=id"]
)
async def test_where_there_is_none_the_socket_is_closed_with_4004(dialects: RunningBridge, name: str) -> None:
    async with old_client(dialects, path(name)) as client:
        assert await client.closed() == 4004


@pytest.mark.parametrize("query", ["?ansi=colour", "?replay=yes", "?replay="])
async def test_a_query_that_means_nothing_is_refused(dialects: RunningBridge, query: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with old_client(dialects, path("any", query)):
            pass
    assert refused.value.status == 400


async def test_what_a_client_says_counts_for_nothing(dialects: RunningBridge) -> None:
    session = await dialects.client.create_published(terminal=(80, 24))
    async with old_client(dialects, path(session.name)) as client:
        await client.ws.send_str("{")
        await client.ws.send_bytes(b"\xff\0")
        await client.say(type="login", token="x")
        await dialects.client.publish(session, printed(b"still here."))
        assert await text_until(client, ".") == "still here."


async def test_the_token_comes_first_where_the_door_is_not_open(bridge: RunningBridge) -> None:
    session = await bridge.client.create_published(terminal=(80, 24))
    await bridge.client.publish(session, printed(b"secret."))
    async with old_client(bridge, path(session.name, "?replay=1")) as client:
        await client.say(type="login", token=bridge.token)
        assert await text_until(client, ".") == "secret."
    async with old_client(bridge, path(session.name, "?replay=1")) as client:
        await client.say(type="login", token="x")
        assert await client.closed() == 4401
        assert client.heard == []


async def test_four_clients_and_a_flood(dialects: RunningBridge) -> None:
    session = await dialects.client.create(["sh", "-c", "read go; seq 200000; echo end."], stdin_open=True)
    expected = "".join(f"{number}\n" for number in range(1, 200001)) + "end.\n"

    async def one(ready: asyncio.Barrier) -> bool:
        async with old_client(dialects, path(session.name)) as client:
            await ready.wait()
            return await text_until(client, "end.\n") == expected

    ready = asyncio.Barrier(5)
    clients = [asyncio.create_task(one(ready)) for _ in range(4)]
    await ready.wait()
    await dialects.client.send(session, "", submit=True, eof=True)
    assert await asyncio.gather(*clients) == [True] * 4


# --- panes


async def test_a_name_that_is_no_session_is_looked_up_in_tmux_and_let_go_of_with_its_last_listener(
    beside_tmux: RunningBridge, tmux_server: ServerProcess, tmux: Tmux
) -> None:
    tmux("new-session", "-d", "-s", "agent", "-x", "80", "-y", "24", "cat")
    before = spools(tmux_server)
    async with old_client(beside_tmux, path("agent")) as one:
        async with old_client(beside_tmux, path("agent")) as other:
            tmux("send-keys", "-t", "agent", "hello", "Enter")
            assert await text_until(one, "hello\r\nhello") == await text_until(other, "hello\r\nhello")
            session = await beside_tmux.client.get("agent")
            assert session.id in spools(tmux_server)
        tmux("send-keys", "-t", "agent", "more", "Enter")  # the first one listens still
        assert "more" in await text_until(one, "more\r\nmore")
        assert (await beside_tmux.client.get("agent")).state != SessionState.SESSION_STATE_ENDED
    await let_go(beside_tmux, "agent")
    await eventually(lambda: spools(tmux_server) == before)  # they go a moment after the end is told
    assert tmux.pipes() == {"0"}
    assert "agent" in tmux("list-sessions", "-F", "#{session_name}").split()


async def test_a_pane_is_listened_to_again_after_it_was_let_go_of(beside_tmux: RunningBridge, tmux: Tmux) -> None:
    tmux("new-session", "-d", "-s", "again", "-x", "80", "-y", "24", "cat")
    for word in ("one", "two"):
        async with old_client(beside_tmux, path("again", "?replay=1")) as client:
            tmux("send-keys", "-t", "again", word, "Enter")
            assert await text_until(client, f"{word}\r\n{word}") in {f"{word}\r\n{word}\r\n", f"{word}\r\n{word}"}
        await let_go(beside_tmux, "again")


@pytest.mark.parametrize("name", ["keep:0.0", "%0"])
async def test_a_pane_is_called_by_its_place_or_its_id_too(beside_tmux: RunningBridge, tmux: Tmux, name: str) -> None:
    async with old_client(beside_tmux, path(name)) as client:
        tmux("send-keys", "-t", "keep", "here", "Enter")
        assert "here" in await text_until(client, "here\r\nhere")
    await eventually(lambda: tmux.pipes() == {"0"})


async def test_of_several_panes_it_is_the_one_that_people_look_at(beside_tmux: RunningBridge, tmux: Tmux) -> None:
    tmux("new-session", "-d", "-s", "wide", "-x", "80", "-y", "24", "cat")
    tmux("split-window", "-t", "wide", "cat")
    async with old_client(beside_tmux, path("wide")) as client:
        tmux("send-keys", "-t", "wide", "active", "Enter")
        assert "active" in await text_until(client, "active\r\nactive")
    await let_go(beside_tmux, "wide")


async def test_a_beginning_of_a_name_is_no_name(beside_tmux: RunningBridge) -> None:
    async with old_client(beside_tmux, path("kee")) as client:
        assert await client.closed() == 4004


async def test_a_tmux_session_with_a_name_that_is_none_here(beside_tmux: RunningBridge, tmux: Tmux) -> None:
    tmux("new-session", "-d", "-s", "-a b$(id)ü", "-x", "80", "-y", "24", "cat")
    async with old_client(beside_tmux, path("-a b$(id)ü")) as client:
        tmux("send-keys", "-t", "=-a b$(id)ü:", "odd", "Enter")
        assert "odd" in await text_until(client, "odd\r\nodd")
    await eventually(lambda: tmux.pipes() == {"0"})


async def test_a_pane_that_somebody_else_follows_stays_followed(beside_tmux: RunningBridge, tmux: Tmux) -> None:
    tmux("new-session", "-d", "-s", "mine", "-x", "80", "-y", "24", "cat")
    pane = tmux("display-message", "-p", "-t", "mine", "#{socket_path}").strip()
    session = await beside_tmux.client.adopt("mine:0.0", socket_path=pane, name="by-hand")
    async with old_client(beside_tmux, path("mine")) as client:
        tmux("send-keys", "-t", "mine", "seen", "Enter")
        assert "seen" in await text_until(client, "seen\r\nseen")
    async with old_client(beside_tmux, path("by-hand")) as client:
        tmux("send-keys", "-t", "mine", "seen", "Enter")
        assert "seen" in await text_until(client, "seen\r\nseen")
    assert (await beside_tmux.client.get(session)).state != SessionState.SESSION_STATE_ENDED
    await beside_tmux.client.release(session)


async def test_what_a_killed_bridge_has_left_followed_goes_with_the_next_listener(beside_tmux: RunningBridge, tmux: Tmux) -> None:
    tmux("new-session", "-d", "-s", "left", "-x", "80", "-y", "24", "cat")
    socket = tmux("display-message", "-p", "-t", "left", "#{socket_path}").strip()
    await beside_tmux.client.adopt("left:0.0", socket_path=socket, name="left", labels={"adopted-by": "agentwire"})
    async with old_client(beside_tmux, path("left")) as client:
        tmux("send-keys", "-t", "left", "hi", "Enter")
        assert "hi" in await text_until(client, "hi\r\nhi")
    await let_go(beside_tmux, "left")


async def test_when_the_bridge_ends_no_pane_is_followed_any_more(tmux_server: ServerProcess, tmux: Tmux) -> None:
    tmux("new-session", "-d", "-s", "last", "-x", "80", "-y", "24", "cat")
    async with bridging(tmux_server, open_dialects=True) as bridge, old_client(bridge, path("last")) as client:
        tmux("send-keys", "-t", "last", "hi", "Enter")
        assert "hi" in await text_until(client, "hi\r\nhi")
        told = asyncio.create_task(client.closed())
        await bridge.bridge.close()
        assert await told == 1001
    async with bridging(tmux_server, open_dialects=True) as bridge:
        assert (await bridge.client.get("last")).outcome == Outcome.OUTCOME_RELEASED


async def test_over_a_restart_of_the_server_a_pane_is_followed_on(tmux: Tmux) -> None:
    tmux("new-session", "-d", "-s", "long", "-x", "80", "-y", "24", "cat")
    server = ServerProcess(None, TMUX_TMPDIR=tmux.directory)
    try:
        server.start()
        async with bridging(server, open_dialects=True) as bridge, old_client(bridge, path("long")) as client:
            tmux("send-keys", "-t", "long", "one", "Enter")
            assert "one" in await text_until(client, "one\r\none")
            await asyncio.to_thread(server.kill)
            tmux("send-keys", "-t", "long", "two", "Enter")
            await asyncio.to_thread(server.start)
            assert (await text_until(client, "two\r\ntwo")).count("two") == 2
        async with bridging(server) as bridge:
            await let_go(bridge, "long")
    finally:
        server.close()


# --- on another host


async def test_a_session_and_a_pane_of_another_host() -> None:
    with host() as box:
        server = ServerProcess(SIGHTLINE_SSH=box.ssh)
        own = Tmux(str(box.sockets))
        try:
            server.start()
            own("new-session", "-d", "-s", "far", "-x", "80", "-y", "24", "cat")
            async with bridging(server, open_dialects=True) as bridge:
                session = await bridge.client.create(
                    ["sh", "-c", "read go; echo far away."], host="box", name="there", stdin_open=True
                )
                async with old_client(bridge, path("there@box")) as client:
                    await bridge.client.send(session, "", submit=True)
                    assert await text_until(client, "\n") == "far away.\n"
                async with old_client(bridge, path("far@box")) as client:
                    own("send-keys", "-t", "far", "pane", "Enter")
                    assert "pane" in await text_until(client, "pane\r\npane")
                await let_go(bridge, "far@box")
                assert own.pipes() == {"0"}
                async with old_client(bridge, path("nobody@box")) as client:
                    assert await client.closed() == 4004
        finally:
            own.close()
            server.close()

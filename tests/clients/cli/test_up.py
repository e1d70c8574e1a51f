"""`up`: server and bridge, started as one and ended as one, whatever happens to either."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from clients.cli.program import Sightline, address_in, runs, until
from clients.cli.web import answers, ask, base, log_in


@pytest.fixture
def taken() -> Iterator[str]:
    """An address that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def test_it_prints_an_address_that_logs_in_once(alone: Sightline) -> None:
    url = alone.up()
    status, said = log_in(url)
    assert status == 200
    token = str(said["token"])
    assert ask("POST", base(url) + "/api/ticket", token=token)[0] == 200
    assert log_in(url) == (401, {"reason": "TICKET_SPENT", "message": log_in(url)[1]["message"]})
    assert alone.out("ls", "-q") == "", "the server answers as well"


def test_the_bridge_listens_on_every_address_that_is_named(alone: Sightline) -> None:
    url = alone.up("--web-address", "127.0.0.1:0", "--web-address", "[::1]:0")
    assert alone.server is not None
    other = alone.server.kept[2].decode().split("and on")[1].split()[0]
    assert base(url) != other
    assert answers(url)
    assert answers(other)


def test_the_settings_file_says_where_the_bridge_listens(alone: Sightline) -> None:
    del alone.env["SIGHTLINE_WEB_ADDRESS"]
    alone.home.mkdir(mode=0o700)
    (alone.home / "config.toml").write_text('web_address = "localhost:0"\n')
    assert base(alone.up()).startswith("http://localhost:")


def test_a_token_in_another_file_is_the_bridges_too(alone: Sightline) -> None:
    url = alone.up("--token-file", str(alone.home.parent / "secret"))
    token = (alone.home.parent / "secret").read_text().strip()
    assert ask("POST", base(url) + "/api/ticket", token=token)[0] == 200
    assert not (alone.home / "token").exists()
    assert log_in(json.loads(alone.out("open", "--json"))["url"])[0] == 200


def test_without_an_address_it_names_the_command_for_the_server_alone(alone: Sightline) -> None:
    alone.env["SIGHTLINE_WEB_ADDRESS"] = "none"
    assert b"sightline serve" in alone.run("up", code=1).stderr


def test_where_a_server_runs_already_only_the_bridge_is_started(alone: Sightline) -> None:
    alone.serve()
    beside = alone.start("up")
    beside.expect(b"ends the bridge alone", 2)
    assert f"A server runs already for {alone.home}".encode() in beside.kept[2]
    assert answers(address_in(beside.kept[2]))
    beside.signal(signal.SIGINT)
    assert beside.ended()[0] == 0
    assert alone.out("ls", "-q") == "", "the server goes on"


def test_a_taken_address_is_named_with_the_way_out_and_nothing_stays(alone: Sightline, taken: str) -> None:
    done = alone.run("up", "--web-address", taken, code=1)
    assert f"sightline: another program listens on {taken}".encode() in done.stderr
    assert b"--web-address 127.0.0.1:0" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert alone.run("ls", code=3).stdout == b""
    assert not (alone.home / "bridge.json").exists()


def test_a_server_that_cannot_start_is_the_one_thing_that_is_said(alone: Sightline) -> None:
    alone.home.mkdir(mode=0o755)
    alone.home.chmod(0o755)
    done = alone.run("up", code=1)
    assert done.stderr.count(b"\n") == 1
    assert not (alone.home / "bridge.json").exists()


def test_a_wrong_flag_of_the_bridge_ends_both(alone: Sightline) -> None:
    done = alone.run("up", "--allow-origin", "https://example.org/path", code=1)
    assert b"is no origin" in done.stderr
    assert alone.run("ls", code=3).stdout == b""


def test_open_dialects_are_said_loudly_and_only_on_this_machine(alone: Sightline) -> None:
    assert b"other machines" in alone.run("up", "--open-dialects", "--web-address", "0.0.0.0:0", code=1).stderr
    alone.up("--open-dialects")
    assert alone.server is not None
    assert b"WARNING: --open-dialects is on" in alone.server.kept[2]


def test_nothing_runs_on_after_a_kill_of_the_parent(alone: Sightline) -> None:
    alone.up()
    assert alone.server is not None
    bridge = alone.bridge_pid()
    alone.server.process.kill()
    assert b"the server has gone without a word" in alone.server.ended()[2]
    until(lambda: not runs(bridge), "the end of the bridge")
    assert not (alone.home / "bridge.json").exists()


def test_when_the_bridge_dies_the_server_ends_in_order_and_says_why(alone: Sightline) -> None:
    alone.up()
    assert alone.server is not None
    os.kill(alone.bridge_pid(), signal.SIGKILL)
    code, _, said = alone.server.ended()
    assert code == 1
    assert said.endswith(b"sightline: the bridge was killed by SIGKILL: the server ends too\n")
    assert not (alone.home / "sightline.sock").exists(), "as after a stop in order"
    alone.up()  # what a killed bridge left behind is in nobody's way


def test_a_closed_terminal_ends_both(alone: Sightline) -> None:
    terminal = alone.on_terminal("up")
    terminal.expect(rb"Its home is")
    bridge = alone.bridge_pid()
    server = int((alone.home / "lock").read_text())
    # The terminal's own end is what sends the signal: as when its window is closed.
    alone.open.remove(terminal)
    os.close(terminal.leader)
    until(lambda: not runs(bridge) and not runs(server), "the end of both")
    terminal.process.wait()
    os.close(terminal.follower)
    assert not (alone.home / "bridge.json").exists()


def test_one_ctrl_c_ends_both_without_a_word(alone: Sightline) -> None:
    terminal = alone.on_terminal("up")
    terminal.expect(rb"From another terminal[^\n]*\n")
    bridge = alone.bridge_pid()
    terminal.type(b"\x03")
    assert terminal.ended() == 0
    assert terminal.screen.strip() in {b"", b"^C"}
    assert not runs(bridge)
    assert not (alone.home / "bridge.json").exists()
    assert not (alone.home / "sightline.sock").exists()


async def test_the_bridge_says_goodbye_to_its_clients_before_the_server_goes(alone: Sightline) -> None:
    url = alone.up()
    token = str(log_in(url)[1]["token"])
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as client,
        client.ws_connect(base(url) + "/ws", protocols=["sightline.v1.json"]) as ws,
    ):
        assert "welcome" in (await ws.receive_json())
        await ws.send_json({"call": 1, "subscribe": {"sessions": ["*"], "heartbeatInterval": "1s"}})
        await ws.receive_json()
        assert alone.server is not None
        alone.server.signal(signal.SIGTERM)
        while (message := await ws.receive(20)).type is aiohttp.WSMsgType.TEXT:
            assert "end" not in message.json(), "the server went first"
        assert ws.close_code == aiohttp.WSCloseCode.GOING_AWAY
    assert alone.server.ended()[0] == 0


async def test_no_secret_is_on_a_command_line_or_in_the_log(alone: Sightline) -> None:
    url = alone.up("--verbose")
    assert alone.server is not None
    token = (alone.home / "token").read_text().strip()
    exchanged = str(log_in(url)[1]["token"])
    assert ask("POST", base(url) + "/api/ticket", token=exchanged)[0] == 200
    assert ask("POST", base(url) + "/api/ticket", token=token + "x")[0] == 401
    ticket = json.loads(alone.out("open", "--json"))["url"].partition("=")[2]
    await _say_what_cannot_be_read(base(url), token)
    secrets = [token, exchanged, ticket, url.partition("=")[2]]
    lines = _command_lines()
    assert "--lifeline" in lines[alone.bridge_pid()]
    assert [secret for secret in secrets for line in lines.values() if secret in line] == []
    alone.server.signal(signal.SIGTERM)
    code, out, said = alone.server.ended()
    assert (code, out) == (0, b"")
    shown = said.decode().replace(url, "")
    assert "a request that cannot be read: " in shown
    assert [secret for secret in secrets if secret in shown] == []


def _command_lines() -> dict[int, str]:
    """What everybody on the machine may read."""
    lines = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            lines[int(path.parent.name)] = path.read_bytes().decode(errors="replace")
    return lines


async def _say_what_cannot_be_read(url: str, token: str) -> None:
    """Requests, and frames, that hold a token in a place where something is wrong."""
    host, _, port = url.removeprefix("http://").partition(":")
    head = f"POST /api/ticket HTTP/1.1\r\nHost: {host}:{port}\r\n"
    wrong = (f"{head}Authorization: Bearer {token}\0\r\n\r\n", f"{head}Authorization Bearer {token}\r\n\r\n", f"{token}\r\n\r\n")
    for request in wrong:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request.encode())
        assert (await reader.read()).startswith(b"HTTP/1.0 400")
        writer.close()
        await writer.wait_closed()
    async with aiohttp.ClientSession() as client:
        for text in (f'{{"login": {{"token": "{token}"}}', f'{{"login": {{"token": ["{token}"]}}}}'):
            async with client.ws_connect(url + "/ws", protocols=["sightline.v1.json"]) as ws:
                await ws.send_str(text)
                while not ws.closed:
                    await ws.receive(20)
                assert ws.close_code == 4401
        async with client.get(f"{url}/nothing?token={token}") as answer:
            assert answer.status == 404


def test_modules_in_the_callers_directory_are_not_imported(
    alone: Sightline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sightline_cli", "aiohttp", "json"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    assert answers(alone.up())
    assert not (tmp_path / "ran").exists()


def test_where_the_bridge_is_stands_in_a_private_file_that_goes_with_it(alone: Sightline) -> None:
    url = alone.up()
    file = alone.home / "bridge.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert alone.bridge_file()["urls"] == [base(url)]
    assert alone.server is not None
    alone.server.signal(signal.SIGTERM)
    assert alone.server.ended()[0] == 0
    assert not file.exists()

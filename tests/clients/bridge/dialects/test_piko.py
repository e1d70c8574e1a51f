"""piko's clients: real recipes before a real server."""

from __future__ import annotations

import asyncio
import base64
import uuid
from pathlib import Path

import pytest
from sightline.v1.event_pb2 import Outcome, SessionState
from sightline_bridge.dialects.piko import MAX_LINE, as_number, pieces
from support.bridge import RunningBridge, bridging
from support.old_client import OldClient, Said, old_client
from support.server import PATIENCE, ServerProcess

PATH = "/api/environments/create/stream"


def project(server: ServerProcess, recipe: str) -> str:
    """A project with this recipe."""
    name = f"p-{uuid.uuid4().hex[:8]}"
    (server.home / "recipes").mkdir(exist_ok=True)
    (server.home / "recipes" / f"{name}.toml").write_text(recipe)
    return name


def step(script: str, source: str = "script:setup") -> str:
    return f"[[step]]\nsource = '{source}'\nscript = '''\n{script}\n'''\n"


async def create(client: OldClient, name: str, environment: str = "feature-xyz", **more: object) -> None:
    await client.say(action="create", project=name, environment=environment, **more)


async def completed(client: OldClient) -> Said:
    """The last word, behind which there is nothing."""
    said = await client.of_type("complete")
    assert await client.closed() == 1000
    assert [one["type"] for one in client.heard].count("complete") == 1
    return said


def logged(client: OldClient) -> list[tuple[str, str, str]]:
    return [(said["source"], said["stream"], said["data"]) for said in client.heard if said["type"] == "log"]


async def test_the_steps_come_line_by_line_and_then_the_environment(dialects: RunningBridge, bridged_server: ServerProcess) -> None:
    left = "echo id=42 >>$SIGHTLINE_RESULT\necho cost=1.5 >>$SIGHTLINE_RESULT"
    setup = f"echo one; printf 'tw'; sleep 0.05; echo o >&2; echo o; printf 'no end'\n{left}"
    recipe = "[labels]\nmode = 'docker'\n" + step("echo cloned", "git") + step(setup)
    name = project(bridged_server, recipe)
    async with old_client(dialects, PATH) as client:
        await create(client, name)
        assert await completed(client) == {
            "type": "complete",
            "success": True,
            "environment": {
                "id": 42,
                "cost": 1.5,
                "name": "feature-xyz",
                "project": name,
                "environment": "feature-xyz",
                "mode": "docker",
                "status": "succeeded",
            },
        }
        lines = logged(client)
        assert lines[0] == ("git", "stdout", "cloned\n")
        out = [data for source, stream, data in lines if (source, stream) == ("script:setup", "stdout")]
        assert out == ["one\n", "two\n", "no end"]
        assert ("script:setup", "stderr", "o\n") in lines


async def test_what_is_no_text_comes_as_base64(dialects: RunningBridge, bridged_server: ServerProcess) -> None:
    name = project(bridged_server, step("printf 'gr\\303\\274n\\n\\377\\376\\n'"))
    async with old_client(dialects, PATH) as client:
        await create(client, name)
        await completed(client)
        text, binary = (said for said in client.heard if said["type"] == "log")
        assert (text["data"], "encoding" in text) == ("grün\n", False)
        assert (base64.b64decode(binary["data"]), binary["encoding"]) == (b"\xff\xfe\n", "base64")


async def test_a_step_that_fails_is_no_success(dialects: RunningBridge, bridged_server: ServerProcess) -> None:
    name = project(bridged_server, step("echo broken >&2; exit 3") + step("echo never", "docker"))
    async with old_client(dialects, PATH) as client:
        await create(client, name)
        assert await completed(client) == {
            "type": "complete",
            "success": False,
            "error": "script:setup failed with exit code 3",
        }
        assert logged(client) == [("script:setup", "stderr", "broken\n")]


COMMAND = "[command]\nargv = ['sh', '-c', 'echo served; read go; echo more']\nstdin = true\n"
RUNS_ON = step("echo ready; echo port=80 >>$SIGHTLINE_RESULT") + COMMAND


async def test_without_attach_the_environment_is_complete_when_its_command_begins(
    dialects: RunningBridge, bridged_server: ServerProcess
) -> None:
    name = project(bridged_server, RUNS_ON)
    async with old_client(dialects, PATH) as client:
        await create(client, name)
        environment = (await completed(client))["environment"]
        assert (environment["status"], environment["port"], environment["name"]) == ("running", 80, "feature-xyz")
        assert logged(client) == [("script:setup", "stdout", "ready\n")]
    session = await dialects.client.get(environment["id"])
    assert (session.state, session.labels["environment"]) == (SessionState.SESSION_STATE_WORKING, "feature-xyz")
    await dialects.client.send(session, eof=True)


async def test_with_attach_the_command_is_followed_to_its_end(dialects: RunningBridge, bridged_server: ServerProcess) -> None:
    name = project(bridged_server, RUNS_ON)
    async with old_client(dialects, PATH) as client:
        await create(client, name, attach=True)
        await client.until(lambda said: said.get("data") == "served\n")
        await dialects.client.send(f"{name}-feature-xyz", "", submit=True)
        environment = (await completed(client))["environment"]
        assert (environment["status"], environment["port"]) == ("succeeded", 80)
        assert logged(client)[1:] == [("command", "stdout", "served\n"), ("command", "stdout", "more\n")]


async def test_a_recipe_of_a_command_alone_is_complete_at_once(dialects: RunningBridge, bridged_server: ServerProcess) -> None:
    name = project(bridged_server, "[command]\nargv = ['cat']\nstdin = true\n")
    async with old_client(dialects, PATH) as client:
        await create(client, name)
        environment = (await completed(client))["environment"]
        assert (environment["status"], environment["project"]) == ("running", name)
    await dialects.client.send(environment["id"], eof=True)


async def test_the_recipe_may_know_the_environment(dialects: RunningBridge, bridged_server: ServerProcess) -> None:
    recipe = "name = 'env-of-mine'\n[env]\nENVIRONMENT = 'main'\n[labels]\nbranch = '${ENVIRONMENT}'\n" + step(
        "echo on $ENVIRONMENT"
    )
    name = project(bridged_server, recipe)
    async with old_client(dialects, PATH) as client:
        await create(client, name, "feature/x y$(id)'\"\n7")
        environment = (await completed(client))["environment"]
        assert (environment["branch"], environment["name"]) == ("feature/x y$(id)'\"\n7", "feature/x y$(id)'\"\n7")
        assert "".join(data for _, _, data in logged(client)) == "on feature/x y$(id)'\" 7\n"


@pytest.mark.parametrize("environment", ["42", "007", "x" * 300, "ü", "-", ".."])
async def test_an_environment_may_have_any_name_and_stays_a_text(
    dialects: RunningBridge, bridged_server: ServerProcess, environment: str
) -> None:
    name = project(bridged_server, step("true"))
    async with old_client(dialects, PATH) as client:
        await create(client, name, environment)
        said = (await completed(client))["environment"]
        assert (said["environment"], said["name"]) == (environment, environment)


async def test_the_same_environment_is_not_made_twice_while_it_lives(
    dialects: RunningBridge, bridged_server: ServerProcess
) -> None:
    name = project(bridged_server, RUNS_ON)
    for expected in (True, False):
        async with old_client(dialects, PATH) as client:
            await create(client, name)
            assert (await completed(client))["success"] is expected
    await dialects.client.send(f"{name}-feature-xyz", eof=True)


async def test_a_client_that_goes_away_stops_nothing(
    dialects: RunningBridge, bridged_server: ServerProcess, tmp_path: Path
) -> None:
    name = project(bridged_server, step(f"echo begun; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo done"))
    async with old_client(dialects, PATH) as client:
        await create(client, name)
        await client.until(lambda said: said.get("data") == "begun\n")
    (tmp_path / "go").touch()
    async with asyncio.timeout(PATIENCE):
        assert (await dialects.client.wait(f"{name}-feature-xyz")).session.outcome == Outcome.OUTCOME_SUCCEEDED


async def test_a_client_that_goes_at_once_has_its_environment_made(bridged_server: ServerProcess) -> None:
    name = project(bridged_server, step("true"))
    async with bridging(bridged_server, open_dialects=True) as bridge:
        async with old_client(bridge, PATH) as client:
            await create(client, name)
        async with bridging(bridged_server) as other:  # also when the bridge itself goes at once
            await bridge.bridge.close()
            async with asyncio.timeout(PATIENCE):
                assert (await other.client.wait(f"{name}-feature-xyz")).session.outcome == Outcome.OUTCOME_SUCCEEDED


async def test_over_a_restart_of_the_server_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path) -> None:
    server = ServerProcess()
    try:
        server.start()
        async with bridging(server, open_dialects=True) as bridge, old_client(bridge, PATH) as client:
            name = project(
                server, step(f"echo one; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo two") + step("echo three", "b")
            )
            await create(client, name)
            await client.until(lambda said: said.get("data") == "one\n")
            await asyncio.to_thread(server.kill)
            (tmp_path / "go").touch()
            await asyncio.to_thread(server.start)
            assert (await completed(client))["success"]
            assert [data for _, _, data in logged(client)] == ["one\n", "two\n", "three\n"]
    finally:
        server.close()


async def test_four_at_once_each_hear_their_own(dialects: RunningBridge, bridged_server: ServerProcess) -> None:
    async def one(word: str) -> list[str]:
        name = project(bridged_server, step(f"for i in $(seq 200); do echo {word} $i; done"))
        async with old_client(dialects, PATH) as client:
            await create(client, name)
            await completed(client)
            return [data for _, _, data in logged(client)]

    told = await asyncio.gather(*map(one, "abcd"))
    assert told == [[f"{word} {number}\n" for number in range(1, 201)] for word in "abcd"]


# --- what cannot be done


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("create", "NOT_JSON"),
        (b"{}", "NOT_TEXT"),
        ("[1]", "NOT_AN_OBJECT"),
        ("{}", "UNKNOWN_ACTION"),
        ('{"action": "destroy", "project": "x"}', "UNKNOWN_ACTION"),
    ],
)
async def test_what_cannot_be_read_is_answered_and_the_socket_goes_on(
    dialects: RunningBridge, bridged_server: ServerProcess, said: bytes | str, reason: str
) -> None:
    async with old_client(dialects, PATH) as client:
        await (client.ws.send_str(said) if isinstance(said, str) else client.ws.send_bytes(said))
        error = await client.of_type("error")
        assert (error["reason"], bool(error["error"])) == (reason, True)
        await create(client, project(bridged_server, step("true")))
        assert (await completed(client))["success"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"project": "nobody-has-this"},
        {"project": "../recipes/x"},
        {"project": "x.toml"},
        {"project": ""},
        {"project": 7},
        {"environment": ""},
        {"environment": None},
        {"environment": "\ud800"},
        {"environment": "x" * 20000},
        {"attach": "yes"},
    ],
)
async def test_what_cannot_be_made_is_complete_without_success(
    dialects: RunningBridge, bridged_server: ServerProcess, wrong: dict[str, object]
) -> None:
    name = project(bridged_server, step("true"))
    async with old_client(dialects, PATH) as client:
        await client.say(**{"action": "create", "project": name, "environment": "e", **wrong})
        said = await completed(client)
        assert (said["success"], bool(said["error"])) == (False, True)


async def test_a_recipe_that_is_none_is_told_with_its_place(dialects: RunningBridge, bridged_server: ServerProcess) -> None:
    name = project(bridged_server, "[[step]]\nsource = 'x'\nargh = 1\n")
    async with old_client(dialects, PATH) as client:
        await create(client, name)
        assert f"{name}.toml, line 3: there is no key 'argh'" in (await completed(client))["error"]


async def test_a_second_environment_is_for_another_connection(dialects: RunningBridge, bridged_server: ServerProcess) -> None:
    name = project(bridged_server, RUNS_ON)
    async with old_client(dialects, PATH) as client:
        await create(client, name, attach=True)
        await create(client, name, "another")
        assert (await client.of_type("error"))["reason"] == "ONE_ONLY"
        await client.until(lambda said: said.get("data") == "served\n")
        await dialects.client.send(f"{name}-feature-xyz", eof=True)
        await completed(client)


async def test_the_token_comes_first_where_the_door_is_not_open(bridge: RunningBridge, bridged_server: ServerProcess) -> None:
    name = project(bridged_server, step("true"))
    async with old_client(bridge, PATH) as client:
        await create(client, name)
        assert await client.closed() == 4401
    async with old_client(bridge, PATH) as client:
        await client.say(type="login", token=bridge.token)
        await create(client, name)
        assert (await completed(client))["success"]


# --- pure


@pytest.mark.parametrize("unit", ["x", "ü", "€", "😀"])
def test_a_long_line_comes_in_pieces_of_whole_characters(unit: str) -> None:
    line = (unit * MAX_LINE + "\n").encode()
    made = pieces(line)
    assert b"".join(made) == line
    assert max(map(len, made)) <= MAX_LINE
    assert [piece.decode() for piece in made]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42),
        ("-1", -1),
        ("0", 0),
        ("1.5", 1.5),
        ("007", "007"),
        ("1.50", "1.50"),
        ("1e5", "1e5"),
        ("9007199254740993", "9007199254740993"),
        ("1" * 40, "1" * 40),
        ("", ""),
        ("٣", "٣"),
        ("nan", "nan"),
    ],
)
def test_a_number_stays_one_where_javascript_has_the_same(text: str, value: object) -> None:
    assert as_number(text) == value
    assert type(as_number(text)) is type(value)

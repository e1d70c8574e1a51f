"""AgentGate's clients, word by word, before a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest
from sightline.v1 import event_pb2 as v1
from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Session
from support.bridge import RunningBridge, bridging
from support.old_client import OldClient, Said, old_client
from support.server import ServerProcess

PATHS = ("/ws", "/ws/events")
RECORDING = Path(__file__).parents[3] / "data/agents/claude/tasks.jsonl"


@pytest.fixture
async def client(dialects: RunningBridge) -> AsyncIterator[OldClient]:
    async with old_client(dialects, "/ws") as connected:
        yield connected


def say(text: str) -> Event:
    return Event(source="agent", message=v1.Message(role=v1.Role.ROLE_ASSISTANT, text=text))


def state(now: v1.SessionState.ValueType) -> Event:
    return Event(state_changed=v1.StateChanged(state=now, confidence=1))


def end(outcome: v1.Outcome.ValueType = v1.Outcome.OUTCOME_SUCCEEDED, **more: object) -> Event:
    return Event(completed=v1.Completed(outcome=outcome, **more))  # type: ignore[arg-type]


def one_of_each() -> list[Event]:
    call = v1.ToolCall(
        tool_call_id="t1",
        name="Edit",
        kind=v1.ToolKind.TOOL_KIND_EDIT,
        input_json=b'{"file_path": "a.py", "n": 12345678901234567890}',
    )
    result = v1.ToolResult(tool_call_id="t1", status=v1.ToolStatus.TOOL_STATUS_COMPLETED, content="x" * 600)
    result.duration.FromMilliseconds(1500)
    progress = v1.Progress(phase="testing", done=1, total=4, counts={"tool_calls": 1})
    progress.elapsed.FromMilliseconds(2500)
    events = [
        Event(turn_started=v1.TurnStarted(prompt="fix it")),
        say("I fix it"),
        Event(tool_call=call),
        Event(tool_result=result),
        Event(file_changed=v1.FileChanged(path="a.py", change=v1.FileChange.FILE_CHANGE_MODIFIED, size=7, tool_call_id="t1")),
        Event(progress=progress),
        Event(error=v1.Error(code="RATE_LIMIT", message="slower")),
    ]
    for event in events:
        event.turn_id = "turn-1"
    return events


async def followed(client: OldClient, session: Session, **more: object) -> None:
    await client.say(type="subscribe", workOrderId=session.name, **more)
    assert (await client.of_type("subscription_confirmed"))["workOrderId"] == session.name


async def until_end(client: OldClient, session: Session) -> list[Said]:
    """What comes about a session, up to its end."""
    start = len(client.heard)
    await client.until(lambda said: said.get("workOrderId") == session.name and said.get("state") == "ended")
    return [said for said in client.heard[start:] if said.get("workOrderId") == session.name]


def types(told: Sequence[Said]) -> list[str]:
    return [said["type"] for said in told]


# --- events


@pytest.mark.parametrize("path", PATHS)
async def test_each_event_has_its_type_and_its_fields(dialects: RunningBridge, path: str) -> None:
    session = await dialects.client.create_published()
    async with old_client(dialects, path) as client:
        await followed(client, session)
        await dialects.client.publish(session, one_of_each())
        await dialects.client.publish(session, [end(exit_code=0, result_text="done", labels={"branch": "fix"})])
        told = await until_end(client, session)
    expected = [
        "run_iteration",
        "agent_output",
        "agent_tool_call",
        "agent_tool_result",
        "file_changed",
        "progress_update",
        "error",
        "run_completed",
        "work_order_updated",
    ]
    assert [kind for kind in types(told) if kind != "work_order_updated"] == expected[:-1]
    assert told[-1]["type"] == "work_order_updated"
    for said in told:
        assert (said["workOrderId"], said["runId"]) == (session.name, session.id)
        assert datetime.fromisoformat(said["timestamp"]).tzinfo is not None
    by_type = {said["type"]: said for said in told}
    assert (by_type["run_iteration"]["iterationNumber"], by_type["run_iteration"]["turnId"]) == (1, "turn-1")
    assert by_type["agent_output"]["content"] == "I fix it"
    call = by_type["agent_tool_call"]
    assert (call["toolUseId"], call["tool"], call["path"]) == ("t1", "Edit", "a.py")
    assert call["input"] == {"file_path": "a.py", "n": 12345678901234567890}
    result = by_type["agent_tool_result"]
    assert (result["toolUseId"], result["success"], result["durationMs"]) == ("t1", True, 1500)
    assert (result["contentPreview"], result["contentLength"]) == ("x" * 500, 600)
    changed = by_type["file_changed"]
    assert (changed["path"], changed["action"], changed["sizeBytes"]) == ("a.py", "modified", 7)
    progress = by_type["progress_update"]
    assert (progress["percentage"], progress["currentPhase"], progress["toolCallCount"]) == (25, "testing", 1)
    assert progress["elapsedSeconds"] == 2.5
    assert (by_type["error"]["code"], by_type["error"]["message"]) == ("RATE_LIMIT", "slower")
    assert (by_type["run_completed"]["result"], by_type["run_completed"]["branchName"]) == ("done", "fix")
    assert by_type["work_order_updated"]["status"] == "succeeded"


async def test_a_command_from_its_creation_to_its_failure(dialects: RunningBridge, client: OldClient) -> None:
    # What a client that follows nothing yet is told of: that there is a session.
    session = await dialects.client.create(["sh", "-c", "read go; printf 'l\\303'; printf '\\244ut\\n'; exit 3"], stdin_open=True)
    created = await client.until(lambda said: said["type"] == "work_order_created" and said["workOrderId"] == session.id)
    assert created["status"] in {"queued", "running"}
    assert (created["name"], created["runId"]) == (session.name, session.id)
    await followed(client, session, replay=True)
    await dialects.client.send(session, "", submit=True, eof=True)
    told = await until_end(client, session)
    assert types(told)[:3] == ["work_order_created", "run_started", "work_order_updated"]
    assert types(told)[-2:] == ["run_failed", "work_order_updated"]
    assert "".join(said["content"] for said in told if said["type"] == "agent_output") == "läut\n"
    assert (told[-2]["error"], told[-2]["exitCode"], told[-1]["status"]) == ("failed with exit code 3", 3, "failed")


async def test_a_recorded_agent_is_a_work_order_with_its_tools(dialects: RunningBridge, client: OldClient) -> None:
    session = await dialects.client.create(["sh", "-c", 'read go; cat "$0"', str(RECORDING)], agent="claude", stdin_open=True)
    await followed(client, session)
    await dialects.client.send(session, "", submit=True, eof=True)
    told = await until_end(client, session)
    calls = {said["toolUseId"]: said for said in told if said["type"] == "agent_tool_call"}
    results = {said["toolUseId"]: said for said in told if said["type"] == "agent_tool_result"}
    assert calls
    assert calls.keys() == results.keys()
    assert {"run_iteration", "agent_output", "run_completed"} <= set(types(told))
    assert all(said["runId"] == session.id for said in told)


async def test_escape_codes_are_left_out(dialects: RunningBridge, client: OldClient) -> None:
    session = await dialects.client.create_published(terminal=(80, 24))
    await followed(client, session)
    output = v1.Output(channel=v1.Channel.CHANNEL_TERMINAL, data=b"\x1b[31mred\x1b[0m\r\n")
    await dialects.client.publish(session, [Event(output=output), end()])
    told = await until_end(client, session)
    assert [said["content"] for said in told if said["type"] == "agent_output"] == ["red\n"]


async def test_a_move_is_a_file_that_goes_and_one_that_comes(dialects: RunningBridge, client: OldClient) -> None:
    session = await dialects.client.create_published()
    await followed(client, session)
    moved = v1.FileChanged(path="new", old_path="old", change=v1.FileChange.FILE_CHANGE_MOVED, size=1)
    await dialects.client.publish(session, [Event(file_changed=moved), end()])
    told = await until_end(client, session)
    assert [(said["path"], said["action"]) for said in told if said["type"] == "file_changed"] == [
        ("old", "deleted"),
        ("new", "created"),
    ]


async def test_a_state_is_told_with_what_it_waits_for(dialects: RunningBridge, client: OldClient) -> None:
    session = await dialects.client.create_published()
    await followed(client, session)
    waiting = v1.StateChanged(
        state=v1.SessionState.SESSION_STATE_WAITING, waiting_for=v1.WaitingFor.WAITING_FOR_PERMISSION, confidence=1
    )
    await dialects.client.publish(session, [state(v1.SessionState.SESSION_STATE_WORKING), Event(state_changed=waiting), end()])
    told = [said for said in await until_end(client, session) if said["type"] == "work_order_updated"]
    assert [(said["status"], said["state"], said.get("waitingFor")) for said in told] == [
        ("running", "working", None),
        ("running", "waiting", "permission"),
        ("succeeded", "ended", None),
    ]


# --- what is subscribed to


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("flag", "type_"),
    [
        ("includeToolCalls", "agent_tool_call"),
        ("includeToolResults", "agent_tool_result"),
        ("includeOutput", "agent_output"),
        ("includeFileChanges", "file_changed"),
        ("includeProgress", "progress_update"),
    ],
)
async def test_what_is_not_included_does_not_come(
    dialects: RunningBridge, client: OldClient, flag: str, type_: str, nested: bool
) -> None:
    session = await dialects.client.create_published()
    await followed(client, session, **({"filters": {flag: False}} if nested else {flag: False}))
    await dialects.client.publish(session, [*one_of_each(), end()])
    told = set(types(await until_end(client, session)))
    every = {"agent_tool_call", "agent_tool_result", "agent_output", "file_changed", "progress_update"}
    assert told & every == every - {type_}


async def test_several_work_orders_each_with_what_it_includes(dialects: RunningBridge, client: OldClient) -> None:
    loud, quiet = [await dialects.client.create_published() for _ in range(2)]
    await followed(client, loud)
    await followed(client, quiet, includeOutput=False)
    await dialects.client.publish(quiet, [say("unheard"), end()])
    await dialects.client.publish(loud, [say("heard"), end()])
    async with asyncio.timeout(20):
        while {said["workOrderId"] for said in client.heard if said.get("state") == "ended"} != {loud.name, quiet.name}:
            await client.hear()
    assert [said["content"] for said in client.heard if said["type"] == "agent_output"] == ["heard"]


async def test_unsubscribed_nothing_more_comes(dialects: RunningBridge, client: OldClient) -> None:
    left, kept = [await dialects.client.create_published() for _ in range(2)]
    await followed(client, left)
    await followed(client, kept)
    await dialects.client.publish(left, [say("heard")])
    await client.of_type("agent_output")
    await client.say(type="unsubscribe", workOrderId=left.name)
    assert (await client.of_type("unsubscription_confirmed"))["workOrderId"] == left.name
    await dialects.client.publish(left, [say("unheard"), end()])
    await dialects.client.publish(kept, [end()])
    await until_end(client, kept)
    assert [said["content"] for said in client.heard if said["type"] == "agent_output"] == ["heard"]


async def test_a_session_is_followed_by_its_id_too_and_again_without_repetition(dialects: RunningBridge, client: OldClient) -> None:
    session = await dialects.client.create_published()
    for number, text in enumerate(("one", "two", "three")):
        await client.say(type="subscribe", workOrderId=session.id)
        await client.of_type("subscription_confirmed")
        await dialects.client.publish(session, [say(text)])
        assert (await client.of_type("agent_output"))["content"] == text
        assert number + 1 == types(client.heard).count("agent_output")


async def test_a_ping_has_its_pong(client: OldClient) -> None:
    await client.say(type="ping")
    assert set(await client.hear()) == {"type", "timestamp"}
    assert client.heard[0]["type"] == "pong"


# --- what was before


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, []),
        ({"replay": False}, []),
        ({"replay": True}, list(range(1500 - 999, 1501))),
        ({"replayCount": 3}, [1498, 1499, 1500]),
        ({"replayCount": 5000}, list(range(501, 1501))),
        ({"replaySince": "2100-01-01T00:00:00Z"}, []),
        ({"replaySince": "2000-01-01"}, list(range(501, 1501))),
    ],
)
async def test_the_last_thousand_events_come_again_when_asked_for_then_what_is_new(
    dialects: RunningBridge, client: OldClient, asked: dict[str, object], expected: list[int]
) -> None:
    session = await dialects.client.create_published()
    for start in (1, 501, 1001):
        await dialects.client.publish(session, [say(f"{number}.") for number in range(start, start + 500)])
    await followed(client, session, **asked)
    await dialects.client.publish(session, [say("new.")])
    content = ""
    while "new." not in content:
        content += (await client.of_type("agent_output"))["content"]
    assert content.split(".")[:-1] == [*map(str, expected), "new"]


async def test_the_history_can_be_asked_for_by_the_url(dialects: RunningBridge) -> None:
    session = await dialects.client.create_published()
    await dialects.client.publish(session, [say("before"), end()])
    async with old_client(dialects, "/ws/events?replay=1") as client:
        await followed(client, session)
        assert (await client.of_type("agent_output"))["content"] == "before"
        await client.say(type="subscribe", workOrderId=session.name, replay=False)
        await client.of_type("subscription_confirmed")
        await client.say(type="ping")
        await client.of_type("pong")
        assert types(client.heard).count("agent_output") == 1


async def test_iterations_are_counted_from_the_first(dialects: RunningBridge, client: OldClient) -> None:
    session = await dialects.client.create_published()
    turns = [Event(turn_started=v1.TurnStarted(), turn_id=f"t{number}") for number in range(3)]
    await dialects.client.publish(session, turns)
    await followed(client, session, replay=True)
    await dialects.client.publish(session, [Event(turn_started=v1.TurnStarted(), turn_id="t3")])
    assert [(await client.of_type("run_iteration"))["iterationNumber"] for _ in range(4)] == [1, 2, 3, 4]


# --- how fast


async def test_over_the_rate_all_of_it_comes_in_order_and_later(bridged_server: ServerProcess) -> None:
    environ = {"SIGHTLINE_STREAM_RATE_LIMIT": "20", "SIGHTLINE_STREAM_BATCH_MS": "10"}
    async with bridging(bridged_server, open_dialects=True, environ=environ) as bridge, old_client(bridge, "/ws") as client:
        session = await bridge.client.create_published()
        await followed(client, session)
        files = [Event(file_changed=v1.FileChanged(path=str(number))) for number in range(50)]  # which cannot be merged
        began = time.monotonic()
        await bridge.client.publish(session, files)
        assert [(await client.of_type("file_changed"))["path"] for _ in files] == [str(number) for number in range(50)]
        assert time.monotonic() - began > 1  # 20 at once, and 20 each second


async def test_an_error_flushes_the_batch_at_once(bridged_server: ServerProcess) -> None:
    environ = {"SIGHTLINE_STREAM_BATCH_MS": "60000"}  # far longer than a test may take
    async with bridging(bridged_server, open_dialects=True, environ=environ) as bridge, old_client(bridge, "/ws") as client:
        session = await bridge.client.create_published()
        await followed(client, session)
        await bridge.client.publish(session, [say("before"), Event(error=v1.Error(code="E", message="m"))])
        await client.until(lambda said: said["type"] == "error")
        assert types(client.heard)[-2:] == ["agent_output", "error"]


@pytest.mark.parametrize("first", ["SIGHTLINE", "AGENTGATE"])
async def test_what_agents_do_may_be_switched_off_and_the_history_be_short(bridged_server: ServerProcess, first: str) -> None:
    environ = {f"{first}_STREAM_ENABLED": "false", f"{first}_STREAM_BUFFER_SIZE": "2"}
    async with bridging(bridged_server, open_dialects=True, environ=environ) as bridge, old_client(bridge, "/ws") as client:
        session = await bridge.client.create_published()
        await bridge.client.publish(session, [Event(error=v1.Error(code=code)) for code in "abc"])
        await followed(client, session, replay=True)
        await bridge.client.publish(session, [*one_of_each(), end()])
        told = await until_end(client, session)
        assert [said["code"] for said in told if said["type"] == "error"] == ["b", "c", "RATE_LIMIT"]
        assert set(types(told)) == {"error", "run_iteration", "run_completed", "work_order_updated"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("SIGHTLINE_STREAM_ENABLED", "perhaps"), ("AGENTGATE_STREAM_BATCH_WINDOW", "-1"), ("SIGHTLINE_STREAM_RATE_LIMIT", "1e3")],
)
async def test_a_setting_that_is_none_is_said_at_the_start(bridged_server: ServerProcess, name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name}='{value}' is n"):
        async with bridging(bridged_server, environ={name: value}):
            pass


# --- what breaks


async def test_over_a_restart_of_the_server_nothing_is_lost_and_nothing_comes_twice() -> None:
    server = ServerProcess()
    try:
        server.start()
        async with bridging(server, open_dialects=True) as bridge, old_client(bridge, "/ws") as client:
            session = await bridge.client.create_published()
            await followed(client, session)
            for number in range(6):
                if number == 3:
                    await asyncio.to_thread(server.kill)
                    await asyncio.to_thread(server.start)
                await bridge.client.publish(session, [Event(file_changed=v1.FileChanged(path=str(number)))])
            await bridge.client.publish(session, [end()])
            told = await until_end(client, session)
            assert [said["path"] for said in told if said["type"] == "file_changed"] == list("012345")
            other = await bridge.client.create_published()
            await client.until(lambda said: said["type"] == "work_order_created" and said["workOrderId"] == other.id)
    finally:
        server.close()


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        ("}", "PARSE_ERROR", "NOT_JSON"),
        (b"{}", "PARSE_ERROR", "NOT_TEXT"),
        ("7", "INVALID_MESSAGE", "NOT_AN_OBJECT"),
        ('{"type": "publish"}', "INVALID_MESSAGE", "UNKNOWN_TYPE"),
        ('{"type": "subscribe"}', "INVALID_MESSAGE", "BAD_FIELD"),
        ('{"type": "subscribe", "workOrderId": 7}', "INVALID_MESSAGE", "BAD_FIELD"),
        ('{"type": "subscribe", "workOrderId": "x", "includeOutput": "no"}', "INVALID_MESSAGE", "BAD_FIELD"),
        ('{"type": "subscribe", "workOrderId": "x", "filters": []}', "NOT_FOUND", "SESSION_NOT_FOUND"),
        ('{"type": "subscribe", "workOrderId": "x", "filters": [1]}', "INVALID_MESSAGE", "BAD_FIELD"),
        ('{"type": "subscribe", "workOrderId": "x", "replayCount": -1}', "INVALID_MESSAGE", "BAD_FIELD"),
        ('{"type": "subscribe", "workOrderId": "x", "replaySince": "soon"}', "INVALID_MESSAGE", "BAD_FIELD"),
        ('{"type": "subscribe", "workOrderId": "nobody"}', "NOT_FOUND", "SESSION_NOT_FOUND"),
    ],
)
async def test_what_cannot_be_taken_is_answered_and_the_socket_goes_on(
    client: OldClient, said: bytes | str, code: str, reason: str
) -> None:
    await (client.ws.send_str(said) if isinstance(said, str) else client.ws.send_bytes(said))
    error = await client.of_type("error")
    assert (error["code"], error["details"]["reason"], bool(error["message"])) == (code, reason, True)
    await client.say(type="ping")
    await client.of_type("pong")


@pytest.mark.parametrize("path", PATHS)
async def test_without_the_open_door_a_client_shows_its_token_first(bridge: RunningBridge, path: str) -> None:
    async with old_client(bridge, path) as client:
        await client.say(type="login", token=bridge.token)
        await client.say(type="ping")
        assert (await client.hear())["type"] == "pong"
    async with old_client(bridge, path) as client:
        await client.say(type="ping")
        assert await client.closed() == 4401

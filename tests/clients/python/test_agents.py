"""Agents from Python, on a whole server: recordings of the real programs, and a program that talks as they do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sightline
from sightline import errors, requests
from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Agent
from support.server import ServerProcess, running

RECORDED = Path(__file__).parents[2] / "data" / "agents"
TALKER = Path(__file__).parents[2] / "support" / "talking_agent.py"
FIRST_THEN_REST = 'head -n 1 "$1"; sleep 0.7; tail -n +2 "$1"'


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with running(SIGHTLINE_GRPC_ADDRESS="127.0.0.1:0") as started:
        yield started


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[sightline.Client]:
    async with sightline.connect(server.target) as connected:
        yield connected


def kinds(events: list[Event]) -> list[str | None]:
    return [event.WhichOneof("payload") for event in events]


async def test_a_runs_result_is_what_the_agent_says_it_is(client: sightline.Client) -> None:
    recording = RECORDED / "claude" / "ok.jsonl"
    result = await sightline.run(["cat", str(recording)], agent="claude", client=client)
    assert (result.outcome, result.exit_code, result.error) == ("SUCCEEDED", 0, "")
    assert result.result_text.startswith("Done: `hello.py` prints a greeting")
    assert result.text == result.result_text
    assert result.stdout == b"", "what an agent prints is its events"
    assert result.usage is not None
    assert result.usage.output_tokens == 215
    failed = await sightline.run(["cat", str(RECORDED / "claude" / "apierr.jsonl")], agent="claude", client=client)
    assert (failed.outcome, failed.exit_code) == ("FAILED", 0)
    assert "400" in failed.error


async def test_only_the_kinds_that_were_asked_for_reach_the_callback_and_the_result_is_whole(client: sightline.Client) -> None:
    events: list[Event] = []
    recording = str(RECORDED / "codex" / "ok.jsonl")
    argv = ["sh", "-c", 'echo warning >&2; cat "$1"', "sh", recording]
    result = await sightline.run(argv, agent="codex", kinds=["tool_call", "tool_result"], on_event=events.append, client=client)
    assert kinds(events) == ["tool_call", "tool_result"] * 2
    assert (result.stderr, result.outcome) == (b"warning\n", "SUCCEEDED")
    assert result.result_text.startswith("Done")
    with pytest.raises(ValueError, match="is no kind of event"):
        await sightline.run(argv, agent="codex", kinds=["tools"], client=client)


async def test_how_often_progress_is_told_is_the_callers_to_say(client: sightline.Client) -> None:
    recording = str(RECORDED / "claude" / "ok.jsonl")

    async def progress(interval: float) -> int:
        events: list[Event] = []
        argv = ["sh", "-c", FIRST_THEN_REST, "sh", recording]
        await sightline.run(
            argv, agent="claude", kinds=["progress"], progress_interval=interval, on_event=events.append, client=client
        )
        return len(events)

    often, seldom = await asyncio.gather(progress(0.1), progress(60.0))
    assert often >= 1
    assert seldom == 0
    with pytest.raises(errors.InvalidArgument, match="progress_interval"):
        await sightline.run(["cat", recording], agent="claude", progress_interval=0.0, client=client)


async def test_a_request_is_answered_and_the_next_turn_is_sent(client: sightline.Client, tmp_path: Path) -> None:
    env = {"HEARD": str(tmp_path / "heard"), "PATH": "/usr/bin:/bin"}
    argv = [sys.executable, str(TALKER)]
    session = await client.create(argv, agent="claude", prompt="ask", two_way=True, env=env, cwd=tmp_path)
    seen: list[Event] = []
    async for item in client.subscribe(session):
        if not isinstance(item, Event):
            continue
        seen.append(item)
        if item.HasField("request"):
            answer = await client.answer(session, item.request.request_id, option_id="allow", author="me")
            with pytest.raises(errors.FailedPrecondition):
                await client.answer(session, item.request.request_id, option_id="deny")
        elif item.HasField("turn_finished") and kinds(seen).count("turn_finished") == 1:
            await client.send(session, "and now")
        elif item.HasField("turn_finished"):
            await client.send(session, eof=True)
    resolved = [event for event in seen if event.HasField("request_resolved")]
    assert [(event.seq, event.request_resolved.author, event.request_resolved.option_id) for event in resolved] == [
        (answer.seq, "me", "allow")
    ]
    assert seen[-1].completed.result_text == "and now"


async def test_an_agent_that_nobody_knows_is_refused(client: sightline.Client) -> None:
    with pytest.raises(errors.InvalidArgument, match="claude"):
        await client.create(["true"], agent="clod")


def test_what_is_given_stands_over_what_the_message_says() -> None:
    given = Agent(name="codex", prompt="old")
    asked = requests.agent(given, "new", two_way=True, progress_interval=0.5)
    assert asked is not None
    assert (asked.name, asked.prompt, asked.two_way, asked.progress_interval.nanos) == ("codex", "new", True, 500_000_000)
    assert given.prompt == "old"
    assert requests.agent(None) is None

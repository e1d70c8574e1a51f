"""CBOS's clients, word by word, before a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sightline.v1.event_pb2 import Channel, Event, Output
from sightline.v1.session_pb2 import Session
from support.bridge import RunningBridge, bridging
from support.old_client import OldClient, Said, old_client
from support.server import ServerProcess

PATH = "/ws/stream"
MIB = 1024 * 1024


@pytest.fixture
async def client(dialects: RunningBridge) -> AsyncIterator[OldClient]:
    """One that has heard what comes at once."""
    async with old_client(dialects, PATH) as connected:
        await connected.of_type("available_streams")
        yield connected


def printed(*pieces: bytes) -> list[Event]:
    return [Event(output=Output(channel=Channel.CHANNEL_TERMINAL, data=piece)) for piece in pieces]


async def gathered(client: OldClient, session: str, end: str) -> str:
    """What streams of a session, up to some text."""
    data = ""
    while end not in data:
        said = await client.of_type("stream")
        data += said["data"] if said["session"] == session else ""
    return data


async def followed(client: OldClient, *sessions: str) -> Said:
    await client.say(type="subscribe", sessions=sessions)
    return await client.of_type("subscribed")


# --- which sessions there are


async def test_the_sessions_and_their_streams_are_told_at_once(dialects: RunningBridge, tmp_path: Path) -> None:
    session = await dialects.client.create(["cat"], terminal=(80, 24), name="INFRA", cwd=tmp_path, labels={"a": '"\n'})
    async with old_client(dialects, PATH) as client:
        told = await client.hear()
        assert told["type"] == "sessions"
        (one,) = (one for one in told["sessions"] if one["slug"] == "INFRA")
        assert (one["path"], one["state"], one["id"], one["labels"]) == (str(tmp_path), "unknown", session.id, {"a": '"\n'})
        streams = await client.hear()
        assert streams["type"] == "available_streams"
        assert "INFRA" in streams["sessions"]
    await dialects.client.terminate(session)


async def test_a_session_that_begins_or_ends_is_told(dialects: RunningBridge, client: OldClient) -> None:
    session = await dialects.client.create(["cat"], terminal=(80, 24))
    await client.until(lambda said: said["type"] == "sessions" and session.name in {one["slug"] for one in said["sessions"]})
    await dialects.client.terminate(session, grace=0.2)
    await client.until(lambda said: said["type"] == "sessions" and session.name not in {one["slug"] for one in said["sessions"]})


async def test_the_list_is_told_again_when_asked_for(client: OldClient) -> None:
    await client.say(type="list_sessions")
    assert isinstance((await client.of_type("sessions"))["sessions"], list)


# --- what is followed


async def test_a_terminal_is_followed_typed_into_and_interrupted(dialects: RunningBridge, client: OldClient) -> None:
    session = await dialects.client.create(["cat"], terminal=(80, 24))
    assert (await followed(client, session.name))["sessions"] == [session.name]
    await client.say(type="send", session=session.name, text="grüße")
    # Enter is pressed behind the text: cat answers.
    assert await gathered(client, session.name, "grüße\r\ngrüße\r\n") == "grüße\r\ngrüße\r\n"
    await client.say(type="interrupt", session=session.name)
    result = await client.of_type("interrupt_result")
    assert result == {"type": "interrupt_result", "session": session.name, "success": True}
    assert {"type": "send_result", "session": session.name, "success": True} in client.heard
    await dialects.client.wait(session)
    stream = next(said for said in client.heard if said["type"] == "stream")
    assert session.create_time.seconds <= stream["ts"] <= session.create_time.seconds + 120


async def test_escape_codes_stay_as_they_are(dialects: RunningBridge, client: OldClient) -> None:
    session = await dialects.client.create_published(terminal=(80, 24))
    await followed(client, session.name)
    await dialects.client.publish(session, printed(b"\x1b[31mred\x1b[0m\x07."))
    assert await gathered(client, session.name, ".") == "\x1b[31mred\x1b[0m\x07."


async def test_a_character_cut_between_events_comes_whole_and_invalid_bytes_are_replaced(
    dialects: RunningBridge, client: OldClient
) -> None:
    session = await dialects.client.create_published(terminal=(80, 24))
    await followed(client, session.name)
    await dialects.client.publish(session, printed(*(bytes([byte]) for byte in "a€😀".encode()), b"\xff", b"b\xc3", b"(", b"."))
    assert await gathered(client, session.name, ".") == "a€😀\ufffdb\ufffd(."


async def test_all_sessions_also_those_to_come_are_followed_under_a_star(dialects: RunningBridge, client: OldClient) -> None:
    first = await dialects.client.create_published(terminal=(80, 24))
    await dialects.client.publish(first, printed(b"before"))
    assert (await followed(client, "*"))["sessions"] == ["*"]
    second = await dialects.client.create_published(terminal=(80, 24))
    await dialects.client.publish(second, printed(b"two."))
    assert await gathered(client, second.name, ".") == "two."
    await dialects.client.publish(first, printed(b"one."))
    assert await gathered(client, first.name, ".") == "one."  # and nothing of what was before


async def test_what_is_not_followed_any_more_does_not_come(dialects: RunningBridge, client: OldClient) -> None:
    kept, left = [await dialects.client.create_published(terminal=(80, 24)) for _ in range(2)]
    assert (await followed(client, kept.name, left.name))["sessions"] == [kept.name, left.name]
    await client.say(type="unsubscribe", sessions=[left.name])
    assert (await client.of_type("subscribed"))["sessions"] == [kept.name]
    await dialects.client.publish(left, printed(b"unheard"))
    await dialects.client.publish(kept, printed(b"heard."))
    assert await gathered(client, kept.name, ".") == "heard."
    assert left.name not in {said["session"] for said in client.heard if said["type"] == "stream"}


async def test_the_next_session_of_a_name_is_followed_too(dialects: RunningBridge, client: OldClient) -> None:
    for text in ("one.", "two."):
        session = await dialects.client.create(["cat"], terminal=(80, 24), name="AGAIN")
        if text == "one.":
            await followed(client, "AGAIN")
        await dialects.client.send(session, text, submit=True)
        assert text in await gathered(client, "AGAIN", text)
        await dialects.client.terminate(session, grace=0.2)


async def test_over_a_restart_of_the_server_nothing_is_lost_and_nothing_comes_twice() -> None:
    server = ServerProcess()
    try:
        server.start()
        async with bridging(server, open_dialects=True) as bridge, old_client(bridge, PATH) as client:
            lines = "stty -echo; for i in 1 2 3 4 5 6 7 8 9; do read go; echo line $i; done; echo done."
            session = await bridge.client.create(["sh", "-c", lines], terminal=(80, 24))
            await followed(client, session.name)
            data = ""
            for number in range(1, 9):
                await bridge.client.send(session, "", submit=True)
                data += await gathered(client, session.name, f"line {number}")
                if number == 4:
                    await asyncio.to_thread(server.kill)
                    await asyncio.to_thread(server.start)
            await bridge.client.send(session, "", submit=True)
            data += await gathered(client, session.name, "done.")
            assert [word for word in data.split() if word.isdigit()] == [str(number) for number in range(1, 10)]
    finally:
        server.close()


async def test_who_does_not_read_is_behind_in_the_server_and_gets_all_of_it_later(
    dialects: RunningBridge, client: OldClient
) -> None:
    size = 24 * MIB
    flood = f"read go; head -c {size} /dev/zero | tr '\\0' x; echo end.; read go"
    session = await dialects.client.create(["sh", "-c", flood], stdin_open=True)
    await followed(client, session.name)
    await dialects.client.send(session, "", submit=True)
    async for item in dialects.client.subscribe(session, kinds=["output"]):
        if isinstance(item, Event) and b"end." in item.output.data:
            break
    behind = max(subscriber.lag_bytes for subscriber in (await dialects.client.get(session)).subscribers)
    assert behind > size / 2  # neither the bridge nor the socket has it
    assert len(await gathered(client, session.name, "end.")) == size + len("end.\n")
    await dialects.client.send(session, "", eof=True)


# --- the buffer


async def test_the_buffer_is_the_latest_output(dialects: RunningBridge, client: OldClient) -> None:
    session = await dialects.client.create_published(terminal=(80, 24))
    await dialects.client.publish(session, printed(*([b"0123456789"] * 900), "ä".encode(), b"\xff."))
    await client.say(type="get_buffer", session=session.name)
    buffer = await client.of_type("buffer")
    assert buffer == {"type": "buffer", "session": session.name, "data": "0123456789" * 900 + "ä\ufffd."}


@pytest.mark.parametrize(("environ", "limit"), [({}, 100_000), ({"CBOS_STREAM_MAX_BUFFER_SIZE": "1000"}, 1000)])
async def test_the_buffer_has_a_size_and_begins_with_a_whole_character(
    bridged_server: ServerProcess, environ: dict[str, str], limit: int
) -> None:
    async with bridging(bridged_server, open_dialects=True, environ=environ) as bridge, old_client(bridge, PATH) as client:
        session = await bridge.client.create_published(terminal=(80, 24))
        await bridge.client.publish(session, printed(*(["€".encode() * 100] * 700), b"end"))
        await client.say(type="get_buffer", session=session.name)
        data = (await client.of_type("buffer"))["data"]
        assert limit - 3 < len(data.encode()) <= limit
        assert data.strip("€") == "end"


async def test_a_size_that_is_none_is_said_at_the_start(bridged_server: ServerProcess) -> None:
    with pytest.raises(ValueError, match="CBOS_STREAM_MAX_BUFFER_SIZE='lots' is no number"):
        async with bridging(bridged_server, environ={"CBOS_STREAM_MAX_BUFFER_SIZE": "lots"}):
            pass


# --- what cannot be done


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("{", "NOT_JSON"),
        ("[" * 100_000, "NOT_JSON"),
        ("[]", "NOT_AN_OBJECT"),
        ("{}", "UNKNOWN_TYPE"),
        ('{"type": "dance"}', "UNKNOWN_TYPE"),
        ('{"type": {}}', "UNKNOWN_TYPE"),
        ('{"type": "subscribe"}', "BAD_FIELD"),
        ('{"type": "subscribe", "sessions": "A"}', "BAD_FIELD"),
        ('{"type": "subscribe", "sessions": [1]}', "BAD_FIELD"),
        ('{"type": "send", "session": "A"}', "BAD_FIELD"),
        ('{"type": "send", "session": "\\ud800", "text": ""}', "BAD_FIELD"),
        ('{"type": "get_buffer", "session": "nobody"}', "SESSION_NOT_FOUND"),
        ('{"type": "subscribe", "sessions": ["nobody"]}', "SESSION_NOT_FOUND"),
        ('{"type": "subscribe", "sessions": ["a/../\\u0000b"]}', "SESSION_NOT_FOUND"),
        (b"\x00\xff", "NOT_TEXT"),
    ],
)
async def test_what_cannot_be_taken_is_answered_and_the_socket_goes_on(client: OldClient, said: bytes | str, reason: str) -> None:
    await (client.ws.send_str(said) if isinstance(said, str) else client.ws.send_bytes(said))
    error = await client.of_type("error")
    assert (error["reason"], bool(error["error"])) == (reason, True)
    await client.say(type="list_sessions")
    await client.of_type("sessions")


@pytest.mark.parametrize("verb", ["send", "interrupt"])
async def test_what_cannot_be_typed_is_no_success(dialects: RunningBridge, client: OldClient, verb: str) -> None:
    ended = await dialects.client.create(["true"])
    await dialects.client.wait(ended)
    for name, reason in ((ended.name, "SESSION_ENDED"), ("nobody", "SESSION_NOT_FOUND")):
        await client.say(type=verb, session=name, text="x")
        result = await client.of_type(f"{verb}_result")
        assert (result["session"], result["success"], result["reason"]) == (name, False, reason)
        assert result["error"]


# --- the door


async def test_without_the_open_door_a_client_shows_its_token_first(bridge: RunningBridge) -> None:
    async with old_client(bridge, PATH) as client:
        await client.say(type="login", token=bridge.token)
        assert (await client.hear())["type"] == "sessions"
    async with old_client(bridge, PATH) as client:
        await client.say(type="subscribe", sessions=["*"])
        assert await client.closed() == 4401
        assert client.heard == []
    async with old_client(bridge, PATH, **bridge.bearer) as client:
        assert (await client.hear())["type"] == "sessions"


async def test_four_clients_at_once_hear_the_same(dialects: RunningBridge) -> None:
    session: Session = await dialects.client.create_published(terminal=(80, 24))

    async def one(ready: asyncio.Barrier) -> str:
        async with old_client(dialects, PATH) as client:
            await followed(client, session.name)
            await ready.wait()
            return await gathered(client, session.name, "end")

    ready = asyncio.Barrier(5)
    clients = [asyncio.create_task(one(ready)) for _ in range(4)]
    await ready.wait()
    await dialects.client.publish(session, printed(*(f"{number} ".encode() for number in range(500)), b"end"))
    assert set(await asyncio.gather(*clients)) == {"".join(f"{number} " for number in range(500)) + "end"}

"""The forwarder: publishes what hooks have left in the queue, in its order and each once, and ends when nothing comes any more.

One runs for a home at a time (`__main__` takes the lock). How far it is stands in a file beside the queue, with the decoders as
they were there: one that was killed goes on under the same producer with the same numbers, and the server leaves out what it has
already. Its outputs lead nowhere, and whatever goes wrong concerns no agent.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pickle
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sightline_cli.hooks import queue

if TYPE_CHECKING:
    from sightline import Client
    from sightline.v1.event_pb2 import Event
    from sightline.v1.session_pb2 import Session
    from sightline_server.decode.agents.decoder import Decoder

IDLE = 30.0  # seconds without a word after which it ends
LOOK = 1.0  # seconds between two looks whether the home is still there
GIVE_UP = 60.0  # seconds for which it waits for a server; what is in the queue stays there for the next one
PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds between two tries
KNOWN_FOR = 10.0  # seconds for which it is believed that a session is, or is not
MAX_AGENTS = 100  # whose decoders are kept
AGENT = "claude"  # whose hooks these are


@dataclass
class Place:
    """How far the forwarder is.

    Attributes:
        producer: under which it publishes.
        offset: bytes of the queue that are done.
        published: events by session.
        decoders: by the agent's own session; the newest last.
    """

    producer: str = field(default_factory=lambda: f"hook-{secrets.token_hex(8)}")
    offset: int = 0
    published: dict[str, int] = field(default_factory=dict)
    decoders: dict[str, Decoder] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """One payload, on one line: `session` is what the environment said, `time` in nanoseconds since 1970, `end` its end's place."""

    session: str
    time: int
    line: bytes
    payload: Mapping[str, Any]
    end: int


def records(data: bytes, offset: int) -> Iterator[Record]:
    """What stands in the queue from there on. What is no record ends it: nothing behind it can be trusted."""
    place = 0
    while (head := data.find(b"\n", place)) >= 0:
        words = data[place:head].split()
        if len(words) != 3 or not (words[0].isdigit() and words[1].isdigit()):
            return
        place = head + 1 + int(words[0]) + 1
        if place > len(data):
            return
        line = data[head + 1 : place - 1]
        try:
            payload = json.loads(line)
        except (ValueError, RecursionError):
            payload = None
        if b"\n" in line:  # printed for people
            line = json.dumps(payload).encode()
        session = "" if words[2] == queue.NOBODY else words[2].decode(errors="replace")
        yield Record(session, int(words[1]), line, payload if isinstance(payload, dict) else {}, offset + place)


class Forwarder:
    """Empties one home's queue.

    Args:
        path: the queue's directory.
        client: the way to the server.
        place: where the one before has stopped.
    """

    def __init__(self, path: str, client: Client, place: Place) -> None:
        self._path = path
        self._client = client
        self._place = place
        self._sessions: dict[str, tuple[float, Session | None]] = {}
        self._decoded: tuple[int, list[Event]] = (0, [])  # of a record that could not be published yet

    async def forward(self) -> None:
        """Publishes what there is. Raises `Unavailable` when there is no server."""
        from sightline import errors  # noqa: PLC0415

        data = unread(self._path, self._place)
        for record in records(data, self._place.offset):
            try:
                await self._record(record)
            except errors.Unavailable:
                raise
            except Exception:  # noqa: S110 - one that cannot be told must not keep those behind it back
                pass
            self._decoded = (0, [])
            self._place.offset = record.end
            save(self._path, self._place)

    async def _record(self, record: Record) -> None:
        from sightline_cli.hooks.deciding import wanted  # noqa: PLC0415

        session = await self._session(record)
        if self._decoded[0] != record.end:
            self._decoded = (record.end, self._decode(record))
        if session is not None and (chosen := wanted(session, self._decoded[1])):
            await self._publish(session, chosen)

    def _decode(self, record: Record) -> list[Event]:
        from sightline_server.decode.agents import choose  # noqa: PLC0415

        place, agent = self._place, str(record.payload.get("session_id", ""))
        decoder = place.decoders.pop(agent, None) or choose.HOOKS[AGENT]()
        place.decoders[agent] = decoder
        while len(place.decoders) > MAX_AGENTS:
            del place.decoders[next(iter(place.decoders))]
        events = decoder.feed(record.line + b"\n")
        for event in events:
            if not event.HasField("source_time"):
                event.source_time.FromNanoseconds(record.time)
        return events

    async def _publish(self, session: Session, events: list[Event]) -> None:
        from sightline import errors  # noqa: PLC0415

        place = self._place
        first = place.published.get(session.id, 0) + 1
        for _ in range(2):
            try:
                answer = await self._client.publish(session, events, producer_id=place.producer, first_sequence=first)
            except errors.OutOfRange as error:  # its log has forgotten this producer, or was restored
                first = int(error.metadata.get("expected", "1"))
            except errors.Unavailable:
                raise
            except errors.SightlineError:
                return  # it has ended, or is closed to others: these are for nobody
            else:
                place.published[session.id] = answer.next_sequence - 1
                return

    async def _session(self, record: Record) -> Session | None:
        """The session that the agent runs in, or the one that follows its transcript; None: there is none."""
        from sightline import errors  # noqa: PLC0415

        transcript = str(record.payload.get("transcript_path", ""))
        key = record.session or transcript
        then, found = self._sessions.get(key, (0.0, None))
        if time.monotonic() - then < KNOWN_FOR and then:
            return found
        try:
            found = await self._client.get(record.session) if record.session else await self._by_transcript(transcript)
        except errors.NotFound:
            found = None
        self._sessions[key] = (time.monotonic(), found)
        return found

    async def _by_transcript(self, transcript: str) -> Session | None:
        from sightline.v1.event_pb2 import SessionState  # noqa: PLC0415

        live = [state for state in SessionState.values() if state not in {0, SessionState.SESSION_STATE_ENDED}]
        async for session in self._client.list(states=live):
            if transcript and session.transcript.path == transcript:
                return session
        return None


async def run(path: str, wake: int) -> None:
    """Forwards until nothing comes any more, or no server is to be had."""
    import sightline  # noqa: PLC0415
    from sightline import errors  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    woken = asyncio.Event()
    loop.add_reader(wake, _drain, wake, woken)
    place = load(path)
    async with sightline.connect(retry_for=0.0) as client:
        forwarder = Forwarder(path, client, place)
        tried, pause = loop.time(), PAUSE
        while True:
            woken.clear()
            try:
                await forwarder.forward()
            except errors.Unavailable:
                if loop.time() - tried > GIVE_UP:
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            tried, pause = loop.time(), PAUSE
            if not await _more(path, woken) and (not _size(path) or close(path, place, wake)):
                loop.remove_reader(wake)
                return
            tried = loop.time()


async def _more(path: str, woken: asyncio.Event) -> bool:
    """Returns when something has come, or False when nothing has for long enough, or the home is gone."""
    loop = asyncio.get_running_loop()
    until = loop.time() + IDLE
    while loop.time() < until and _is_there(path):
        try:
            async with asyncio.timeout(LOOK):
                await woken.wait()
        except TimeoutError:
            continue
        return True
    return False


def unread(path: str, place: Place) -> bytes:
    """What stands in the queue behind the place."""
    with open(os.path.join(path, queue.QUEUE), "rb") as file:
        file.seek(place.offset)
        return file.read()


def _drain(descriptor: int, woken: asyncio.Event) -> None:
    with suppress(BlockingIOError):
        os.read(descriptor, 65536)
    woken.set()


def close(path: str, place: Place, wake: int) -> bool:
    """Empties the file and closes the pipe, in one step for whoever appends. False: something has come that is not done yet."""
    descriptor = os.open(os.path.join(path, queue.QUEUE), os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        left = os.pread(descriptor, queue.MAX_QUEUE, place.offset)
        if next(records(left, 0), None) is not None:
            return False
        os.ftruncate(descriptor, 0)
        place.offset = 0
        save(path, place)
        os.close(wake)
    finally:
        os.close(descriptor)
    return True


def load(path: str) -> Place:
    """Where the one before has stopped; a new place where that cannot be known."""
    try:
        with open(os.path.join(path, queue.STATE), "rb") as file:
            place = pickle.load(file)  # noqa: S301 - ours, in a directory of ours
    except Exception:
        return Place()
    if not isinstance(place, Place):
        return Place()
    if place.offset > _size(path):  # it was emptied, and that could not be said any more
        place.offset = 0
    return place


def _is_there(path: str) -> bool:
    return os.path.exists(os.path.join(path, queue.QUEUE))


def _size(path: str) -> int:
    try:
        return os.stat(os.path.join(path, queue.QUEUE)).st_size
    except OSError:
        return 0


def save(path: str, place: Place) -> None:
    """Keeps where it is: whole, or as it was."""
    new = os.path.join(path, queue.STATE + ".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        pickle.dump(place, file)
    os.replace(new, os.path.join(path, queue.STATE))

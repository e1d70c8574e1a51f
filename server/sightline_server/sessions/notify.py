"""Tells the user when a session waits for somebody, and when it has ended: what is told, and when. Not how; see `messengers`.

A question that is answered within a second is not told, one that comes back is told again only after a while. Nobody waits for
this: what cannot be told in time is dropped, and the server's log says so.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.json_format import MessageToDict
from sightline.v1.event_pb2 import Outcome, SessionState, StateChanged, WaitingFor
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind

from sightline_server.sessions.states import States

logger = logging.getLogger(__name__)

SETTLE = 1.0  # seconds for which a session must wait before that is told
AGAIN = 10.0  # seconds until the same is told again of one session
MAX_QUEUE = 100  # messages that wait for one messenger
GOODBYE = 2.0  # seconds for what is still to be told when the server goes
TOLD = frozenset(
    {"id", "name", "labels", "kind", "host", "cwd", "agent", "state", "waiting_for"}
    | {"outcome", "exit_code", "signal", "create_time", "end_time"}
)
"""The fields of `Session` that are told. Not its command line: secrets may be in there, and this may leave the machine."""


@dataclass(frozen=True)
class Message:
    """One thing to tell.

    Attributes:
        event: `waiting` or `ended`.
        seq: the event of the session's log that it is about; with the session's id, the same for each try.
        session: the session, as far as it is told.
        change: the state.
    """

    event: str
    seq: int
    session: SessionMessage
    change: StateChanged

    @property
    def delivery(self) -> str:
        """The same whenever this is sent again."""
        return f"{self.session.id}-{self.seq}"

    def body(self) -> bytes:
        """As JSON: `event`, `seq`, and `session` and `stateChanged` as they are in the contract's JSON."""
        content = {
            "event": self.event,
            "seq": str(self.seq),
            "session": MessageToDict(self.session),
            "stateChanged": MessageToDict(self.change),
        }
        return json.dumps(content, ensure_ascii=False).encode()

    def variables(self) -> Mapping[str, str]:
        """For a command's environment. Not `SIGHTLINE_SESSION_ID`: that would make the command one of the session's own."""
        session = self.session
        facts = {
            "EVENT": self.event,
            "SEQ": str(self.seq),
            "SESSION": session.id,
            "NAME": session.name,
            "KIND": SessionKind.Name(session.kind).removeprefix("SESSION_KIND_").lower(),
            "HOST": session.host,
            "CWD": session.cwd,
            "AGENT": session.agent,
            "WAITING_FOR": word(WaitingFor.Name(session.waiting_for), "WAITING_FOR_"),
            "OUTCOME": word(Outcome.Name(session.outcome), "OUTCOME_"),
            "EXIT_CODE": str(session.exit_code) if session.HasField("exit_code") else "",
            "REASON": self.change.reason,
        }
        return {f"SIGHTLINE_NOTIFY_{name}": value.replace("\0", "") for name, value in facts.items()}


class Messenger(Protocol):
    """One way to the user."""

    name: str
    """For the server's log."""

    async def tell(self, message: Message) -> None:
        """Raises `NotTold`."""
        ...


class NotTold(Exception):
    """It did not get through; the text says why, without secrets."""


class Speaker(Protocol):
    """A session, as far as it matters here."""

    record: SessionMessage
    states: States


class Notifier:
    """Tells all messengers what is worth it.

    Args:
        messengers: the ways to the user.
    """

    def __init__(self, messengers: Sequence[Messenger]) -> None:
        self._queues: Mapping[str, asyncio.Queue[Message]] = {each.name: asyncio.Queue(MAX_QUEUE) for each in messengers}
        self._workers = [asyncio.create_task(self._work(each), name=f"notify: {each.name}") for each in messengers]
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._told: dict[tuple[str, int], float] = {}
        """When a session and what it waits for were told last."""

    def saw(self, speaker: Speaker) -> None:
        """A state of a session has just been committed. Who committed it is not kept, nor disturbed by what goes wrong here."""
        asyncio.get_running_loop().call_soon(self._consider, speaker)

    def _consider(self, speaker: Speaker) -> None:
        session, loop = speaker.record.id, asyncio.get_running_loop()
        if (timer := self._due.pop(session, None)) is not None:
            timer.cancel()
        if speaker.record.state == SessionState.SESSION_STATE_ENDED:
            self._told = {key: when for key, when in self._told.items() if key[0] != session}
            self._send("ended", speaker)
        elif speaker.record.state == SessionState.SESSION_STATE_WAITING:
            before = self._told.get((session, speaker.record.waiting_for))
            due = loop.time() + SETTLE if before is None else max(loop.time() + SETTLE, before + AGAIN)
            self._due[session] = loop.call_at(due, self._still_waits, speaker)

    async def stop(self) -> None:
        """Tells what is still to be told, for a moment."""
        for timer in self._due.values():
            timer.cancel()
        rest = asyncio.gather(*(queue.join() for queue in self._queues.values()))
        await asyncio.wait([rest], timeout=GOODBYE)
        rest.cancel()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(rest, *self._workers, return_exceptions=True)

    def _still_waits(self, speaker: Speaker) -> None:
        record = speaker.record
        del self._due[record.id]
        self._told[record.id, record.waiting_for] = asyncio.get_running_loop().time()
        self._send("waiting", speaker)

    def _send(self, event: str, speaker: Speaker) -> None:
        session = SessionMessage()
        session.CopyFrom(speaker.record)
        for field, _ in speaker.record.ListFields():
            if field.name not in TOLD:
                session.ClearField(field.name)  # type: ignore[arg-type] # one of its own
        message = Message(event, speaker.states.place(), session, speaker.states.present())
        for name, queue in self._queues.items():
            try:
                queue.put_nowait(message)
            except asyncio.QueueFull:
                logger.warning("%s: %d messages wait already; that %s is %s is not told", name, MAX_QUEUE, session.name, event)

    async def _work(self, messenger: Messenger) -> None:
        queue = self._queues[messenger.name]
        while True:
            message = await queue.get()
            try:
                await messenger.tell(message)
            except NotTold as problem:
                logger.warning("%s: that %s is %s was not told: %s", messenger.name, message.session.name, message.event, problem)
            except Exception:  # whatever is wrong with one message, the next is told
                logger.exception("%s: that %s is %s was not told", messenger.name, message.session.name, message.event)
            finally:
                queue.task_done()


def word(name: str, prefix: str) -> str:
    """A value's name in lower case; empty for the one that says nothing."""
    short = name.removeprefix(prefix).lower()
    return "" if short == "unspecified" else short

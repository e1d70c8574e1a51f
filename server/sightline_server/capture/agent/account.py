"""What an agent has said so far: its decoder, and what else depends on the same bytes. Plain data that can be pickled; no I/O.

The same records in the same order make the same account, so it can be made again behind a restart.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from sightline.v1.event_pb2 import Event

from sightline_server.capture.agent.journal import Record
from sightline_server.capture.agent.two_way import TwoWay
from sightline_server.decode.agents.decoder import Decoder

STDOUT = b"o"  # a record of bytes of stdout; its place is their end in the spool
ANSWER = b"a"  # of an answer; its place is how many there are with it
DELIVERED = b"d"  # an answer was typed; its place is the answer's


@dataclass(frozen=True)
class Resolution:
    """A request that is no longer open.

    Attributes:
        request_id: which.
        option_id: the option that was taken; empty: `text` is the answer, or it is void.
        text: the answer, or why it is void.
        author: who answered.
        cancelled: nobody did.
        reply: what the agent is to be told; empty: nothing.
    """

    request_id: str
    option_id: str = ""
    text: str = ""
    author: str = ""
    cancelled: bool = False
    reply: str = ""


class Account:
    """See above.

    Args:
        decoder: reads its stdout.
        two_way: how it is talked to while it works; None: it is not.
        interval: seconds between two `progress` events.

    Attributes:
        turn_began: when the turn under way began to be known, in ns since 1970; 0: none is under way.
        heard: when it last said something, in ns since 1970; 0: never.
        answers: how many requests were resolved from here.
        undelivered: what it must still be told, by the answer's number.
    """

    def __init__(self, decoder: Decoder, two_way: TwoWay | None = None, interval: float = 5.0) -> None:
        self.decoder = decoder
        self.two_way = two_way
        self.interval = interval
        self.turn_began = 0
        self.heard = 0
        self.answers = 0
        self.undelivered: dict[int, str] = {}

    def take(self, record: Record) -> list[Event]:
        """What a record says."""
        match record.kind:
            case _ if record.kind == STDOUT:
                return self._stdout(record)
            case _ if record.kind == ANSWER:
                return self._answer(record)
            case _ if record.kind == DELIVERED:
                self.undelivered.pop(record.place, None)
        return []

    def _stdout(self, record: Record) -> list[Event]:
        if self.two_way is not None:
            self.two_way.hear(record.data)
        events = self.decoder.feed(record.data)
        self.heard = record.time
        turn = self.decoder.conversation.turn_id
        if not turn:
            self.turn_began = 0
        elif not self.turn_began or any(event.HasField("turn_started") for event in events):
            self.turn_began = record.time
        return events

    def _answer(self, record: Record) -> list[Event]:
        self.answers = record.place
        resolution = Resolution(**json.loads(record.data))
        conversation = self.decoder.conversation
        conversation.at(None)
        conversation.resolved(
            resolution.request_id,
            option_id=resolution.option_id,
            text=resolution.text,
            author=resolution.author,
            cancelled=resolution.cancelled,
        )
        if resolution.reply:
            self.undelivered[record.place] = resolution.reply
        return conversation.take()

    @property
    def is_working(self) -> bool:
        """It does something, or is expected to: it has a turn or work behind it, or has not said anything yet."""
        conversation = self.decoder.conversation
        if conversation.open_requests:
            return False
        if any(call.background for call in conversation.open_calls.values()):
            return True
        return bool(conversation.turn_id) or (not conversation.turns and (self.two_way is None or self.two_way.given > 0))


def encoded(resolution: Resolution) -> bytes:
    """A resolution as the data of a record."""
    return json.dumps(asdict(resolution)).encode()

"""What a decoder is, and what all of them share: lines, broken lines, the end.

A decoder is fed bytes as they come and gives events; it is told how the program ended and gives the last ones, `completed` at the
very end. Each line yields events or becomes a `notice` that carries it in `raw`: nothing is dropped, nothing raises.

Its whole state is plain data (it is pickled to be taken up again after a restart of the server): no open files, no functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sightline.v1.event_pb2 import Completed, Event, Outcome

from sightline_server.decode.agents.conversation import Conversation
from sightline_server.decode.agents.json_lines import REFUSED, Lines, decode, objects

UNKNOWN_LINE = "unknown_line"  # an object of a kind that is not known
NOTHING_NEW = "nothing_new"  # a line of a known kind that adds nothing to what was told: the frame around pieces, their whole
NOT_JSON = "not_json"  # no object at all: what wrappers print, half a line
NO_RESULT = "NO_RESULT"  # the error code of an end without the agent's own word


@dataclass(frozen=True)
class End:
    """How the program ended, as far as it is known.

    Attributes:
        exit_code: None when a signal ended it, or when it is not known.
        signal: the number of the signal that ended it; 0: none.
        observed: False: nothing is known but the stream itself, which is over.
        interrupted: it was asked to stop what it does.
        terminated: it was ended by whoever asked.
        error: what is known of why, for people: the last words on its stderr, say.
    """

    exit_code: int | None = None
    signal: int = 0
    observed: bool = True
    interrupted: bool = False
    terminated: bool = False
    error: str = ""

    @property
    def leaves_open(self) -> bool:
        """Nothing is known but the stream, and nothing says that more of it is missing: a recording that was cut nowhere."""
        return not (self.observed or self.error)


UNSEEN = End(observed=False)


class Decoder:
    """One family's lines into events. A family gives `agent`, `claims` and `_object`; `_closing` where a stream has no last line.

    Args:
        keep_raw: each event carries the line it comes from: the first event of a line does.

    Attributes:
        conversation: where it stands.
        unknown_lines: lines that nothing understood.
        lines: lines read, without the empty ones.
    """

    agent: ClassVar[str]
    repeats: ClassVar[bool] = False
    """The same is said again and again while it changes, so that what adds nothing is no news and makes no event."""
    best_effort: ClassVar[bool] = False
    """No recording of the real program was at hand."""

    def __init__(self, *, keep_raw: bool = False) -> None:
        self.conversation = Conversation(self.agent)
        self.unknown_lines = 0
        self.lines = 0
        self._withheld = False  # set by `_object`: the line is nobody's to read (system prompts): its bytes are passed on nowhere
        self._keep_raw = keep_raw
        self._lines = Lines()

    def told(self, argv: Sequence[str]) -> None:
        """What the program's command line says about its stream, where it says anything. Before the first byte."""

    def feed(self, data: bytes) -> list[Event]:
        """The events of the lines that are whole now."""
        lines = self._lines.feed(data)
        if not lines:
            return []
        if self._keep_raw:
            return [event for line in lines for event in self._kept(line)]
        for line in lines:
            self._line(line)
        return self.conversation.take()

    def close(self, end: End = UNSEEN) -> list[Event]:
        """The stream is over: the last events, `completed` at the very end. Called once."""
        events = self.feed(b"\n")  # what stands there without its line end is a line, or half of one
        self.conversation.at(None)
        completed = self._completed(end)
        return [*events, *self.conversation.take(), Event(source=self.agent, completed=completed)]

    def _kept(self, line: bytes) -> list[Event]:
        self._line(line)
        events = self.conversation.take()
        if events and not events[0].raw and not self._withheld:
            events[0].raw = line
        return events

    def _line(self, line: bytes) -> None:
        self._withheld = False
        try:
            one = decode(line)
        except REFUSED:
            one = None
        if type(one) is dict:
            self.lines += 1
            self._one(one, line)
        else:
            self._odd_line(line)

    def _odd_line(self, line: bytes) -> None:
        found = objects(line)
        if found is not None:
            self.lines += 1
            for one in found:
                self._one(one, line)
        elif line.strip():
            self.lines += 1
            self._withheld = self._private(line)
            self.conversation.notice(NOT_JSON, raw=b"" if self._withheld else line)

    def _one(self, one: dict[str, Any], line: bytes) -> None:
        conversation = self.conversation
        events = conversation.events
        before = len(events)
        try:
            if self._object(one, line):
                if len(events) == before and not self.repeats:
                    conversation.notice(NOTHING_NEW, str(one.get("type", ""))[:200], raw=b"" if self._withheld else line)
                return
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
            pass  # a shape that nobody has seen yet: hostile, or of a version to come
        self.unknown_lines += 1
        conversation.notice(UNKNOWN_LINE, str(one.get("type", ""))[:200], raw=b"" if self._withheld else line)

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """Whether an object near the beginning of a stream is this family's, and no other's."""
        raise NotImplementedError

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        """Makes one object's events. False: it is of a kind that is not known; what a wrong shape raises says the same.

        `line` are the bytes it stands in, for `json_lines.span`.
        """
        raise NotImplementedError

    def _private(self, line: bytes) -> bool:  # noqa: ARG002 - what a family may look at
        """Whether a line that is no object may be a piece of what is nobody's to read."""
        return False

    def _closing(self, end: End) -> None:
        """Ends the turn under way where the format says so by ending. `end` is how the program ended."""

    def _completed(self, end: End) -> Completed:
        """The end. The agent's own last word on a turn beats everything; without it what was asked for, then what was observed."""
        conversation = self.conversation
        self._closing(end)
        code = ""
        if conversation.turn_id or conversation.outcome == Outcome.OUTCOME_UNSPECIFIED:
            outcome, error = unfinished(end)
            code = "" if outcome in {Outcome.OUTCOME_CANCELLED, Outcome.OUTCOME_INTERRUPTED} else NO_RESULT
            if not conversation.turn_id:  # there was no exchange at all
                conversation.outcome, conversation.error = outcome, error
            while conversation.turn_id:
                conversation.end_turn(outcome, error=error)
        conversation.close_calls()
        return Completed(
            outcome=conversation.outcome,
            exit_code=end.exit_code,
            signal=end.signal,
            result_text=conversation.text,
            error=conversation.error,
            error_code=code,
            usage=conversation.total if conversation.total.ByteSize() else None,
        )


def unfinished(end: End) -> tuple[Outcome.ValueType, str]:
    """The outcome of what ended without the agent's own word, and why."""
    if end.terminated:
        return Outcome.OUTCOME_CANCELLED, ""
    if end.interrupted:
        return Outcome.OUTCOME_INTERRUPTED, ""
    if not end.observed:
        return Outcome.OUTCOME_LOST, end.error or "the stream is over without the agent's last word"
    if end.error:
        return Outcome.OUTCOME_FAILED, end.error
    if end.signal:
        return Outcome.OUTCOME_FAILED, f"signal {end.signal} ended it before its last word"
    return Outcome.OUTCOME_FAILED, f"it exited with code {end.exit_code} before its last word"

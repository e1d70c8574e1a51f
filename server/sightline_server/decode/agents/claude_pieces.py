"""Text that comes in pieces, then again as a whole, and once more when a failed call is tried again: told once.

Knows the Messages API's blocks (a message is a row of them, each with its place) and nothing of lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sightline_server.decode.agents.conversation import Conversation

MAX_SPEAKERS = 64  # subagents whose last message is remembered


@dataclass(slots=True)
class Block:
    """One block of a message.

    Attributes:
        kind: `text`, `thinking`; empty: another, which is not told here.
        message_id: under which it is told.
        parts: what was told of it.
        whole: its whole was told too.
        again: what an attempt that failed had told in this place, until this one has said as much.
    """

    kind: str
    message_id: str
    parts: list[str] = field(default_factory=list)
    whole: bool = False
    again: str = ""

    @property
    def text(self) -> str:
        """All that was told of it."""
        return "".join(self.parts)


@dataclass(slots=True)
class Attempt:
    """One message of the model as far as it came.

    Attributes:
        api_id: the message's.
        blocks: by their place in it.
        before: the blocks of an attempt that failed, which this one may repeat.
        failed: it will be tried again.
        loose: how many blocks were not told as a whole.
    """

    api_id: str = ""
    blocks: dict[int, Block] = field(default_factory=dict)
    before: dict[int, Block] = field(default_factory=dict)
    over: bool = False
    failed: bool = False
    loose: int = 0


class Pieces:
    """Joins pieces, wholes and repetitions, for the main agent and each subagent apart, and tells the conversation."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._attempts: dict[str, Attempt] = {}

    def start(self, api_id: str, parent: str = "") -> None:
        """A message begins to come in pieces. One that had not come to its end failed and is said again."""
        self._begin(api_id, parent)

    def over(self, parent: str = "") -> None:
        """The message is at its end: what follows is another, not the same again."""
        if attempt := self._attempts.get(parent):
            attempt.over = True

    def stopped(self, parent: str = "") -> None:
        """The message stops: at its end where each block came as a whole too, else its stream broke, and it is said again."""
        if attempt := self._attempts.get(parent):
            attempt.over = not attempt.loose

    def retried(self, parent: str = "") -> None:
        """The call failed and is tried again."""
        if attempt := self._attempts.get(parent):
            attempt.failed = not attempt.over

    def again(self, parent: str = "") -> None:
        """The message is said again, although it had come to its end."""
        if attempt := self._attempts.get(parent):
            attempt.over, attempt.failed = False, True

    def block(self, place: int, kind: str, parent: str = "") -> None:
        """A block of the message begins."""
        attempt = self._attempts.get(parent) or self._begin("", parent)
        self._add(attempt, place, kind if kind in {"text", "thinking"} else "")

    def piece(self, place: int, kind: str, text: str, parent: str = "") -> None:
        """The next piece of a block."""
        attempt = self._attempts.get(parent) or self._begin("", parent)
        block = attempt.blocks.get(place) or self._add(attempt, place, kind)
        block.parts.append(text)
        if not block.again:
            self._tell(kind, text, block.message_id, delta=True, parent=parent)
            return
        said = block.text
        if block.again.startswith(said):
            return
        if said.startswith(block.again):
            self._tell(kind, said[len(block.again) :], block.message_id, delta=True, parent=parent)
        else:
            self._tell(kind, said, block.message_id, delta=False, parent=parent)
        block.again = ""

    def whole(self, api_id: str, kind: str, text: str, parent: str = "") -> None:
        """A block as a whole: what was not told of it yet is."""
        attempt = self._attempts.get(parent)
        if attempt is None or attempt.api_id != api_id or not api_id:
            attempt = self._begin(api_id, parent)
        block = self._loose(attempt, kind) or self._add(attempt, len(attempt.blocks), kind)
        told = block.again or block.text
        new = not told
        block.whole, block.again, block.parts = True, "", [text]
        attempt.loose -= 1
        if new:
            self._tell(kind, text, block.message_id, delta=False, parent=parent)
        elif text.startswith(told):
            if text != told:
                self._tell(kind, text[len(told) :], block.message_id, delta=True, parent=parent)
        elif text:
            self._tell(kind, text, block.message_id, delta=False, parent=parent)

    def tool(self, api_id: str, parent: str = "") -> None:
        """A block of another kind as a whole: it has its place too."""
        attempt = self._attempts.get(parent)
        if attempt is None or attempt.api_id != api_id or not api_id:
            attempt = self._begin(api_id, parent)
        block = self._loose(attempt, "") or self._add(attempt, len(attempt.blocks), "")
        block.whole = True
        attempt.loose -= 1

    def _loose(self, attempt: Attempt, kind: str) -> Block | None:
        """The block of this kind whose whole is still to come."""
        if attempt.loose:
            for block in attempt.blocks.values():
                if block.kind == kind and not block.whole:
                    return block
        return None

    def _begin(self, api_id: str, parent: str) -> Attempt:
        last = self._attempts.pop(parent, None)
        attempt = Attempt(api_id)
        if last and not last.over and (last.failed or last.loose):
            void = {place: block for place, block in last.blocks.items() if last.failed or not block.whole}
            attempt.before = last.before | void
        self._attempts[parent] = attempt
        if len(self._attempts) > MAX_SPEAKERS:
            del self._attempts[next(one for one in self._attempts if one)]
        return attempt

    def _add(self, attempt: Attempt, place: int, kind: str) -> Block:
        block = Block(kind, f"{attempt.api_id}:{place}" if attempt.api_id else "")
        before = attempt.before.get(place)
        if before and before.kind == kind:
            block.message_id, block.again = before.message_id, before.again or before.text
        replaced = attempt.blocks.get(place)
        attempt.loose += 1 if replaced is None or replaced.whole else 0
        attempt.blocks[place] = block
        return block

    def _tell(self, kind: str, text: str, message_id: str, *, delta: bool, parent: str) -> None:
        if kind == "text":
            self._conversation.message(text, message_id, delta=delta, parent=parent)
        else:
            self._conversation.thinking(text, message_id, delta=delta, parent=parent)

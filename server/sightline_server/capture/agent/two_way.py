"""The messages of an agent that reads while it works: Claude Code's stream-json input and its control messages. No I/O.

Turns, answers to its questions and interrupts are lines on its stdin; what they refer to stands in the lines of its stdout.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from sightline_server.decode.agents.json_lines import Lines, objects
from sightline_server.errors import BadField

MARK = b'"control_'
INITIALIZE = "sightline-initialize"
MAX_ASKED = 1000  # remembered questions
REFUSED = "The user refused this."


class TwoWay:
    """One agent's side of the talk.

    Attributes:
        given: how many turns it was given.
    """

    def __init__(self) -> None:
        self.given = 0
        self._lines = Lines()
        self._asked: dict[str, dict[str, Any]] = {}
        self._confirmed: set[str] = set()

    def hear(self, data: bytes) -> None:
        """Looks at its stdout: what it asks and confirms."""
        for line in self._lines.feed(data):
            if MARK not in line:
                continue
            for one in objects(line) or ():
                self._control(one)

    def _control(self, one: dict[str, Any]) -> None:
        match one:
            case {"type": "control_request", "request_id": str(request_id), "request": {"subtype": "can_use_tool"} as request}:
                self._asked[request_id] = request
                if len(self._asked) > MAX_ASKED:
                    del self._asked[next(iter(self._asked))]
            case {"type": "control_response", "response": {"request_id": str(request_id)}}:
                if request_id.startswith("sightline-"):
                    self._confirmed.add(request_id)

    def begin(self, prompt: str) -> bytes:
        """The first lines; with a prompt, the first turn."""
        line = _line({"type": "control_request", "request_id": INITIALIZE, "request": {"subtype": "initialize"}})
        return line + (self.turn(prompt) if prompt else b"")

    def turn(self, text: str) -> bytes:
        """The next turn."""
        self.given += 1
        return turn_line(text)

    def interrupt(self) -> tuple[str, bytes]:
        """Stops the turn under way: its id, and the line."""
        request_id = f"sightline-interrupt-{secrets.token_hex(8)}"
        return request_id, _line({"type": "control_request", "request_id": request_id, "request": {"subtype": "interrupt"}})

    def is_confirmed(self, request_id: str) -> bool:
        """Whether it has answered one of our requests."""
        return request_id in self._confirmed

    def reply(self, request_id: str, option_id: str, text: str) -> str:
        """What it is told when its request is answered. Raises `BadField` for an option that there is not."""
        asked = self._asked.get(request_id, {})
        given = asked.get("input") if isinstance(asked.get("input"), dict) else {}
        answer: dict[str, Any]
        if asked.get("tool_name") == "AskUserQuestion":
            answer = {"behavior": "allow", "updatedInput": {**(given or {}), "answers": answers_of(given or {}, option_id, text)}}
        else:
            answer = self._permission(asked, given or {}, option_id, text)
        response = {"subtype": "success", "request_id": request_id, "response": answer}
        return _line({"type": "control_response", "response": response}).decode()

    def _permission(self, asked: dict[str, Any], given: dict[str, Any], option_id: str, text: str) -> dict[str, Any]:
        match option_id:
            case "allow" | "allow_once":
                return {"behavior": "allow", "updatedInput": given}
            case "allow_always":
                return {"behavior": "allow", "updatedInput": given, "updatedPermissions": asked.get("permission_suggestions") or []}
            case "deny" | "reject" | "reject_once":
                return {"behavior": "deny", "message": text or REFUSED}
            case "" if text:
                return {"behavior": "deny", "message": text}
        raise BadField(field="option_id", problem=f"there is no option {option_id!r} in this request: take one of its `options`")


def answers_of(given: dict[str, Any], option_id: str, text: str) -> dict[str, str]:
    """The answers to a tool's questions, by the questions' own words: what was said is the answer to each of them."""
    said = text or option_id
    questions = given.get("questions")
    if not isinstance(questions, list):
        return {}
    return {str(one.get("question", "")): said for one in questions if isinstance(one, dict)}


def turn_line(text: str) -> bytes:
    """A user's turn as a line of its stdin."""
    message = {"role": "user", "content": text}
    return _line({"type": "user", "message": message, "parent_tool_use_id": None, "session_id": ""})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"

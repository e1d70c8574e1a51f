"""A program that talks on stdin and stdout as Claude Code does with stream-json both ways: the lines are those of its recordings.

The first word of a turn says what it does: `ask` for permission, `slow` until it is interrupted, `deaf` to that; else it repeats.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from typing import Any

Line = dict[str, Any]

SESSION = "8e11c22f-cfd6-44fc-9e39-3bcb43c6a6e0"
TOOL = {"type": "tool_use", "id": "toolu_1", "name": "Write", "input": {"file_path": "/etc/zz", "content": "x\n"}}


def say(**line: object) -> None:
    sys.stdout.write(json.dumps({**line, "session_id": SESSION}) + "\n")
    sys.stdout.flush()


def assistant(block: object) -> None:
    message = {"id": f"msg_{uuid.uuid4().hex[:8]}", "role": "assistant", "model": "claude-sonnet-4-5", "content": [block]}
    say(type="assistant", message=message, parent_tool_use_id=None)


def user(block: object, **more: object) -> None:
    say(type="user", message={"role": "user", "content": [block]}, parent_tool_use_id=None, **more)


def result(text: str, **more: object) -> None:
    usage = {"input_tokens": 10, "output_tokens": 5}
    say(**{"type": "result", "subtype": "success", "is_error": False, "result": text, "usage": usage, **more})


def told() -> Line:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    with open(os.environ["HEARD"], "a") as heard:
        heard.write(line)
    one: Line = json.loads(line)
    return one


def confirm(request: Line) -> None:
    say(type="control_response", response={"subtype": "success", "request_id": request["request_id"], "response": {}})


def ask() -> None:
    assistant(TOOL)
    request_id = str(uuid.uuid4())
    asked = {"subtype": "can_use_tool", "tool_name": "Write", "input": TOOL["input"], "tool_use_id": TOOL["id"]}
    say(type="control_request", request_id=request_id, request={**asked, "permission_suggestions": [{"type": "setMode"}]})
    while True:
        one = told()
        if one["type"] == "control_response" and one["response"]["request_id"] == request_id:
            given = one["response"]["response"]
            allowed = given["behavior"] == "allow"
            content = "written" if allowed else given["message"]
            user({"type": "tool_result", "tool_use_id": TOOL["id"], "content": content, "is_error": not allowed})
            return result("allowed" if allowed else f"denied: {content}")
        if one["type"] == "control_request":
            say(type="control_cancel_request", request_id=request_id)
            return interrupted(one)


def slow(*, deaf: bool) -> None:
    assistant(TOOL)
    while True:
        one = told()
        if one["type"] == "control_request" and not deaf:
            return interrupted(one)


def interrupted(request: Line) -> None:
    confirm(request)
    user({"type": "tool_result", "tool_use_id": TOOL["id"], "content": "The user doesn't want to proceed", "is_error": True})
    user({"type": "text", "text": "[Request interrupted by user for tool use]"})
    result("", subtype="error_during_execution", is_error=True, terminal_reason="aborted_tools", result=None)


def main() -> None:
    while True:
        one = told()
        if one["type"] == "control_request":
            confirm(one)
        elif one["type"] == "user":
            text = one["message"]["content"]
            say(type="system", subtype="init", cwd="/", model="claude-sonnet-4-5", tools=["Write"])
            user({"type": "text", "text": text}, isReplay=True)
            match text.split()[0]:
                case "ask":
                    ask()
                case "slow" | "deaf" as word:
                    slow(deaf=word == "deaf")
                case _:
                    assistant({"type": "text", "text": text})
                    result(text)


main()

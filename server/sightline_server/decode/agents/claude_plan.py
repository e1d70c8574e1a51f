"""The plan as Claude Code's tools tell it: `TodoWrite` the whole list, `TaskCreate`, `TaskUpdate` and `TaskList` a task at a time.

A call counts once its result is there and is no failure: only the result says what number a new task has.
"""

from __future__ import annotations

import re
from typing import Any

from sightline.v1.event_pb2 import PlanEntry

from sightline_server.decode.agents.tools import todos

TOOLS = {"todowrite", "todo_write", "taskcreate", "taskupdate", "tasklist"}
MAX_ASKED = 1000  # calls whose results are waited for

_NUMBER = re.compile(r"#(\w+)")


class Tasks:
    """What is to be done, as far as it was told."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[str, dict[str, Any]]] = {}
        self._tasks: dict[str, dict[str, Any]] = {}

    def called(self, call_id: str, name: str, given: object) -> None:
        """A tool was called; those that do not plan are none of this."""
        if name.lower() in TOOLS and isinstance(given, dict):
            self._calls[call_id] = (name.lower(), given)
            if len(self._calls) > MAX_ASKED:
                del self._calls[next(iter(self._calls))]

    def answered(self, call_id: str, *, failed: bool, content: str, told: object) -> list[PlanEntry] | None:
        """A call has its result: the plan as it is now. None: it is not about the plan. `told` is the result as an object."""
        name, given = self._calls.pop(call_id, ("", {}))
        if not name or failed:
            return None
        answer = told if isinstance(told, dict) else {}
        if name in {"todowrite", "todo_write"}:
            self._tasks = {}
            return todos(given.get("todos"))
        if name == "taskcreate":
            self._create(given, answer, content)
        elif name == "taskupdate":
            self._update(given, answer)
        elif isinstance(answer.get("tasks"), list):
            self._tasks = {str(one["id"]): one for one in answer["tasks"] if isinstance(one, dict) and "id" in one}
        return todos([{"content": one.get("subject"), "status": one.get("status")} for one in self._tasks.values()])

    def _create(self, given: dict[str, Any], answer: dict[str, Any], content: str) -> None:
        task = answer.get("task")
        number = _NUMBER.search(content)
        task_id = task.get("id") if isinstance(task, dict) else number and number[1]
        if task_id is not None:
            self._tasks[str(task_id)] = {"subject": given.get("subject"), "status": "pending"}

    def _update(self, given: dict[str, Any], answer: dict[str, Any]) -> None:
        if answer.get("success") is False:
            return
        task = self._tasks.setdefault(str(given.get("taskId")), {"subject": given.get("taskId")})
        change = answer.get("statusChange")
        status = change.get("to") if isinstance(change, dict) else given.get("status")
        if status == "deleted":
            del self._tasks[str(given.get("taskId"))]
            return
        task["status"] = status or task.get("status")
        task["subject"] = given.get("subject") or task.get("subject")

"""Which tool call is behind a change of a file: the latest that names its path and is not long over. No I/O, no clock."""

from __future__ import annotations

import json
import os
import re
from collections import OrderedDict
from collections.abc import Iterator

from sightline.v1.event_pb2 import Event, ToolCall, ToolKind

MAX_PATHS = 2000  # remembered of one session
MAX_INPUT = 256 * 1024  # bytes of input that are looked through
MAX_PATH = 4096  # characters
CALL_NANOSECONDS = 600_000_000_000  # that a call may take, if nothing says that it is over
AFTER_NANOSECONDS = 2_000_000_000  # from its result to the last change that is its own: the change is told a moment later
PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$|^\*\*\* Move to: (.+)$", re.MULTILINE)
READERS = frozenset({ToolKind.TOOL_KIND_READ, ToolKind.TOOL_KIND_SEARCH, ToolKind.TOOL_KIND_THINK, ToolKind.TOOL_KIND_FETCH})
"""They change nothing, so a change is not theirs."""


class ToolCalls:
    """The tool calls of one session, as far as they name files.

    Args:
        cwd: what relative paths are relative to.
    """

    def __init__(self, cwd: str) -> None:
        self._cwd = cwd
        self._by_path: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def note(self, event: Event, now: int) -> None:
        """Looks at an event of the session; `now` in nanoseconds."""
        if event.HasField("tool_call"):
            if event.tool_call.kind not in READERS:
                for path in paths_of(event.tool_call):
                    self._remember(os.path.normpath(os.path.join(self._cwd, path)), event.tool_call.tool_call_id, now)
        elif event.HasField("tool_result"):
            over = now + AFTER_NANOSECONDS
            for path, (call, until) in self._by_path.items():
                if call == event.tool_result.tool_call_id:
                    self._by_path[path] = call, min(until, over)

    def _remember(self, path: str, call: str, now: int) -> None:
        self._by_path[path] = call, now + CALL_NANOSECONDS
        self._by_path.move_to_end(path)
        if len(self._by_path) > MAX_PATHS:
            self._by_path.popitem(last=False)

    def behind(self, path: str, now: int) -> str:
        """The id of the call behind a change of this file; empty: none is known."""
        call, until = self._by_path.get(path, ("", 0))
        return call if now <= until else ""


def paths_of(call: ToolCall) -> Iterator[str]:
    """Every path that a call names: its locations, and what looks like one in its input."""
    for location in call.locations:
        yield location.path
    if not call.input_json or len(call.input_json) > MAX_INPUT:
        return
    try:
        yield from _paths_in(json.loads(call.input_json), "")
    except (ValueError, RecursionError):  # not JSON after all
        return


def _paths_in(value: object, key: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths_in(inner, str(name).lower())
    elif isinstance(value, list):
        for inner in value:
            yield from _paths_in(inner, key)
    elif isinstance(value, str):
        if "\n" in value:
            yield from (path or moved for path, moved in PATCHED.findall(value))
        elif 0 < len(value) <= MAX_PATH and (value.startswith("/") or key.endswith(("path", "paths", "file", "files", "filename"))):
            yield value

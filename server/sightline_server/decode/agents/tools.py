"""What a tool does, by its name; what it is about, by its input. The agents' tools have many names for the same few things."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sightline.v1.event_pb2 import (
    PLAN_PRIORITY_UNSPECIFIED,
    PLAN_STATUS_PENDING,
    TOOL_KIND_OTHER,
    Location,
    PlanEntry,
    PlanPriority,
    PlanStatus,
    ToolKind,
)

MAX_TITLE = 200  # characters

_KINDS: Mapping[ToolKind.ValueType, str] = {
    ToolKind.TOOL_KIND_READ: (
        "read readfile read_file read_many_files view view_image open notebookread readtoolcall ls list list_directory "
        "listdirectory lstoolcall get_file taskoutput bashoutput read_mcp_resource list_mcp_resources"
    ),
    ToolKind.TOOL_KIND_EDIT: (
        "edit multiedit write writefile write_file create_file edit_file apply_patch patch replace str_replace "
        "str_replace_editor str_replace_based_edit_tool notebookedit file_change update_file undo_edit writetoolcall "
        "edittoolcall"
    ),
    ToolKind.TOOL_KIND_DELETE: ("delete delete_file remove rm deletetoolcall"),
    ToolKind.TOOL_KIND_MOVE: ("move move_file rename mv"),
    ToolKind.TOOL_KIND_SEARCH: (
        "grep glob search find search_file_content grep_search codebase_search ripgrep file_search toolsearch "
        "globtoolcall greptoolcall semsearchtoolcall finder"
    ),
    ToolKind.TOOL_KIND_EXECUTE: (
        "bash shell exec execute run run_shell_command command_execution exec_command local_shell local_shell_call "
        "shell_command write_stdin killshell killbash shelltoolcall terminal run_terminal_cmd developer__shell"
    ),
    ToolKind.TOOL_KIND_THINK: (
        "think task agent todowrite todo_write todoread write_todos taskcreate taskupdate tasklist taskget update_plan "
        "plan exitplanmode enterplanmode exit_plan_mode sequentialthinking updatetodostoolcall skill save_memory"
    ),
    ToolKind.TOOL_KIND_FETCH: (
        "webfetch web_fetch websearch web_search google_web_search fetch browser webfetchtoolcall websearchtoolcall"
    ),
}
_KIND_BY_NAME: Mapping[str, ToolKind.ValueType] = {name: kind for kind, names in _KINDS.items() for name in names.split()}

PLACES = ("file_path", "filePath", "path", "absolute_path", "notebook_path", "file", "filename", "target_file", "dir_path")
_PLACES = frozenset(PLACES)
_TITLES = ("command", "cmd", *PLACES, "pattern", "query", "url", "description", "subject", "prompt")


def kind_of(name: str) -> ToolKind.ValueType:
    """What a tool of this name does; OTHER where the name says nothing."""
    return _KIND_BY_NAME.get(name) or _KIND_BY_NAME.get(name.lower(), TOOL_KIND_OTHER)


def title_of(name: str, given: object) -> str:
    """One line for people: the tool and what matters most of its input."""
    about = ""
    if isinstance(given, dict):
        for key in _TITLES:
            value = given.get(key)
            if value:
                about = as_line(value)
                break
    return f"{name}: {about}"[:MAX_TITLE] if about else name[:MAX_TITLE]


_STATUSES: Mapping[object, PlanStatus.ValueType] = {
    "in_progress": PlanStatus.PLAN_STATUS_IN_PROGRESS,
    "completed": PlanStatus.PLAN_STATUS_COMPLETED,
}
_PRIORITIES: Mapping[object, PlanPriority.ValueType] = {
    "high": PlanPriority.PLAN_PRIORITY_HIGH,
    "medium": PlanPriority.PLAN_PRIORITY_MEDIUM,
    "low": PlanPriority.PLAN_PRIORITY_LOW,
}


def todos(given: object) -> list[PlanEntry]:
    """A todo list as agents write it, as a plan. What was cancelled is no longer to be done, and left out."""
    return [
        PlanEntry(
            content=str(one.get("content") or one.get("description") or ""),
            status=_STATUSES.get(one.get("status"), PLAN_STATUS_PENDING),
            priority=_PRIORITIES.get(one.get("priority"), PLAN_PRIORITY_UNSPECIFIED),
        )
        for one in (given if isinstance(given, list) else ())
        if isinstance(one, dict) and one.get("status") != "cancelled"
    ]


def as_line(value: object) -> str:
    """A value on one line: a command's words with spaces between, the first line of a text."""
    if isinstance(value, list):
        value = " ".join(str(word) for word in value)
    first, more, _ = str(value).strip().partition("\n")
    return f"{first} …" if more else first


def places_of(given: object) -> list[Location]:
    """The files that a tool's input names."""
    if not isinstance(given, dict) or _PLACES.isdisjoint(given):
        return []
    line = given.get("line") or given.get("offset")
    number = line if isinstance(line, int) and not isinstance(line, bool) and 0 < line < 1 << 31 else 0
    found = [given[key] for key in PLACES if isinstance(given.get(key), str) and given[key]]
    return [Location(path=path, line=number) for path in dict.fromkeys(found)]


def as_text(content: Any) -> str:
    """A tool's answer as text: strings as they are, the texts of content blocks, anything else as JSON."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if isinstance(content, list):
        return "\n".join(_block_text(block) for block in content)
    return as_json(content)


def _block_text(block: Any) -> str:
    if isinstance(block, dict):
        text = block.get("text")
        if isinstance(text, str):
            return text
        if block.get("type") in {"image", "audio", "document"}:
            return f"[{block['type']}]"
    return block if isinstance(block, str) else as_json(block)


def as_json(value: object) -> str:
    """JSON, where the agent's own bytes are not at hand."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

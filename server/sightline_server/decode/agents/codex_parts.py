"""What all of Codex's formats share: how it counts tokens, writes commands and plans, and words its failures. Knows no line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sightline.v1.event_pb2 import PlanEntry, PlanStatus, Usage

from sightline_server.decode.agents.conversation import add_usage
from sightline_server.decode.agents.tools import MAX_TITLE, as_line

_SHELL = re.compile(r"""(?:/\S*/)?(?:ba|z|da)?sh -l?c (['"])(.*)\1\s*""", re.DOTALL)
_RETRY = re.compile(r"Reconnecting|.*; retrying \d", re.DOTALL)
_PATCHED = re.compile(r"^\*\*\* (?:Add File|Update File|Delete File|Move to): (.+?)\s*$", re.MULTILINE)

_STEPS: Mapping[object, PlanStatus.ValueType] = {
    "pending": PlanStatus.PLAN_STATUS_PENDING,
    "in_progress": PlanStatus.PLAN_STATUS_IN_PROGRESS,
    "completed": PlanStatus.PLAN_STATUS_COMPLETED,
}


def usage(counts: Mapping[str, Any]) -> Usage:
    """Codex counts cached tokens among the input; we do not."""
    given, cached = _count(counts, "input_tokens"), _count(counts, "cached_input_tokens")
    return Usage(
        input_tokens=max(0, given - cached),
        cached_tokens=cached,
        output_tokens=_count(counts, "output_tokens"),
        reasoning_tokens=_count(counts, "reasoning_output_tokens"),
        context_used=_count(counts, "total_tokens"),
    )


def since(total: Usage, earlier: Usage) -> Usage:
    """What was used between two running totals."""
    return Usage(
        input_tokens=max(0, total.input_tokens - earlier.input_tokens),
        cached_tokens=max(0, total.cached_tokens - earlier.cached_tokens),
        output_tokens=max(0, total.output_tokens - earlier.output_tokens),
        reasoning_tokens=max(0, total.reasoning_tokens - earlier.reasoning_tokens),
    )


def _count(counts: Mapping[str, Any], name: str) -> int:
    number = counts.get(name)
    return number if isinstance(number, int) and 0 <= number < 1 << 63 else 0


class Counts:
    """Tokens of the calls of one turn, from lines that are told again and again: they count when the running total has moved."""

    def __init__(self) -> None:
        self._total: object = None
        self._used = Usage()

    def add(self, info: object) -> None:
        """The `info` of a `token_count`."""
        if not isinstance(info, dict) or info.get("total_token_usage") == self._total:
            return
        self._total = info.get("total_token_usage")
        add_usage(self._used, usage(info.get("last_token_usage") or {}))
        self.context_size(info.get("model_context_window"))

    def context_size(self, size: object) -> None:
        """The tokens that the context can hold."""
        if isinstance(size, int) and 0 < size < 1 << 63:
            self._used.context_size = size

    def take(self) -> Usage | None:
        """What was used since the last time; None: nothing."""
        used, self._used = self._used, Usage(context_size=self._used.context_size)
        return used if used.input_tokens or used.output_tokens else None


def command_title(name: str, command: object) -> str:
    """One line for people: the command without the shell around it."""
    if isinstance(command, list) and len(command) == 3 and command[1] in {"-lc", "-c"}:
        command = command[2]
    if isinstance(command, str) and len(command) < 100 * MAX_TITLE:
        inside = _SHELL.fullmatch(command)
        command = inside[2] if inside else command
    return f"{name}: {as_line(command)}"[:MAX_TITLE]


def steps(plan: Iterable[Mapping[str, Any]]) -> list[PlanEntry]:
    """A plan of `update_plan`."""
    return [PlanEntry(content=str(one["step"]), status=_STEPS.get(one.get("status"), _STEPS["pending"])) for one in plan]


def patched(patch: str) -> list[str]:
    """The files that a patch of `apply_patch` is about."""
    return list(dict.fromkeys(_PATCHED.findall(patch)))


def is_retry(message: str) -> bool:
    """Whether an error only says that the same is tried once more."""
    return _RETRY.match(message) is not None

"""Claude Code's settings: where they are, and what stands in them with our hook and without. Changes nothing that is not ours."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sightline_cli.command import Complaint

EVENTS = (
    *("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure", "PermissionRequest"),
    *("Notification", "SubagentStart", "SubagentStop", "Stop", "SessionEnd"),
)
"""The moments at which Claude Code calls the hook."""
OF_TOOLS = frozenset({"PreToolUse", "PostToolUse", "PostToolUseFailure", "PermissionRequest"})
"""Those that are for certain tools; an empty matcher is for all."""
TIMEOUT = 10  # seconds that Claude Code waits for the hook; it needs some hundredths of one
BACKUP = ".before-sightline"


def path_of(environ: Mapping[str, str], *, project: bool) -> Path:
    """The user's settings, or those of the project in this directory."""
    if project:
        return Path.cwd() / ".claude" / "settings.json"
    return Path(environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude").expanduser().absolute() / "settings.json"


def is_ours(hook: object) -> bool:
    """Whether an entry calls `sightline hook`, wherever that is installed."""
    command = hook.get("command") if isinstance(hook, dict) else None
    if not isinstance(command, str):
        return False
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return [os.path.basename(word) for word in words[-2:]] == ["sightline", "hook"]


def with_hook(settings: dict[str, Any], command: str) -> dict[str, Any]:
    """The settings with one entry of ours for each event, in the place of the one that is there, else behind the others."""
    made: dict[str, Any] = json.loads(json.dumps(settings))
    hooks = made.setdefault("hooks", {})
    entry = {"type": "command", "command": command, "timeout": TIMEOUT}
    for event in EVENTS:
        groups = hooks.setdefault(event, [])
        ours = [(group, hook) for group in groups for hook in group["hooks"] if is_ours(hook)]
        for group, hook in ours[:1]:
            group["hooks"][group["hooks"].index(hook)] = entry
        if not ours:
            groups.append({"matcher": "", "hooks": [entry]} if event in OF_TOOLS else {"hooks": [entry]})
    return made


def without_hook(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without our entries, and without what was there for them alone."""
    made: dict[str, Any] = json.loads(json.dumps(settings))
    hooks = made.get("hooks", {})
    for event, groups in list(hooks.items()):
        for group in list(groups):
            left = [hook for hook in group["hooks"] if not is_ours(hook)]
            if left == group["hooks"]:
                continue
            group["hooks"] = left
            if not left:
                groups.remove(group)
            if not groups:
                del hooks[event]
    if not hooks and settings.get("hooks"):
        del made["hooks"]
    return made


class File:
    """One settings file, as it was when it was read. Raises Complaint for what cannot be changed safely."""

    def __init__(self, path: Path) -> None:
        # A link stays one: what it leads to is replaced.
        self.path = Path(os.path.realpath(path))
        self.text = self._read()
        self.settings = self._parsed()

    def _read(self) -> str | None:
        try:
            return self.path.read_bytes().decode()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Complaint(f"{self.path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise self._refused("it is no UTF-8") from None

    def _refused(self, why: str) -> Complaint:
        return Complaint(f"{self.path} is left as it is: {why}; mend it, or give another file with --settings")

    def _parsed(self) -> dict[str, Any]:
        if not self.text or not self.text.strip():
            return {}
        try:
            found = json.loads(self.text, object_pairs_hook=_without_twins)
        except json.JSONDecodeError as error:
            raise self._refused(f"it is no JSON (line {error.lineno}, column {error.colno}: {error.msg})") from error
        except (ValueError, RecursionError) as error:
            raise self._refused(f"it is no JSON that can be written again ({error})") from error
        if not isinstance(found, dict):
            raise self._refused("it does not hold an object")
        hooks = found.get("hooks", {})
        if not isinstance(hooks, dict):
            raise self._refused("its `hooks` are no object")
        for event, groups in hooks.items():
            if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
                raise self._refused(f"its `hooks.{event}` is no list of objects")
            if not all(isinstance(group.get("hooks"), list) for group in groups):
                raise self._refused(f"an entry of its `hooks.{event}` has no list of `hooks`")
        return found

    def write(self, settings: dict[str, Any]) -> Path | None:
        """Replaces the file as a whole, and keeps what it was beside it; the copy, None where there was no file."""
        try:
            text = json.dumps(settings, indent=self._indent(), ensure_ascii=False, allow_nan=False) + "\n"
            if json.loads(text) != settings:
                raise ValueError("its numbers would change")
        except ValueError as error:
            raise self._refused(f"it is no JSON that can be written again ({error})") from error
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        backup = None
        descriptor, new = tempfile.mkstemp(dir=self.path.parent, prefix=".settings-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if self.text is not None:
                shutil.copymode(self.path, new)
                backup = self.path.with_name(self.path.name + BACKUP)
                shutil.copy2(self.path, backup)
            if self._read() != self.text:
                raise self._refused("somebody else has changed it just now")
            os.replace(new, self.path)
        except OSError as error:
            raise Complaint(f"{self.path} cannot be written: {error.strerror}") from error
        finally:
            with suppress(FileNotFoundError):
                os.unlink(new)
        return backup

    def _indent(self) -> int | str:
        found = re.search(r"^([ \t]+)\S", self.text or "", re.MULTILINE)
        if found is None:
            return 2
        return found[1] if "\t" in found[1] else len(found[1])


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found

"""The hook's place in Claude Code's settings: nothing else changes, ever."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from clients.cli.program import Sightline
from hypothesis import given
from hypothesis import strategies as st
from sightline_cli.hooks.settings import EVENTS, is_ours, with_hook, without_hook

THEIRS = """{
    "model": "opus",
    "hooks": {
        "Stop": [{"hooks": [{"type": "command", "command": "say done; sightline hook-not"}]}],
        "PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "/usr/bin/check"}], "note": 1.5}]
    },
    "permissions": {"allow": ["Bash(ls:*)"], "größe": 12345678901234567890}
}
"""


@pytest.fixture
def settings(alone: Sightline, tmp_path: Path) -> Path:
    alone.env["CLAUDE_CONFIG_DIR"] = str(tmp_path / "claude")
    path = tmp_path / "claude" / "settings.json"
    path.parent.mkdir()
    return path


def test_what_is_there_stays_in_its_order_and_removing_brings_it_back(alone: Sightline, settings: Path) -> None:
    settings.write_text(THEIRS)
    settings.chmod(0o640)
    before = json.loads(THEIRS)
    alone.run("hook", "install")
    text = settings.read_text()
    made = json.loads(text)
    assert list(made) == ["model", "hooks", "permissions"]
    assert list(made["hooks"])[:2] == ["Stop", "PreToolUse"]
    assert made["hooks"]["PreToolUse"][0] == before["hooks"]["PreToolUse"][0]
    assert {event for event, groups in made["hooks"].items() if is_ours(groups[-1]["hooks"][0])} == set(EVENTS)
    assert made["permissions"] == before["permissions"]
    assert '\n    "model"' in text
    assert "größe" in text
    assert stat.S_IMODE(settings.stat().st_mode) == 0o640
    assert (settings.parent / "settings.json.before-sightline").read_text() == THEIRS
    alone.run("hook", "remove")
    assert list(json.loads(settings.read_text()).items()) == list(before.items())


def test_installing_twice_changes_nothing_and_a_program_that_has_moved_takes_its_old_place(
    alone: Sightline, settings: Path
) -> None:
    alone.run("hook", "install")
    first = settings.read_bytes()
    assert b"nothing to change" in alone.run("hook", "install").stdout
    assert settings.read_bytes() == first
    settings.write_bytes(first.replace(b'"command": "', b'"command": "env SIGHTLINE_HOME=/x /old'))
    alone.run("hook", "install")
    assert settings.read_bytes() == first
    alone.run("hook", "remove")
    assert json.loads(settings.read_text()) == {}
    assert b"nothing to change" in alone.run("hook", "remove").stdout


def test_a_new_file_is_for_its_owner_alone_and_a_project_has_its_own(alone: Sightline, settings: Path, tmp_path: Path) -> None:
    alone.run("hook", "install")
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    project = tmp_path / "project"
    project.mkdir()
    alone.run("run", "--cwd", str(project), "--", *program(alone), "hook", "install", "--project")
    assert is_ours(json.loads((project / ".claude" / "settings.json").read_text())["hooks"]["Stop"][0]["hooks"][0])


def program(alone: Sightline) -> list[str]:
    from clients.cli.program import SIGHTLINE  # noqa: PLC0415

    return [str(SIGHTLINE)]


def test_a_link_stays_a_link(alone: Sightline, settings: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    settings.symlink_to(real)
    alone.run("hook", "install")
    assert settings.is_symlink()
    assert "hooks" in json.loads(real.read_text())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"model": "opus",}', "line 1, column 18"),
        ("[1]", "does not hold an object"),
        ('{"hooks": []}', "its `hooks` are no object"),
        ('{"hooks": {"Stop": {}}}', "its `hooks.Stop` is no list of objects"),
        ('{"hooks": {"Stop": [{"hooks": 1}]}}', "has no list of `hooks`"),
        ('{"a": 1, "a": 2}', "a name stands twice"),
        ('{"a": 1e999}', "no JSON that can be written again"),
    ],
)
def test_what_cannot_be_changed_safely_is_left_as_it_is(alone: Sightline, settings: Path, text: str, why: str) -> None:
    settings.write_text(text)
    for action in ("install", "remove"):
        done = alone.run("hook", action, code=None)
        if done.returncode == 0:  # there was nothing of ours to take out
            assert (action, done.stdout) == ("remove", f"{settings}: nothing to change\n".encode())
            continue
        assert done.returncode == 1
        assert why.encode() in done.stderr
        assert done.stderr.count(b"\n") == 1
    assert settings.read_text() == text
    assert os.listdir(settings.parent) == ["settings.json"]


commands = st.sampled_from(["/usr/bin/check", "/old/sightline hook", "sightline hooks", "'", "env A=b sightline hook"])
hooks = st.fixed_dictionaries({"type": st.just("command"), "command": commands})
groups = st.fixed_dictionaries({"hooks": st.lists(hooks, max_size=3)}, optional={"matcher": st.text(max_size=3)})
found = st.dictionaries(st.sampled_from([*EVENTS, "Later"]), st.lists(groups, max_size=3), max_size=4)


@given(found)
def test_only_ours_come_and_go(given_hooks: dict[str, object]) -> None:
    settings = {"hooks": given_hooks, "x": 1}
    installed = with_hook(settings, "/bin/sightline hook")
    assert with_hook(installed, "/bin/sightline hook") == installed
    assert theirs(installed) == theirs(settings)
    removed = without_hook(installed)
    assert theirs(removed) == theirs(settings)
    assert "sightline hook'" not in str(removed)


def theirs(settings: object) -> list[object]:
    """The entries that are not ours, each with its event."""
    assert isinstance(settings, dict)
    every = settings.get("hooks", {})
    return [
        (event, hook["command"])
        for event in sorted(every)
        for group in every[event]
        for hook in group["hooks"]
        if not is_ours(hook)
    ]

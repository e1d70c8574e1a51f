"""The documents keep what they promise: links lead somewhere, the README is short, its commands and words exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("scripts/*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_stays_under_200_lines() -> None:
    assert len(README.splitlines()) < 200


def test_the_readmes_commands_are_commands_of_the_program() -> None:
    named = set(re.findall(r"\.venv/bin/sightline (\w+)|`sightline (\w+)", README))
    help_text = subprocess.run([ROOT / ".venv" / "bin" / "sightline", "--help"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^  (\w+)  ", help_text, re.MULTILINE))
    words = {word for pair in named for word in pair if word}
    assert words >= {"run", "adopt", "ls", "watch", "send", "doctor"}
    assert words <= known


def test_every_script_is_named_in_the_scripts_readme() -> None:
    text = (ROOT / "scripts" / "README.md").read_text()
    commands = [path.name for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix]
    assert {"setup", "run", "test", "check", "generate"} <= set(commands)
    assert [name for name in commands if f"`{name}" not in text] == []

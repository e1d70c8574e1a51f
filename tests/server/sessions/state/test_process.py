"""`sessions.state.process`: what the foreground of a terminal says; the facts are those that real programs gave."""

from __future__ import annotations

import pytest
from sightline.v1.event_pb2 import WaitingFor
from sightline_server.capture.foreground import Foreground
from sightline_server.sessions.state.judge import IDLE, WAITING, WORKING
from sightline_server.sessions.state.process import UNKNOWN, of_foreground, program_of

SLEEPS, RUNS = True, False
LINES, KEYS = True, False


def seen(
    *argv: str, asleep: bool = True, reads: bool | None = False, by_line: bool = LINES, echo: bool = True, unread: int = 0
) -> Foreground:
    return Foreground(7, argv[0][:15] if argv else "other", argv, asleep, reads, by_line, echo, unread)


BASH_PROMPT = seen("bash", reads=True, by_line=KEYS, echo=False)


@pytest.mark.parametrize(
    ("facts", "state", "rule"),
    [
        (BASH_PROMPT, IDLE, "shell-prompt"),
        (seen("-zsh", reads=None, by_line=KEYS, echo=False), IDLE, "shell-prompt"),
        (seen("fish", reads=False, by_line=KEYS, echo=False), IDLE, "shell-prompt"),
        (seen("sh", reads=True), IDLE, "shell-reads"),
        (seen("bash", reads=True), WAITING, "reads-line"),
        (seen("bash", reads=True, echo=False), WAITING, "secret"),
        (seen("sudo", reads=None, echo=False), WAITING, "secret"),
        (seen("installer", reads=False, echo=False), WORKING, "program"),
        (seen("bash", reads=False), WORKING, "shell-works"),
        (seen("bash", "build.sh", reads=False), WORKING, "program"),
        (seen("bash", "-c", "sleep 1", reads=False), WORKING, "program"),
        (seen("cat", reads=True), WAITING, "reads-line"),
        (seen("less", "x", reads=True, by_line=KEYS, echo=False), WAITING, "pager"),
        (seen("vim", "x", reads=True, by_line=KEYS, echo=False), IDLE, "reads-keys"),
        (seen("make", "-j2", asleep=RUNS), WORKING, "program"),
        (seen("node", "/usr/bin/gemini", by_line=KEYS, echo=False), WORKING, "keys"),
        (seen("ssh", "host", by_line=KEYS, echo=False), UNKNOWN, "opaque"),
        (seen("bash", reads=True, by_line=KEYS, echo=False, unread=3), WORKING, "busy"),
    ],
)
def test_a_look_at_the_foreground_says(facts: Foreground, state: int, rule: str) -> None:
    said = of_foreground(facts)
    assert (said.state, said.rule) == (state, f"process/{rule}")


def test_a_plain_shell_that_reads_within_a_command_needs_a_line() -> None:
    said = of_foreground(seen("sh", reads=True), command_runs=True)
    assert (said.state, said.waiting_for) == (WAITING, WaitingFor.WAITING_FOR_INPUT)


def test_what_is_not_sure_fills_gaps_only() -> None:
    assert of_foreground(seen("codex", by_line=KEYS, echo=False)).confidence < 0.5
    assert of_foreground(seen("ssh", by_line=KEYS, echo=False)).confidence < 0.5


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/usr/bin/make", "-j2"], "make"),
        (["node", "--max-old-space-size=4096", "/usr/lib/node_modules/.bin/gemini"], "gemini"),
        (["python3.11", "-m", "http.server"], "python3.11"),
        (["-bash"], "bash"),
        (["claude"], "claude"),
        (["sshd: user [priv]"], "sshd:"),
        ([], "other"),
    ],
)
def test_programs_are_called_as_people_know_them(argv: list[str], name: str) -> None:
    assert program_of(seen(*argv)) == name


def test_the_words_of_a_command_line_are_no_evidence() -> None:
    said = of_foreground(seen("mysql", "--password=hunter2"))
    assert "hunter2" not in f"{said.reason}{said.evidence}"

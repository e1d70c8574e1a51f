"""wait and explain, as a script and a person use them."""

from __future__ import annotations

import json

import pytest
from clients.cli.program import Sightline


def test_a_script_waits_behind_what_it_has_typed_and_never_meets_the_idleness_of_before(served: Sightline) -> None:
    served.run("create", "--name", "shell", "--tty", "--", "bash", "--norc", "--noprofile")
    served.run("wait", "shell", "--until", "idle", "--timeout", "20s")
    typed = json.loads(served.out("send", "shell", "read -s secret", "--enter", "--json"))["seq"]
    assert served.out("wait", "shell", "--until", "waiting,idle", "--after", typed, "--timeout", "20s") == "waiting for login\n"
    answer = json.loads(served.out("wait", "shell", "--until", "waiting", "--after", typed, "--json"))
    assert int(answer["seq"]) > int(typed)
    served.run("wait", "shell", "--until", "idle", "--timeout", "200ms", code=124)


def test_explain_says_who_saw_what(served: Sightline) -> None:
    served.run("create", "--name", "asks", "--tty", "--", "sh", "-c", "read answer")
    served.run("wait", "asks", "--until", "waiting", "--timeout", "20s")
    lines = served.out("explain", "asks").splitlines()
    assert lines[0] == "state    waiting for input"
    assert "why      sh reads a line" in lines
    assert "said by  process, 70% sure" in lines
    assert "rule     process/reads-line" in lines
    assert any(line.startswith("saw      foreground: sh") for line in lines)
    told = json.loads(served.out("explain", "asks", "--json"))
    assert (told["rule"], told["state"]["waitingFor"]) == ("process/reads-line", "WAITING_FOR_INPUT")


@pytest.mark.parametrize(
    ("script", "until", "code"),
    [
        ("exit 0", "ended", 0),
        ("exit 7", "ended", 7),
        ("kill -9 $$", "ended,idle", 137),
        ("exit 0", "idle", 4),
        ("exit 7", "waiting", 4),
    ],
)
def test_the_exit_code_tells_an_end_that_was_waited_for_from_one_that_came_instead(
    served: Sightline, script: str, until: str, code: int
) -> None:
    served.run("create", "--name", "short", "--", "sh", "-c", script)
    said = served.run("wait", "short", "--until", until, "--timeout", "20s", code=code).stderr
    assert (b"has ended" in said) == (code == 4)


def test_an_ended_session_is_explained_by_its_end(served: Sightline) -> None:
    served.run("create", "--name", "short", "--", "sh", "-c", "exit 7")
    served.run("wait", "short", code=7)
    lines = served.out("explain", "short").splitlines()
    assert lines[0] == "state    ended: failed with exit code 7"
    assert "rule     ended/failed" in lines
    assert "saw      exit code 7" in lines


@pytest.mark.parametrize("words", [["--until", "bored"], ["--until", ""], ["--after", "-1"], ["--after", "x"]])
def test_what_cannot_be_waited_for_is_a_wrong_command_line(served: Sightline, words: list[str]) -> None:
    served.run("wait", "web", *words, code=2)


def test_who_is_not_there_cannot_be_explained(served: Sightline) -> None:
    assert b"nobody" in served.run("explain", "nobody", code=1).stderr

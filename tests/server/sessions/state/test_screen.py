"""Rules of screens: how they are written, which of them holds, and that those that come with Sightline can be read."""

from __future__ import annotations

import pytest
from sightline.v1.event_pb2 import SessionState, WaitingFor
from sightline_server.sessions.state.observation import Look, Trust
from sightline_server.sessions.state.screen import BadRule, Screens, read, screens

WORKING, WAITING = SessionState.SESSION_STATE_WORKING, SessionState.SESSION_STATE_WAITING
IDLE, UNKNOWN = SessionState.SESSION_STATE_IDLE, SessionState.SESSION_STATE_UNKNOWN
LOGIN, ANSWER = WaitingFor.WAITING_FOR_LOGIN, WaitingFor.WAITING_FOR_ANSWER
INPUT, PERMISSION = WaitingFor.WAITING_FOR_INPUT, WaitingFor.WAITING_FOR_PERMISSION
RULES = """
[[rule]]
name = "asks"
state = "WAITING"
waiting_for = "PERMISSION"
reason = "it asks"
versions = ">=2.0, <3"
rows = 3
all = ['^May I\\?$', '^> yes']
none = ['busy']
[[rule]]
name = "at-rest"
state = "IDLE"
reason = "it rests"
any = ['^ready$', '^READY$']
[[rule]]
name = "title"
state = "WORKING"
reason = "it spins"
title = '^\\* '
"""


def at_cursor(row: str, *before: str) -> Look:
    return Look(rows=(*before, row.rstrip(), "", ""), cursor_row=len(before), cursor_column=len(row))


def mine() -> Screens:
    return Screens({"mine": read("mine", RULES)})


def test_a_rule_holds_when_all_that_it_names_does_and_shows_the_rows_that_it_saw() -> None:
    said = mine().screen(Look(rows=("May I?", "> yes", "", ""), agent="mine"))
    assert said is not None
    assert (said.trust, said.state, said.waiting_for, said.rule) == (Trust.SCREEN, WAITING, PERMISSION, "mine/asks")
    assert said.evidence == ("May I?", "> yes")
    assert mine().screen(Look(rows=("May I?", "> yes", "busy"), agent="mine")) is None
    assert mine().screen(Look(rows=("May I?",), agent="mine")) is None


def test_only_the_bottom_of_the_screen_is_judged() -> None:
    assert mine().screen(Look(rows=("May I?", "> yes", "a", "b"), agent="mine")) is None


@pytest.mark.parametrize(("version", "holds"), [("", True), ("2.0.14", True), ("v2.9", True), ("1.99", False), ("3.0", False)])
def test_a_rule_is_for_its_versions_and_for_an_unknown_one(version: str, holds: bool) -> None:
    assert (mine().screen(Look(rows=("May I?", "> yes"), agent="mine", version=version)) is not None) == holds


def test_titles_speak_for_themselves_and_nothing_is_said_of_whom_nobody_knows() -> None:
    said = mine().title("* build", "mine", "")
    assert said is not None
    assert (said.trust, said.state, said.rule) == (Trust.TITLE, WORKING, "mine/title")
    assert mine().title("build", "mine", "") is None
    assert not mine().knows("other")
    assert mine().screen(Look(rows=("ready",), agent="other")) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rule = 1",
        '[[rule]]\nname = "x"\nstate = "WORKING"\nreason = "r"',
        '[[rule]]\nname = "x"\nstate = "NAPPING"\nreason = "r"\nany = ["a"]',
        '[[rule]]\nname = "x"\nstate = "WAITING"\nreason = "r"\nany = ["a"]',
        '[[rule]]\nname = "x"\nstate = "IDLE"\nreason = "r"\nany = ["("]',
        '[[rule]]\nname = "x"\nstate = "IDLE"\nreason = "r"\nany = ["a"]\nversions = "two"',
        '[[rule]]\nname = "x"\nstate = "IDLE"\nreason = "r"\nany = ["a"]\ncolour = "red"',
        2 * '[[rule]]\nname = "x"\nstate = "IDLE"\nreason = "r"\nany = ["a"]\n',
    ],
)
def test_a_rule_that_is_written_wrongly_is_refused_with_its_file(text: str) -> None:
    with pytest.raises(BadRule, match=r"mine\.toml"):
        read("mine", text)


def test_the_rules_that_come_along_can_be_read_and_know_the_agents() -> None:
    assert all(screens().knows(agent) for agent in ("claude", "codex", "gemini", "qwen", "opencode", ""))
    assert not screens().knows("goose")


@pytest.mark.parametrize(
    ("row", "rule", "waiting_for"),
    [
        ("dev@box's password: ", "password", LOGIN),
        ("Enter passphrase for key '/home/dev/.ssh/id_ed25519': ", "password", LOGIN),
        ("Password for 'https://dev@host': ", "password", LOGIN),
        ("Verification code: ", "code", LOGIN),
        ("host login: ", "login", LOGIN),
        ("Username for 'https://host': ", "login", LOGIN),
        ("Do you want to continue? [Y/n] ", "yes-no", ANSWER),
        ("Are you sure you want to continue connecting (yes/no/[fingerprint])? ", "yes-no", ANSWER),
        ("Overwrite? (y/N): ", "yes-no", ANSWER),
        ("Press Enter to continue...", "continue", INPUT),
        ("Hit any key to go on", "continue", INPUT),
        (":", "pager", INPUT),
        ("(END)", "pager", INPUT),
        ("--More--(12%)", "pager", INPUT),
        (" Manual page ls(1) line 1 (press h for help or q to quit)", "pager", INPUT),
        ("dev@box:~/project$ ", "prompt", 0),
        ("(.venv) [root@box ~]# ", "prompt", 0),
        ("❯ ", "prompt", 0),
    ],
)
def test_questions_of_plain_programs_and_prompts_are_seen_where_the_cursor_stands(row: str, rule: str, waiting_for: int) -> None:
    said = screens().screen(at_cursor(row, "something before", "Password: "))
    assert said is not None
    assert (said.rule, said.waiting_for) == (f"terminal/{rule}", waiting_for)


@pytest.mark.parametrize(
    "row", ["the password is wrong", "", "$ make all", "compiling: 30%", "login: dev", "100 $ ", "Progress: [###   ]", "a: b: "]
)
def test_what_only_looks_a_little_like_a_question_is_none(row: str) -> None:
    assert screens().screen(at_cursor(row, "Do you want to continue? [Y/n] y", "$ ")) is None


def test_words_of_a_dialog_in_what_an_agent_says_are_no_dialog() -> None:
    rows = ("● Do you want to proceed?", "  1. Yes", "  2. No, and esc to cancel", "", "─" * 80, "❯", "─" * 80, "  ? for shortcuts")
    said = screens().screen(Look(rows=rows, agent="claude"))
    assert said is not None
    assert (said.state, said.rule) == (IDLE, "claude/prompt")

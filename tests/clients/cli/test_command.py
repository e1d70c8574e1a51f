"""Arguments: what is taken, what is refused, and how."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

import pytest
from sightline_cli import codes, run, steer, watch
from sightline_cli.command import Complaint, columns_and_rows, duration, pair, words
from sightline_cli.main import all_commands, build_parser, main

COMMANDS = [
    "up",
    "open",
    "bridge",
    "serve",
    "run",
    "create",
    "adopt",
    "release",
    "attach",
    "ls",
    "show",
    "watch",
    "send",
    "interrupt",
    "resize",
    "snapshot",
    "wait",
    "stop",
    "rm",
    "doctor",
]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("30s", 30), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("2d", 172800), ("500ms", 0.5), ("0.5s", 0.5)],
)
def test_durations_are_written_as_people_write_them(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "10x", "-5s", "5 s", "m", "1h30"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no duration"):
        duration(text)


def test_a_moment_is_an_age_or_a_time() -> None:
    before = datetime.now(UTC)
    found = watch.moment("10m")
    assert before <= found + timedelta(minutes=10) <= datetime.now(UTC)
    assert watch.moment("2026-01-31T12:00+00:00") == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert watch.moment("2026-01-31T12:00").tzinfo is not None
    with pytest.raises(argparse.ArgumentTypeError):
        watch.moment("yesterday")


def test_pairs_keep_what_stands_behind_the_first_equals_sign() -> None:
    assert pair("A=b=c") == ("A", "b=c")
    assert pair("A=") == ("A", "")
    for wrong in ("A", "=b"):
        with pytest.raises(argparse.ArgumentTypeError):
            pair(wrong)


def test_sizes_of_terminals_have_bounds() -> None:
    assert columns_and_rows("120x40") == (120, 40)
    for wrong in ("120", "0x10", "10x0", "x", "99999x1"):
        with pytest.raises(argparse.ArgumentTypeError):
            columns_and_rows(wrong)


def test_lists_are_separated_by_commas_or_blanks() -> None:
    assert words("output, input state_changed") == ["output", "input", "state_changed"]


@pytest.mark.parametrize(
    ("line", "argv"),
    [
        (["--", "make", "-j2"], ["make", "-j2"]),
        (["make", "-j2"], ["make", "-j2"]),
        (["--name", "x", "make", "--name", "y"], ["make", "--name", "y"]),
        (["-d", "--", "sh", "-c", "--", "x"], ["sh", "-c", "--", "x"]),
        (["--env", "A=b", "env", "--", "x"], ["env", "--", "x"]),
    ],
)
def test_what_stands_behind_the_command_is_the_commands(line: list[str], argv: list[str]) -> None:
    assert run.command_of(build_parser(run.RUN).parse(line)) == argv


def test_run_without_a_command_says_how() -> None:
    with pytest.raises(Complaint, match="sightline run -- CMD"):
        run.command_of(build_parser(run.RUN).parse(["--name", "x"]))


def test_options_of_other_commands_may_stand_anywhere() -> None:
    chosen = build_parser(steer.SEND).parse(["web", "a", "--enter", "b", "--key", "Up", "--key", "C-c"])
    assert (chosen.session, chosen.text, chosen.submit, chosen.key) == ("web", ["a", "b"], True, ["Up", "C-c"])


def test_text_that_begins_with_a_dash_stands_behind_two() -> None:
    chosen = build_parser(steer.SEND).parse(["web", "--enter", "--", "-x", "--eof"])
    assert (chosen.text, chosen.submit, chosen.eof) == (["-x", "--eof"], True, False)


def test_every_command_of_the_issue_is_there() -> None:
    assert set(COMMANDS) <= {command.name for command in all_commands()}


@pytest.mark.parametrize("command", all_commands(), ids=lambda command: command.name)
def test_help_has_a_sentence_when_to_use_it_and_examples(command: object, capsys: pytest.CaptureFixture[str]) -> None:
    name = getattr(command, "name")  # noqa: B009 - the parameter is an object to pytest
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: sightline {name}")
    assert "examples:\n  " in text
    assert max(len(line) for line in text.splitlines()) <= 120


def test_alone_it_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == codes.OK
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in COMMANDS)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (["wach"], "did you mean `sightline watch`?"),
        (["--bogus"], "no option '--bogus'"),
        (["ls", "--bogus"], "unrecognized arguments: --bogus (see `sightline ls --help`)"),
        (["run"], "no command to run"),
        (["rm"], "--ended"),
        (["send", "web"], "nothing to send"),
        (["watch", "web", "--text"], "--text adds to --json"),
        (["wait", "web", "--until", "bored"], "waiting, idle, ended"),
        (["stop", "web", "--signal", "NOPE"], "no signal"),
        (["ls", "--state", "bored"], "no state"),
        (["resize", "web", "big"], "120x40"),
        (["watch", "web", "--tail", "x"], "no number of events"),
        (["watch", "web", "--tail", "3", "--from-start"], "not allowed with"),
    ],
)
def test_a_wrong_line_is_refused_in_one_line_with_code_2(line: list[str], hint: str, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = main(line)
    except SystemExit as ended:
        code = ended.code
    assert code == codes.USAGE
    complaint = capfd.readouterr().err
    assert hint in complaint
    assert complaint.count("\n") == 1

"""The key that leaves, and a terminal that is as it was."""

from __future__ import annotations

import os
import pty
import termios
from contextlib import suppress

import pytest
from sightline_cli import terminal
from sightline_cli.command import Complaint


@pytest.mark.parametrize(
    ("word", "typed"),
    [
        ("C-]", b"\x1d"),
        ("C-]", b"\x1b[93;5u"),
        ("C-]", b"\x1b[27;5;93~"),
        ("^q", b"\x11"),
        ("C-Q", b"\x11"),
        ("C-space", b"\x00"),
        ("C-@", b"\x00"),
        ("C-\\", b"\x1c"),
    ],
)
def test_the_key_is_found_in_every_form_a_terminal_may_write_it(word: str, typed: bytes) -> None:
    assert terminal.DetachKey(word).split(b"before" + typed + b"after") == (b"before", True)


def test_other_keys_pass() -> None:
    assert terminal.DetachKey("C-]").split(b"]\x1b[A\x11") == (b"]\x1b[A\x11", False)


def test_without_a_key_everything_passes() -> None:
    assert terminal.DetachKey("none").split(bytes(range(256))) == (bytes(range(256)), False)


@pytest.mark.parametrize("word", ["", "x", "C-", "C-ä", "F5", "C-5"])
def test_what_is_no_key_is_refused(word: str) -> None:
    with pytest.raises(Complaint, match="no key to leave by"):
        terminal.DetachKey(word)


def test_a_title_carries_no_control_characters() -> None:
    assert terminal.title("a\x07\x1b]0;b\n") == b"\x1b]2;a]0;b\x07"


def test_a_terminal_is_as_it_was_whatever_ended_raw_mode() -> None:
    leader, follower = pty.openpty()
    try:
        before = termios.tcgetattr(follower)
        with suppress(RuntimeError), terminal.raw(follower):
            assert not termios.tcgetattr(follower)[3] & termios.ECHO
            raise RuntimeError
        assert termios.tcgetattr(follower) == before
    finally:
        os.close(leader)
        os.close(follower)

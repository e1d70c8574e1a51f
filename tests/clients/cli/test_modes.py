"""What a stream switched on is switched back, and nothing else."""

from __future__ import annotations

import pytest
from sightline_cli.modes import Modes

RESET = b"\x1b[0m"


@pytest.mark.parametrize(
    ("switched", "back"),
    [
        (b"\x1b[?1000h\x1b[?1006h", b"\x1b[?1000l\x1b[?1006l"),
        (b"\x1b[?1000;1006h", b"\x1b[?1000l\x1b[?1006l"),
        (b"\x1b[?2004h", b"\x1b[?2004l"),
        (b"\x1b[?25l", b"\x1b[?25h"),
        (b"\x1b[?1049h\x1b[?25l", b"\x1b[?25h\x1b[?1049l"),
        (b"\x1b[?47h", b"\x1b[?1049l"),
        (b"\x1b[>1u\x1b[>5u", b"\x1b[<2u"),
        (b"\x1b[>1u\x1b[<u", b""),
        (b"\x1b[>4;2m", b"\x1b[>4m"),
        (b"\x1b=", b"\x1b>"),
        (b"\x1b=\x1b>", b""),
        (b"\x1b[2;20r", b"\x1b7\x1b[r\x1b8"),
        (b"\x1b[2;20r\x1b[r", b""),
        (b"\x1b[3 q", b"\x1b[0 q"),
        (b"\x1b(0", b"\x1b(B"),
        (b"\x1b[4h", b"\x1b[4l"),
        (b"\x1b[?25l\x1b[?25h\x1b[?1000h\x1b[?1000l", b""),
        (b"\x1b[1;31mcolour and text\x1b[2J", b""),
    ],
)
def test_what_was_switched_is_switched_back(switched: bytes, back: bytes) -> None:
    modes = Modes()
    modes.feed(switched)
    assert modes.restore() == RESET + back


def test_after_restoring_there_is_nothing_left_to_restore() -> None:
    modes = Modes()
    modes.feed(b"\x1b[?1049h\x1b[?1000h")
    modes.restore()
    assert modes.restore() == RESET


def test_it_knows_whether_the_alternate_screen_is_shown() -> None:
    modes = Modes()
    modes.feed(b"\x1b[?1049h")
    assert modes.alternate
    modes.feed(b"\x1b[?1049l")
    assert not modes.alternate

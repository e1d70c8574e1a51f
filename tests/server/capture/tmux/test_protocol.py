"""tmux's control protocol, and words that are to come through tmux's command parser unharmed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from server.capture.tmux.rooms import room
from sightline_server.capture.tmux.protocol import (
    ControlParser,
    Message,
    Notification,
    PaneOutput,
    Reply,
    escape_argument,
    escape_format,
    quote,
    unescape,
)

TALK = (
    b"%begin 1 10 0\n%end 1 10 0\n%session-changed $0 a b\n"
    b"%begin 2 11 1\nfirst\n%end 2 99 1\n\n%end 2 11 1\n"
    b"%output %3 a\\015\\012b\\134\\134 \xc3\n"
    b"%begin 3 12 1\nno such thing\n%error 3 12 1\n%exit\n"
)
SAID = [
    Reply(True, False, ()),
    Notification(b"session-changed", b"$0 a b"),
    Reply(True, True, (b"first", b"%end 2 99 1", b"")),
    PaneOutput(b"%3", b"a\r\nb\\\\ \xc3"),
    Reply(False, True, (b"no such thing",)),
    Notification(b"exit", b""),
]


def test_a_talk_is_taken_apart_whole() -> None:
    assert ControlParser().feed(TALK) == SAID


@given(st.lists(st.integers(0, len(TALK)), max_size=20))
def test_any_cut_gives_the_same_messages(cuts: list[int]) -> None:
    parser = ControlParser()
    said: list[Message] = []
    places = [0, *sorted(cuts), len(TALK)]
    for start, end in pairwise(places):
        said += parser.feed(TALK[start:end])
    assert said == SAID


def test_byte_by_byte_gives_the_same_messages() -> None:
    parser = ControlParser()
    assert [message for number in range(len(TALK)) for message in parser.feed(TALK[number : number + 1])] == SAID


def test_a_screen_that_shows_the_end_of_a_reply_does_not_end_it() -> None:
    parser = ControlParser()
    parser.expect(3)
    assert parser.feed(b"%begin 5 6 1\n%end 5 6 1\nrow\nrow\n%end 5 6 1\n") == [Reply(True, True, (b"%end 5 6 1", b"row", b"row"))]


@given(st.binary())
def test_output_comes_back_as_it_was_written(data: bytes) -> None:
    escaped = b"".join(b"\\%03o" % byte if byte < 0x20 or byte == 0x5C else bytes((byte,)) for byte in data)
    assert unescape(escaped) == data


WORDS = [
    "",
    " ",
    "a b",
    "it's",
    '"quoted"',
    "back\\slash",
    "$HOME ${HOME}",
    "~",
    "~/x",
    "#{pane_id}",
    "#[fg=red]",
    "# not a comment",
    "100%",
    "%if",
    ";",
    "a;",
    "a ; kill-server",
    "{ kill-server }",
    "new\nline\tand\rreturn",
    "\x1b[31mred\x7f",
    "é→漢",
    "-t",
    "\\;",
]


async def test_words_come_through_the_command_parser_as_they_are() -> None:
    async with room() as here:
        pane = here.pane("cat").pane_id
        for word in WORDS:
            saved = here.home / "saved"
            await here.server.ask(
                pane,
                ["set-buffer", "-b", "word", "--", word or "empty"],
                ["save-buffer", "-b", "word", escape_format(str(saved))],
            )
            assert saved.read_bytes().decode() == (word or "empty")


async def test_words_come_through_the_argv_of_tmux_as_they_are() -> None:
    async with room() as here:
        here.pane("cat")
        for word in filter(None, WORDS):
            here.user("set-buffer", "-b", "word", "--", escape_argument(word))
            here.user("save-buffer", "-b", "word", str(here.home / "saved"))
            assert (here.home / "saved").read_bytes().decode() == word


def test_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote(b"a\0b")

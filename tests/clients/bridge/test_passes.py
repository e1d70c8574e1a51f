"""Tickets and tokens, with clocks that the test moves."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline_bridge.errors import TicketSpent, TokenUnusable
from sightline_bridge.passes import MAX_TICKETS, TOKEN_SECONDS, Passes, read_token
from support.bridge import Clock

TOKEN = "the server's token"


def made(clock: Clock | None = None, wall: Clock | None = None, token: str = TOKEN) -> Passes:
    return Passes(token, clock or Clock(), wall or Clock(1_800_000_000.0))


def test_a_ticket_works_once() -> None:
    passes = made()
    ticket = passes.ticket()
    assert passes.accepts(passes.exchange(ticket))
    with pytest.raises(TicketSpent):
        passes.exchange(ticket)


def test_a_ticket_works_for_less_than_60_seconds() -> None:
    clock = Clock()
    passes = made(clock)
    early, late = passes.ticket(), passes.ticket()
    clock.now += 59.9
    passes.exchange(early)
    clock.now += 0.1
    with pytest.raises(TicketSpent):
        passes.exchange(late)


def test_of_too_many_tickets_the_oldest_is_void() -> None:
    passes = made()
    tickets = [passes.ticket() for _ in range(MAX_TICKETS + 1)]
    with pytest.raises(TicketSpent):
        passes.exchange(tickets[0])
    passes.exchange(tickets[1])


def test_an_exchanged_token_outlives_the_bridge_and_ends_at_its_time() -> None:
    wall = Clock(1_800_000_000.0)
    before = made(wall=wall)
    token = before.exchange(before.ticket())
    after_restart = made(wall=wall)
    assert after_restart.accepts(token)
    wall.now += TOKEN_SECONDS - 1
    assert after_restart.accepts(token)
    wall.now += 1
    assert not after_restart.accepts(token)


def test_an_exchanged_token_ends_with_the_servers_token() -> None:
    passes = made()
    token = passes.exchange(passes.ticket())
    assert not made(token="a new one").accepts(token)
    assert passes.accepts(TOKEN)


def test_no_part_of_an_exchanged_token_can_be_changed() -> None:
    passes = made()
    prefix, expires, nonce, signature = passes.exchange(passes.ticket()).split(".")
    for changed in (
        (prefix, str(int(expires) + 1), nonce, signature),
        (prefix, expires, nonce + "x", signature),
        (prefix, expires, nonce, ""),
        (prefix, expires, nonce, signature.upper()),
        (prefix + "x", expires, nonce, signature),
        (prefix, expires, signature),
    ):
        assert not passes.accepts(".".join(changed))


@given(st.text() | st.text().map(lambda text: f"sl1.99999999999.{text}"))
def test_no_other_text_is_accepted_and_none_breaks_anything(text: str) -> None:
    assert made().accepts(text) is (text == TOKEN)
    with pytest.raises(TicketSpent):
        made().exchange(text)


@pytest.mark.parametrize("token", ["\ud800", "é" * 5000, "\0"])
def test_words_that_are_no_bytes_are_not_accepted(token: str) -> None:
    assert not made().accepts(token)


def test_with_an_empty_token_there_is_no_bridge() -> None:
    with pytest.raises(TokenUnusable):
        made(token="")


def test_the_token_is_the_one_in_the_servers_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("abc\n")
    path.chmod(0o600)
    assert read_token(path) == "abc"


def test_a_token_is_made_where_there_is_none_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "token"
    token = read_token(path)
    assert len(token) > 40
    assert read_token(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["token"]


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(TokenUnusable):
        read_token(path)


def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("abc")
    path.chmod(0o640)
    with pytest.raises(TokenUnusable, match="chmod 600"):
        read_token(path)


def test_a_token_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TokenUnusable):
        read_token(tmp_path / "file" / "token")

"""Tickets and tokens: who may come in. Knows a clock and a secret, and neither HTTP nor sockets.

The token is the server's own, for scripts. A browser gets a ticket, which works once and for a minute, in the fragment of a URL,
which is sent to nobody, and exchanges it for a token of its own: signed with the server's token, so that it lives as long as that
one, also over a restart of the bridge, and ends at a time that stands in it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sightline_bridge.errors import TicketSpent, TokenUnusable

TICKET_SECONDS = 60.0
TOKEN_SECONDS = 30 * 24 * 3600  # a browser keeps it for as long as the tab is open
MAX_TICKETS = 100  # unused at once; the oldest goes
PURPOSE = b"sightline bridge 1"
PREFIX = "sl1"  # the form of an exchanged token: PREFIX.expires.nonce.signature


class Passes:
    """What was given out, and what is accepted.

    Args:
        token: the server's; not empty.
        clock: seconds, growing, for tickets.
        wall: seconds since 1970, for tokens, which outlive the process.
    """

    def __init__(self, token: str, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        if not token:
            raise TokenUnusable("the token is empty: with it everybody would get in")
        self._token = token.encode()
        self._key = hmac.digest(self._token, PURPOSE, "sha256")
        self._clock = clock
        self._wall = wall
        self._tickets: dict[str, float] = {}

    def ticket(self) -> str:
        """A new ticket: works once, for 60 s."""
        self._forget()
        while len(self._tickets) >= MAX_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        ticket = secrets.token_urlsafe(32)
        self._tickets[ticket] = self._clock() + TICKET_SECONDS
        return ticket

    def exchange(self, ticket: str) -> str:
        """A token for a ticket, which is then spent.

        Raises:
            TicketSpent: it was used, has expired, or never was.
        """
        self._forget()
        if self._tickets.pop(ticket, None) is None:
            raise TicketSpent
        body = f"{PREFIX}.{int(self._wall()) + TOKEN_SECONDS}.{secrets.token_urlsafe(16)}"
        return f"{body}.{self._sign(body)}"

    def accepts(self, token: str) -> bool:
        """Whether a token opens the door: the server's, or an exchanged one that has not expired."""
        shown = token.encode(errors="replace")
        if hmac.compare_digest(shown, self._token):
            return True
        body, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), self._sign(body).encode()):
            return False
        return int(body.split(".")[1]) > self._wall()  # it is ours: it has this form

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, body.encode(errors="replace"), hashlib.sha256).hexdigest()

    def _forget(self) -> None:
        now = self._clock()
        for ticket in [ticket for ticket, until in self._tickets.items() if until <= now]:
            del self._tickets[ticket]


def read_token(path: Path) -> str:
    """The server's token; made, mode 0600, where no server has run yet: the server then takes this one.

    Raises:
        TokenUnusable: it cannot be read or made, is empty, or others may read it.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make_token(path)
        if path.stat().st_mode & 0o077:
            raise TokenUnusable(f"others may read the token in {path}: `chmod 600 {path}`, or remove it so that a new one is made")
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenUnusable(f"the token in {path} cannot be read: {error}") from error
    if not token:
        raise TokenUnusable(f"{path} is empty: remove it, so that a new token is made")
    return token


def _make_token(path: Path) -> None:
    """Whole or not at all, and never over one that somebody else has made meanwhile."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)

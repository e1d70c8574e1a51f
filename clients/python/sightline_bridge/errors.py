"""What the bridge itself refuses, with a stable reason each; what the service refuses is passed on as it came.

Refused
├── BadHost, BadOrigin       the doors: another page, or another name, than those that may come in
├── NotAdmitted              no token, or a wrong one; a ticket that was used, or too old
├── TooManySockets, TooFast  limits of the whole bridge
├── UnknownProtocol          a WebSocket that asks for subprotocols that are not spoken here
└── BadRequest               an HTTP request that cannot be read
BadFrame                     one frame that cannot be read; the socket goes on
└── TooManyCalls             no room for one call more
TokenUnusable                at the start: there is no token to judge by
"""

from __future__ import annotations

from typing import ClassVar


class Refused(Exception):
    """A request that gets no further. `status` is HTTP's; for a socket it is said before it is accepted."""

    status: ClassVar[int] = 400
    reason: ClassVar[str] = "REFUSED"


class BadHost(Refused):
    """A name in DNS that somebody has pointed at this machine (rebinding), or an address that is not listened on."""

    status = 403
    reason = "BAD_HOST"

    def __init__(self, host: str, *, here: bool = False) -> None:
        hint = f", or start it with --allow-origin http://{host} where that port is forwarded to it" if here else ""
        super().__init__(f"this bridge is not called {host!r}: open it by the address that `sightline up` prints{hint}")


class BadOrigin(Refused):
    """Another page than the bridge's own."""

    status = 403
    reason = "BAD_ORIGIN"

    def __init__(self, origin: str) -> None:
        super().__init__(f"pages of {origin!r} may not come in: start the bridge with --allow-origin {origin} if they should")


class NotAdmitted(Refused):
    """No token, or a wrong one."""

    status = 401
    reason = "UNAUTHENTICATED"

    def __init__(self, what: str = "send `Authorization: Bearer TOKEN` with what is in the server's token file") -> None:
        super().__init__(f"not logged in: {what}")


class TicketSpent(NotAdmitted):
    """A ticket that was used, has expired, or never was."""

    reason = "TICKET_SPENT"

    def __init__(self) -> None:
        super().__init__("a ticket works once, for 60 s: `sightline open` prints a new one")


class TooManySockets(Refused):
    """As many are open as may be."""

    status = 503
    reason = "TOO_MANY_SOCKETS"

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} sockets are open already: close some, and try again")


class TooFast(Refused):
    """More connects, or wrong logins, than may come in a second."""

    status = 429
    reason = "TOO_FAST"

    def __init__(self) -> None:
        super().__init__("too many requests in one second: wait a moment, and try again")


class UnknownProtocol(Refused):
    """None of the subprotocols that were asked for is spoken here."""

    status = 400
    reason = "UNKNOWN_SUBPROTOCOL"

    def __init__(self, asked: str, known: tuple[str, ...]) -> None:
        super().__init__(f"none of {asked!r} is spoken here: ask for {' or '.join(known)}")


class BadRequest(Refused):
    """An HTTP request that cannot be read."""

    reason = "BAD_REQUEST"


class BadFrame(Exception):
    """One frame that cannot be taken; the socket goes on.

    Attributes:
        code: gRPC's number of the status that says it.
        reason: the stable word for it.
        call: whose frame it was, where that is known and the number is not another call's; else 0.
    """

    code: ClassVar[int] = 3  # INVALID_ARGUMENT
    reason: ClassVar[str] = "BAD_FRAME"

    def __init__(self, text: str, call: int = 0) -> None:
        super().__init__(text)
        self.call = call


class TooManyCalls(BadFrame):
    """As many calls are under way on one socket as may be."""

    code = 8  # RESOURCE_EXHAUSTED
    reason = "TOO_MANY_CALLS"

    def __init__(self, limit: int, call: int) -> None:
        super().__init__(f"{limit} calls are under way on this socket: cancel some, or open another one", call)


class TokenUnusable(Exception):
    """There is no token to judge by, and none can be made. Nobody would get in, or everybody."""

"""How much one client, or all of them, may ask of the bridge. Numbers with their units, and the bucket that counts connects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MAX_FRAME = 4 * 1024 * 1024  # bytes of one message from a client, as much as the server takes in one request; more closes with 1009
MAX_CALLS = 1024  # under way at once on one socket
MAX_LARGE = 8  # of them such with one response that may be large: it is held here until the socket takes it
MAX_SOCKETS = 2000  # open at once
BACKLOG = 1024  # connections that wait to be accepted
MAX_BODY = 64 * 1024  # bytes of one HTTP request
CONNECTS_PER_SECOND = 100
CONNECTS_AT_ONCE = 1000  # before the rate counts
LOGIN_SECONDS = 10.0  # for the first frame of a socket that has shown no token yet
MAX_WAITING = 64  # sockets that have shown no token yet, each of which may hold a message; one more, and the oldest goes
LOGINS_PER_SECOND = 5  # tickets and tokens that were wrong, of everybody together; guessing 256 bits is hopeless at any rate
PING_SECONDS = 20.0  # between looks at a socket; one that was silent in between is pinged
SILENT_LOOKS = 3  # in a row, without a byte in either direction: the peer is gone
CLOSE_SECONDS = 2.0  # for a peer to answer a close, and to read what is left
AFTERWARDS_SECONDS = 30.0  # for a call with one response to come to its end when its client has gone
SHUTDOWN_SECONDS = 1.0  # the same, when the bridge goes


@dataclass(frozen=True)
class Limits:
    """Those that tests need smaller.

    Attributes:
        sockets: open at once.
        connects_at_once: before their rate counts.
        login_seconds: for the first frame of a socket that has shown no token yet.
        ping_seconds: between looks at a socket.
        waiting: sockets that have shown no token yet.
    """

    sockets: int = MAX_SOCKETS
    connects_at_once: int = CONNECTS_AT_ONCE
    login_seconds: float = LOGIN_SECONDS
    ping_seconds: float = PING_SECONDS
    waiting: int = MAX_WAITING


# Without it gRPC takes up to 5 MB from the server for each stream that nobody reads; with it a window of 64 KiB and the response
# that is being read (100 stalled subscriptions: 93 MB against 492), and one stream still brings 400 MB/s.
CHANNEL_OPTIONS = (("grpc.http2.bdp_probe", 0),)


class Bucket:
    """How often something may happen: `rate` times a second in the long run, `burst` times at once.

    Args:
        rate: per second.
        burst: at once, after a quiet time.
        clock: seconds, growing.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._left = burst
        self._seen = clock()

    def take(self) -> bool:
        """Whether it may happen once more now; counts it if so."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

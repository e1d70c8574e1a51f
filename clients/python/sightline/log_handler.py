"""`LogHandler`: what a program logs, as events of a session. Knows `logging`; how events travel is the outbox's."""

from __future__ import annotations

import logging

from sightline.outbox import MAX_BYTES, THREAD, Outbox
from sightline.v1.event_pb2 import Channel, Error, ErrorOrigin, Event, Notice

MAX_TEXT = 60_000  # characters of one record
CLOSE_SECONDS = 5.0  # that `close` waits at most for what has not arrived
OUR_THREADS = frozenset({THREAD, "sightline"})
"""Those that talk to the server: what they log must not be published, or it would never end."""


class LogHandler(logging.Handler):
    """Records become events: `error` (not fatal) from ERROR on, `notice` below, with the code `log.warning` and so on.

    The text is the formatter's, `name: message` by default, with the traceback. Never raises, never waits for the server, and
    loses the oldest records first, as `StreamWriter` does; without a session it does nothing.

    Args:
        level: of `logging.Handler`.
        session: id or name; None: the session that the program runs in, from `SIGHTLINE_SESSION_ID`.
        source: `Event.source` of the events; empty: the program's name.
        max_bytes: that may wait.
        target: the server; None: as `sightline.connect` finds it.
    """

    def __init__(
        self,
        level: int | str = logging.NOTSET,
        *,
        session: str | None = None,
        source: str = "",
        max_bytes: int = MAX_BYTES,
        target: str | None = None,
    ) -> None:
        super().__init__(level)
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        self._outbox = Outbox(session, source, Channel.CHANNEL_STDOUT, max_bytes, target)

    @property
    def dropped_bytes(self) -> int:
        """Encoded size of what the server did not take in time, so far."""
        return self._outbox.dropped_bytes

    @property
    def problem(self) -> str:
        """Why nothing arrives just now, for people; empty: all is well, as far as is known."""
        return self._outbox.problem

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        if record.threadName in OUR_THREADS:
            return
        try:
            text = self.format(record).encode(errors="replace").decode()
            if len(text) > MAX_TEXT:
                text = text[:MAX_TEXT] + "…"
            code = f"log.{record.levelname.lower()}"
            if record.levelno >= logging.ERROR:
                event = Event(error=Error(code=code, message=text, origin=ErrorOrigin.ERROR_ORIGIN_PROGRAM))
            else:
                event = Event(notice=Notice(code=code, text=text))
            event.source = self._outbox.source
            event.source_time.FromNanoseconds(int(record.created * 1e9))
            self._outbox.put(event.SerializeToString(), 0)
        except Exception:
            self.handleError(record)

    def flush(self, timeout: float = 0.0) -> bool:  # type: ignore[override] # says what came of it
        """Waits at most `timeout` seconds until all is with the server. True: it is, but for what was dropped."""
        return self._outbox.flush(timeout)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Waits at most `timeout` seconds for what has not arrived, then nothing more is sent."""
        self._outbox.close(timeout)
        super().close()

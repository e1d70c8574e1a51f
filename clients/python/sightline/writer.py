"""`StreamWriter`: a file-like object whose lines are output of a session. Knows files; how lines travel is the outbox's."""

from __future__ import annotations

import io
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from sightline.outbox import MAX_BYTES, Outbox
from sightline.requests import ChannelName
from sightline.requests import channel as channel_of

if TYPE_CHECKING:
    from typing_extensions import Buffer

CLOSE_SECONDS = 5.0  # that `close` waits at most for what has not arrived


class StreamWriter(io.TextIOBase):
    """A text file whose lines become `output` events of a session: for `print(file=w)`, `sys.stdout = w`, `redirect_stdout(w)`.

    `buffer` is its binary face. Both are line-buffered: a line without its end waits for it, or for `flush`; the lines of several
    threads do not mix. Nothing waits for the server, and nothing is raised for its sake: what it does not take in time is kept up
    to `max_bytes`; then the oldest is dropped, counted in `dropped_bytes`, and named by an `output_lost` event where it is missing.
    Each line is in the log once.

    Safe in several threads, in signal handlers, and after `os.fork` (a child's lines go through its parent). At the end of the
    program it waits up to 2 s for what has not arrived. Without a session it only writes to `tee`.

    Args:
        session: id or name; None: the session that the program runs in, from `SIGHTLINE_SESSION_ID`.
        source: `Event.source` of the lines; empty: the program's name.
        channel: `stdout` or `stderr`.
        tee: a text file that gets the same, at once: `sys.stdout`, say.
        max_bytes: that may wait.
        encoding: of text. Bytes that were no text when they were read (`surrogateescape`) leave as they came.
        target: the server; None: as `sightline.connect` finds it.
    """

    def __init__(
        self,
        session: str | None = None,
        *,
        source: str = "",
        channel: ChannelName = "stdout",
        tee: TextIO | None = None,
        max_bytes: int = MAX_BYTES,
        encoding: str = "utf-8",
        target: str | None = None,
    ) -> None:
        super().__init__()
        "".encode(encoding)  # an encoding that there is not is the caller's mistake, to be told now
        self._encoding = encoding
        self._tee = tee
        self._outbox = Outbox(session, source, channel_of(channel), max_bytes, target)
        self._buffer = _Bytes(self)

    # --- what is there

    @property
    def buffer(self) -> io.BufferedIOBase:
        """The binary face: bytes written there are in the log as they are."""
        return self._buffer

    @property
    def encoding(self) -> str:  # type: ignore[override] # a plain attribute in the types of io
        """Of text."""
        return self._encoding

    @property
    def errors(self) -> str:  # type: ignore[override]
        """What is done about characters that the encoding cannot write; those that no way writes become `?`."""
        return "surrogateescape"

    @property
    def dropped_bytes(self) -> int:
        """What the server did not take in time, so far."""
        return self._outbox.dropped_bytes

    @property
    def problem(self) -> str:
        """Why nothing arrives just now, for people; empty: all is well, as far as is known."""
        return self._outbox.problem

    @property
    def session(self) -> str:
        """The session's id or name; empty: there is none."""
        return self._outbox.session

    @property
    def line_buffering(self) -> bool:
        """See `io.TextIOWrapper`."""
        return True

    @property
    def name(self) -> str:
        """See `io.FileIO`."""
        return "<sightline>"

    @property
    def mode(self) -> str:
        """See `io.FileIO`."""
        return "w"

    def writable(self) -> bool:
        """See `io.IOBase`."""
        return True

    # --- writing

    def write(self, text: str, /) -> int:
        """Takes text. Raises TypeError for anything else, ValueError when it was closed, and what `tee` raises."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}: `buffer` takes bytes")
        try:
            data = text.encode(self._encoding, "surrogateescape")
        except UnicodeEncodeError:
            data = text.encode(self._encoding, "replace")
        self._write(data)
        if self._tee is not None:
            self._tee.write(text)
        return len(text)

    def _write(self, data: bytes) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        self._outbox.write(data)

    def flush(self, timeout: float = 0.0) -> bool:  # type: ignore[override] # says what came of it
        """Sends a line that has no end yet too, and waits at most `timeout` seconds until all is with the server.

        Returns:
            True when it is, but for what was dropped. Without a `timeout` it does not wait, as `print(flush=True)` expects.
        """
        if self._tee is not None:
            self._tee.flush()
        return self._outbox.flush(timeout)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Waits at most `timeout` seconds for what has not arrived; `tee` stays open. Closing again does nothing."""
        if not self.closed:
            self.flush()
            self._outbox.close(timeout)
            super().close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        """Not `io`'s, which closes: a writer that is forgotten is no reason to wait."""
        if "_outbox" in vars(self):
            self._outbox.retire()


class _Bytes(io.BufferedIOBase):
    """The binary face."""

    def __init__(self, writer: StreamWriter) -> None:
        super().__init__()
        self._writer = writer

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        view = memoryview(data).cast("B")
        self._writer._write(bytes(view))
        tee: Any = getattr(self._writer._tee, "buffer", None)
        if tee is not None:
            tee.write(view)
        elif self._writer._tee is not None:
            self._writer._tee.write(bytes(view).decode(errors="replace"))
        return len(view)

    def flush(self) -> None:
        self._writer.flush()

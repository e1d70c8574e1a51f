"""Plain text: what was shown, or what an agent said and did, and nothing else. No times, no sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sightline.v1 import event_pb2 as e

from sightline_cli.recordings import recording as r
from sightline_cli.talk import Talk


class Writer:
    """Writes the output's bytes as they come: whoever reads the log asks the server for text. See `recording.Writer`.

    Args:
        talk: tells what else there is: an agent's session; None: nothing.
    """

    def __init__(self, talk: Talk | None = None) -> None:
        self.problems: list[str] = []
        self._talk = talk

    def event(self, event: e.Event, moment: int | None) -> tuple[bytes, ...]:  # noqa: ARG002 - it has no times
        """See `recording.Writer`."""
        if event.HasField("output"):
            return ((self._talk.end_line().encode() if self._talk else b"") + event.output.data,)
        return (self._talk.event(event).encode(errors="replace") if self._talk else b"",)

    def finish(self) -> tuple[bytes, ...]:
        """See `recording.Writer`."""
        return (b"",)


def read(pieces: Iterable[bytes], began: int) -> r.Recording:
    """A text, as something wrote it to its standard output, all at the moment `began`, in nanoseconds since 1970."""
    return r.Recording(r.Head(), _events(pieces, began))


def _events(pieces: Iterable[bytes], began: int) -> Iterator[e.Event]:
    for piece in pieces:
        for begin in range(0, len(piece), r.MAX_DATA):
            output = e.Output(channel=e.CHANNEL_STDOUT, data=piece[begin : begin + r.MAX_DATA])
            yield r.stamped(e.Event(source="stdout", output=output), began)
    yield r.stamped(e.Event(source="stdout", completed=e.Completed(outcome=e.OUTCOME_LOST, error=r.UNKNOWN_END)), began)

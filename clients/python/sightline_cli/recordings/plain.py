"""Plain text: what was shown, and nothing else. No times, no sizes, no end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sightline.v1 import event_pb2 as e

from sightline_cli.recordings import recording as r


class Writer:
    """Writes the output's bytes as they come: whoever reads the log asks the server for text. See `recording.Writer`."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def event(self, event: e.Event, moment: int | None) -> tuple[bytes, ...]:  # noqa: ARG002 - it has no times
        """See `recording.Writer`."""
        return (event.output.data,)

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

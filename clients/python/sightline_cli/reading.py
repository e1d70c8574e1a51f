"""Opens a recording in a file: the format found, the timing found, the bytes given piece by piece. Knows no server."""

from __future__ import annotations

import os
import select
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from sightline_cli.command import Complaint
from sightline_cli.recordings import asciicast, formats, jsonl, plain, typescript
from sightline_cli.recordings.recording import SECOND, BadRecording, Recording

PIECE = 64 * 1024  # bytes read at a time; the format is found in the first ones: a typescript's first line holds the whole command
LOOK_UP = 0.2  # seconds after which Ctrl-C is noticed at the latest while nothing comes


@dataclass(frozen=True)
class Opened:
    """A recording in a file.

    Attributes:
        recording: what it says, and its events.
        kind: its format, one of `formats.FORMATS`.
        size: bytes of its main file; 0: not known.
    """

    recording: Recording
    kind: str
    size: int


def is_file(word: str) -> bool:
    """Whether a word that may be a session's name is the path of a recording: it has a slash, or is a file with a known ending."""
    return "/" in word or (formats.by_name(Path(word)) is not None and Path(word).is_file())


@contextmanager
def opened(path: Path, kind: str | None = None, timing: Path | None = None) -> Iterator[Opened]:
    """The recording in a file, for as long as the context lasts.

    Args:
        path: `-` is standard input.
        kind: its format; None: found by its first bytes.
        timing: of a typescript; None: the one beside it, if there is one.

    Raises:
        Complaint: it cannot be read, or is none: also while its events are read.
    """
    try:
        with ExitStack() as stack:
            yield _open(stack, path, kind, timing)
    except BadRecording as error:
        raise Complaint(f"{path}: {error}") from None


def _open(stack: ExitStack, path: Path, kind: str | None, timing: Path | None) -> Opened:
    if path == Path("-"):
        there, size, began = _typed(), 0, 0
    else:
        there = _pieces(_file(stack, path))
        about = path.stat()
        size, began = about.st_size, about.st_mtime_ns
    begin = next(there, b"")
    found = kind or formats.by_content(begin, path)
    pieces = chain((begin,), there)
    if found == formats.TYPESCRIPT:
        beside = formats.found_beside(path) if size else (None, None)
        recording = typescript.read(pieces, _optional(stack, timing or beside[0]), _optional(stack, beside[1]), began or _now())
    else:
        reader = {formats.JSONL: jsonl.read, formats.TEXT: plain.read}.get(found, asciicast.read)
        recording = reader(pieces, began or _now())
    return Opened(recording, found, size)


def _now() -> int:
    import time  # noqa: PLC0415

    return int(time.time()) * SECOND


def _file(stack: ExitStack, path: Path) -> BinaryIO:
    try:
        return stack.enter_context(path.open("rb", buffering=0))
    except OSError as error:
        raise Complaint(f"{path} cannot be read: {error.strerror}") from None


def _optional(stack: ExitStack, path: Path | None) -> Iterable[bytes] | None:
    return None if path is None else _pieces(_file(stack, path))


def _typed() -> Iterator[bytes]:
    """Standard input. A read there may wait for long, and the event loop with it: Ctrl-C must end it all the same.

    Raises:
        asyncio.CancelledError: the task that reads was cancelled, by Ctrl-C.
    """
    import asyncio  # noqa: PLC0415

    while True:
        while not select.select([0], [], [], LOOK_UP)[0]:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
        if not (piece := os.read(0, PIECE)):
            return
        yield piece


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece

"""Where a stream of bytes is cut into chunks: at line ends where lines come, never above what one event may hold.

Knows bytes only. How long a line without its end is waited for is the caller's affair: it then cuts with `hold=False`.
"""

from __future__ import annotations

MAX_CHUNK = 65536  # bytes, in one output event
HOLD_SECONDS = 0.03  # for the rest of a line; a progress bar without a newline shows well within 100 ms


def cut_lines(data: bytes, *, hold: bool, more: bool = False) -> list[bytes]:
    """Cuts the beginning of `data` into chunks of 1 to `MAX_CHUNK` bytes, as few as can be, each ending with a line where one ends.

    With `hold` a last line without its end is left over, unless it fills a chunk: the caller brings it again with what follows.
    With `more` (more is there already) whatever does not fill a chunk is left over. Without either all of `data` is cut. The chunks
    are a beginning of `data`, in order and without gaps.
    """
    size = len(data)
    if size <= MAX_CHUNK and not more and (not hold or data.endswith(b"\n")):
        return [data] if data else []
    chunks = []
    start = 0
    while size - start >= MAX_CHUNK:
        end = data.rfind(b"\n", start, start + MAX_CHUNK) + 1 or start + MAX_CHUNK
        chunks.append(data[start:end])
        start = end
    end = data.rfind(b"\n", start) + 1 if hold else size
    if end > start and not more:
        chunks.append(data[start:end])
    return chunks


def cut_anywhere(data: bytes) -> list[bytes]:
    """Cuts all of `data` into chunks of `MAX_CHUNK` bytes, the last one shorter: for terminals, whose lines mean nothing."""
    if len(data) <= MAX_CHUNK:
        return [data] if data else []
    return [data[start : start + MAX_CHUNK] for start in range(0, len(data), MAX_CHUNK)]

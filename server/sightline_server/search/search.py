"""One call of `Search`: what is asked for, found in the index, told with the words marked. Runs in a thread of its own."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp
from sightline.v1.session_service_pb2 import IndexedThrough, SearchHit, SearchRequest, SearchResponse

from sightline_server.errors import BadField, BadPageToken, IndexUnavailable
from sightline_server.search import words
from sightline_server.search.find import Hit, Key, Limits, find
from sightline_server.search.index import Index, Progress
from sightline_server.search.indexer import Indexer
from sightline_server.storage.contract import LogHead, Reader
from sightline_server.storage.layout import is_damage

DEFAULT_PAGE = 50
MAX_PAGE = 1000
CATCH_UP_SECONDS = 0.05  # that an answer waits for what was logged just now
OPEN_SECONDS = 5.0  # that the first answer waits for the index to be there
SNIPPET = 240  # characters at most, without the marks
LEAD = 60  # characters before the first found word
MAX_BEHIND = 1000  # sessions named in one answer
START, END = "\x02", "\x03"
ELLIPSIS = "…"
NANOSECONDS = 1_000_000_000
MAX_SECONDS = (1 << 63) // NANOSECONDS - 1
TOKEN = re.compile(r"([0-9a-f]{1,16})\.([0-9a-f]{1,16})\.([0-9a-f]{1,8})")


class Search:
    """Answers `Search`, and keeps the index up.

    Args:
        path: the index's file; None: in memory, and begun with the first search.
        reader: makes one who reads the logs.
    """

    def __init__(self, path: Path | None, reader: Callable[[], Reader]) -> None:
        self._path = path
        self._index = Index(path)
        self._indexer = Indexer(self._index, path, reader)
        self._new_reader = reader
        self._reader: Reader | None = None
        self._thread = ThreadPoolExecutor(1, "search")

    def start(self) -> None:
        """Begins to index in the background."""
        if self._path is not None:
            self._indexer.start()

    async def stop(self) -> None:
        """Returns when nothing of it runs any more."""
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        self._indexer.stop()
        self._thread.submit(self._close_reader)
        self._thread.shutdown()

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()

    async def answer(self, request: SearchRequest, sessions: Mapping[int, str] | None) -> SearchResponse:
        """The answer.

        Args:
            request: as it came.
            sessions: ids by number of those that `request.sessions` means; None: all.

        Raises a `BadRequest`, or `IndexUnavailable`.
        """
        query = words.parse(request.query)
        if request.page_size > MAX_PAGE:
            raise BadField(field="page_size", problem=f"at most {MAX_PAGE}")
        fingerprint = zlib.crc32(fingerprint_of(request))
        limits = Limits(
            nanoseconds("from_time", request.from_time) if request.HasField("from_time") else None,
            nanoseconds("to_time", request.to_time) if request.HasField("to_time") else None,
            from_token(request.page_token, fingerprint) if request.page_token else None,
        )
        if not self._indexer.is_started:
            self._indexer.start()
        work = self._thread.submit(self._answer, query, limits, request.page_size or DEFAULT_PAGE, sessions, fingerprint)
        return await asyncio.wrap_future(work)

    def _answer(
        self, query: words.Query, limits: Limits, size: int, sessions: Mapping[int, str] | None, fingerprint: int
    ) -> SearchResponse:
        self._indexer.catch_up(CATCH_UP_SECONDS)
        reader = self._reader = self._reader or self._new_reader()
        if not self._indexer.wait_open(OPEN_SECONDS):
            raise IndexUnavailable(path=self._path or "memory", problem=self._indexer.complaint or "it is being opened")
        oldest: dict[int, int] = {}
        progress: dict[int, Progress] = {}

        def is_kept(number: int, seq: int) -> bool:
            if number not in oldest:
                head = reader.head(number)
                oldest[number] = reader.bounds(number).oldest_seq if head and is_of(progress[number], head) else 1 << 62
            return seq >= oldest[number]

        try:
            with self._index.reading():
                progress.update((one.number, one) for one in self._index.found_in())
                searched = [one for one in progress.values() if sessions is None or sessions.get(one.number) == one.session_id]
                hits, after = find(self._index, query, searched, limits, size, is_kept)
        except (sqlite3.Error, zlib.error, struct.error, ValueError) as error:
            if not isinstance(error, sqlite3.Error) or is_damage(error):
                self._indexer.is_damaged()
            raise IndexUnavailable(path=self._path or "memory", problem=error) from error
        response = SearchResponse(hits=[to_message(hit, progress[hit.number].session_id, query) for hit in hits])
        if after is not None:
            response.next_page_token = to_token(after, fingerprint)
        response.indexed_through.extend(self._behind(reader, progress, sessions))
        return response

    def _behind(
        self, reader: Reader, progress: Mapping[int, Progress], sessions: Mapping[int, str] | None
    ) -> Iterator[IndexedThrough]:
        """How far the sessions are that could not be searched to their heads."""
        left = MAX_BEHIND
        for head in reader.heads():
            if left and not self._indexer.is_done(head.number) and (sessions is None or head.number in sessions):
                known = progress.get(head.number)
                seq = known.seq if known and is_of(known, head) else 0
                if reader.bounds(head.number).head_seq > seq:
                    left -= 1
                    yield IndexedThrough(session_id=head.session_id, seq=seq)


def is_of(progress: Progress, head: LogHead) -> bool:
    """What is indexed is of this log."""
    return (progress.session_id, progress.epoch) == (head.session_id, head.epoch)


def to_message(hit: Hit, session_id: str, query: words.Query) -> SearchHit:
    """A hit as it is told."""
    message = SearchHit(session_id=session_id, seq=hit.seq, snippet=snippet(hit.text, query))
    message.time.FromNanoseconds(hit.time)
    return message


def snippet(text: str, query: words.Query) -> str:
    """The part of a line where the first words are, all of them marked."""
    spans = query.spans(text)
    start = max(0, spans[0][0] - LEAD) if spans and len(text) > SNIPPET else 0
    end = min(len(text), start + SNIPPET)
    parts: list[str] = [ELLIPSIS] if start else []
    at = start
    for first, last in spans:
        if first >= end:
            break
        parts += [text[at:first], START, text[first : min(last, end)], END]
        at = min(last, end)
    parts.append(text[at:end])
    if end < len(text):
        parts.append(ELLIPSIS)
    return "".join(parts)


def nanoseconds(field: str, time: Timestamp) -> int:
    """A time since 1970. Raises `BadField`."""
    if not 0 <= time.nanos < NANOSECONDS:
        raise BadField(field=field, problem=f"{time.nanos} nanoseconds; they must be less than a second")
    return min(max(time.seconds, -MAX_SECONDS), MAX_SECONDS) * NANOSECONDS + time.nanos


def fingerprint_of(request: SearchRequest) -> bytes:
    """What a page token belongs to."""
    asked = SearchRequest()
    asked.CopyFrom(request)
    asked.ClearField("page_token")
    asked.ClearField("page_size")
    return asked.SerializeToString(deterministic=True)


def to_token(key: Key, fingerprint: int) -> str:
    """Where the next page begins."""
    return f"{key[0]:x}.{key[1]:x}.{fingerprint:x}"


def from_token(token: str, fingerprint: int) -> Key:
    """The same back. Raises `BadPageToken`, also for a token of another question."""
    found = TOKEN.fullmatch(token)
    if found is None or int(found[3], 16) != fingerprint or max(key := (int(found[1], 16), int(found[2], 16))) >= 1 << 63:
        raise BadPageToken
    return key

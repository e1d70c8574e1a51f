"""A store that keeps its promises for as long as the process lives: for `run` without a server, and for tests.

What a thread removes or merges is read by the loop at the same time: it puts a new list in the old one's place, and the loop
goes on with the one that it has.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
from collections.abc import Iterator, Sequence

from sightline_server.storage.contract import (
    PART_BYTES,
    SMALL_BYTES,
    Block,
    Bounds,
    Commit,
    EndedLog,
    EndedTotals,
    LogHead,
    Outline,
    Part,
    SessionRow,
    SourcePosition,
)


class MemoryStore:
    """See `contract.Store`."""

    def __init__(self) -> None:
        self._rows: dict[int, SessionRow] = {}
        self._blocks: dict[int, list[Block]] = {}
        self._bounds: dict[int, Bounds] = {}
        self._positions: dict[tuple[int, int], SourcePosition] = {}
        self._inputs: dict[tuple[int, str], int] = {}
        self._wholes: dict[tuple[int, int], bytes] = {}
        self._hidden: set[int] = set()
        self._merged: set[int] = set()
        self._last_number = 0
        self.version = 0  # how often something was committed

    def open(self) -> None:
        """Nothing to do: memory is never taken back."""

    def close(self) -> None:
        """Nothing to do."""

    def reader(self) -> MemoryReader:
        return MemoryReader(self)

    def commit(self, commit: Commit) -> None:
        self.version += 1
        for number, block in commit.blocks:
            self._blocks.setdefault(number, []).append(block)
            kept = self._bounds.get(number, Bounds())
            self._bounds[number] = dataclasses.replace(
                kept, head_seq=block.last_seq, end_offset=block.offset + len(block.data), last_time=block.last_time
            )
        self._wholes.update(((number, seq), whole) for number, seq, whole in commit.wholes)
        for position in commit.positions:
            self._positions[position.number, position.source_id] = position
        for number, request_id, seq in commit.inputs:
            self._inputs[number, request_id] = seq
        for row in commit.rows:
            self._rows[row.number] = dataclasses.replace(row)
            self._last_number = max(self._last_number, row.number)

    def blocks_after(self, number: int, seq: int, max_bytes: int) -> list[Block]:
        blocks = self._blocks.get(number, [])
        found: list[Block] = []
        size = 0
        for block in blocks[bisect.bisect_right(blocks, seq, key=lambda block: block.last_seq) :]:
            if found and size + len(block.data) > max_bytes:
                break
            found.append(block)
            size += len(block.data)
        return found

    def block_with(self, number: int, seq: int) -> Block | None:
        blocks = self._blocks.get(number, [])
        place = bisect.bisect_right(blocks, seq, key=lambda block: block.first_seq)
        return blocks[place - 1] if place else None

    def whole_part(self, number: int, seq: int, place: int) -> Part | None:
        whole = self._wholes.get((number, seq), b"")
        data = whole[place * PART_BYTES : (place + 1) * PART_BYTES]
        return Part(data, is_last=(place + 1) * PART_BYTES >= len(whole)) if data else None

    def bounds(self, number: int) -> Bounds:
        return self._bounds.get(number, Bounds())

    def positions(self, number: int) -> list[SourcePosition]:
        return sorted((p for p in self._positions.values() if p.number == number), key=lambda p: p.source_id)

    def input_seq(self, number: int, request_id: str) -> int | None:
        return self._inputs.get((number, request_id))

    def last_number(self) -> int:
        return self._last_number

    def heads(self) -> list[LogHead]:
        """See `contract.Reader`."""
        return [LogHead(row.number, row.session_id, row.epoch, row.live) for row in list(self._rows.values())]

    def row(self, session_id: str) -> SessionRow | None:
        return next((row for row in self._rows.values() if row.session_id == session_id), None)

    def newest_named(self, name: str) -> SessionRow | None:
        return max((row for row in self._rows.values() if row.name == name), key=lambda row: (row.live, row.number), default=None)

    def requested(self, request_id: str) -> SessionRow | None:
        return next((row for row in self._rows.values() if request_id and row.request_id == request_id), None)

    def live_rows(self) -> list[SessionRow]:
        return sorted((row for row in self._rows.values() if row.live), key=lambda row: row.number)

    def rows_before(self, number: int, limit: int) -> list[SessionRow]:
        return sorted((row for row in self._rows.values() if row.number < number), key=lambda row: -row.number)[:limit]

    def outline(self, number: int, seq: int) -> Outline | None:
        block = self.block_with(number, seq)
        return None if block is None else outline_of(block)

    def extent(self, number: int) -> Bounds:
        return self.bounds(number)

    def ended_totals(self) -> EndedTotals:
        logs = self.ended_logs(len(self._rows))
        return EndedTotals(len(logs), sum(log.bytes for log in logs))

    def ended_logs(self, limit: int, *, over: int = 0) -> list[EndedLog]:
        logs: list[EndedLog] = []
        for number in [row.number for row in list(self._rows.values()) if not row.live]:
            kept = self.bounds(number)
            size = kept.end_offset - kept.oldest_offset
            first = self.block_with(number, kept.oldest_seq)
            if size > over or not over:
                logs.append(EndedLog(number, size, first.first_time if first else 0, kept.last_time))
        return sorted(logs, key=lambda log: (log.first_time, log.number))[:limit]

    def unmerged(self, limit: int) -> list[int]:
        return [row.number for row in list(self._rows.values()) if not row.live and row.number not in self._merged][:limit]

    def small_blocks(self, number: int, after_seq: int, up_to_seq: int, limit: int) -> list[Outline]:
        blocks = self._blocks.get(number, [])
        place = bisect.bisect_right(blocks, after_seq, key=lambda block: block.first_seq)
        behind = (block for block in blocks[place:] if block.last_seq <= up_to_seq and len(block.data) <= SMALL_BYTES)
        return [outline_of(block) for block in itertools.islice(behind, limit)]

    def disk_bytes(self) -> int:
        return 0

    def hide(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._rows.pop(number, None)
            self._hidden.add(number)

    def sweep(self) -> Iterator[bool]:
        yield True
        for number in self._hidden:
            self._blocks.pop(number, None)
            self._bounds.pop(number, None)
        self._positions = {key: value for key, value in self._positions.items() if key[0] not in self._hidden}
        self._inputs = {key: value for key, value in self._inputs.items() if key[0] not in self._hidden}
        self._wholes = {key: value for key, value in self._wholes.items() if key[0] not in self._hidden}
        self._merged -= self._hidden
        self._hidden.clear()

    def trim(self, number: int, up_to_seq: int, max_bytes: int) -> Bounds:
        blocks = self._blocks.get(number, [])
        size = 0
        count = 0
        while count < len(blocks) and blocks[count].last_seq <= up_to_seq and size < max_bytes:
            size += len(blocks[count].data)
            count += 1
        if count:
            last = blocks[count - 1]
            self._blocks[number] = blocks[count:]
            gone = [key for key in list(self._wholes) if key[0] == number and key[1] <= last.last_seq]
            for key in gone:
                del self._wholes[key]
            self._bounds[number] = dataclasses.replace(
                self._bounds[number], oldest_seq=last.last_seq + 1, oldest_offset=last.offset + len(last.data)
            )
        return self.bounds(number)

    def merge(self, number: int, first_seq: int, last_seq: int) -> None:
        blocks = self._blocks.get(number, [])
        start = bisect.bisect_left(blocks, first_seq, key=lambda block: block.first_seq)
        end = bisect.bisect_right(blocks, last_seq, key=lambda block: block.last_seq)
        some = blocks[start:end]
        if some and (some[0].first_seq, some[-1].last_seq) == (first_seq, last_seq):
            data, index = (b"".join(parts) for parts in zip(*((block.data, block.index) for block in some), strict=True))
            first, last = some[0], some[-1]
            merged = Block(first_seq, last_seq, first.first_time, last.last_time, first.offset, data, index)
            self._blocks[number] = [*blocks[:start], merged, *blocks[end:]]

    def set_merged(self, numbers: Sequence[int]) -> None:
        self._merged.update(numbers)

    def needs_upkeep(self) -> bool:
        return False

    def upkeep(self) -> Iterator[bool]:
        yield from ()


class MemoryReader:
    """See `contract.Reader`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.bounds = store.bounds
        self.blocks_after = store.blocks_after
        self.heads = store.heads

    def version(self) -> int:
        return self._store.version

    def head(self, number: int) -> LogHead | None:
        return next((head for head in self.heads() if head.number == number), None)

    def close(self) -> None:
        """Nothing to do."""


def outline_of(block: Block) -> Outline:
    """A block without its bytes."""
    return Outline(block.first_seq, block.last_seq, block.first_time, block.last_time, block.offset, len(block.data))

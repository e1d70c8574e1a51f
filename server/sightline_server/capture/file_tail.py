"""Following one local file that somebody else writes and that grows: from its committed byte, over restarts and rotation.

Knows files, inotify and sinks; nothing of who writes, nor of what the bytes mean (a `Reader` does). How to use it:

    tail = FileTail(sink, inotify, Path("/some/file.log"), changed=wake_me)   # within the event loop
    tail.start()          # raises FileNotThere, FileUnreadable, WatchLimit; after a restart `tail.resume()` says it by `capture`
    ...                   # `changed` is called when a writer closed it, or it was renamed, removed or came back: see `missing`
    tail.finish()         # nobody writes any more: what is in the file is all there will be
    await tail.drained()  # all of it is committed; raises what the sink raised
    await tail.stop()     # stops following, at any time: for a source's `detach` and `release`

What it says to the sink by itself: every byte (`output`); an `output_lost` where bytes may be missing (the file was truncated, or
replaced while nobody looked); a `notice` with the code `file_replaced` where another one came after the old was read to its end;
and `capture`: DISCONNECTED while the file cannot be found, BLIND while it cannot be read, FOLLOWING when that is over.

The sink's position of the spool never decreases. It counts the bytes of all files that were read at the path, and one for each
change from one to the next. Which file it is and where it began stands in `<spool>.tail` in the sink's directory, written before
anything of it is read: after `kill -9` no byte comes twice or is left out. The file's first bytes are kept there too, by which
one that was written anew under its old inode is known.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from sightline.v1.event_pb2 import CaptureState, Channel, Event, Notice, OutputLost

from sightline_server import errors
from sightline_server.capture.base import Sink
from sightline_server.capture.inotify import CLOSED, GREW, Inotify, Watch
from sightline_server.decode.lines import HOLD_SECONDS, cut_anywhere

READ_BYTES = 256 * 1024  # in one look
GLANCE_BYTES = 4096  # read where it is told; who writes more at once is looked at by the task
GATHER_SECONDS = 0.010  # after a look at so much, to let more come: each look is a commit and a response of its own
POLL_SECONDS = 5.0  # between looks when nothing is told: a directory above was renamed, or the file system tells nothing
MISSING_FIRST = 0.02  # s, between looks for a file that is gone; doubles up to MISSING_MOST
MISSING_MOST = 1.0  # s
HEAD_BYTES = 128  # a file is known by
KNOWN_BYTES = 32  # of them, at least, to know one again that has no name any more: inodes are used again at once
STOP_SECONDS = 1.0  # for a commit under way, before it is left alone
BLOCK_BYTES = 64 * 1024  # file systems keep holes in units of at most this

KEPT_BYTES = 64 * 1024  # of a file of ours: its beginning is read again after a restart
FREE_BYTES = 16 * 1024 * 1024  # given back at once

_PUNCH_HOLE = 3  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)

TRUNCATED = "the file was truncated, or written anew: what was written and not read before that is not known"
REPLACED = "the file was replaced while nobody looked: what was written to the old one and not read is not known"
ROTATED = "another file is at the path: the old one was read to its end, the new one is followed from its beginning"
DELETED = "the file was deleted or renamed: it is followed on, but not over a restart of this server"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a reader makes of the bytes at an offset: output, or one event, or nothing.

    Attributes:
        count: so many of the bytes are done with; the rest is shown again, with more behind it or after a moment (`waited`).
        chunks: output; each at most 65536 bytes.
        times: when each chunk was written, in ns since 1970; empty: not known. 0 for a chunk: not known of that one.
        event: what the bytes say instead of output; none of them need be done with.
        events: what they say instead, all of them done with; each names its source.
        again: ask again at once, when others had their turn.
    """

    count: int
    chunks: Sequence[bytes] = ()
    times: Sequence[int] = ()
    event: Event | None = None
    events: Sequence[Event] = ()
    again: bool = False


class Reader(Protocol):
    """What the bytes of a file mean. Is asked about the same offset again while it takes nothing there."""

    def begin(self, fd: int, offset: int) -> None:
        """A file, now open as `fd`, is read from this offset on. The descriptor may be read with `os.pread`, at any time.

        Where another file took its place, the descriptor of the one before may be read during this call too.
        """
        ...

    def take(self, data: bytes, offset: int, *, waited: bool) -> Taken:
        """The bytes at an offset, never empty. `waited`: nothing came behind what was held, for a moment, or nothing ever will."""
        ...


class Plain:
    """All bytes are output."""

    def begin(self, fd: int, offset: int) -> None:
        """See `Reader`."""

    def take(self, data: bytes, offset: int, *, waited: bool) -> Taken:  # noqa: ARG002 - the contract's
        """See `Reader`."""
        return Taken(len(data), cut_anywhere(data))


@dataclass(frozen=True)
class _Place:
    """Which file is read, and how the sink's positions count in it: offset in the file = `at` + position - `base`.

    Attributes:
        device: the file's.
        inode: the file's.
        head: its first bytes, in hex.
        base: the position at which this file began, its `change` included.
        at: the offset in the file at which it began.
        hole: the offset that a truncated file had reached: whoever does not append goes on there, behind a hole.
        change: `lost` or `notice`: the event that is committed with the position `base`; empty: none.
        text: its text.
    """

    device: int
    inode: int
    head: str = ""
    base: int = 0
    at: int = 0
    hole: int = 0
    change: str = ""
    text: str = ""


class FileTail:
    """One file. Made and started inside the event loop.

    Args:
        sink: gets what is read.
        inotify: tells when it grows.
        path: the file.
        source: `Event.source` of its output.
        channel: of its output.
        spool: the name of its position in the sink; empty: `source`.
        reader: what its bytes mean; unset: all are output.
        begin: the offset at which the file that is there at first is begun.
        changed: called, without arguments, when something other than its bytes has changed.
        ours: nobody else reads it: what is committed is given back to the disk, but for its beginning.
    """

    def __init__(
        self,
        sink: Sink,
        inotify: Inotify,
        path: Path,
        *,
        source: str = "terminal",
        channel: Channel.ValueType = Channel.CHANNEL_TERMINAL,
        spool: str = "",
        reader: Reader | None = None,
        begin: int = 0,
        changed: Callable[[], None] = lambda: None,
        ours: bool = False,
    ) -> None:
        self.path = path
        self.missing = False
        """No file is at the path, or not the one that is read."""
        self.closed = False
        """Somebody who could write to it has closed it, since it is followed."""
        self._sink = sink
        self._inotify = inotify
        self._source = source
        self._channel = channel
        self._spool = spool or source
        self._reader = reader or Plain()
        self._begin_at = begin
        self._changed = changed
        self._ours = ours
        self._freed = KEPT_BYTES
        self._place_file = sink.directory / f"{self._spool}.tail"
        self._loop = asyncio.get_running_loop()
        self._fd = -1
        self._place: _Place | None = None
        self._head = b""
        self._position = sink.position(self._spool)
        self._watch: Watch | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._asleep = False
        self._finishing = False
        self._stopping = False
        self._owed: asyncio.Future[int] | None = None  # the last commit of a glance
        self._held_until = 0.0  # loop time; 0: nothing is held
        self._ahead: tuple[int, Taken] | None = None  # what a glance met and could not commit
        self._missing_seconds = MISSING_FIRST
        self._said: tuple[CaptureState.ValueType, str] | None = None

    # --- for the source

    def start(self) -> None:
        """Begins to follow. Raises `FileNotThere`, `FileUnreadable`, `WatchLimit`."""
        try:
            self._open_first()
            self._watch_it()
        except BaseException:
            self._close()
            raise
        self._said = (CaptureState.CAPTURE_STATE_FOLLOWING, "")
        self._task = self._loop.create_task(self._run(), name=f"tail {self.path.name}")

    def resume(self) -> None:
        """As `start`, but what is wrong with the file is said by `capture`, and it is looked for until it is there."""
        self._task = self._loop.create_task(self._run(), name=f"tail {self.path.name}")

    def finish(self) -> None:
        """Nobody writes any more: what is in the file is all there will be."""
        self._finishing = True
        self._wake.set()

    async def drained(self) -> None:
        """Waits until it is finished and all is committed, or it was stopped. Raises what the sink raised. May be cancelled."""
        if self._task:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    async def stop(self) -> None:
        """Stops following. A commit under way is waited for, but not for long."""
        self._stopping = True
        self._wake.set()
        if self._task:
            await asyncio.wait([self._task], timeout=STOP_SECONDS)
            self._task.cancel()
            await asyncio.wait([self._task])
        self._close()

    @property
    def over(self) -> bool:
        """It has stopped by itself: all is read, or the sink failed (`drained` raises what it said)."""
        return self._task is not None and self._task.done()

    def caught_up(self) -> bool:
        """True when everything that is in the file now was given to the sink and is committed."""
        return self._fd >= 0 and self._offset >= os.fstat(self._fd).st_size and (self._owed is None or self._owed.done())

    def opened(self) -> int:
        """A descriptor of the file, for `os.fstat` and `os.pread`; -1 while there is none."""
        return self._fd

    def file(self) -> tuple[int, int] | None:
        """Device and inode of the file that is, or was, read; None: none was found yet."""
        place = self._place or self._load()
        return (place.device, place.inode) if place else None

    def relocate(self, path: Path) -> bool:
        """The file has lost its name and is found under this one, from now on. False: that is another file, which is left alone."""
        place = self._place or self._load()
        if place is None or len(place.head) < 2 * KNOWN_BYTES:
            return False
        fd = self._same(path, place)
        if fd < 0:
            return False
        os.close(fd)
        self.path = path
        self.look()
        return True

    def look(self) -> None:
        """Something that the reader waits for may have come: looks now."""
        self._told(GREW)

    # --- when it is told

    @property
    def _offset(self) -> int:
        """Where it is in the file."""
        assert self._place is not None  # noqa: S101 - there is one as soon as a file is open
        return self._place.at + self._position - self._place.base

    def _told(self, mask: int) -> bool:
        """Something was written: the usual case here and now, everything else by the task."""
        began = self._asleep
        if mask == GREW and began and not self._held_until:
            with suppress(OSError):  # the task meets it too, and says so
                if self._glance():
                    return True
        if mask & ~GREW:
            self.closed = self.closed or bool(mask & CLOSED)
            self._changed()
        self._asleep = False
        self._wake.set()
        return began

    def _glance(self) -> bool:
        """Commits what is new if that is little and simple. False: the task must have a look."""
        if self._fd < 0 or (self._owed is not None and not self._owed.done()):
            return False
        offset = self._offset
        data = os.pread(self._fd, GLANCE_BYTES, offset)
        if not data:
            return os.fstat(self._fd).st_size == offset
        if len(data) == GLANCE_BYTES or len(self._head) < HEAD_BYTES or not self._is_same():
            return False
        taken = self._reader.take(data, offset, waited=False)
        if not (taken.chunks or taken.events) or taken.count < len(data):
            self._ahead = (offset, taken)
            return False
        self._owed = self._output(taken)
        return True

    # --- the task

    async def _run(self) -> None:
        try:
            if self._place is not None:
                await self._tell_change()
            while not self._stopping:
                self._wake.clear()
                if self._owed is not None:
                    await self._owed
                    self._owed = None
                try:
                    before = self._position
                    again = await self._turn()
                except (OSError, errors.FileNotThere, errors.FileUnreadable, errors.WatchLimit) as error:
                    again = await self._trouble(error)
                if again:
                    await asyncio.sleep(0)  # readers first: they are awake now, and the file can wait
                elif self._finishing:
                    return
                elif self._position - before >= GLANCE_BYTES:
                    await asyncio.sleep(GATHER_SECONDS)
                else:
                    await self._sleep()
        finally:
            self._close()

    async def _turn(self) -> bool:
        """One look. True: there may be more right now."""
        if self._fd < 0:
            self._open_first()
            await self._tell_change()
        self._watch_it()
        if await self._read():
            return True
        if self._held_until and not self._finishing:
            return False
        return await self._look_at_path()

    async def _read(self) -> bool:
        """Commits one look's worth. True: something was done."""
        offset = self._offset
        size = os.fstat(self._fd).st_size
        if size < offset or not self._is_same():
            await self._truncated(size)
            return True
        self._skip_hole(size)
        offset = self._offset
        data = os.pread(self._fd, READ_BYTES, offset)
        if not data:
            self._held_until = 0.0
            return False
        waited = self._finishing or bool(self._held_until and self._loop.time() >= self._held_until)
        ahead, self._ahead = self._ahead, None
        if ahead and ahead[0] == offset and not ahead[1].chunks and (ahead[1].count or ahead[1].event is not None):
            taken = ahead[1]  # said once
        else:
            taken = self._reader.take(data, offset, waited=waited)
        if taken.event is not None:
            position = self._position + taken.count
            await self._sink.event(taken.event, self._source, position, self._spool)
            self._position = position
        elif taken.chunks or taken.events:
            await self._output(taken)
            if self._ours:
                self._free()
        else:
            self._position += taken.count
        self._learn_head()
        if taken.count == len(data):
            self._held_until = 0.0
        elif taken.count or waited or not self._held_until:
            self._held_until = self._loop.time() + HOLD_SECONDS
        if taken.event is not None or taken.again:
            return True
        return bool(taken.count) and (len(data) == READ_BYTES or taken.count < len(data) or not taken.chunks or self._finishing)

    def _output(self, taken: Taken) -> asyncio.Future[int]:
        self._position += taken.count
        if taken.events:
            return self._sink.events(taken.events, self._source, self._position, self._spool)
        return self._sink.output(self._source, self._channel, taken.chunks, self._position, self._spool, times=taken.times)

    def _free(self) -> None:
        """Gives what is committed back to the disk; the file's length stays, and with it all offsets."""
        end = self._offset // BLOCK_BYTES * BLOCK_BYTES
        if end - self._freed < FREE_BYTES:
            return
        with open(self.path, "r+b", buffering=0) as file:
            _libc.fallocate(file.fileno(), _PUNCH_HOLE, self._freed, end - self._freed)  # where that cannot be, it stays
        self._freed = end

    async def _look_at_path(self) -> bool:
        """Whether the file at the path is still the one that is read. True: another one is, and is read now."""
        assert self._place is not None  # noqa: S101 - a file is open
        try:
            found = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            self._found(missing=True)
            await self._say(CaptureState.CAPTURE_STATE_FOLLOWING, DELETED)
            return False
        if (found.st_dev, found.st_ino) == (self._place.device, self._place.inode):
            self._found(missing=False)
            await self._say(CaptureState.CAPTURE_STATE_FOLLOWING, "")
            return False
        self._found(missing=True)
        if not found.st_size and not self._finishing:
            return False  # who has the old one open may still write to it
        fd = _open(self.path)
        old, self._fd = self._fd, -1
        self._close()
        try:
            await self._begin(fd, _Place(0, 0, change="notice", text=ROTATED))
        finally:
            os.close(old)
        return True

    def _found(self, *, missing: bool) -> None:
        if missing != self.missing:
            self.missing = missing
            self._missing_seconds = MISSING_FIRST
            self._changed()

    async def _trouble(self, error: Exception) -> bool:
        """It cannot be opened, watched or read: says so, and looks again later."""
        gone = isinstance(error, errors.FileNotThere)
        self._found(missing=gone)
        state = CaptureState.CAPTURE_STATE_DISCONNECTED if gone else CaptureState.CAPTURE_STATE_BLIND
        said = error if isinstance(error, errors.SightlineError) else errors.FileUnreadable(path=self.path, why=error)
        await self._say(state, str(said))
        if self._fd >= 0 and isinstance(error, OSError):
            self._close()  # a stale handle; it is opened again
        return False

    async def _say(self, state: CaptureState.ValueType, reason: str) -> None:
        """Once for each change: what others say of the capture meanwhile, such as a full disk, stands."""
        if self._said != (state, reason):
            self._said = (state, reason)
            await self._sink.capture(state, reason)

    async def _sleep(self) -> None:
        """Until something is told, or there is something to look at again."""
        if self._held_until:
            seconds = max(0.0, self._held_until - self._loop.time())
        elif self.missing or self._fd < 0:
            seconds = self._missing_seconds
            self._missing_seconds = min(2 * seconds, MISSING_MOST)
        else:
            seconds = POLL_SECONDS
        timer = self._loop.call_later(seconds, self._wake.set)
        self._asleep = True
        try:
            await self._wake.wait()
        finally:
            self._asleep = False
            timer.cancel()

    # --- which file it is

    def _open_first(self) -> None:
        """Opens the file that was read before, wherever it is, or the one that is there."""
        place = self._load()
        try:
            fd = _open(self.path)
        except errors.FileNotThere:
            fd = self._sibling(place) if place else -1
            if fd < 0:
                raise
        if place is None:
            self._take(fd, replace(_place_of(fd), base=self._position, at=self._begin_at))
            return
        if (os.fstat(fd).st_dev, os.fstat(fd).st_ino) != (place.device, place.inode):
            old = self._sibling(place)
            if old < 0:
                self._take(fd, replace(_place_of(fd), base=self._position + 1, change="lost", text=REPLACED))
                return
            os.close(fd)
            fd = old
        self._take(fd, place, save=False)

    def _sibling(self, place: _Place) -> int:
        """The file that was read before, in the same directory under another name; -1: it is not there."""
        with suppress(OSError), os.scandir(self.path.parent) as entries:
            for entry in entries:
                if entry.inode() == place.inode and entry.is_file(follow_symlinks=False):
                    fd = self._same(Path(entry.path), place)
                    if fd >= 0:
                        return fd
        return -1

    def _same(self, path: Path, place: _Place) -> int:
        """A descriptor of the file that was read before; -1: what is at the path is not that."""
        try:
            fd = _open(path)
        except (errors.FileNotThere, errors.FileUnreadable):
            return -1
        status, head = os.fstat(fd), bytes.fromhex(place.head)
        offset = place.at + max(0, self._position - place.base)
        known = (status.st_dev, status.st_ino) == (place.device, place.inode) and status.st_size >= offset
        if known and os.pread(fd, len(head), 0) == head:
            return fd
        os.close(fd)
        return -1

    async def _begin(self, fd: int, place: _Place) -> None:
        """Goes on with another file, or with another content of the same: says so, exactly once."""
        status = os.fstat(fd)
        self._take(fd, replace(place, device=status.st_dev, inode=status.st_ino, base=self._position + 1))
        await self._tell_change()

    def _take(self, fd: int, place: _Place, *, save: bool = True) -> None:
        if save:
            try:
                self._save(place)
            except OSError:  # a full disk: the next look opens it again
                if fd != self._fd:
                    os.close(fd)
                raise
        self._fd = fd
        self._place = place
        self._head = bytes.fromhex(place.head)
        self._held_until = 0.0
        self._reader.begin(fd, place.at + max(0, self._position - place.base))

    async def _tell_change(self) -> None:
        """What was said to change at this place is committed with its first position, unless it was before a restart."""
        place = self._place
        if place is None or self._position >= place.base:
            return
        if place.change == "lost":
            event = Event(output_lost=OutputLost(channel=self._channel, reason=place.text))
        else:
            event = Event(notice=Notice(code="file_replaced", text=place.text))
        await self._sink.event(event, self._source, place.base, self._spool)
        self._position = place.base

    async def _truncated(self, size: int) -> None:
        """It is shorter than what was read, or begins otherwise. What is left of the old beginning is not read again."""
        kept = size if os.pread(self._fd, min(size, len(self._head)), 0) == self._head[:size] else 0
        await self._begin(self._fd, _Place(0, 0, at=kept, hole=self._offset, change="lost", text=TRUNCATED))

    def _skip_hole(self, size: int) -> None:
        """Who truncates a file under a writer that does not append leaves a hole up to where that one goes on: nobody wrote it."""
        place = self._place
        assert place is not None  # noqa: S101 - a file is open
        if not place.hole or self._position != place.base or size <= place.hole:
            return
        begin = min(os.lseek(self._fd, place.at, os.SEEK_DATA), place.hole)
        if place.hole - begin < BLOCK_BYTES and not os.pread(self._fd, place.hole - begin, begin).strip(b"\0"):
            self._position += place.hole - place.at

    def _is_same(self) -> bool:
        """The file begins as it did."""
        return not self._head or os.pread(self._fd, len(self._head), 0) == self._head

    def _learn_head(self) -> None:
        place = self._place
        if place is None or len(self._head) >= HEAD_BYTES:
            return
        head = os.pread(self._fd, min(HEAD_BYTES, self._offset), 0)
        if len(head) > len(self._head):
            self._head = head
            self._place = replace(place, head=head.hex())
            self._save(self._place)

    def _watch_it(self) -> None:
        if self._watch is None:
            self._watch = self._inotify.watch_file(self._fd, self._told)

    def _load(self) -> _Place | None:
        try:
            return _Place(**json.loads(self._place_file.read_bytes()))
        except FileNotFoundError:
            return None

    def _save(self, place: _Place) -> None:
        fresh = self._place_file.with_suffix(".new")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "w", encoding="ascii") as file:
            json.dump(asdict(place), file)
        fresh.rename(self._place_file)

    def _close(self) -> None:
        if self._watch:
            self._watch.close()
            self._watch = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _open(path: Path) -> int:
    """A descriptor of a regular file. Raises `FileNotThere`, `FileUnreadable`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        raise errors.FileNotThere(path=path) from None
    except OSError as error:
        raise errors.FileUnreadable(path=path, why=error.strerror) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise errors.FileUnreadable(path=path, why="it is no regular file")
    return fd


def _place_of(fd: int) -> _Place:
    status = os.fstat(fd)
    return _Place(status.st_dev, status.st_ino)

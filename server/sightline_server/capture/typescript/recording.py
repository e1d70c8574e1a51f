"""One typescript, followed until it is over: its bytes, its timing, who writes it, and how it ended.

Used by every source that has a typescript: one that is adopted, one that we started, a screen session's. How to use it:

    recording = Recording(sink, inotify, lookout, path, timing)
    await recording.start()            # or `resume`, after a restart
    ending = await recording.over()    # when its last line is written, or nobody writes it any more, and all of it is committed
    await recording.stop()             # at any time

Knows files and the processes that write them, nothing of typing or of what runs inside.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path

from sightline_server import errors
from sightline_server.capture.base import Ending, Sink
from sightline_server.capture.file_tail import FileTail
from sightline_server.capture.inotify import GREW, Inotify, Watch
from sightline_server.capture.typescript.reader import TypescriptReader, complaint
from sightline_server.capture.typescript.writers import Lookout, Writer

SOURCE = "terminal"
QUIET_SECONDS = 10.0  # without a writer or a word, until a typescript without a last line is taken to be over
LOOK_SECONDS = 5.0  # between looks for a writer that was never seen
CLOSING_SECONDS = 0.1  # the same, when the last line is written: `script` goes at once
NO_LAST_LINE = "`script` is gone without having written its last line: how the program ended is not known"
NO_CODE = "the typescript's last line does not tell how the program ended"


def timing_of(path: Path) -> Path:
    """Where the timing of a typescript lies, unless it is named: `NAME.timing` beside it, or the whole name with that behind."""
    instead = path.with_suffix(".timing")
    return instead if path.suffix == ".typescript" and instead.exists() else path.with_name(f"{path.name}.timing")


class Recording:
    """See above. Made inside the event loop.

    Args:
        sink: gets what is read.
        inotify: tells when the files grow.
        lookout: knows who writes.
        path: the typescript.
        timing: its timing; None: where it usually lies, if it does.
        ours: see `FileTail`.
    """

    def __init__(
        self,
        sink: Sink,
        inotify: Inotify,
        lookout: Lookout,
        path: Path,
        timing: Path | None = None,
        *,
        ours: bool = False,
    ) -> None:
        self._sink = sink
        self._inotify = inotify
        self._lookout = lookout
        self._changed = asyncio.Event()
        self._reader = TypescriptReader(
            timing or timing_of(path), sink.directory / f"{SOURCE}.clock", self._changed.set, self._watch_timing
        )
        self._tail = FileTail(sink, inotify, path, source=SOURCE, reader=self._reader, changed=self._changed.set, ours=ours)
        self._path = path
        self._timing_watch: Watch | None = None
        self._writer: Writer | None = None
        self._seen = False
        self._began = time.monotonic()
        self._told = True

    async def start(self) -> None:
        """Begins to follow. Raises `FileNotThere`, `FileUnreadable`, `WatchLimit`."""
        self._tail.start()

    async def resume(self) -> None:
        """Follows on after a restart; what is wrong with the file is said by `capture`."""
        self._tail.resume()

    async def stop(self) -> None:
        """Stops following; nothing of it is left behind."""
        await self._tail.stop()
        self._close()

    @property
    def size(self) -> tuple[int, int]:
        """The terminal's columns and rows; zeros where they are not known."""
        return self._reader.size

    async def writer(self) -> Writer | None:
        """Who writes it now; None: nobody that can be seen."""
        self._told = True
        return await self._find_writer() if self._tail.opened() >= 0 else None

    async def _find_writer(self) -> Writer | None:
        file = self._tail.file()
        found = await self._lookout.of(file, 0 if self._told else LOOK_SECONDS / 2) if file else ()
        self._told = False
        return next((one for one in found if one.program == "script"), found[0] if found else None)

    async def over(self) -> Ending:
        """Waits until it is over and all of it is committed; how it ended. Raises what the sink raised."""
        drained = asyncio.create_task(self._tail.drained(), name=f"drain {self._path.name}")
        drained.add_done_callback(lambda _task: self._changed.set())
        try:
            while not drained.done() and not await self._is_over():
                await self._until_changed()
            self._reader.ended = True
            self._tail.finish()
            await drained
            await self._check_timing()
            return self._ending()
        finally:
            drained.cancel()
            self._close()

    async def _is_over(self) -> bool:
        if self._writer and self._still_writes(self._writer):
            return False
        writer = await self._find_writer()
        if writer and self._tail.missing and self._tail.opened() < 0 and not self._tail.relocate(Path(writer.path)):
            writer = None  # the file is gone for good, and another one has got its inode
        self._writer = writer
        self._seen = self._seen or writer is not None
        if writer:
            return False
        if self._reader.footer or self._seen or self._tail.closed:
            return True
        if self._tail.opened() < 0:
            return time.monotonic() - self._began > QUIET_SECONDS
        status = os.fstat(self._tail.opened())
        if os.geteuid() not in {0, status.st_uid}:
            return False  # somebody else writes it, whom we cannot see
        return abs(time.time() - status.st_mtime) > QUIET_SECONDS and self._tail.caught_up()

    def _still_writes(self, writer: Writer) -> bool:
        """Whether the writer that was seen last has it open still: cheaper than looking at all."""
        try:
            status = os.stat(writer.path)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._tail.file()

    async def _until_changed(self) -> None:
        """Until something is told; a writer that goes closes its file, which is."""
        try:
            async with asyncio.timeout(CLOSING_SECONDS if self._reader.footer else LOOK_SECONDS):
                await self._changed.wait()
                self._told = True
        except TimeoutError:
            return
        finally:
            self._changed.clear()

    def _watch_timing(self, fd: int) -> None:
        """The timing is open: what waits for its time is looked at again when it grows."""
        self._forget_timing()

        def told(mask: int) -> None:
            if mask & GREW:
                self._tail.look()

        with suppress(OSError, errors.WatchLimit):  # it is looked at with the next bytes, or a moment later
            self._timing_watch = self._inotify.watch_file(fd, told)

    def _forget_timing(self) -> None:
        if self._timing_watch:
            self._timing_watch.close()
            self._timing_watch = None

    async def _check_timing(self) -> None:
        problem = self._reader.check_end()
        if problem:
            await self._sink.event(complaint(problem), SOURCE)

    def _ending(self) -> Ending:
        footer = self._reader.footer
        if footer is None:
            return Ending(observed=False, error=NO_LAST_LINE)
        if footer.exit_code is None:
            return Ending(observed=False, error=f"{NO_CODE} ({footer.why})" if footer.why else NO_CODE)
        return Ending(exit_code=footer.exit_code)

    def _close(self) -> None:
        self._forget_timing()
        self._reader.close()

"""The composition root: builds everything from settings, starts it, and takes it down. Nothing in the server imports it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import gc
import os
import signal
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # before grpc is imported: it breaks children otherwise
os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it prints what strangers say on the port, escape codes and all

from sightline_server.capture.sources import Sources
from sightline_server.errors import DiskFull, HomeNotPrivate, NoRoomToStart, SecondServer
from sightline_server.log.committer import Committer
from sightline_server.log.expiry import Limits
from sightline_server.log.retention import Retention
from sightline_server.rpc.auth import ensure_token
from sightline_server.rpc.server import Server
from sightline_server.rpc.session_service import SessionService
from sightline_server.search.search import Search
from sightline_server.sessions.directories import Directories
from sightline_server.sessions.messengers import messengers
from sightline_server.sessions.notify import Notifier
from sightline_server.sessions.registry import Registry
from sightline_server.sessions.state.screen import screens
from sightline_server.settings import Settings
from sightline_server.storage.contract import Store
from sightline_server.storage.memory import MemoryStore
from sightline_server.storage.sqlite import SqliteStore

MEMORY_HOLD_BACK = 16 * 1024 * 1024  # bytes that the reader of a log in memory may lag before the program waits for it
MEMORY_KEPT = 64 * 1024 * 1024  # bytes of a log in memory
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Application:
    """A whole server.

    Args:
        settings: what it was told.
        clock: nanoseconds since 1970.
    """

    def __init__(self, settings: Settings, clock: Callable[[], int] = time.time_ns) -> None:
        self.settings = settings
        self._clock = clock
        self._stack = contextlib.AsyncExitStack()
        self._server: Server
        self._registry: Registry

    @property
    def port(self) -> int | None:
        """The TCP port it listens on; None without one."""
        return self._server.port

    async def start(self) -> None:
        """Starts and listens. Raises a `StartupError`; nothing is left running then."""
        settings = self.settings
        async with room_in(settings.home), contextlib.AsyncExitStack() as stack:
            prepare_home(settings.home)
            stack.enter_context(locked(settings.home))
            token = ensure_token(settings.token_path)
            store = new_store(settings)
            store.open()
            stack.callback(store.close)
            committer = Committer(store)
            sources = Sources(settings, os.environ)
            stack.push_async_callback(sources.close)
            hold_back = MEMORY_HOLD_BACK if settings.memory else 0
            self._registry = Registry(committer, sources, settings.spools, self._clock, hold_back=hold_back, screens=screens())
            notifier = Notifier(messengers(settings, os.environ))
            stack.push_async_callback(notifier.stop)
            self._registry.on_state.add(notifier.saw)
            committer.on_room = self._registry.room_changed
            await self._registry.start()
            stack.push_async_callback(self._registry.stop)
            retention = Retention(committer, self._registry, limits_of(settings), self._clock, steady_clock)
            stack.push_async_callback(cancelled, asyncio.create_task(retention.run()))
            search = Search(None if settings.memory else settings.search_index, store.reader)
            stack.push_async_callback(search.stop)
            search.start()
            directories = Directories(self._registry, sources, settings.directories, settings.stream_dir)
            stack.push_async_callback(directories.stop)
            directories.start()
            service = SessionService(
                self._registry, self._clock, committer.counters, retention, settings, search=search, directories=directories
            )
            self._server = Server(service, settings, token)
            await self._server.start()
            self._stack = stack.pop_all()

    async def stop(self, *, end_sessions: bool = False) -> None:
        """Drains and goes; every source is left running, unless all sessions are to end too."""
        if end_sessions:
            await self._registry.end_all()
        await self._server.stop(self._registry.drain)
        await self._stack.aclose()

    async def serve_until_signal(self) -> None:
        """Until SIGTERM or SIGINT; then drains."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        gc.collect()
        gc.freeze()  # modules and descriptors stay: looking through them again took 5 ms each time, and everybody waited
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        await stopping.wait()
        await self.stop()


async def cancelled(task: asyncio.Task[None]) -> None:
    """Cancels a task and waits for it."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def new_store(settings: Settings) -> Store:
    """The store that the settings name, not yet open."""
    return MemoryStore() if settings.memory else SqliteStore(settings.database, BOOT_ID.read_text().strip())


def limits_of(settings: Settings) -> Limits:
    """How much is kept."""
    if settings.memory:
        return Limits(max_session_bytes=MEMORY_KEPT)
    age = settings.max_age or timedelta()
    return Limits(settings.max_session_bytes, settings.max_total_bytes, age // timedelta(microseconds=1) * 1000)


def steady_clock() -> int:
    """Nanoseconds since the machine's start, its sleep included: nobody can set it."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def prepare_home(home: Path) -> None:
    """Makes the home with mode 0700, or checks that it is private. Raises `HomeNotPrivate`."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = home.stat()
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise HomeNotPrivate(home=home)
    (home / "spool").mkdir(mode=0o700, exist_ok=True)


@contextlib.asynccontextmanager
async def room_in(home: Path) -> AsyncIterator[None]:
    """Whatever finds no room on the disk meanwhile raises `NoRoomToStart`."""
    try:
        yield
    except DiskFull as error:
        raise NoRoomToStart(home=home) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomToStart(home=home) from error
        raise


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """Holds the home for one server; the lock goes with the process, however it ends. Raises `SecondServer`."""
    with os.fdopen(os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SecondServer(home=home, pid=file.read().strip() or "unknown") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield

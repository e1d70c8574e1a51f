"""The relay: a small program that stands between a pipe and its spool, and outlives the server.

It runs on its own (`command_line`), imports nothing of ours and little of Python's (it starts in 12 ms), and must not depend on a
server being there. The server imports this file too, for the names and formats which the two share.

A spool is a directory. Each of its channels is a row of segment files, `stdout.00000000` and on, of exactly `SEGMENT_BYTES` each;
the reader deletes a segment that it has committed once the next one exists. Only so many are there at a time. An offset
counts the bytes of the channel since its beginning, lost ones included, so that segment number = offset // SEGMENT_BYTES.

    <channel>.<number>  the bytes; what was lost is a hole in the file, or a number that is left out
    <channel>.lost      a line for each loss: offset, bytes, from and to in ns since 1970; written before any byte behind the loss
    <channel>.end       the final offset: nothing will be added
    started             who runs: see `started_text`
    relay.log           what Python says when a relay fails by a defect; empty else
    exit                `code N`, `signal N` or `error ERRNO TEXT`; all that the program itself wrote is in the spool by then
    program             pid and start time of a terminal's program
    terminal.drained    the relay has met the marker that a terminal's launcher writes behind its program's last byte

Modes, each with the spool's directory as the argument:

    command  runs the program of a spec (read from fd 0) in pipes; a full spool or disk stops the reading: the program waits
    pane     moves fd 0 to the channel `terminal`; never waits: what does not fit is counted in `terminal.lost`; one more
             argument says how many segments may lie unread
    exec     runs the program of a spec read from the FIFO `spec` in the directory, in the terminal it was started in; no secret
             touches an argv or the disk. With one more argument, `bare`, nobody takes a marker out again: none is written, its
             own end is the program's, and before anything else it says in `launcher` which terminal that is
"""

from __future__ import annotations

import errno
import posix
import select
import sys
import time

TYPE_CHECKING = False  # importing typing would take longer than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable

    Spec = tuple[list[bytes], dict[bytes, bytes], bytes, bool, bytes]

SEGMENT_BYTES = 4 * 1024 * 1024
SEGMENTS = 8  # of a command's channel, unread: 32 MiB; then the program waits
PANE_SEGMENTS = 64  # of a pane, unread: 256 MiB, 5 s of the fastest flood that tmux manages; then bytes are lost
PIPE_BYTES = 1024 * 1024  # the most that an unprivileged program can make its pipe hold
PIPE_BEGINS_WITH = 64 * 1024  # what a pipe holds unasked
READ_BYTES = 256 * 1024  # at once, where splice does not serve
RETRY_FIRST = 0.02  # s, between looks for room; doubles up to RETRY_MOST
RETRY_MOST = 0.2  # s
SPEC_TIMEOUT = 10.0  # s, for a writer of the FIFO `spec`
DRAIN_SECONDS = 5.0  # for a program's last bytes to come through the terminal; then its end is told without them
DRAIN_STEP = 0.002  # s, between looks for that
GATHER_BYTES = 2048  # at once from a terminal: nobody types so much, and more will come
GATHER_SECONDS = 0.001  # to let it come: tmux floods in small pieces and needs the processor more than we do; its pipe holds 200 KB
HELD_SECONDS = 0.02  # for the rest of what may be a marker
BELIEVED_BYTES = 6  # of a marker: others hardly write so much of it, and its own writer may need several writes for it
BELIEVED_SECONDS = 1.0  # for the rest of that

CONTROL_EOF = b"e"  # close the program's stdin
CONTROL_DISCARD = b"d"  # nobody reads the spool any more: empty the pipes to nowhere

# What the terminal says about itself; everything else comes from the spec.
OF_THE_PANE = (b"TERM", b"TERM_PROGRAM", b"TERM_PROGRAM_VERSION", b"TMUX", b"TMUX_PANE")


class Gone(Exception):
    """The spool's directory was removed: nobody wants these bytes any more."""


def command_line(mode: str, directory: str) -> list[str]:
    """The argv that starts a relay. Python's compiled form of this file, where there is a fresh one, saves a third of its start."""
    program = __file__
    compiled = globals().get("__cached__")
    if compiled and posix.access(compiled, posix.R_OK) and posix.stat(compiled).st_mtime >= posix.stat(__file__).st_mtime:
        program = compiled
    return [sys.executable, "-I", "-S", program, mode, directory]


def encode_spec(argv: list[bytes], env: dict[bytes, bytes], cwd: bytes, stdin_open: bool, given: bytes = b"") -> bytes:
    """What a relay needs to start a program; `given` is what its stdin begins with. Raises ValueError for a NUL inside."""
    pairs = [name + b"=" + value for name, value in env.items()]
    fields = [b"1" if stdin_open else b"0", given, cwd, b"%d" % len(argv), *argv, *pairs]
    if any(b"\0" in field for field in fields):
        raise ValueError("a NUL byte in an argument, a variable, the directory or what stdin begins with")
    body = b"\0".join(fields)
    return b"%d\0%s" % (len(body), body)


def decode_spec(spec: bytes) -> Spec:
    """The other way: argv, environment, directory, whether stdin is open, what it begins with. Raises ValueError when it is cut."""
    size, _, body = spec.partition(b"\0")
    if not size or int(size) != len(body):
        raise ValueError("the spec is cut short")
    fields = body.split(b"\0")
    count = int(fields[3])
    pairs = (field.partition(b"=") for field in fields[4 + count :])
    return fields[4 : 4 + count], {name: value for name, _, value in pairs}, fields[2], fields[0] == b"1", fields[1]


def holding(given: bytes) -> int:
    """A file in memory alone that holds this, to be read from its beginning."""
    fd = posix.memfd_create("stdin")
    write_all(fd, given)
    posix.lseek(fd, 0, 0)
    return fd


def fill(pipe: int, given: bytes) -> None:
    """Writes to a pipe that nobody reads yet. Raises OSError when it cannot be made to hold so much."""
    import fcntl  # noqa: PLC0415 - most relays need none of it

    if len(given) > PIPE_BEGINS_WITH:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, len(given))
    write_all(pipe, given)


def write_all(fd: int, data: bytes) -> None:
    """Writes all of it."""
    view = memoryview(data)
    while view:
        view = view[posix.write(fd, view) :]


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot: with the pid it names a process for good. 0: there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError):
        return 0


def started_text(child: int, stdin: int, control: int) -> str:
    """The file `started`: the boot, the relay's and the program's pid and start time, and two of the relay's own descriptors.

    The server writes to these by way of /proc: a program's stdin is then a pipe that a server's death does not close and that
    programs can open again by name. The inode tells that a number is not in use for something else by now.
    """
    relay = posix.getpid()
    with open("/proc/sys/kernel/random/boot_id") as file:
        boot = file.read().strip()
    lines = [f"boot {boot}", f"relay {relay} {start_time(relay)}"]
    if child:
        lines += [f"child {child} {start_time(child)}", f"control {control} {posix.fstat(control).st_ino}"]
    if stdin >= 0:
        lines.append(f"stdin {stdin} {posix.fstat(stdin).st_ino}")
    return "\n".join(lines) + "\n"


class Files:
    """The small files of a spool. One that cannot be written for want of room is tried again until it can."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.pending: dict[str, str] = {}

    def path(self, name: str) -> str:
        """Where a file of this name is."""
        return f"{self.directory}/{name}"

    def put(self, name: str, text: str) -> None:
        """Writes a file, whole or not at all; later, when there is no room now."""
        self.pending[name] = text
        self.retry()

    def retry(self) -> None:
        """Tries again what did not fit."""
        for name, text in list(self.pending.items()):
            try:
                self._write(name, text.encode("utf-8", "surrogateescape"))
            except FileNotFoundError:
                raise Gone from None
            except OSError:
                return
            del self.pending[name]

    def _write(self, name: str, data: bytes) -> None:
        fresh = self.path(f".{name}.new")
        fd = posix.open(fresh, posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC, 0o600)
        try:
            if posix.write(fd, data) != len(data):
                raise OSError(errno.ENOSPC, "short write")
        finally:
            posix.close(fd)
        posix.rename(fresh, self.path(name))


class Segments:
    """The writing end of one channel: a row of files, and the place in it."""

    def __init__(self, files: Files, channel: str, most: int = SEGMENTS) -> None:
        self.files = files
        self.channel = channel
        self.most = most
        self.fd = -1
        self.existing: list[int] = []
        self.offset = 0
        self._continue()

    @property
    def room(self) -> int:
        """Bytes up to the end of the segment in which the offset lies."""
        return SEGMENT_BYTES - self.offset % SEGMENT_BYTES

    def open(self) -> bool:
        """Makes `fd` the place of the next byte. False: the reader has not made room. Raises OSError when the disk has none."""
        if self.fd >= 0:
            return True
        number = self.offset // SEGMENT_BYTES
        if not self.has_room(number):
            return False
        try:
            fd = posix.open(self._path(number), posix.O_WRONLY | posix.O_CREAT, 0o600)
        except FileNotFoundError:
            raise Gone from None
        posix.lseek(fd, self.offset % SEGMENT_BYTES, 0)
        if number not in self.existing:
            self.existing.append(number)
        self.fd = fd
        return True

    def has_room(self, number: int) -> bool:
        """Whether this segment may be written: it is there, or the reader has left room for it."""
        if number in self.existing:
            return True
        while self.existing and not posix.access(self._path(self.existing[0]), posix.F_OK):
            del self.existing[0]
        return len(self.existing) < self.most

    def advance(self, count: int) -> None:
        """`count` bytes were written, or were lost."""
        before = self.offset // SEGMENT_BYTES
        self.offset += count
        if self.offset // SEGMENT_BYTES != before:
            self.close()

    def close(self) -> None:
        """The next byte goes to another file, or nowhere."""
        if self.fd >= 0:
            posix.close(self.fd)
            self.fd = -1

    def end(self) -> None:
        """Says that this was all."""
        self.close()
        self.files.put(f"{self.channel}.end", f"{self.offset}\n")

    def note_loss(self, count: int, since: int, until: int) -> bool:
        """Writes the line of a loss at the present offset and steps over it. False: the disk has no room for it either."""
        line = b"%d %d %d %d\n" % (self.offset, count, since, until)
        try:
            fd = posix.open(self.files.path(f"{self.channel}.lost"), posix.O_WRONLY | posix.O_CREAT, 0o600)
        except FileNotFoundError:
            raise Gone from None
        except OSError:
            return False
        try:
            size = posix.lseek(fd, 0, 2)
            try:
                whole = posix.write(fd, line) == len(line)
            except OSError:
                whole = False
            if not whole:
                posix.ftruncate(fd, size)
                return False
        finally:
            posix.close(fd)
        self.advance(count)
        return True

    def _path(self, number: int) -> str:
        return self.files.path(f"{self.channel}.{number:08d}")

    def _continue(self) -> None:
        """A relay before this one may have written here: go on behind its last byte."""
        prefix = self.channel + "."
        try:
            names = posix.listdir(self.files.directory)
        except FileNotFoundError:
            raise Gone from None
        self.existing = sorted(
            int(name[len(prefix) :]) for name in names if name.startswith(prefix) and name[len(prefix) :].isdigit()
        )
        if self.existing:
            self.offset = self.existing[-1] * SEGMENT_BYTES + posix.stat(self._path(self.existing[-1])).st_size
        if f"{prefix}lost" in names:
            with open(self.files.path(f"{prefix}lost"), "rb") as file:
                for line in file:
                    start, count = line.split()[:2]
                    self.offset = max(self.offset, int(start) + int(count))
        if f"{prefix}end" in names:
            posix.unlink(self.files.path(f"{prefix}end"))


class Mover:
    """Moves one pipe into one channel, and stops while there is no room: the bytes then stay in the pipe."""

    def __init__(self, source: int, segments: Segments) -> None:
        self.source = source
        self.segments = segments
        self.ended = False
        self.waiting = False
        self.discarding = False
        self.owed = 0  # bytes that the exited program may have left in the pipe
        self.spliced = True
        self.held = b""  # read and not yet written, where splice does not serve

    def move(self) -> None:
        """Moves what is in the pipe; call it when poll says that there is something, or to see whether there is room again."""
        self.waiting = False
        try:
            if not self.discarding and not self.segments.open():
                self.waiting = True
                return
            moved = self._splice() if self.spliced else self._copy()
        except OSError:
            # Mostly ENOSPC or EDQUOT. Whatever it is, the bytes are safe in the pipe, and giving up would lose them.
            self.waiting = True
            return
        self.owed -= moved
        if moved == 0:
            self.ended = True
            posix.close(self.source)
            if self.discarding:
                self.segments.close()
            else:
                self.segments.end()

    def discard(self, nowhere: int) -> None:
        """From now on the bytes go to `nowhere`, an open /dev/null: whoever still writes must not die of a closed pipe."""
        self.discarding = True
        self.waiting = False
        self.owed = 0
        self.segments.close()
        self.segments.fd = nowhere

    def _splice(self) -> int:
        room = PIPE_BYTES if self.discarding else self.segments.room
        try:
            moved = posix.splice(self.source, self.segments.fd, room)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self.spliced = False  # this file system cannot
            return self._copy()
        if not self.discarding:
            self.segments.advance(moved)
        return moved

    def _copy(self) -> int:
        if not self.held:
            self.held = posix.read(self.source, READ_BYTES if self.discarding else min(READ_BYTES, self.segments.room))
            if not self.held:
                return 0
        if self.discarding:
            moved = len(self.held)
        else:
            moved = posix.write(self.segments.fd, self.held)
            self.segments.advance(moved)
        self.held = self.held[moved:]
        self.waiting = bool(self.held)  # poll knows nothing of these
        return moved


def candidates(program: bytes, env: dict[bytes, bytes]) -> list[bytes]:
    """Where a program may be, in order: by the PATH of its own environment, as execvp looks."""
    if b"/" in program:
        return [program]
    path = env.get(b"PATH", b"/usr/local/bin:/usr/bin:/bin")
    return [(part or b".") + b"/" + program for part in path.split(b":")]


def first_that_runs(
    argv: list[bytes], env: dict[bytes, bytes], run: Callable[[bytes, list[bytes], dict[bytes, bytes]], int]
) -> int:
    """Tries `run(path, argv, env)` on each candidate and returns its answer; raises the error that tells the most."""
    telling = OSError(errno.ENOENT, posix.strerror(errno.ENOENT))
    for path in candidates(argv[0], env):
        try:
            return run(path, argv, env)
        except OSError as error:
            if error.errno == errno.ENOEXEC:  # a script without a first line that names its shell: what every shell does then
                return run(b"/bin/sh", [b"sh", path, *argv[1:]], env)
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                telling = error
    raise telling


def error_text(error: OSError) -> str:
    """The file `exit` of a program that could not be started."""
    number = error.errno or errno.EIO
    return f"error {number} {posix.strerror(number)}\n"


def exit_text(status: int) -> str:
    """The file `exit` of a program that ran."""
    return f"signal {posix.WTERMSIG(status)}\n" if posix.WIFSIGNALED(status) else f"code {posix.WEXITSTATUS(status)}\n"


class Command:
    """A program in pipes: started, followed until it has exited and its pipes are at their end."""

    def __init__(self, directory: str) -> None:
        self.files = Files(directory)
        # The files are there before the program is: a directory that went away meanwhile must not leave a program nobody follows.
        self.segments = [Segments(self.files, name) for name in ("stdout", "stderr")]
        self.movers: dict[int, Mover] = {}
        self.poll = select.poll()
        self.stdin = -1
        self.control = -1
        self.child = 0
        self.started = ""
        self.pidfd = -1
        self.status: int | None = None  # as waitpid gives it
        self.told = False  # the file `exit` is written

    def start(self, spec: Spec, umask: int) -> None:
        """Starts the program in a session of its own, with the signals as a login shell has them. Raises OSError.

        What is given to stdin stands there before the program runs: no death of anybody can come between.
        """
        argv, env, cwd, stdin_open, given = spec
        null = posix.open("/dev/null", posix.O_RDWR)
        feed = null
        if stdin_open:
            feed, self.stdin = posix.pipe()
            fill(self.stdin, given)
        elif given:
            feed = holding(given)
        pipes = [posix.pipe() for _ in self.segments]
        self.control, control_writer = posix.pipe()
        actions = [(posix.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate((feed, pipes[0][1], pipes[1][1]))]

        def run(path: bytes, words: list[bytes], variables: dict[bytes, bytes]) -> int:
            return posix.posix_spawn(
                path, words, variables, file_actions=actions, setsid=True, setsigmask=(), setsigdef=range(1, 32)
            )

        posix.chdir(cwd)
        posix.umask(umask)
        self.child = first_that_runs(argv, env, run)
        posix.umask(0o077)
        posix.chdir("/")
        self.pidfd = posix.pidfd_open(self.child)
        for fd in {null, feed, pipes[0][1], pipes[1][1]}:
            posix.close(fd)
        self.movers = {pipe[0]: Mover(pipe[0], segments) for pipe, segments in zip(pipes, self.segments, strict=True)}
        for fd in (*self.movers, self.control, self.pidfd):
            self.poll.register(fd, select.POLLIN)
        self.started = started_text(self.child, self.stdin, control_writer)

    def follow(self) -> None:
        """Runs until the program and its pipes are over, however long that is."""
        self.files.pending["started"] = self.started
        delay = RETRY_FIRST
        while True:
            try:
                self.files.retry()
                if self._is_over():  # asked behind the files: the last of them may have found its room only now
                    return
                stuck = [mover for mover in self.movers.values() if mover.waiting]
                self._step(delay if stuck or self.files.pending else None)
                delay = min(delay * 2, RETRY_MOST) if stuck and all(mover.waiting for mover in stuck) else RETRY_FIRST
            except Gone:
                self._discard()

    def _is_over(self) -> bool:
        return self.status is not None and not self.files.pending and all(mover.ended for mover in self.movers.values())

    def _step(self, timeout: float | None) -> None:
        unsettled = [mover for mover in self.movers.values() if mover.owed > 0 and not mover.waiting]
        ready = {fd for fd, _ in self.poll.poll(0 if unsettled else timeout if timeout is None else timeout * 1000)}
        if self.control in ready:  # first: what comes behind an order to discard is not kept
            self._obey(posix.read(self.control, 64))
        for fd, mover in self.movers.items():
            if mover.waiting or fd in ready:
                self._move(fd, mover)
        for mover in unsettled:
            if mover.source not in ready:
                mover.owed = 0
        if self.pidfd in ready:
            self._reap()
        if self.status is not None and not self.told and all(mover.owed <= 0 or mover.ended for mover in self.movers.values()):
            self.told = True
            self.files.put("exit", exit_text(self.status))

    def _move(self, fd: int, mover: Mover) -> None:
        before = mover.waiting
        try:
            mover.move()
        finally:  # also when the directory is found gone: a closed pipe that is still polled would keep the relay spinning for ever
            if mover.ended:
                if not before:
                    self.poll.unregister(fd)
            elif mover.waiting != before:
                if mover.waiting:
                    self.poll.unregister(fd)
                else:
                    self.poll.register(fd, select.POLLIN)

    def _reap(self) -> None:
        _, self.status = posix.waitpid(self.child, 0)
        self.poll.unregister(self.pidfd)
        posix.close(self.pidfd)
        self.pidfd = -1
        for mover in self.movers.values():
            mover.owed = 0 if mover.ended or mover.discarding else PIPE_BYTES

    def _obey(self, orders: bytes) -> None:
        if CONTROL_EOF in orders and self.stdin >= 0:
            posix.close(self.stdin)
            self.stdin = -1
        if CONTROL_DISCARD in orders:
            self._discard()

    def _discard(self) -> None:
        self.files.pending.clear()
        nowhere = posix.open("/dev/null", posix.O_WRONLY)
        for fd, mover in self.movers.items():
            if not mover.ended and not mover.discarding:
                if mover.waiting:
                    self.poll.register(fd, select.POLLIN)
                mover.discard(posix.dup(nowhere))
        posix.close(nowhere)


def run_command(directory: str, umask: int) -> int:
    """Mode `command`."""
    with open(0, "rb", closefd=False) as file:
        spec = decode_spec(file.read())
    null = posix.open("/dev/null", posix.O_RDONLY)
    posix.dup2(null, 0)
    posix.close(null)
    command = Command(directory)
    try:
        command.start(spec, umask)
    except OSError as error:
        command.files.put("exit", error_text(error))
        return 127
    del spec
    command.follow()
    return 0


class Pane:
    """What a terminal shows, moved to its channel. The terminal never waits: what does not fit is lost, and counted."""

    def __init__(self, directory: str, most: int = PANE_SEGMENTS) -> None:
        self.files = Files(directory)
        self.segments = Segments(self.files, "terminal", most)
        self.lost = 0  # bytes of the loss that goes on
        self.lost_since = 0  # ns
        self.lost_until = 0  # ns
        self.next_try = 0.0  # monotonic s: a disk with a little room would otherwise make a line of every read
        self.marker = marker(directory)
        self.held = b""  # what may be the beginning of a marker

    def follow(self, stop: int) -> None:
        """Runs until fd 0 is at its end, or until `stop` is readable and nothing is left to read."""
        self.files.put("started", started_text(0, -1, -1))
        self._follow(stop)
        self._let_out()
        while self.lost and not self._note():
            time.sleep(RETRY_MOST)
        self.segments.end()
        while self.files.pending:
            time.sleep(RETRY_MOST)
            self.files.retry()

    def _follow(self, stop: int) -> None:
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(stop, select.POLLIN)
        stopping = False
        while True:
            ready = {fd for fd, _ in poll.poll(0 if stopping else self._patience())}
            if 0 in ready:
                size = self._read()
                if not size:
                    return
                if size >= GATHER_BYTES and not stopping:
                    time.sleep(GATHER_SECONDS)
            elif stopping:
                return
            elif self.held:
                self._let_out()
            elif self.lost:
                self.settle()
            stopping = stopping or stop in ready
            self.files.retry()

    def _read(self) -> int:
        """Takes what is readable; how much that was, 0 at the end."""
        data = read_terminal()
        if data:
            self.sift(self.held + data)
        return len(data)

    def _patience(self) -> float | None:
        """How long to wait for more, in ms; None: for ever."""
        if self.held:
            return (HELD_SECONDS if len(self.held) < BELIEVED_BYTES else BELIEVED_SECONDS) * 1000
        return RETRY_MOST * 1000 if self.lost or self.files.pending else None

    def sift(self, data: bytes) -> None:
        """Writes data without the launcher's marker, and tells the launcher that it came through."""
        before, marked, behind = data.partition(self.marker)
        if marked:
            self.write(before)
            self.files.put("terminal.drained", "")
        else:
            behind = before
        start = behind.rfind(self.marker[:1], max(0, len(behind) - len(self.marker)))
        self.held = behind[start:] if start >= 0 and self.marker.startswith(behind[start:]) else b""
        self.write(behind[: len(behind) - len(self.held)])

    def _let_out(self) -> None:
        held, self.held = self.held, b""
        self.write(held)

    def write(self, data: bytes) -> None:
        """Writes what there is room for and counts the rest as lost."""
        if self.lost and not self.settle():
            self._lose(len(data))
            return
        while data:
            try:
                if not self.segments.open():
                    break
                written = posix.write(self.segments.fd, data[: self.segments.room])
            except OSError:
                break
            self.segments.advance(written)
            data = data[written:]
        if data:
            self._lose(len(data))

    def settle(self) -> bool:
        """Ends a loss if there is room again."""
        now = time.monotonic()
        if now < self.next_try:
            return False
        self.next_try = now + RETRY_MOST
        number = (self.segments.offset + self.lost) // SEGMENT_BYTES
        return self.segments.has_room(number) and self._note()

    def _note(self) -> bool:
        if not self.segments.note_loss(self.lost, self.lost_since, self.lost_until):
            return False
        # The offset has moved over the hole, and an open file has not.
        self.segments.close()
        self.lost = 0
        return True

    def _lose(self, count: int) -> None:
        self.lost_until = time.time_ns()
        if not self.lost:
            self.lost_since = self.lost_until
        self.lost += count


def read_terminal() -> bytes:
    """What the terminal wrote; empty at the end."""
    try:
        return posix.read(0, READ_BYTES)
    except ConnectionResetError:
        return b""


def run_pane(directory: str, _umask: int) -> int:
    """Mode `pane`. SIGTERM: take what is readable now, then end."""
    import signal  # noqa: PLC0415 - 4 ms, which the other mode can do without

    posix.chdir("/")  # not to keep anybody's directory in use
    reader, writer = posix.pipe()
    posix.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    most = int(sys.argv[3]) if len(sys.argv) > 3 else PANE_SEGMENTS
    Pane(directory, most).follow(reader)
    return 0


def marker(directory: str) -> bytes:
    """What a launcher writes behind its program's last byte: a command of an unused number, which terminals do not show."""
    name = directory.rstrip("/").rpartition("/")[2]
    return b"\x1b]5379;" + name.encode("utf-8", "surrogateescape") + b"\x07"


class Launcher:
    """Runs a terminal's program and stays as its parent until all that it wrote has come through the terminal.

    A terminal's last bytes are on their way through the kernel when the program has exited, and tmux does not wait for them: under
    load 7 of 100 short programs lost their last kilobytes (tmux 3.3a). While somebody has the terminal open, tmux goes on reading.
    """

    def __init__(self, directory: str, umask: int, *, bare: bool = False) -> None:
        self.files = Files(directory)
        self.marker = b"" if bare else marker(directory)
        self.umask = umask

    def start(self, argv: list[bytes], env: dict[bytes, bytes], cwd: bytes) -> int:
        """Starts the program as the terminal's foreground job; gives its pid. Raises the OSError of a program that cannot be."""
        import signal  # noqa: PLC0415

        # What a key or a hangup means is for the program; it has the usual dispositions again.
        for number in (
            signal.SIGINT,
            signal.SIGQUIT,
            signal.SIGTSTP,
            signal.SIGTTIN,
            signal.SIGTTOU,
            signal.SIGHUP,
            signal.SIGTERM,
        ):
            signal.signal(number, signal.SIG_IGN)
        reader, writer = posix.pipe()  # closed by the exec
        pid = posix.fork()
        if not pid:
            try:
                posix.setpgid(0, 0)
                posix.tcsetpgrp(0, posix.getpid())
                for each in range(1, 32):
                    if each not in (signal.SIGKILL, signal.SIGSTOP):
                        signal.signal(each, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_SETMASK, ())
                posix.chdir(cwd)
                posix.umask(self.umask)
                first_that_runs(argv, env, posix.execve)
            except OSError as error:
                posix.write(writer, b"%d" % (error.errno or errno.EIO))
            finally:
                posix._exit(127)
        # A hangup reaches the terminal's session leader alone, and that is not the program.
        signal.signal(signal.SIGHUP, lambda _number, _frame: hang_up(pid))
        posix.close(writer)
        failure = posix.read(reader, 16)
        posix.close(reader)
        if failure:
            posix.waitpid(pid, 0)
            raise OSError(int(failure), posix.strerror(int(failure)))
        self.files.put("program", f"{pid} {start_time(pid)}\n")
        return pid

    def follow(self, pid: int) -> int:
        """Until the program has exited, its last byte is in the spool, and how it ended is written down. Gives its wait status."""
        while True:
            _, status = posix.waitpid(pid, posix.WUNTRACED)
            if not posix.WIFSTOPPED(status):
                break
            posix.killpg(pid, 18)  # SIGCONT: there is no shell behind it that could let it go on
        deadline = time.monotonic() + DRAIN_SECONDS
        if self.marker and self._mark(deadline):
            while time.monotonic() < deadline and not self._is_drained():
                time.sleep(DRAIN_STEP)
        self.files.put("exit", exit_text(status))
        while self.files.pending:
            time.sleep(RETRY_MOST)
            self.files.retry()
        return status

    def _mark(self, deadline: float) -> bool:
        """Writes the marker; a terminal that takes nothing is not waited for beyond the deadline."""
        try:
            # Opened anew: the program may have left our own descriptor in any mode.
            terminal = posix.open(posix.ttyname(0), posix.O_WRONLY | posix.O_NOCTTY | posix.O_NONBLOCK)
            poll = select.poll()
            poll.register(terminal, select.POLLOUT)
            left = self.marker
            while left and poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                left = left[posix.write(terminal, left) :]
        except OSError:
            return False  # the terminal is gone
        return not left

    def _is_drained(self) -> bool:
        return any(posix.access(self.files.path(f"terminal.{name}"), posix.F_OK) for name in ("drained", "end"))


def hang_up(group: int) -> None:
    """Tells a process group that its terminal is gone."""
    try:
        posix.killpg(group, 1)  # SIGHUP
        posix.killpg(group, 18)  # SIGCONT: one that was stopped could not hear it
    except OSError:
        return  # nobody is there any more


def run_exec(directory: str, umask: int) -> int:
    """Mode `exec`."""
    bare = sys.argv[3:] == ["bare"]
    launcher = Launcher(directory, umask, bare=bare)
    try:
        if bare:
            launcher.files.put("launcher", f"{posix.getpid()} {start_time(posix.getpid())} {posix.ttyname(0)}\n")
        argv, env, cwd, _, _ = decode_spec(read_fifo(f"{directory}/spec"))
        env.update((name, posix.environ[name]) for name in OF_THE_PANE if name in posix.environ)
        pid = launcher.start(argv, env, cwd)
    except OSError as error:
        launcher.files.put("exit", error_text(error))
        return 127
    except ValueError as error:
        launcher.files.put("exit", f"error {errno.EPROTO} {error}\n")
        return 127
    del argv, env
    status = launcher.follow(pid)
    return (posix.WTERMSIG(status) + 128 if posix.WIFSIGNALED(status) else posix.WEXITSTATUS(status)) if bare else 0


def read_fifo(path: str) -> bytes:
    """All that one writer puts into a FIFO. Raises TimeoutError when none comes."""
    fd = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    parts: list[bytes] = []
    while poll.poll(SPEC_TIMEOUT * 1000):
        data = posix.read(fd, READ_BYTES)
        if not data:
            posix.close(fd)
            return b"".join(parts)
        parts.append(data)
    raise TimeoutError(errno.ETIMEDOUT, posix.strerror(errno.ETIMEDOUT))


def main(mode: str, directory: str) -> int:
    """Runs one mode."""
    umask = posix.umask(0o077)  # our own files are private, the program's are its own affair
    posix.closerange(3, 1 << 20)  # whatever leaked from who started us must not live as long as we do
    try:
        return {"command": run_command, "pane": run_pane, "exec": run_exec}[mode](directory, umask)
    except Gone:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))

"""The program as a person has it: real processes, a real server in a home of its own, a real terminal."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

SIGHTLINE = str(Path(sys.executable).parent / "sightline")
BOUND = 40.0  # seconds that anything may take before a test gives up


def until(holds: Callable[[], object], what: str) -> None:
    """Waits for something to become true."""
    deadline = time.monotonic() + BOUND
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {BOUND:.0f} s")
        time.sleep(0.02)


def address_in(said: bytes) -> str:
    """The address with a ticket that stands in what was printed."""
    match = re.search(rb"http://\S+#ticket=\S+", said)
    assert match is not None, said
    return match[0].decode()


def runs(pid: int) -> bool:
    """The process is there, and no mere entry that nobody has collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Program:
    """A command that runs, its output and error in pipes."""

    def __init__(self, words: list[str], env: dict[str, str], stdin: int = subprocess.DEVNULL) -> None:
        self.process = subprocess.Popen(
            [SIGHTLINE, *words], env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        self.kept = {1: b"", 2: b""}

    def expect(self, text: bytes, descriptor: int = 1) -> None:
        """Waits until the text was written there."""
        deadline = time.monotonic() + BOUND
        while text not in self.kept[descriptor]:
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"no {text!r} in {self.kept}")

    def signal(self, number: signal.Signals) -> None:
        """As a terminal or another program sends it."""
        self.process.send_signal(number)

    def interrupted(self) -> bool:
        """Interrupts it once more, unless it has ended."""
        if self.process.poll() is None:
            self.signal(signal.SIGINT)
        return self.process.poll() is not None

    def ended(self) -> tuple[int, bytes, bytes]:
        """Waits for the end: exit code, all output, all errors."""
        deadline = time.monotonic() + BOUND
        while self._read(deadline - time.monotonic()):
            pass
        return self.process.wait(BOUND), self.kept[1], self.kept[2]

    def close(self) -> None:
        """Ends it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(BOUND)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None and not stream.closed:
                with suppress(BrokenPipeError):
                    stream.close()

    def _read(self, timeout: float) -> bool:
        streams = {
            stream.fileno(): number
            for number, stream in ((1, self.process.stdout), (2, self.process.stderr))
            if stream and not stream.closed
        }
        if not streams:
            return False
        ready, _, _ = select.select(list(streams), [], [], max(0.0, timeout))
        if not ready:
            raise AssertionError(f"nothing more within the bound; so far {self.kept}")
        for descriptor in ready:
            data = os.read(descriptor, 65536)
            self.kept[streams[descriptor]] += data
            if not data:
                stream = self.process.stdout if streams[descriptor] == 1 else self.process.stderr
                assert stream is not None
                stream.close()
        return True


class Terminal:
    """A command on a terminal of its own, as somebody sits at it."""

    def __init__(self, words: list[str], env: dict[str, str], columns: int = 80, rows: int = 24) -> None:
        self.leader, follower = os.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(follower)
        self.follower = follower
        self.process = subprocess.Popen(
            ["setsid", "--ctty", SIGHTLINE, *words],
            env={**env, "TERM": "xterm-256color"},
            stdin=follower,
            stdout=follower,
            stderr=follower,
        )
        self.screen = b""

    def resize(self, columns: int, rows: int) -> None:
        """The window changes."""
        fcntl.ioctl(self.leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, data: bytes) -> None:
        """Keys."""
        os.write(self.leader, data)

    def expect(self, pattern: bytes) -> re.Match[bytes]:
        """Waits until the pattern was shown; what is shown up to there is forgotten."""
        deadline = time.monotonic() + BOUND
        while True:
            match = re.search(pattern, self.screen, re.DOTALL)
            if match:
                self.screen = self.screen[match.end() :]
                return match
            ready, _, _ = select.select([self.leader], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"no {pattern!r} on {self.screen!r}")
            try:
                self.screen += os.read(self.leader, 65536)
            except OSError:
                raise AssertionError(f"it ended without {pattern!r}: {self.screen!r}") from None

    def signal(self, number: signal.Signals) -> None:
        """As another program sends it."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Waits for the end, and returns the exit code."""
        until(self._is_over, "the end of a program on a terminal")
        return self.process.wait()

    def is_restored(self) -> bool:
        """The terminal is as it was before the program."""
        return termios.tcgetattr(self.follower) == self.before

    def close(self) -> None:
        """Ends it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(BOUND)
        os.close(self.leader)
        os.close(self.follower)

    def _is_over(self) -> bool:
        if select.select([self.leader], [], [], 0)[0]:
            self.screen += os.read(self.leader, 65536)
        return self.process.poll() is not None


class Sightline:
    """A home, and the program run in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("SIGHTLINE_", "TMUX"))}
        self.env |= {
            "SIGHTLINE_HOME": str(home),
            "SIGHTLINE_GRPC_ADDRESS": "127.0.0.1:0",
            "SIGHTLINE_WEB_ADDRESS": "127.0.0.1:0",
            "TMUX_TMPDIR": str(home.parent),
            "LC_ALL": "C.UTF-8",
        }
        self.open: list[Program | Terminal] = []
        self.server: Program | None = None

    def run(self, *words: str, stdin: bytes = b"", code: int | None = 0) -> subprocess.CompletedProcess[bytes]:
        """Runs a command to its end; `code` is what it must end with, None: anything."""
        done = subprocess.run([SIGHTLINE, *words], env=self.env, input=stdin, capture_output=True, timeout=BOUND, check=False)
        assert code is None or done.returncode == code, done
        return done

    def out(self, *words: str, code: int | None = 0) -> str:
        """What a command prints."""
        return self.run(*words, code=code).stdout.decode()

    def start(self, *words: str, stdin: int = subprocess.DEVNULL) -> Program:
        """Begins a command."""
        program = Program(list(words), self.env, stdin)
        self.open.append(program)
        return program

    def on_terminal(self, *words: str, columns: int = 80, rows: int = 24) -> Terminal:
        """Begins a command on a terminal."""
        terminal = Terminal(list(words), self.env, columns, rows)
        self.open.append(terminal)
        return terminal

    def serve(self) -> None:
        """Starts the server and waits until it listens."""
        self.server = self.start("serve")
        self.server.expect(b"Sightline listens", 2)

    def up(self, *words: str) -> str:
        """Starts server and bridge, and waits until both listen: the address that logs in once."""
        self.server = self.start("up", *words)
        self.server.expect(b"Its home is", 2)
        return address_in(self.server.kept[2])

    def bridge_file(self) -> dict[str, object]:
        """What a bridge has written down of itself."""
        found = json.loads((self.home / "bridge.json").read_text())
        assert isinstance(found, dict)
        return found

    def bridge_pid(self) -> int:
        """The bridge's process."""
        return int(str(self.bridge_file()["pid"]))

    def kill_server(self) -> None:
        """As the kernel does when memory is short."""
        assert self.server is not None
        self.server.process.kill()
        self.server.process.wait(BOUND)

    def _stop_all(self) -> None:
        names = self.out("ls", "--quiet", "--state", "starting,working,waiting,idle,unknown").split()
        if names:
            self.run("stop", "--kill", *names, code=None)

    def state(self, session: str) -> str:
        """The state of a session, such as `SESSION_STATE_ENDED`."""
        return str(json.loads(self.out("show", session, "--json"))["state"])

    def leave(self) -> None:
        """Ends every command that was started here, and leaves the server."""
        for one in self.open:
            if one is not self.server:
                one.close()
        self.open = [self.server] if self.server else []

    def close(self) -> None:
        """Ends everything that was started here."""
        self.leave()
        if self.server is None:
            return
        try:
            if self.server.process.poll() is None:
                self._stop_all()
            else:
                self.run("doctor", "--clean", "--yes", code=None)
        finally:
            self.server.close()
        subprocess.run(["tmux", "-S", str(self.home / "tmux.sock"), "kill-server"], capture_output=True, check=False)
        subprocess.run(["tmux", "-S", str(self.home.parent / "own.sock"), "kill-server"], capture_output=True, check=False)

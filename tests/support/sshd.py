"""A real sshd on loopback as the other host: its own port, keys and places, run as the present user, ended by its pid."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE = 20.0  # seconds for anything that should take a moment
SSHD = "/usr/sbin/sshd"  # it insists on being called by its whole path


class SshHost:
    """A host, called `box`, that can be cut off, stalled, and given another key.

    Attributes:
        root: all that is its own: keys, the places of its user's state and tmux sockets.
        config: for `ssh -F`; the user's side.
    """

    def __init__(self, **environ: str) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="slh", dir="/tmp"))
        self.config = self.root / "ssh_config"
        self.state = self.root / "state"
        self.sockets = self.root / "tmux"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.sockets.mkdir(mode=0o700)
        for name in ("host_key", "id"):
            self._make_key(name)
        shutil.copy(self.root / "id.pub", self.root / "authorized")
        self.environ = {"XDG_STATE_HOME": str(self.state), "TMUX_TMPDIR": str(self.sockets), **environ}
        self.trust()
        self.config.write_text(
            f"Host box\n  HostName 127.0.0.1\n  Port {self.port}\n  IdentityFile {self.root}/id\n  IdentitiesOnly yes\n"
            f"  IdentityAgent none\n  UserKnownHostsFile {self.root}/known\n  GlobalKnownHostsFile /dev/null\n"
        )

    @property
    def ssh(self) -> str:
        """For `SIGHTLINE_SSH`."""
        return f"ssh -F {self.config}"

    @property
    def spools(self) -> Path:
        """Where sessions of ours lie there."""
        return self.state / "sightline" / "remote"

    def trust(self) -> None:
        """The user knows the host by the key that it has now."""
        kind, key, *_ = (self.root / "host_key.pub").read_text().split()
        (self.root / "known").write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def start(self) -> None:
        """Starts sshd, until it listens."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # as its package's service does
        config = self.root / "sshd_config"
        words = " ".join(f"{name}={value}" for name, value in self.environ.items())
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.root}/host_key\nAuthorizedKeysFile {self.root}/authorized\n"
            f"PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\n"
            f"PermitRootLogin yes\nSetEnv {words}\nMaxStartups 100\n"
        )
        with (self.root / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not listens(self.port):
            assert self._process.poll() is None, (self.root / "sshd.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self) -> None:
        """The host cannot be reached any more: neither sshd nor any connection of it is left; what runs there runs on."""
        if self._process is None:
            return
        connections = self.connections()
        self._process.kill()
        self._process.wait()
        self._process = None
        for pid in connections:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def drop(self) -> None:
        """Every connection breaks; new ones can be made."""
        for pid in self.connections():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stall(self) -> list[int]:
        """Nothing comes through any connection any more, and none breaks; new ones cannot be made. For `unstall`."""
        stalled = [*self.connections(), *([self._process.pid] if self._process else [])]
        for pid in stalled:
            os.kill(pid, signal.SIGSTOP)
        return stalled

    def unstall(self, stalled: list[int]) -> None:
        """See `stall`."""
        for pid in stalled:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def change_key(self) -> None:
        """The host has another key than the user knows: set up anew, or somebody in between."""
        for path in (self.root / "host_key", self.root / "host_key.pub"):
            path.unlink()
        self._make_key("host_key")

    def connections(self) -> list[int]:
        """The sshd processes behind the listening one: one or two for each connection."""
        if self._process is None:
            return []
        found: list[int] = []
        waiting = [self._process.pid]
        while waiting:
            parent = waiting.pop()
            for child in _children(parent):
                if Path(f"/proc/{child}/comm").read_text().startswith("sshd"):
                    found.append(child)
                    waiting.append(child)
        return found

    def tmux(self, *words: str) -> str:
        """Runs a tmux command there, as its user does."""
        argv = ["tmux", "-f", "/dev/null", *words]
        environ = {**os.environ, "TMUX_TMPDIR": str(self.sockets)}
        environ.pop("TMUX", None)
        return subprocess.run(argv, env=environ, capture_output=True, check=False, text=True).stdout

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a command there by ssh itself."""
        return subprocess.run(["ssh", "-F", str(self.config), "box", *words], capture_output=True, check=False, text=True)

    def close(self) -> None:
        """Nothing is left of it."""
        self.tmux("kill-server")
        for server in self.spools.glob("*/tmux"):
            subprocess.run(["tmux", "-S", str(server), "kill-server"], capture_output=True, check=False)
        self.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def _make_key(self, name: str) -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.root / name)], check=True)


@contextlib.contextmanager
def host(**environ: str) -> Iterator[SshHost]:
    """A host for the length of a block, started."""
    made = SshHost(**environ)
    try:
        made.start()
        yield made
    finally:
        made.close()


def free_port() -> int:
    """One that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody listens on it."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        return []

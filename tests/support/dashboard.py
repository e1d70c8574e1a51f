"""A real server, a real bridge, and a line between that and browsers which can be cut: `dashboard()` gives all three.

The bridge listens on 127.0.0.2, the line on the same port of 127.0.0.1, which is a name of the bridge as well: pages are opened
through the line and know nothing of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from json import loads
from pathlib import Path

from sightline import sync
from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Session
from support.proxy import Proxy
from support.server import PATIENCE, SIGHTLINE, ServerProcess, until

SHELL = ("bash", "--norc", "--noprofile", "-i")
PROMPT = "here$ "
BRIDGE_HOST = "127.0.0.2"
TALKING_AGENT = Path(__file__).with_name("talking_agent.py")
RECORDINGS = Path(__file__).parents[1] / "data" / "agents"


class BridgeProcess:
    """A bridge in a process of its own. `start` and `kill` as often as you like; it comes back on the same port.

    Args:
        server: the one it is for.
        port: of 127.0.0.2, where it listens.
        words: further ones of its command line.
    """

    def __init__(self, server: ServerProcess, port: int, words: Sequence[str] = ()) -> None:
        self.url = f"http://{BRIDGE_HOST}:{port}"
        self._argv = [*SIGHTLINE, "bridge", "--web-address", f"{BRIDGE_HOST}:{port}", *words]
        self._environ = server.environ
        self._process: subprocess.Popen[bytes] | None = None
        self._log = Path(tempfile.mkdtemp(prefix="slbridge")) / "bridge.log"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Starts it, until it answers."""
        with self._log.open("ab") as log:
            process = self._process = subprocess.Popen(self._argv, env=self._environ, stdout=log, stderr=log)

        def answers() -> bool:
            assert process.poll() is None, f"the bridge ended with {process.returncode}: {self.log()}"
            return answers_http(self.url)

        until(answers)

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def log(self) -> str:
        """What it printed."""
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        """Ends it, if it runs, and removes its log."""
        if self._process is not None and self._process.poll() is None:
            self.terminate()
        self._log.unlink(missing_ok=True)
        self._log.parent.rmdir()


def answers_http(url: str) -> bool:
    """Whether somebody listens there."""
    try:
        with urllib.request.urlopen(url + "/", timeout=PATIENCE):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@dataclass
class Dashboard:
    """What pages are tried with.

    Attributes:
        server: it can be killed and started again.
        bridge: the same.
        line: between pages and the bridge: cut it, silence it, mend it.
        client: an ordinary client of the server, beside the bridge.
        url: `http://127.0.0.1:PORT`, through the line.
        token: that scripts show.
    """

    server: ServerProcess
    bridge: BridgeProcess
    line: Proxy
    client: sync.Client
    url: str
    token: str = field(repr=False)

    def ticket_url(self, path: str = "/") -> str:
        """The address of a page that logs in once."""
        return f"{self.url}{path}#ticket={loads(self.ask('POST', '/api/ticket'))['ticket']}"

    def metric(self, name: str) -> float:
        """A number of `/metrics`."""
        lines = self.ask("GET", "/metrics").decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.split()[0] == name)

    def ask(self, method: str, path: str) -> bytes:
        """What the bridge answers, asked beside the line."""
        headers = {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(self.bridge.url + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return bytes(answer.read())

    def shell(self, name: str = "", *, columns: int = 80, rows: int = 24, **env: str) -> Session:
        """A session with a bash whose prompt is `here$ `."""
        told = {**os.environ, "PS1": PROMPT, "PS2": "> ", "HISTFILE": "", **env}
        return self.client.create(SHELL, name=name, terminal=(columns, rows), env=told, cwd="/tmp")

    def command(self, script: str, name: str = "", *, terminal: tuple[int, int] | None = (80, 24), **env: str) -> Session:
        """A session with a script of sh."""
        return self.client.create(["sh", "-c", script], name=name, terminal=terminal, env={**os.environ, **env}, cwd="/tmp")

    def recording(self, path: str, name: str = "") -> Session:
        """A session that says what an agent once said: `claude/ok.jsonl`, as below tests/data/agents."""
        return self.client.create(["cat", str(RECORDINGS / path)], name=name, agent=path.partition("/")[0], cwd="/")

    def talking_agent(self, name: str = "", prompt: str = "") -> Session:
        """An agent that talks both ways as Claude Code does: `support.talking_agent` says what it does at which word."""
        environ = {**os.environ, "HEARD": str(self.server.home / "heard")}
        command = [sys.executable, str(TALKING_AGENT)]
        return self.client.create(command, name=name, agent="claude", two_way=True, prompt=prompt, env=environ, cwd="/")

    def events(self, session: Session) -> list[Event]:
        """The whole log as it stands."""
        return [item for item in self.client.list_events(session) if isinstance(item, Event)]

    def output(self, session: Session) -> bytes:
        """All that its program has written so far."""
        return b"".join(event.output.data for event in self.events(session))


@contextlib.contextmanager
def dashboard(*, words: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Iterator[Dashboard]:
    """All three for the length of a block; nothing is left behind.

    Args:
        words: further ones of the bridge's command line.
        environ: further variables of the server and the bridge.
    """
    with contextlib.ExitStack() as stack:
        server = ServerProcess(
            None, TMUX_TMPDIR=stack.enter_context(tempfile.TemporaryDirectory(prefix="sltmux")), **(environ or {})
        )
        stack.callback(server.close)
        server.start()
        line = Proxy(0, BRIDGE_HOST)
        stack.callback(line.close)
        line.port = int(line.address.rpartition(":")[2])
        bridge = BridgeProcess(server, line.port, words)
        stack.callback(bridge.close)
        bridge.start()
        client = stack.enter_context(sync.connect(server.target))
        yield Dashboard(server, bridge, line, client, f"http://{line.address}", (server.home / "token").read_text().strip())

"""Commands, terminals and panes on another host: a real sshd on loopback. What is found there afterwards is the host's trace."""

from __future__ import annotations

from pathlib import Path

from conformance.rig import Parrot, until
from conformance.rigs.tmux import SEEN
from conformance.rigs.typescript import TypescriptRig
from sightline.v1.session_pb2 import Command, Terminal, Tmux
from sightline.v1.session_service_pb2 import CreateRequest
from support.sshd import SshHost


class RemoteRig:
    """See `Rig`.

    Attributes:
        ssh: for `Settings.ssh`.
    """

    adopted = False
    takes_input = True
    knows_exit_code = True
    holds_back = False

    def __init__(self, _home: Path) -> None:
        self.host = SshHost()
        self.host.start()
        self.ssh = tuple(self.host.ssh.split())

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        raise NotImplementedError

    def traces(self) -> object:
        """See `Rig`."""
        return [*map(str, self.host.state.rglob("*"))]

    async def close(self) -> None:
        """See `Rig`."""
        self.host.close()


class RemoteTerminalRig(RemoteRig):
    """A terminal there."""

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        return CreateRequest(host="box", command=Command(argv=program.argv, terminal=Terminal(columns=90, rows=30)))


class RemoteCommandRig(RemoteRig):
    """A command in pipes there."""

    holds_back = True

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        return CreateRequest(host="box", command=Command(argv=program.argv, stdin=Command.STDIN_OPEN))


class RemoteTmuxRig(RemoteRig):
    """A pane there, of the user's own tmux."""

    adopted = True
    knows_exit_code = False

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        self.host.tmux("new-session", "-d", "-s", "work", "-x", "90", "-y", "30", *program.argv)
        return CreateRequest(host="box", tmux=Tmux(target="work:0.0"))

    def traces(self) -> object:
        """See `Rig`."""
        return [super().traces(), *(self.host.tmux(*question) for question in SEEN)]


class RemoteTypescriptRig(RemoteRig):
    """A typescript there."""

    adopted = True
    takes_input = False

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._there = TypescriptRig(home)

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        request = await self._there.request(program)
        request.host = "box"
        await until(Path(request.typescript.path).exists)
        return request

    def traces(self) -> object:
        """See `Rig`."""
        return [super().traces(), self._there.traces()]

    async def close(self) -> None:
        """See `Rig`."""
        await self._there.close()
        await super().close()

"""attach: a person's terminal on a session. What is on its screen, then what comes; what is typed goes there."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from sightline_cli.command import Command, Complaint, add_session
from sightline_cli.run import DETACH_KEY

if TYPE_CHECKING:
    from sightline.v1.session_pb2 import Session

    from sightline_cli.reach import Place


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    parser.add_argument(
        "--detach-key", metavar="KEY", default=DETACH_KEY, help=f"the key that leaves, such as C-q or none; default: {DETACH_KEY}"
    )


async def _attach(chosen: argparse.Namespace) -> int:
    from sightline_cli import reach  # noqa: PLC0415

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Complaint(
            "attach needs a terminal to type on and to draw on; `sightline watch` follows without one, `sightline send` types"
        )
    async with reach.server(chosen) as client:
        session = await client.get(chosen.session)
        return await attach(reach.Place(client), session, chosen.detach_key)


async def attach(place: Place, session: Session, detach_key: str = DETACH_KEY) -> int:
    """Attaches this process's terminal until the session ends or the person leaves; returns the exit code."""
    from sightline.v1.session_pb2 import SessionKind  # noqa: PLC0415

    from sightline_cli.attached import Attached  # noqa: PLC0415
    from sightline_cli.terminal import DetachKey  # noqa: PLC0415

    if session.HasField("end_time"):
        raise Complaint(f"{session.name} has ended: `sightline watch {session.name} --from-start` shows what it wrote")
    if session.kind not in {SessionKind.SESSION_KIND_TERMINAL, SessionKind.SESSION_KIND_TMUX, SessionKind.SESSION_KIND_SCREEN}:
        raise Complaint(
            f"{session.name} has no terminal: `sightline watch {session.name}` follows it, `sightline send {session.name}` types"
        )
    return await Attached(place, session, DetachKey(detach_key)).run()


ATTACH = Command(
    name="attach",
    summary="Put this terminal on a session: see its screen, type into it.",
    when=f"""\
For sessions with a terminal: started with --tty, or adopted. {DETACH_KEY} (Ctrl and ]) leaves, and the session goes on; when it
ends, attach ends with its exit code. Several people can be attached at once. The session's terminal takes
the size of yours; an adopted pane keeps its own, so make yours the same size or larger. When the
server is restarted, attach waits, and what is typed meanwhile is sent when it is back.""",
    examples=(
        ("sightline attach shell", f"{DETACH_KEY} leaves it running"),
        ("sightline attach shell --detach-key C-q", "with another key to leave"),
        ("sightline run --tty -- bash", "start a session and attach to it at once"),
    ),
    arguments=_arguments,
    run=_attach,
)

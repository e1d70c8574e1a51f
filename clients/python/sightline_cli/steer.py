"""send, interrupt, resize, snapshot: what a person or a script does to a session that runs."""

from __future__ import annotations

import argparse
import sys

from sightline_cli import codes
from sightline_cli.command import Command, Complaint, add_json, add_session, columns_and_rows

MAX_STDIN = 1024 * 1024  # bytes: what one send may carry


def _send_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    parser.add_argument(
        "text",
        metavar="TEXT",
        nargs="*",
        help="what to type; several words are joined by a blank; `--` before words that begin with -",
    )
    parser.add_argument(
        "--stdin",
        action="store_true",
        help="type what comes on standard input instead: the way for secrets, and for more than words",
    )
    parser.add_argument(
        "--key",
        metavar="K",
        action="append",
        default=[],
        help="press a named key after the text: Enter, Tab, Escape, Up, F5, C-c, M-x; repeatable",
    )
    parser.add_argument("--enter", "--submit", dest="submit", action="store_true", help="press Enter afterwards")
    parser.add_argument("--eof", action="store_true", help="close its standard input afterwards; in a terminal the end-of-file key")
    parser.add_argument(
        "--sensitive", action="store_true", help="log only the length; with --stdin on a terminal, ask for it without echo"
    )
    parser.add_argument("--request-id", metavar="ID", help="typed once, however often a request with this id is sent")
    add_json(parser, "print the answer as JSON: the input's place in the log, and whether it was delivered")


async def _send(chosen: argparse.Namespace) -> int:
    from sightline.v1.session_service_pb2 import Delivery  # noqa: PLC0415

    from sightline_cli import printing, reach  # noqa: PLC0415

    if chosen.stdin and chosen.text:
        raise Complaint("give the text as words or on standard input, not both", codes.USAGE)
    data = _typed(chosen) if chosen.stdin else b""
    if not (chosen.text or data or chosen.key or chosen.submit or chosen.eof):
        raise Complaint("there is nothing to send: give words, --stdin, --key, --enter or --eof", codes.USAGE)
    async with reach.server(chosen) as client:
        answer = await client.send(
            chosen.session,
            " ".join(chosen.text),
            data=data,
            keys=chosen.key,
            submit=chosen.submit,
            eof=chosen.eof,
            sensitive=chosen.sensitive,
            request_id=chosen.request_id,
        )
    if chosen.json:
        print(printing.to_json(answer))
    if answer.delivered == Delivery.DELIVERY_UNKNOWN:
        raise Complaint("the server was killed while it typed: it may have been typed or not (look before you send it again)")
    return codes.OK


def _typed(chosen: argparse.Namespace) -> bytes:
    """Standard input; on a terminal a secret is one line that is asked for without echo.

    Where Enter is pressed anyway, the last newline goes.
    """
    if chosen.sensitive and sys.stdin.isatty():
        from getpass import getpass  # noqa: PLC0415

        return getpass(f"for {chosen.session}, not shown: ").encode()
    data = sys.stdin.buffer.read(MAX_STDIN + 1)
    if len(data) > MAX_STDIN:
        raise Complaint(f"standard input holds more than {MAX_STDIN >> 20} MiB, which is the most for one send: send it in parts")
    return data.removesuffix(b"\n") if chosen.submit else data


def _interrupt_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser, "+")


async def _interrupt(chosen: argparse.Namespace) -> int:
    from sightline_cli import reach  # noqa: PLC0415

    async with reach.server(chosen) as client:
        return await reach.each(chosen.sessions, client.interrupt)


def _resize_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    parser.add_argument("size", metavar="COLSxROWS", type=columns_and_rows, help="columns and rows, such as 120x40")


async def _resize(chosen: argparse.Namespace) -> int:
    from sightline_cli import reach  # noqa: PLC0415

    async with reach.server(chosen) as client:
        await client.resize(chosen.session, *chosen.size)
    return codes.OK


def _snapshot_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    parser.add_argument("--ansi", action="store_true", help="the bytes that draw the screen, with colours, cursor and modes")
    add_json(parser, "the whole snapshot as JSON: text, size, cursor, modes, title, and the event it stands at")


async def _snapshot(chosen: argparse.Namespace) -> int:
    from sightline_cli import printing, reach  # noqa: PLC0415

    async with reach.server(chosen) as client:
        screen = await client.snapshot(chosen.session)
    if chosen.json:
        print(printing.to_json(screen))
    elif chosen.ansi:
        sys.stdout.buffer.write(screen.ansi)
        sys.stdout.buffer.flush()
    else:
        print("\n".join(screen.text))
    return codes.OK


SEND = Command(
    name="send",
    summary="Type into a session.",
    when="""\
Into a terminal, or into the standard input of a command that was started with --stdin. Types the
text, then the keys, then Enter, then the end of input, and presses nothing that was not asked for:
`--enter` presses Enter. Everything on a command line can be seen by other users of the
machine, and what is typed is logged: give secrets by --stdin with --sensitive, which logs a length.""",
    examples=(
        ("sightline send build y --enter", "answer a question"),
        ("sightline send shell --key C-c", "press Ctrl-C (`sightline interrupt` does, whatever runs there)"),
        ("sightline send calc --eof", "say that no more input comes"),
        ("pass show db | sightline send db --stdin --sensitive --enter", "a password, from a program"),
        ("sightline send db --stdin --sensitive --enter", "a password, asked for without echo"),
    ),
    arguments=_send_arguments,
    run=_send,
)

INTERRUPT = Command(
    name="interrupt",
    summary="Do to sessions what Ctrl-C does.",
    when="""\
The key in a terminal, SIGINT to the processes of a command. The program decides what it does about it;
`sightline stop` ends it for sure.""",
    examples=(("sightline interrupt build", "as Ctrl-C would"),),
    arguments=_interrupt_arguments,
    run=_interrupt,
)

RESIZE = Command(
    name="resize",
    summary="Give a session's terminal another size.",
    when="Only terminals that Sightline started: an adopted pane has the size that its owner gives it.",
    examples=(("sightline resize shell 120x40", "120 columns, 40 rows"),),
    arguments=_resize_arguments,
    run=_resize,
)

SNAPSHOT = Command(
    name="snapshot",
    summary="Print a terminal session's screen as it is now.",
    when="""\
As plain text, or as the bytes that draw it. For a picture of a program that redraws its screen, where the
log of its bytes is hard to read.""",
    examples=(
        ("sightline snapshot shell", "the rows as text"),
        ("sightline snapshot shell --ansi", "with colours"),
        ("sightline snapshot shell --json", "with cursor, modes, title, and the event it stands at"),
    ),
    arguments=_snapshot_arguments,
    run=_snapshot,
)

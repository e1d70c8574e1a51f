"""Runs in a pane: draws what comes through a socket, and answers when the terminal has drawn it. Imports nothing of ours."""

from __future__ import annotations

import os
import select
import socket
import sys
import tty

PATIENCE = 0.5  # seconds: within an unfinished sequence the question is lost


def main() -> None:
    """Until the socket is closed."""
    tty.setraw(0)
    with socket.socket(socket.AF_UNIX) as feed:
        feed.connect(sys.argv[1])
        while header := feed.recv(4, socket.MSG_WAITALL):
            data = feed.recv(int.from_bytes(header), socket.MSG_WAITALL) + b"\x1b[5n"
            while data:
                data = data[os.write(1, data) :]
            answer = b""
            while not answer.endswith(b"\x1b[0n") and select.select([0], [], [], PATIENCE)[0]:
                answer += os.read(0, 4096)
            feed.sendall(b".")


if __name__ == "__main__":
    main()

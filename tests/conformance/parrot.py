"""The program that every source is tried with: writes what it is told to, byte for byte, and keeps what it reads.

    python parrot.py DIRECTORY

Orders come through the FIFO `DIRECTORY/orders`, each a letter, a length and bytes: `w` writes the bytes to stdout, `c` starts a
child in a session of its own (its pid: `DIRECTORY/child`), `x` exits with the code in the bytes. `DIRECTORY/done` has a byte for
each order done; `DIRECTORY/received` what came on stdin, and `<SIGINT>` for each interrupt. It imports nothing of ours.
"""

import contextlib
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
import tty

HEAD = struct.Struct("<cI")


def append(path: str, data: bytes) -> None:
    """Adds bytes to a file in one write."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, data)
    os.close(descriptor)


def listen(path: str) -> None:
    """Keeps what comes on stdin."""
    with contextlib.suppress(OSError):
        while data := os.read(0, 65536):
            append(path, data)


def write(data: bytes) -> None:
    """Writes all of it to stdout."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def exactly(descriptor: int, count: int) -> bytes:
    """So many bytes of the orders; fewer only at their end."""
    parts = b""
    while len(parts) < count and (part := os.read(descriptor, count - len(parts))):
        parts += part
    return parts


def main(directory: str) -> int:
    """Does as it is told until told to exit."""
    received, done = os.path.join(directory, "received"), os.path.join(directory, "done")
    signal.signal(signal.SIGINT, lambda *_: append(received, b"<SIGINT>"))
    for descriptor in (0, 1):
        with contextlib.suppress(termios.error):
            tty.setraw(descriptor)
            break
    threading.Thread(target=listen, args=(received,), daemon=True).start()
    orders = os.open(os.path.join(directory, "orders"), os.O_RDWR)  # both ends: it never sees an end
    append(os.path.join(directory, "ready"), b"%d" % os.getpid())
    while True:
        letter, length = HEAD.unpack(exactly(orders, HEAD.size))
        data = exactly(orders, length)
        if letter == b"x":
            return int(data)
        if letter == b"c":
            child = subprocess.Popen(["sleep", "600"], start_new_session=True)
            append(os.path.join(directory, "child"), b"%d" % child.pid)
        else:
            write(data)
        append(done, b".")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

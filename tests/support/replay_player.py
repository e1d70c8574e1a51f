"""Plays a recording into the terminal that it runs in, in real time; it is taken for the program after which it is named.

    PLAYER CAST WANTS

What was typed then is waited for: `WANTS` gets a line when something is to be typed, and the recording goes on when it comes.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
import tty


def main() -> None:
    """All of it; then it waits to be ended."""
    tty.setraw(0)
    with open(sys.argv[1], encoding="utf-8") as file:
        entries = [json.loads(line) for line in file][1:]
    begun, place = time.monotonic(), 0.0
    for at, kind, data in entries:
        time.sleep(max(0.0, begun + at - place - time.monotonic()))
        if kind == "o":
            raw = data.encode()
            while raw:
                raw = raw[os.write(1, raw) :]
        elif kind == "i":
            with open(sys.argv[2], "a") as wants:
                wants.write(f"{at}\n")
            select.select([0], [], [])
            os.read(0, 65536)
            begun, place = time.monotonic(), at  # from here on, time is counted from what was typed
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()

"""For a program that stays in the foreground: the signal that ends it, and what is loaded for good. Knows no command."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Iterable


def ending(numbers: Iterable[signal.Signals] = (signal.SIGTERM, signal.SIGINT)) -> asyncio.Event:
    """Set by the first of these signals, from now on. One that is ignored, as SIGHUP under `nohup`, stays ignored."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, event.set)
    return event


def settle() -> None:
    """What is loaded stays: a look through it for garbage would take milliseconds each time, and everybody waits meanwhile."""
    gc.collect()
    gc.freeze()

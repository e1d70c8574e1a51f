"""What the server counts about itself. Plain numbers, added to where the work is done; nobody here knows who reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def counter(meaning: str) -> Any:
    """A field that begins at 0; `meaning` is what people read in the metrics."""
    return field(default=0, metadata={"help": meaning})


@dataclass(slots=True)
class Counters:
    """Work done since the server's start. The bounds that `tests/end_to_end/test_counted_work.py` holds them to are the design."""

    events: int = counter("Events encoded and committed: once each, however many read them.")
    event_bytes: int = counter("Bytes of them, as they are sent.")
    commits: int = counter("Transactions of the store.")
    store_reads: int = counter("Reads of events that were no longer in memory.")
    responses: int = counter("Messages handed to subscribers' connections.")
    response_bytes: int = counter("Bytes of them.")
    copied_bytes: int = counter("Bytes copied to make them: none where a block is passed on as it is.")
    subscriptions: int = counter("Subscriptions begun.")

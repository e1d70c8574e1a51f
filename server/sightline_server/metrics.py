"""What the server counts about itself. Plain numbers, added to where the work is done; nobody here knows who reads them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Work done since the server's start. The bounds that `tests/end_to_end/test_counted_work.py` holds them to are the design.

    Attributes:
        events: events encoded: once each, however many read them.
        event_bytes: bytes of them, framed.
        commits: transactions of the store.
        store_reads: reads of blocks that were no longer in memory.
        responses: messages handed to subscribers' connections.
        response_bytes: bytes of them.
        copied_bytes: bytes that were copied to make responses: none where a block is passed on as it is.
        subscriptions: streams begun.
    """

    events: int = 0
    event_bytes: int = 0
    commits: int = 0
    store_reads: int = 0
    responses: int = 0
    response_bytes: int = 0
    copied_bytes: int = 0
    subscriptions: int = 0


HELP = {
    "events": "Events encoded and committed.",
    "event_bytes": "Bytes of them, as they are sent.",
    "commits": "Transactions of the store.",
    "store_reads": "Reads of events that were no longer in memory.",
    "responses": "Messages handed to subscribers' connections.",
    "response_bytes": "Bytes of them.",
    "copied_bytes": "Bytes copied to make them.",
    "subscriptions": "Subscriptions begun.",
}

"""Shows a subscription until it ends: the loop that `run` and `watch` share. Knows neither signals nor arguments."""

from __future__ import annotations

from collections.abc import Callable

from sightline import Subscription
from sightline.v1.event_pb2 import Completed, Event
from sightline.v1.session_service_pb2 import Gap, Header

from sightline_cli.outlet import Outlet
from sightline_cli.printing import Printer


async def follow(
    subscription: Subscription, printer: Printer, outlet: Outlet, on_event: Callable[[Event], None] = lambda _event: None
) -> Completed | None:
    """Shows everything to the end of the stream, and returns how the session ended (the last one of several), if it did.

    `on_event` is told of each event once it is shown.

    Raises BrokenPipeError when nobody reads any more, and what the subscription raises.
    """
    completed: Completed | None = None
    try:
        async for item in subscription:
            if isinstance(item, Event):
                printer.event(item)
                on_event(item)
                if item.HasField("completed"):
                    completed = item.completed
            elif isinstance(item, Header):
                printer.session(item.session)
            elif isinstance(item, Gap):
                printer.gap(item)
            await outlet.room()
    finally:
        await subscription.aclose()
        printer.finish()
    return completed

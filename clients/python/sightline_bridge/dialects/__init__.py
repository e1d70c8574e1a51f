"""What clients of earlier designs speak, one module each. Each knows its own messages and the client, and no other dialect.

door        how their clients come in: by token, or, where the bridge is told so, without
agentgate   `/ws` without a subprotocol, and `/ws/events`
"""

from aiohttp import web

from sightline_bridge.context import Context
from sightline_bridge.dialects import agentgate

__all__ = ["add_routes", "agentgate"]


def add_routes(app: web.Application, context: Context) -> None:
    """The paths of all dialects."""
    for dialect in (agentgate,):
        dialect.add_routes(app, context)

"""What clients of earlier designs speak, one module each. Each knows its own messages and the client, and no other dialect.

cbos        `/ws/stream`: terminals as text
agentgate   `/ws` without a subprotocol, and `/ws/events`: what agents do
piko        `/api/environments/create/stream`: recipes
agentwire   `/api/sessions/NAME/stream`: the text of one session, or of a pane of tmux
door        how their clients come in: by token, or, where the bridge is told so, without
talk        messages of JSON, and those that are none
text        bytes of output to text
names       what a session may be called
told        what a dialect is told by the environment
"""

from aiohttp import web

from sightline_bridge.context import Context
from sightline_bridge.dialects import agentgate, agentwire, cbos, piko

__all__ = ["add_routes", "agentgate"]


def add_routes(app: web.Application, context: Context) -> None:
    """The paths of all dialects. Raises ValueError: the environment tells one of them nonsense."""
    for dialect in (cbos, agentgate, piko, agentwire):
        dialect.add_routes(app, context)

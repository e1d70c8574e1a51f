"""tmux: terminals of our own, and adopted panes.

- `terminal`, `adopted`: the two sources; `source`: what both have in common
- `pane`: typing and looking; `keys`, `screen`: keys and screens as bytes; `pipe`: `pipe-pane` into a relay; `tail`: following a
  pane whose pipe is somebody else's
- `server`, `private`: tmux servers and the held client; `control`, `protocol`: control mode; `discovery`: which panes there are
"""

from sightline_server.capture.tmux.adopted import AdoptedSource
from sightline_server.capture.tmux.terminal import TerminalSource

__all__ = ["AdoptedSource", "TerminalSource"]

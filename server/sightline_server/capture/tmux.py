"""The two sources in tmux: terminals of our own, and adopted panes."""

from sightline_server.capture.tmux_adopted import AdoptedSource
from sightline_server.capture.tmux_terminal import TerminalSource

__all__ = ["AdoptedSource", "TerminalSource"]

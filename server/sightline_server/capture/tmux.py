"""The two sources in tmux: terminals of our own, and adopted panes."""

from .tmux_adopted import AdoptedSource
from .tmux_terminal import TerminalSource

__all__ = ["AdoptedSource", "TerminalSource"]

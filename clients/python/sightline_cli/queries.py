"""Takes a terminal's questions out of output that is shown on a person's terminal.

A program asks its terminal (`where is the cursor`, `what are you`, `which colours`), and the terminal types the answer. The
session's own terminal has answered long ago; a second answer, from the terminal of whoever looks on, would be typed into the
session or into their shell. Questions have no visible effect, so what is shown stays the same. Writes to the clipboard (OSC 52)
go too: a looked-at program has no business there. Sans-I/O: the same bytes come out whether fed whole or byte by byte.
"""

from __future__ import annotations

import re

MAX_HELD = 4096  # bytes of an unfinished escape code; a longer one is no question and passes

QUESTION = re.compile(
    rb"""
      \x05                                # ENQ: answerback
    | \x1bZ                               # DECID
    | \x1b\[ (?:
          [?>=]? [\d;:]* c                # DA1, DA2, DA3
        | \??    [\d;]* n                 # DSR: status, cursor position, colour scheme
        | \??    [\d;]* \$p               # DECRQM: is this mode set
        | >      [\d;]* q                 # XTVERSION
        | \?     [\d;]* u                 # kitty keyboard: which flags
        | (?:11|13|14|15|16|18|19|20|21) (?:;\d*)* t  # window reports
        |        [\d;]* x                 # DECREQTPARM
        |        [\d;]* \*y               # DECRQCRA: checksum of the screen
        | \?     [\d;]* S                 # XTSMGRAPHICS
        |        [\d;]* '\|               # DECRQLP: where is the mouse
      )
    | \x1b\] (?:
          52; [^\x07\x1b]{0,4000}                            # clipboard
        | (?:4|5|1[0-9]|21|50|60|61) ; [^\x07\x1b]{0,2000}? \? [^\x07\x1b]{0,2000}  # colours, fonts
      ) (?:\x07|\x1b\\)
    | \x1bP [+$] q [^\x1b]{0,4000} \x1b\\                     # XTGETTCAP, DECRQSS
    | \x1b_G [^\x1b;]{0,400}? a=q [^\x1b]{0,3000} \x1b\\      # kitty graphics: can you
    """,
    re.VERBOSE,
)
UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[\]P_][^\x07\x1b]*\x1b?)?\Z")


class QueryFilter:
    """Output without questions."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What of this, and of what was held back before, can be shown. An unfinished escape code at the end is held back."""
        data = self._held + data
        self._held = b""
        if b"\x1b" in data or b"\x05" in data:
            unfinished = UNFINISHED.search(data, max(0, len(data) - MAX_HELD))
            if unfinished is not None:
                self._held = data[unfinished.start() :]
                data = data[: unfinished.start()]
            data = QUESTION.sub(b"", data)
        return data

    def finish(self) -> bytes:
        """What was held back: the stream is over. Nothing of it is a whole code."""
        held, self._held = self._held, b""
        return held

"""Plays recordings of terminals back: in fast time, the clock an argument, through the judge; their screens drawn by a real tmux.

A recording is three files below `tests/data/state`: NAME.cast (asciicast v2, with what was typed and sizes), NAME.truth.jsonl
(what was true, and from when) and NAME.foreground.jsonl (what had the foreground, whenever that changed). `support.stage` makes
them.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightline.v1.event_pb2 import SessionState
from sightline_server.capture.foreground import Foreground
from sightline_server.sessions.state.judge import Decision
from sightline_server.sessions.state.observation import Look, ScreenJudge
from sightline_server.sessions.state.observer import Observer
from support.stage import CONFIGURATION, Moment

DATA = Path(__file__).parent.parent / "data" / "state"
SUBMITTING = "\r\n\x03\x04\x1b"
LOOK_TAKES = 0.005  # seconds, of the clock that is an argument
START = Decision(SessionState.SESSION_STATE_STARTING)


@dataclass(frozen=True)
class Recording:
    """One of them; each list is in the order of time, in seconds; `end` is when it was over."""

    name: str
    columns: int
    rows: int
    title: str
    end: float
    cast: Sequence[tuple[float, str, str]]
    truth: Sequence[Moment]
    foreground: Sequence[tuple[float, Foreground]]


def load(name: str, folder: Path = DATA) -> Recording:
    """By its name."""
    header, *entries = map(json.loads, (folder / f"{name}.cast").read_text().splitlines())
    truth = [Moment(**line) for line in lines(folder / f"{name}.truth.jsonl")]
    foreground = [(line.pop("time"), Foreground(**line)) for line in lines(folder / f"{name}.foreground.jsonl")]
    return Recording(name, header["width"], header["height"], header["title"], header["duration"], entries, truth, foreground)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file with one a line."""
    return map(json.loads, path.read_text().splitlines())


def names(folder: Path = DATA) -> list[str]:
    """All recordings."""
    return sorted(path.stem for path in folder.glob("*.cast"))


class Screen:
    """A pane of a private tmux server that draws what it is given, and is looked at only when it has."""

    def __init__(self, scratch: Path) -> None:
        (scratch / "tmux.conf").write_text(CONFIGURATION)
        self._tmux = ["tmux", "-S", str(scratch / "socket"), "-f", str(scratch / "tmux.conf")]
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(scratch / "feed"))
        self._listener.listen()
        self._feed: socket.socket | None = None
        self._program = [sys.executable, "-S", str(Path(__file__).with_name("replay_pane.py")), str(scratch / "feed")]
        self._undrawn = b""
        self._session = 0

    def blank(self, columns: int, rows: int) -> None:
        """A new terminal of this size."""
        before = self._session
        self._session += 1
        size = ["-s", f"screen{self._session}", "-x", str(columns), "-y", str(rows)]
        environ = {name: value for name, value in os.environ.items() if name != "TMUX"}
        subprocess.run([*self._tmux, "new-session", "-d", *size, "--", *self._program], check=True, env=environ)
        if self._feed is not None:
            self._feed.close()
            subprocess.run([*self._tmux, "kill-session", "-t", f"=screen{before}"], check=False, capture_output=True)
        self._feed, _ = self._listener.accept()
        self._undrawn = b""

    def write(self, data: str) -> None:
        """Bytes of the program; drawn before the next look."""
        self._undrawn += data.encode()

    def resize(self, columns: int, rows: int) -> None:
        """Another size."""
        self._draw()
        subprocess.run([*self._tmux, "resize-window", "-t", self._pane, "-x", str(columns), "-y", str(rows)], check=True)

    def look(self, agent: str, version: str, *, quiet: bool = True) -> Look:
        """The screen, as the judge gets it."""
        self._draw()
        said = "#{cursor_x} #{cursor_y} #{cursor_flag} #{alternate_on} #{pane_title}"
        shown = subprocess.run(
            [*self._tmux, "display-message", "-p", "-t", self._pane, said, ";", "capture-pane", "-p", "-t", self._pane],
            check=True,
            capture_output=True,
            text=True,
        )
        first, *rows = shown.stdout.split("\n")[:-1]
        column, row, visible, alternate, title = first.split(" ", 4)
        return Look(
            rows=[row.rstrip() for row in rows],
            title=title,
            agent=agent,
            version=version,
            cursor_row=int(row),
            cursor_column=int(column),
            cursor_visible=visible == "1",
            alternate=alternate == "1",
            quiet=quiet,
        )

    def close(self) -> None:
        """Nothing of it is left."""
        self._listener.close()
        if self._feed is not None:
            self._feed.close()
            subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    @property
    def _pane(self) -> str:
        return f"=screen{self._session}:"

    def _draw(self) -> None:
        assert self._feed is not None
        if self._undrawn:
            self._feed.sendall(len(self._undrawn).to_bytes(4) + self._undrawn)
            self._undrawn = b""
            assert self._feed.recv(1), "the pane has gone"


@contextlib.contextmanager
def screen(scratch: Path) -> Iterator[Screen]:
    """A screen, taken down behind it."""
    made = Screen(scratch)
    try:
        yield made
    finally:
        made.close()


class Follower:
    """Follows a recording as a server would, with the recording's time.

    Attributes:
        decided: what was decided, and when.
    """

    def __init__(self, recording: Recording, drawn: Screen, screens: ScreenJudge) -> None:
        self.decided: list[tuple[float, Decision]] = []
        self._observer = Observer(START, 0.0, screens=screens)
        self._drawn = drawn
        self._foreground = [*recording.foreground]
        self._seen: Foreground | None = None

    def take(self, time: float, kind: str, data: str) -> None:
        """One entry of the recording."""
        self.catch_up(time)
        if kind == "o":
            self._drawn.write(data)
            self._observer.output(data.encode(), time)
            self._decide(time)
        elif kind == "i":
            decision = self._observer.typed(time, submitted=any(key in data for key in SUBMITTING))
            self.decided += [(time, decision)] if decision else []
        elif kind == "r":
            self._drawn.resize(*map(int, data.split("x")))

    def catch_up(self, until: float) -> None:
        """All that is due by then."""
        while (due := self._observer.due) is not None and due <= until:
            look_at = self._observer.look_at
            if look_at is not None and look_at <= due:
                due = self._look(due)
            self._decide(due)

    def _look(self, begun: float) -> float:
        while self._foreground and self._foreground[0][0] <= begun:
            self._seen = self._foreground.pop(0)[1]
        observer = self._observer
        look = self._drawn.look(observer.agent, observer.version) if observer.wants_screen else None
        observer.looked(begun, begun + LOOK_TAKES, self._seen, look)
        return begun + LOOK_TAKES

    def _decide(self, now: float) -> None:
        decision = self._observer.decide(now)
        self.decided += [(now, decision)] if decision else []


def fast(recording: Recording, drawn: Screen, screens: ScreenJudge) -> list[tuple[float, Decision]]:
    """What would be decided, and when, had it been followed: the clock is the recording's."""
    drawn.blank(recording.columns, recording.rows)
    follower = Follower(recording, drawn, screens)
    for time, kind, data in recording.cast:
        follower.take(time, kind, data)
    follower.catch_up(recording.end)
    return follower.decided

"""Records a program in a real terminal, with what is true about it at each moment: an asciicast beside a truth track.

The terminal is a pane of a private tmux server, so that programs which ask their terminal questions get answers. Knows nothing of
rules and judges: the truth comes from the program itself (it writes lines into the file that `STAGE_TRUTH` names) and from whoever
drives it.
"""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline_server.capture.foreground import Foreground, Tty, foreground
from sightline_server.capture.processes import identify

PATIENCE = 60.0  # seconds for a thing to happen on the stage
LOOK_SECONDS = 0.01  # between two looks at the screen
QUIET_SECONDS = 0.7  # without output: a program has started
FOREGROUND_SECONDS = 0.05  # between two looks at the foreground
CONFIGURATION = (
    "set -g default-terminal tmux-256color\nset -ga terminal-overrides ',*:Tc'\nset -s escape-time 0\nset -g remain-on-exit on\n"
)


@dataclass(frozen=True)
class Moment:
    """What is true from `time` (seconds) on.

    Attributes:
        state: a word of `SessionState` without its prefix.
        waiting_for: a word of `WaitingFor`; empty: it does not wait.
        tool: a tool or a command runs from here on, so that `done` would be a lie.
    """

    time: float
    state: str
    waiting_for: str = ""
    tool: bool = False


class Stage:
    """One program in one terminal. A play drives it."""

    def __init__(self, tmux: Sequence[str], columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self.cast: list[tuple[float, str, str]] = []
        self.truth: list[Moment] = []
        self.foreground: list[tuple[float, Foreground]] = []
        self._tmux = tmux
        self._start = time.monotonic()
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._changed = threading.Condition()

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return round(time.monotonic() - self._start, 3)

    def begin(self) -> None:
        """Its clock starts with its program."""
        self._start = time.monotonic()

    # --- what a play does

    def type(self, text: str, *, submit: bool = True) -> None:
        """Types text, then Enter as a write of its own: full-screen programs want it so."""
        self._run("send-keys", "-l", "--", text)
        self.cast.append((self.now, "i", text))
        if submit:
            time.sleep(0.15)
            self.press("Enter")

    def press(self, key: str) -> None:
        """Presses a key that tmux knows by this name."""
        self.cast.append((self.now, "i", {"Enter": "\r", "Escape": "\x1b", "C-c": "\x03", "C-d": "\x04"}.get(key, key)))
        self._run("send-keys", key)

    def resize(self, columns: int, rows: int) -> None:
        """Another size of the terminal."""
        self.cast.append((self.now, "r", f"{columns}x{rows}"))
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def is_true(self, state: str, waiting_for: str = "", *, tool: bool = False, since: float | None = None) -> None:
        """From now on, or `since` then."""
        with self._changed:
            self.truth.append(Moment(self.now if since is None else since, state, waiting_for, tool))
            self._changed.notify_all()

    def heard(self, text: str) -> float | None:
        """When the program wrote this, since the last change of what is true; None: it did not."""
        since = self.truth[-1].time
        return next((time for time, kind, data in self.cast if kind == "o" and time >= since and text in data), None)

    @property
    def last_output(self) -> float:
        """When the program wrote last."""
        return max((time for time, kind, _ in list(self.cast) if kind == "o"), default=0.0)

    def until_quiet(self) -> None:
        """Returns when nothing has been written for a while."""
        end = time.monotonic() + PATIENCE
        while self.now - self.last_output < QUIET_SECONDS:
            if time.monotonic() > end:
                raise TimeoutError(f"it does not come to rest:\n{self.screen()}")
            time.sleep(LOOK_SECONDS)

    def pause(self, seconds: float) -> None:
        """Time passes, as it does while a person reads."""
        time.sleep(seconds)

    def until_seen(self, text: str, *, gone: bool = False) -> None:
        """Returns when the screen shows it (or, `gone`, no longer)."""
        end = time.monotonic() + PATIENCE
        while (text in self.screen()) == gone:
            if time.monotonic() > end:
                raise TimeoutError(f"{text!r} was not seen on\n{self.screen()}")
            time.sleep(LOOK_SECONDS)

    def until_told(self, state: str, count: int = 1) -> None:
        """Returns when the program itself has said so for the `count`th time."""
        with self._changed:
            if not self._changed.wait_for(lambda: sum(m.state == state for m in self.truth) >= count, PATIENCE):
                raise TimeoutError(f"{state} was not said; truth: {self.truth}\n{self.screen()}")

    def screen(self) -> str:
        """The rows as text."""
        return self._run("capture-pane", "-p")

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], check=True, capture_output=True, text=True).stdout

    # --- what is heard

    def hear_output(self, fifo: Path) -> None:
        """Until the pane's pipe is closed."""
        with fifo.open("rb", buffering=0) as pipe:
            while data := pipe.read(65536):
                self.cast.append((self.now, "o", self._text.decode(data)))

    def hear_truth(self, fifo: Path) -> None:
        """Lines `STATE [WAITING_FOR] [tool]`, until an empty one."""
        with os.fdopen(os.open(fifo, os.O_RDWR), "r") as pipe:
            while words := pipe.readline().split():
                tool = words[-1] == "tool"
                self.is_true(words[0], " ".join(words[1 : len(words) - tool]), tool=tool)

    def watch_foreground(self, tty: Tty, over: threading.Event) -> None:
        """What has the foreground, whenever that changes."""
        while not over.wait(FOREGROUND_SECONDS):
            begun = self.now
            seen = foreground(tty)
            if seen is not None and (not self.foreground or self.foreground[-1][1] != seen):
                self.foreground.append((begun, seen))

    # --- what stays

    def save(self, path: Path, said: Mapping[str, str]) -> None:
        """Writes `path`.cast, `path`.truth.jsonl and `path`.foreground.jsonl; `said` goes into the first one's header."""
        header = {"version": 2, "width": self.columns, "height": self.rows, "duration": self.now, **said}
        lines = [json.dumps(header), *(json.dumps(entry, ensure_ascii=False) for entry in sorted(self.cast, key=lambda e: e[0]))]
        path.with_suffix(".cast").write_text("\n".join(lines) + "\n")
        track = [
            {name: value for name, value in dataclasses.asdict(moment).items() if value or name == "time"}
            for moment in sorted(self.truth, key=lambda moment: moment.time)
        ]
        path.with_suffix(".truth.jsonl").write_text("".join(json.dumps(line) + "\n" for line in track))
        seen = [{"time": time} | dataclasses.asdict(foreground) for time, foreground in self.foreground]
        path.with_suffix(".foreground.jsonl").write_text("".join(json.dumps(line) + "\n" for line in seen))


@contextlib.contextmanager
def staged(
    argv: Sequence[str],
    scratch: Path,
    *,
    columns: int = 100,
    rows: int = 30,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[Stage]:
    """A stage on which `argv` has just started; everything is taken down behind it."""
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "tmux.conf").write_text(CONFIGURATION)
    tmux = ["tmux", "-S", str(scratch / "socket"), "-f", str(scratch / "tmux.conf")]
    out, truth, go = scratch / "out", scratch / "truth", scratch / "go"
    for path in (out, truth, go):
        path.unlink(missing_ok=True)
    os.mkfifo(out)
    os.mkfifo(truth)
    environ = {**os.environ, **(env or {}), "STAGE_TRUTH": str(truth), "COLORTERM": "truecolor"}
    environ.pop("TMUX", None)
    gate = ["sh", "-c", 'while [ ! -e "$0" ]; do sleep 0.01; done; exec "$@"', str(go), *argv]
    size = ["-x", str(columns), "-y", str(rows)]
    subprocess.run([*tmux, "new-session", "-d", *size, "--", *gate], check=True, env=environ, cwd=cwd)
    stage = Stage(tmux, columns, rows)
    threads = [
        threading.Thread(target=hear, args=(fifo,), daemon=True)
        for hear, fifo in ((stage.hear_output, out), (stage.hear_truth, truth))
    ]
    over = threading.Event()
    for thread in threads:
        thread.start()
    try:
        subprocess.run([*tmux, "pipe-pane", "-O", f"exec cat > {out}"], check=True)
        shown = ["display-message", "-p", "#{pane_pid} #{pane_tty}"]
        pid, name = subprocess.run([*tmux, *shown], check=True, capture_output=True, text=True).stdout.split()
        program = identify(int(pid))
        assert program is not None
        threads.append(threading.Thread(target=stage.watch_foreground, args=(Tty(name, program), over), daemon=True))
        stage.begin()
        threads[-1].start()
        go.touch()
        yield stage
    finally:
        over.set()
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
        with contextlib.closing(os.fdopen(os.open(truth, os.O_RDWR), "wb", buffering=0)) as pipe:
            pipe.write(b"\n")
            for thread in threads:
                thread.join(PATIENCE)

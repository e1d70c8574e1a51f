"""When the next piece of a recording is to be shown. Pure: the clock is an argument, nothing waits here.

Two clocks: what was recorded, and ours. They are tied at one moment, the anchor, and from there ours runs `speed` times as fast;
what changes the speed ties them anew. So a late wake-up is made up for by the next one, and nothing drifts.
"""

from __future__ import annotations

SECOND = 1e9  # nanoseconds
STEP = 2.0  # how many times as fast one press of a key makes it
SLOWEST, FASTEST = 1 / 64, 1024.0


class Pace:
    """The timing of one replay.

    Args:
        speed: how many times as fast as it was; infinite: at once.
        max_idle: seconds that a pause of the recording lasts at most, before `speed`; None: as long as it did.
        skip: seconds from the recording's start that are shown at once.
        now: seconds, of our clock.
    """

    def __init__(self, speed: float, max_idle: float | None, skip: float, now: float) -> None:
        self.speed = speed
        self.paused = False
        self._max_idle = max_idle
        self._skip = skip
        self._recorded = 0.0  # seconds, without what of the pauses is cut off: where the next piece is
        self._last: int | None = None
        self._start = 0
        self._anchor = (0.0, now)

    def reach(self, moment: int, now: float) -> None:
        """The next piece is of that moment, in nanoseconds since 1970."""
        begins = self._last is None
        if self._last is None:
            self._last = self._start = moment
        passed = max(0, moment - self._last) / SECOND
        if begins or 0 < self._skip >= (moment - self._start) / SECOND:
            self._anchor = (self._recorded, now)
            passed = 0.0
        elif (self._last - self._start) / SECOND < self._skip:
            passed = (moment - self._start) / SECOND - self._skip
        self._last = max(self._last, moment)
        self._recorded += passed if self._max_idle is None else min(passed, self._max_idle)

    def left(self, now: float) -> float | None:
        """Seconds until the next piece is to be shown, 0 when it is time; None: not before somebody goes on."""
        if self.paused:
            return None
        recorded, then = self._anchor
        return max(0.0, then + (self._recorded - recorded) / self.speed - now)

    def toggle(self, now: float) -> None:
        """Stops, or goes on."""
        self._tie(now)
        self.paused = not self.paused

    def change(self, now: float, *, faster: bool) -> None:
        """Goes twice as fast, or half."""
        self._tie(now)
        if self.speed != float("inf"):
            self.speed = min(max(self.speed * (STEP if faster else 1 / STEP), SLOWEST), FASTEST)

    def _tie(self, now: float) -> None:
        recorded, then = self._anchor
        if not self.paused and self.speed != float("inf"):
            recorded = min(recorded + (now - then) * self.speed, max(recorded, self._recorded))
        self._anchor = (recorded, now)

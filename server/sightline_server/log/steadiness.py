"""Whether the wall clock can be believed: a clock that was set is not, for a while. Knows nothing of what is decided by it.

A clock that jumps ahead makes everything look old. What is removed by age is gone for good, so age counts only once the clock has
gone on steadily for an hour of the server's life: time enough for a wrong clock to be put right. The clock to compare with is one
that nobody sets and that goes on while the machine sleeps (CLOCK_BOOTTIME).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)

SECOND = 1_000_000_000  # nanoseconds
STEP = 60 * SECOND  # more than this between two looks is no drift and no slewing: somebody set the clock
TRUST_AFTER = 3600 * SECOND


class Steadiness:
    """See the module.

    Args:
        clock: the wall clock, in nanoseconds since 1970.
        steady_clock: nanoseconds since some moment.
    """

    def __init__(self, clock: Callable[[], int], steady_clock: Callable[[], int]) -> None:
        self._clock = clock
        self._steady_clock = steady_clock
        self._since = steady_clock()
        self._difference = clock() - self._since

    def look(self) -> bool:
        """Whether the wall clock has gone on steadily for long enough; to be asked every few minutes at least."""
        now = self._steady_clock()
        difference = self._clock() - now
        step = difference - self._difference
        self._difference = difference
        if abs(step) > STEP:
            self._since = now
            logger.warning("the clock was set by %+d s: for an hour nothing is removed for its age", step // SECOND)
        return now - self._since >= TRUST_AFTER

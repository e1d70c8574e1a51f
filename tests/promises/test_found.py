"""What hypothesis found once, kept as stories: each broke a promise."""

from __future__ import annotations

import pytest
from promises.house import DISKS
from promises.test_promises import Live
from promises.world import Ask


@pytest.mark.parametrize("disk", DISKS)
def test_live_a_paced_reader_goes_on_behind_a_backlog_of_which_nothing_may_be_left_out(disk: str) -> None:
    """More than 512 KiB waited and no token was there: it neither rested nor was ready, and nobody woke it."""
    world = Live(disk)
    world.create("a", terminal=False, turns=5)
    for batch in ("B" + "n" * 9, "Bnn", "Bnn"):  # all tokens go into what is looked at first
        world.append(0, [batch], turns=3)
    world.follow(Ask(("a",), filter="stderr", pace="shed"), window=1, turns=1)
    world.teardown()

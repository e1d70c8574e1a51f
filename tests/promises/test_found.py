"""What hypothesis found once, kept as stories: each broke a promise."""

from __future__ import annotations

import pytest
from promises.house import DISKS
from promises.test_promises import Complete, Live
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


@pytest.mark.parametrize("disk", DISKS)
def test_complete_a_session_that_is_deleted_before_its_header_has_nothing_left(disk: str) -> None:
    """It was there when the stream began, and gone when its turn came: the judge wanted what nobody could send."""
    world = Complete(disk)
    world.begin_with(["B"], Ask(("*",)), window=0, turns=0)
    for _ in range(3):
        world.the_thread_works(turns=0)
    for _ in range(2):
        world.create("a", terminal=False, turns=0)
    for _ in range(9):
        world.the_thread_works(turns=0)
    world.cut_at_every_message(count=1, which=0)
    world.a_session_goes(which=0, how="end", turns=0)
    world.a_session_goes(which=1, how="replace", turns=0)
    world.follow(Ask(("*",)), window=1, turns=0)
    world.teardown()

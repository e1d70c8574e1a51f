"""The bucket that counts connects."""

from __future__ import annotations

from sightline_bridge.limits import Bucket
from support.bridge import Clock


def test_so_many_at_once_and_then_at_a_rate() -> None:
    clock = Clock()
    bucket = Bucket(rate=10, burst=3, clock=clock)
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]
    clock.now += 0.1
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.now += 1000
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]


def test_what_was_refused_costs_nothing() -> None:
    clock = Clock()
    bucket = Bucket(rate=1, burst=1, clock=clock)
    assert bucket.take()
    for _ in range(9):
        clock.now += 0.1
        assert not bucket.take()
    clock.now += 0.2
    assert bucket.take()

"""The output of a terminal in tmux to 1 subscriber, beside `pipe-pane` to a file alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

from benchmarks import peers
from benchmarks.figures import Figure, at_least, median, plain
from benchmarks.output import flood
from benchmarks.run import MB, Run
from benchmarks.sources import flood_file

OF_PIPE_PANE = 0.85


async def measure(run: Run) -> AsyncIterator[Figure]:
    """In turn: the machine's speed drifts."""
    size = run.pick(200 * MB, 10 * MB)
    rounds = run.pick(3, 1)
    alone: list[float] = []
    ours: list[float] = []
    with flood_file(size) as source:
        for number in range(rounds):
            run.say(f"pane, round {number + 1} of {rounds}: pipe-pane alone")
            alone.append(peers.pipe_pane_alone(size))
            run.say(f"pane, round {number + 1} of {rounds}: 1 subscriber")
            ours.append((await flood(source, 1, pane=True)).rate)
    ratio = median([mine / theirs for mine, theirs in zip(ours, alone, strict=True)])
    yield plain("pane.sightline", "pane output, committed, to 1 subscriber", median(ours), "MB/s")
    yield plain("pane.pipe_pane", "  `pipe-pane` to a file alone", median(alone), "MB/s")
    yield at_least("pane.of_pipe_pane", "  Sightline's rate to `pipe-pane`'s", ratio, "ratio", OF_PIPE_PANE)

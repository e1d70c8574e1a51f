"""Floods: the output of one command, committed, to 1, 10 and 100 subscribers, beside its peers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from benchmarks import peers
from benchmarks.figures import Figure, absent, at_least, median, plain
from benchmarks.processes import processor
from benchmarks.readers import Readers
from benchmarks.run import GB, MB, Run
from benchmarks.server import server
from benchmarks.sources import FloodFile, flood_file, gate, gated_cat

CROWDS = {1: 120.0, 10: 500.0, 100: 600.0}  # subscribers, and MB/s wanted to all of them together
OVER_TERMINADO = 3.0  # at 10
PEERS_PART = 4  # of the bytes, for the peers: they take minutes otherwise, and are not faster with more


@dataclass
class Flood:
    """How it went.

    Attributes:
        rate: MB/s of program output, to all subscribers together.
        processor: seconds of the server's processor time for each GB delivered.
    """

    rate: float
    processor: float


async def flood(source: FloodFile, subscribers: int, *, pane: bool = False) -> Flood:
    """From the opening of the gate to the last subscriber's `end`. Every subscriber must have got the whole log."""
    size = source.terminal_size if pane else source.size
    with gate() as at:
        async with server() as running:
            session = await running.create(*gated_cat(at, source), pane=pane)
            async with Readers("count", running.target, [session.id], subscribers) as readers:
                before = processor(running.pid)
                began = time.monotonic_ns()
                at.open()
                reports = await readers.reports()
            spent = processor(running.pid) - before
            log = await running.get(session.id)
    wrong = {report.bytes for report in reports} - {log.bytes}
    if wrong or log.bytes < size or len(reports) != subscribers:
        raise RuntimeError(f"of a log of {log.bytes} bytes for {size} written, {len(reports)} subscribers got {wrong or 'all'}")
    seconds = (max(report.ended for report in reports) - began) / 1e9
    return Flood(size * subscribers / MB / seconds, spent / (size * subscribers / GB))


async def measure(run: Run) -> AsyncIterator[Figure]:
    """In rounds, everything that is compared in turn: the machine's speed drifts."""
    size = run.pick(200 * MB, 10 * MB)
    rounds = run.pick(3, 1)
    found: dict[str, list[float]] = {}
    with flood_file(size) as source, flood_file(size // PEERS_PART) as less:
        for number in range(rounds):
            run.say(f"floods, round {number + 1} of {rounds}: bare pipe and pty")
            found.setdefault("pipe", []).append(peers.bare_pipe(size))
            found.setdefault("pty", []).append(peers.bare_pty(size))
            for crowd in CROWDS:
                if crowd == 100 and number:  # once is long enough
                    continue
                run.say(f"floods, round {number + 1} of {rounds}: {crowd} subscribers")
                ours = await flood(source, crowd)
                found.setdefault(f"sightline.{crowd}", []).append(ours.rate)
                found.setdefault(f"processor.{crowd}", []).append(ours.processor)
                if crowd <= 10:
                    await beside(run, found, less, crowd)
    for figure in rows(found):
        yield figure


async def beside(run: Run, found: dict[str, list[float]], source: FloodFile, crowd: int) -> None:
    """The peers with the same number of viewers."""
    others: dict[str, Callable[[FloodFile, int], Awaitable[float]]] = {"terminado": peers.terminado}
    if peers.has_ttyd():
        others["ttyd"] = peers.ttyd
    for name, other in others.items():
        run.say(f"floods: {name}, {crowd} viewers")
        found.setdefault(f"{name}.{crowd}", []).append(await other(source, crowd))


def rows(found: dict[str, list[float]]) -> list[Figure]:
    """The table's rows from the rounds' rates."""
    rates = {name: median(values) for name, values in found.items()}
    figures: list[Figure] = []
    for crowd, goal in CROWDS.items():
        who = "1 subscriber" if crowd == 1 else f"{crowd} subscribers, in all"
        figures.append(
            at_least(f"output.{crowd}.sightline", f"command output, committed, to {who}", rates[f"sightline.{crowd}"], "MB/s", goal)
        )
        name = "  server's processor time for each GB delivered"
        figures.append(plain(f"output.{crowd}.processor", name, rates[f"processor.{crowd}"], "s/GB"))
        if crowd > 10:
            continue
        viewers = "1 viewer" if crowd == 1 else f"{crowd} viewers, in all"
        figures.append(plain(f"output.{crowd}.terminado", f"  terminado, {viewers}", rates[f"terminado.{crowd}"], "MB/s"))
        ratio = median(
            [ours / theirs for ours, theirs in zip(found[f"sightline.{crowd}"], found[f"terminado.{crowd}"], strict=True)]
        )
        name = "  Sightline's rate to terminado's"
        key = f"output.{crowd}.over_terminado"
        figures.append(at_least(key, name, ratio, "ratio", OVER_TERMINADO) if crowd == 10 else plain(key, name, ratio, "ratio"))
        if f"ttyd.{crowd}" in rates:
            figures.append(plain(f"output.{crowd}.ttyd", f"  ttyd, {viewers} (a program each)", rates[f"ttyd.{crowd}"], "MB/s"))
        else:
            figures.append(absent(f"output.{crowd}.ttyd", f"  ttyd, {viewers}", "not on PATH"))
    figures += [
        plain("output.pipe", "the same `cat` into a bare pipe, read and thrown away", rates["pipe"], "MB/s"),
        plain("output.of_pipe", "  of it, 1 subscriber", rates["sightline.1"] / rates["pipe"], "ratio"),
        plain("output.pty", "the same `cat` in a bare pty, read and thrown away", rates["pty"], "MB/s"),
        plain("output.of_pty", "  of it, 1 subscriber", rates["sightline.1"] / rates["pty"], "ratio"),
    ]
    return figures

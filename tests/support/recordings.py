"""The recordings of agents in `tests/data/agents`: the table, the decoder of each, and its events as golden lines.

As a program it writes the golden files anew: `PYTHONPATH=tests .venv/bin/python -m support.recordings [PREFIX...]`.
"""

from __future__ import annotations

import itertools
import json
import pickle
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from sightline.v1.event_pb2 import Event, Outcome
from sightline_server.decode.agents import choose
from sightline_server.decode.agents.decoder import Decoder, End

DATA = Path(__file__).parent.parent / "data" / "agents"


@dataclass(frozen=True)
class Recording:
    """One line of `recordings.toml`; its head says what each field means."""

    name: str
    agent: str
    outcome: str
    kind: str = "stream"
    exit_code: int | None = None
    signal: int = 0
    sent: str = ""
    if_asked: str = ""

    @property
    def data(self) -> bytes:
        """What the program wrote."""
        return (DATA / f"{self.name}.jsonl").read_bytes()

    @property
    def golden(self) -> Path:
        """Where its events are."""
        return DATA / f"{self.name}.events.jsonl"

    @property
    def decoder(self) -> type[Decoder] | None:
        """The one that reads it; None: there is none."""
        families: Mapping[str, Mapping[str, type[Decoder]]] = {
            "stream": choose.STREAMS,
            "transcript": choose.TRANSCRIPTS,
            "hooks": choose.HOOKS,
        }
        return families[self.kind].get(self.agent)

    def end(self, *, asked: bool = False) -> End:
        """How its program ended; `asked`: the signal came from us."""
        return End(
            exit_code=self.exit_code,
            signal=self.signal,
            observed=self.exit_code is not None or self.signal != 0,
            interrupted=asked and self.sent == "INT",
            terminated=asked and self.sent in {"TERM", "KILL"},
        )

    def events(self, cuts: Iterable[int] = (), *, asked: bool = False, keep_raw: bool = False) -> list[Event]:
        """Its events, fed in pieces cut at these places; between two of them the decoder is put away and taken up again."""
        assert self.decoder is not None, f"nothing reads {self.agent} {self.kind}"
        decoder = self.decoder(keep_raw=keep_raw)
        data = self.data
        events = []
        for start, end in itertools.pairwise([0, *sorted(cuts), len(data)]):
            events += decoder.feed(data[start:end])
            if end != len(data):
                decoder = pickle.loads(pickle.dumps(decoder))
        return [*events, *decoder.close(self.end(asked=asked))]


def recordings() -> list[Recording]:
    """All of them."""
    table = tomllib.loads((DATA / "recordings.toml").read_text())
    return [Recording(name, **row) for name, row in table.items()]


def as_lines(events: Iterable[Event]) -> str:
    """One event a line, canonical proto3 JSON."""
    return "".join(json.dumps(MessageToDict(event), separators=(",", ":")) + "\n" for event in events)


def outcome_of(events: list[Event]) -> str:
    """What `completed` says, in a word."""
    return Outcome.Name(events[-1].completed.outcome).removeprefix("OUTCOME_")


def main(prefixes: list[str]) -> None:
    """Writes the golden files of all recordings, or of those whose names begin so."""
    for one in recordings():
        if one.decoder is not None and (not prefixes or one.name.startswith(tuple(prefixes))):
            one.golden.write_text(as_lines(one.events()))
            print(one.name)  # noqa: T201 - a program


if __name__ == "__main__":
    main(sys.argv[1:])

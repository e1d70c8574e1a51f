"""What Prometheus reads: the bridge's own counts, then the server's, in its text format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sightline.v1.session_service_pb2 import Metric

KINDS = {Metric.KIND_COUNTER: "counter", Metric.KIND_GAUGE: "gauge"}


@dataclass
class Counts:
    """The bridge's own.

    Attributes:
        sockets: open now.
        connects: requests for a socket that were accepted, since the start.
        refused: requests that were refused, since the start.
        sent: bytes of frames sent, since the start.
    """

    sockets: int = 0
    connects: int = 0
    refused: int = 0
    sent: int = 0

    def metrics(self) -> list[Metric]:
        """As the contract writes them."""
        gauge, counter = Metric.KIND_GAUGE, Metric.KIND_COUNTER
        return [
            Metric(name="sightline_bridge_sockets", kind=gauge, help="WebSockets that are open.", value=self.sockets),
            Metric(name="sightline_bridge_connects_total", kind=counter, help="WebSockets accepted.", value=self.connects),
            Metric(name="sightline_bridge_refused_total", kind=counter, help="Requests refused.", value=self.refused),
            Metric(name="sightline_bridge_sent_bytes_total", kind=counter, help="Bytes of frames sent.", value=self.sent),
        ]


def text(metrics: Iterable[Metric]) -> str:
    """The text that Prometheus reads (0.0.4). Those of one name follow each other, as it demands."""
    named: dict[str, list[Metric]] = {}
    for metric in metrics:
        named.setdefault(metric.name, []).append(metric)
    lines: list[str] = []
    for name, found in named.items():
        lines += [f"# HELP {name} {_escaped(found[0].help)}", f"# TYPE {name} {KINDS.get(found[0].kind, 'untyped')}"]
        lines += [f"{name}{_labels(metric)} {_number(metric.value)}" for metric in found]
    return "\n".join(lines) + "\n"


def _labels(metric: Metric) -> str:
    inner = ",".join(f'{name}="{_escaped(value, quoted=True)}"' for name, value in sorted(metric.labels.items()))
    return f"{{{inner}}}" if inner else ""


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _escaped(words: str, *, quoted: bool = False) -> str:
    words = words.replace("\\", r"\\").replace("\n", r"\n")
    return words.replace('"', r"\"") if quoted else words

"""What Prometheus reads: the bridge's own counts, then the server's, in the text format of OpenMetrics."""

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
    """The text that Prometheus reads. Those of one name follow each other."""
    lines: list[str] = []
    last = ""
    for metric in metrics:
        if metric.name != last:
            last = metric.name
            lines += [f"# HELP {metric.name} {_escaped(metric.help)}", f"# TYPE {metric.name} {KINDS.get(metric.kind, 'untyped')}"]
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(metric.labels.items()))
        lines.append(f"{metric.name}{{{labels}}} {metric.value:.17g}" if labels else f"{metric.name} {metric.value:.17g}")
    return "\n".join(lines) + "\n"


def _escaped(words: str) -> str:
    return words.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")

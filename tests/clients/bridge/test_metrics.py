"""The text that Prometheus reads."""

from __future__ import annotations

import math

from sightline.v1.session_service_pb2 import Metric
from sightline_bridge.metrics import Counts, text
from support.bridge import parsed

GAUGE, COUNTER = Metric.KIND_GAUGE, Metric.KIND_COUNTER


def test_metrics_of_one_name_follow_each_other_under_one_heading() -> None:
    mixed = [
        Metric(name="a", kind=GAUGE, help="one", value=1, labels={"x": "1"}),
        Metric(name="b_total", kind=COUNTER, help="two", value=2),
        Metric(name="a", kind=GAUGE, help="one", value=3, labels={"x": "2"}),
    ]
    assert text(mixed) == (
        '# HELP a one\n# TYPE a gauge\na{x="1"} 1\na{x="2"} 3\n# HELP b_total two\n# TYPE b_total counter\nb_total 2\n'
    )


def test_what_stands_in_labels_and_help_is_escaped() -> None:
    odd = Metric(name="a", kind=GAUGE, help='say "a\\b"\nc', value=0.1, labels={"x": '"\\\n', "b": "é"})
    written = text([odd])
    assert written == '# HELP a say "a\\\\b"\\nc\n# TYPE a gauge\na{b="é",x="\\"\\\\\\n"} 0.1\n'
    assert parsed(written) == {("a", (("b", "é"), ("x", '"\\\n'))): 0.1}


def test_numbers_are_exact() -> None:
    values = [0, 1, 2**53, 0.1, 1e300, -1.5, math.inf, -math.inf]
    written = text([Metric(name=f"m{n}", kind=GAUGE, value=value) for n, value in enumerate(values)])
    assert list(parsed(written).values()) == values
    assert text([Metric(name="a", value=math.nan)]).endswith("a nan\n")


def test_the_bridges_own_counts_are_metrics_with_a_name_of_its_own() -> None:
    found = parsed(text(Counts(sockets=2, connects=3, refused=4, sent=5).metrics()))
    assert found == {
        ("sightline_bridge_sockets", ()): 2,
        ("sightline_bridge_connects_total", ()): 3,
        ("sightline_bridge_refused_total", ()): 4,
        ("sightline_bridge_sent_bytes_total", ()): 5,
    }

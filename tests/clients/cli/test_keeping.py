"""df, gc, metrics: what is kept, and making room."""

from __future__ import annotations

import json
import re

from clients.cli.program import Sightline, until
from sightline.v1.session_service_pb2 import Metric
from sightline_cli.keeping import open_metrics

LINE = re.compile(r"(# (TYPE|HELP) [a-z_]+ .+|[a-z_]+(\{[a-z]+=\"[^\"]*\"\})? [-+.0-9e]+|# EOF)")


def test_df_shows_totals_limits_and_the_largest_sessions(served: Sightline) -> None:
    served.run("run", "--name", "small", "--", "true")
    served.run("run", "--name", "large", "--", "head", "-c", "200000", "/dev/zero")
    text = served.out("df")
    totals, _, table = text.partition("\n\n")
    assert re.search(r"kept +19\d\.\d KiB of 20\.0 GiB  \[\.{24}\] 0%", totals)
    assert re.search(r"ended +19\d\.\d KiB +2 sessions", totals)
    assert "limits   4.0 GiB a session, 20.0 GiB in all, 30d" in totals
    assert [line.split()[0] for line in table.splitlines()] == ["SESSION", "large", "small"]
    assert "\x1b" not in text


def test_df_as_json_has_bytes(served: Sightline) -> None:
    served.run("run", "--", "true")
    usage = json.loads(served.out("df", "--json"))
    assert (usage["sessions"], usage["limits"]["maxTotalBytes"]) == (1, str(20 << 30))
    assert int(usage["diskBytes"]) > int(usage["logBytes"]) > 0
    assert int(usage["freeBytes"]) > 0


def test_gc_says_what_it_would_remove_then_removes_it(served: Sightline) -> None:
    for name in ("old", "new"):
        served.run("run", "--name", name, "--", "head", "-c", "100000", "/dev/zero")
    would = served.out("gc", "--max-total", "1", "--dry-run")
    assert re.fullmatch(r"would remove \d+\.\d KiB: \d+ events, 2 ended sessions forgotten\n", would)
    assert served.out("ls", "-q", "--all") == "new\nold\n"
    assert served.out("gc", "--max-total", "1") == would.replace("would remove", "removed")
    assert served.out("ls", "-q", "--all") == ""
    assert served.out("gc") == "nothing is beyond the limits\n"


def test_gc_shortens_a_live_session_and_leaves_its_program_alone(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sh", "-c", "head -c 300000 /dev/zero; echo end; sleep 60")
    until(lambda: int(json.loads(served.out("show", "web", "--json")).get("bytes", 0)) > 300_000, "all of it is logged")
    removed = json.loads(served.out("gc", "--max-session", "1000", "--json"))
    assert removed["shortenedSessions"] == 1
    assert "removedSessions" not in removed
    session = json.loads(served.out("show", "web", "--json"))
    assert session["state"] == "SESSION_STATE_WORKING"
    assert int(session["oldestSeq"]) > 1


def test_gc_refuses_to_keep_nothing(served: Sightline) -> None:
    assert b"more than nothing" in served.run("gc", "--max-total", "0", code=2).stderr
    assert b"more than nothing" in served.run("gc", "--max-age", "0s", code=2).stderr


def test_metrics_are_in_the_format_that_prometheus_reads(served: Sightline) -> None:
    served.run("run", "--", "true")
    lines = served.out("metrics").splitlines()
    assert all(LINE.fullmatch(line) for line in lines)
    assert lines[-1] == "# EOF"
    (events,) = [line for line in lines if line.startswith("sightline_events_total ")]
    assert int(events.split()[1]) >= 3
    names = [json.loads(line)["name"] for line in served.out("metrics", "--json").splitlines()]
    assert "sightline_events_total" in names


def test_labels_are_escaped_and_each_family_is_described_once() -> None:
    metrics = [
        Metric(name="lag", kind=Metric.KIND_GAUGE, help="How\nfar.", labels={"session": 'a"\\'}, value=1.5),
        Metric(name="lag", kind=Metric.KIND_GAUGE, help="How\nfar.", labels={"session": "b"}, value=2),
        Metric(name="seen_total", kind=Metric.KIND_COUNTER, value=2**52),
    ]
    assert list(open_metrics(metrics)) == [
        "# TYPE lag gauge",
        "# HELP lag How\\nfar.",
        'lag{session="a\\"\\\\"} 1.5',
        'lag{session="b"} 2',
        "# TYPE seen counter",
        "seen_total 4503599627370496",
        "# EOF",
    ]

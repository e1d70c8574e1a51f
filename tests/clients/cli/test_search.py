"""`search`: what is found, how it is shown, and what the exit code says."""

from __future__ import annotations

import json
import re

import pytest
from clients.cli.program import Sightline, until


def found(served: Sightline, *words: str) -> str:
    """What a search prints once everything is indexed."""
    until(lambda: b"not everything is indexed" not in served.run("search", *words, code=None).stderr, "the index")
    return served.run("search", *words, code=None).stdout.decode()


def test_a_place_is_a_line_with_its_session_event_and_time(served: Sightline) -> None:
    served.run("run", "--name", "build", "--", "sh", "-c", r"echo fine; printf '\033[31merror\033[0m: C++\n'")
    assert re.fullmatch(r"build:\d+  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  error: C\+\+\n", found(served, "c++"))


def test_from_a_place_one_can_go_on(served: Sightline) -> None:
    served.run("run", "--name", "build", "--", "sh", "-c", "echo before; sleep 0.3; echo here; echo after")
    place = found(served, "here").split()[0]
    assert served.out("watch", "build", "--from-seq", place.partition(":")[2]) == "here\nafter\n"


def test_nothing_found_is_exit_code_1_and_silence(served: Sightline) -> None:
    done = served.run("search", "nosuchword", code=None)
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize("query", ['"abc', "->", ""])
def test_what_is_no_query_is_exit_code_2(served: Sightline, query: str) -> None:
    done = served.run("search", "--", query, code=None)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1


def test_a_query_may_begin_with_a_dash(served: Sightline) -> None:
    served.run("run", "--name", "build", "--", "echo", "with --no-cache")
    assert "with --no-cache" in found(served, "--", "--no-cache")


def test_sessions_times_and_a_limit_narrow_it_down(served: Sightline) -> None:
    for name in ("web", "db"):
        served.run("run", "--name", name, "--", "sh", "-c", f"for n in 1 2 3; do echo word $n of {name}; done")
    assert found(served, "word", "--session", "web").count("of web") == 3
    assert "of db" not in found(served, "word", "--session", "web")
    assert len(found(served, "word", "--limit", "4").splitlines()) == 4
    assert len(found(served, "word", "--limit", "0").splitlines()) == 6
    assert len(found(served, "word", "--since", "1h").splitlines()) == 6
    assert found(served, "word", "--until", "1h") == ""


def test_json_has_the_words_marked(served: Sightline) -> None:
    served.run("run", "--name", "build", "--", "echo", "one word")
    (line,) = found(served, "word", "--json").splitlines()
    hit = json.loads(line)
    assert (hit["session"], hit["snippet"]) == ("build", "one \x02word\x03")
    assert int(hit["seq"]) > 0


def test_a_session_whose_name_leads_elsewhere_is_shown_by_its_id(served: Sightline) -> None:
    served.run("run", "--name", "build", "--", "echo", "word one")
    served.run("run", "--name", "build", "--", "echo", "word two")
    newer, older = found(served, "word").splitlines()
    assert newer.startswith("build:")
    assert re.match(r"[0-9a-f]{16}:", older)


def test_on_a_terminal_found_words_are_coloured(served: Sightline) -> None:
    served.run("run", "--name", "build", "--", "echo", "one word here")
    found(served, "word")
    terminal = served.on_terminal("search", "word")
    terminal.expect(rb"one \x1b\[31m\x1b\[1mword\x1b\[0m here")


def test_from_seq_beyond_the_log_says_where_it_ends(served: Sightline) -> None:
    served.run("run", "--name", "build", "--", "true")
    done = served.run("watch", "build", "--from-seq", "3000", code=1)
    assert done.stderr.startswith(b"sightline: the log of build ends at event ")
    assert done.stderr.count(b"\n") == 1


def test_from_seq_is_of_one_session(served: Sightline) -> None:
    done = served.run("watch", "a", "b", "--from-seq", "3", code=None)
    assert done.returncode == 2

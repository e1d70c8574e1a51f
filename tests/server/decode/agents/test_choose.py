"""Which decoder reads what: found by a name, or by the first lines of everything that was recorded."""

from __future__ import annotations

import pytest
from sightline_server.decode.agents import choose
from support.recordings import Recording, recordings

ALL = [one for one in recordings() if one.data]


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_the_first_lines_say_who_wrote_them(one: Recording) -> None:
    assert choose.reader(one.data) is one.decoder
    if one.kind == "stream":
        assert choose.sniff(one.data) == one.agent


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_a_hint_chooses_between_what_a_family_prints_and_what_it_writes_to_disk(one: Recording) -> None:
    assert choose.reader(one.data, one.agent) is one.decoder


def test_noise_says_nothing_and_may_stand_before_the_first_line() -> None:
    noise = b'npm warn old\n\n[1,2]\nnull\n{"x":1}\n{"type":"brand_new"}\n{"type":"te'
    assert choose.reader(noise) is None
    assert choose.sniff(noise) == ""
    assert choose.sniff(noise + b'\n{"type":"text","text":"hello"}\n') == "blocks"


def test_a_command_line_means_a_family_by_its_programs_name() -> None:
    assert choose.family_of(["/usr/local/bin/gemini", "-p", "x"]) == "gemini"
    assert choose.family_of(["opencode"]) == "opencode"
    assert choose.family_of(["qwen-code"]) == "qwen"
    assert choose.family_of(["make"]) == choose.family_of([]) == ""
    assert choose.by_name("qwen-code") is choose.by_name("qwen")
    assert choose.by_name("make") is None

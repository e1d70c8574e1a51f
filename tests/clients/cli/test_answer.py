"""`answer`: what is asked, and which word means what. That an agent hears the answer is tested with agents."""

from __future__ import annotations

import json

from clients.cli.program import Sightline
from sightline import sync
from sightline.v1.event_pb2 import REQUEST_KIND_PERMISSION, Event, Request, RequestOption, RequestResolved

OPTIONS = [RequestOption(option_id="allow", label="Allow", allows=True), RequestOption(option_id="deny", label="Deny")]


def ask(served: Sightline, *events: Event) -> None:
    with sync.connect(f"unix:{served.home}/sightline.sock") as client:
        client.publish(client.create_published(name="fix"), events)


def request(request_id: str, text: str, *, free: bool = False) -> Event:
    asked = Request(request_id=request_id, kind=REQUEST_KIND_PERMISSION, text=text, options=[] if free else OPTIONS)
    return Event(request=asked)


def test_alone_it_lists_what_is_asked_and_where_to_answer(served: Sightline) -> None:
    gone = Event(request_resolved=RequestResolved(request_id="r1", cancelled=True))
    ask(served, request("r1", "Bash: ls"), gone, request("r2", "Bash: rm x"))
    assert served.out("answer", "fix") == "permission: Bash: rm x\n  answer it where it runs\n"
    assert json.loads(served.out("answer", "fix", "--json"))["requestId"] == "r2"


def test_where_nothing_is_asked_an_answer_is_refused(served: Sightline) -> None:
    ask(served, request("r1", "Bash: ls"), Event(request_resolved=RequestResolved(request_id="r1", option_id="allow")))
    assert served.run("answer", "fix").stderr == b"[sightline] fix asks nothing\n"
    assert b"fix asks nothing: it was answered" in served.run("answer", "fix", "allow", code=1).stderr


def test_of_several_requests_one_has_to_be_named(served: Sightline) -> None:
    ask(served, request("r1", "Bash: ls"), request("r2", "Bash: rm x"))
    assert b"name the request before the answer (r1, r2)" in served.run("answer", "fix", "allow", code=2).stderr


def test_a_word_that_is_no_option_is_refused_with_those_that_are(served: Sightline) -> None:
    ask(served, request("r1", "Bash: ls"))
    assert b"the answers are allow, deny, and 'maybe' is none of them" in served.run("answer", "fix", "maybe", code=2).stderr
    assert b"give one answer" in served.run("answer", "fix", "r1", "allow", "--text", "x", code=2).stderr


def test_a_question_without_options_wants_words(served: Sightline) -> None:
    ask(served, request("r1", "which branch?", free=True))
    assert b"answer with --text" in served.run("answer", "fix", "main", code=2).stderr

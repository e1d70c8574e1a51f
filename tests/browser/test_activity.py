"""What agents say and do, as cards: all of it, once, live; their questions are answered; what was long ago is found."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sightline.v1.event_pb2 import Event, Message, Outcome, Role
from sightline.v1.session_pb2 import Session
from support.browsing import CUT_OFF, Visitor, connected, holds, session_link
from support.dashboard import Dashboard
from support.server import until


def message(text: str) -> Event:
    return Event(message=Message(role=Role.ROLE_ASSISTANT, text=text, message_id=text))


@pytest.fixture
def published(place: Dashboard) -> Iterator[Session]:
    """A session whose events the test makes."""
    made = place.client.create_published()
    yield made
    place.client.terminate(made, grace=0.2)


def finds(page: Page, text: str, count: str) -> None:
    """Returns when the view's own search says that it found a text in so many cards: a number, or a pattern of one."""
    box = page.get_by_role("searchbox", name="Search the activity")
    box.fill(text)
    expect(page.get_by_role("search").get_by_role("status").first).to_have_text(re.compile(rf"^(\d+ of )?{count}$"))
    box.fill("")


def test_a_recording_is_shown_with_its_tools_and_its_end(visitor: Visitor, place: Dashboard) -> None:
    session = place.recording("claude/ok.jsonl")
    place.client.wait(session)
    events = place.events(session)
    page = visitor.open(f"/s/{session.id}/activity")
    feed = page.get_by_role("feed")
    expect(feed).to_have_attribute("aria-busy", "false")
    tools = [event for event in events if event.HasField("tool_call")]
    expect(page.get_by_role("tab", name=f"Tools {len(tools)}", exact=True)).to_be_visible()
    for said in (event.message.text for event in events if event.HasField("message") and not event.message.delta):
        words = next((line for line in said.splitlines() if re.fullmatch(r"[\w ,.']{4,}", line)), "")
        if words:
            finds(page, words, r"[1-9]\d*")
    page.get_by_role("tab", name=re.compile("^Tools")).click()
    expect(feed.get_by_role("article")).to_have_count(len(tools))


def test_a_permission_is_given_by_the_keyboard_and_the_agent_goes_on(visitor: Visitor, place: Dashboard) -> None:
    session = place.talking_agent("asking", "ask")
    page = visitor.open(f"/s/{session.id}/activity")
    expect(page.get_by_text("1 request waits for an answer")).to_be_visible()
    expect(session_link(page, "asking", "waits for permission")).to_be_visible()
    page.keyboard.press("r")
    request = next(event.request for event in place.events(session) if event.HasField("request"))
    allows = next(at for at, option in enumerate(request.options, 1) if option.allows)
    expect(page.locator("article[data-kind=request]")).to_be_focused()
    page.keyboard.press(str(allows))
    expect(page.get_by_text(re.compile("^Answered"))).to_contain_text(f"{request.options[allows - 1].label} by dashboard")
    expect(page.locator("article[data-kind=turn]").last).to_contain_text("succeeded")
    expect(page.get_by_text("1 request waits for an answer")).to_have_count(0)
    resolved = [event.request_resolved for event in place.events(session) if event.HasField("request_resolved")]
    assert [(one.option_id, one.author) for one in resolved] == [(request.options[allows - 1].option_id, "dashboard")]
    place.client.terminate(session, grace=0.2)


def test_two_browsers_see_one_question_and_the_answer_of_either(visitor: Visitor, place: Dashboard) -> None:
    session = place.talking_agent(prompt="ask")
    pages = [visitor.open(f"/s/{session.id}/activity") for _ in range(2)]
    for page in pages:
        expect(page.locator("[data-answer='1']")).to_be_visible()
    pages[0].locator("[data-answer='1']").click()
    for page in pages:
        expect(page.get_by_text(re.compile("^Answered"))).to_contain_text("by dashboard")
        expect(page.locator("[data-answer]")).to_have_count(0)
    place.client.terminate(session, grace=0.2)


def test_an_agents_turn_is_interrupted_from_its_menu(visitor: Visitor, place: Dashboard) -> None:
    session = place.talking_agent("slow-one", "slow")
    page = visitor.open(f"/s/{session.id}/activity")
    expect(page.locator("article[data-kind=tool]")).to_be_visible()
    page.get_by_role("button", name="Actions for slow-one").click()
    page.get_by_role("menuitem", name="Interrupt").click()
    expect(page.locator("article[data-kind=turn]").last).to_contain_text(re.compile("interrupted", re.IGNORECASE))
    ends = [event.turn_finished.outcome for event in place.events(session) if event.HasField("turn_finished")]
    assert ends == [Outcome.OUTCOME_INTERRUPTED]
    place.client.terminate(session, grace=0.2)


def test_it_follows_the_end_until_somebody_scrolls_up_and_counts_what_is_new(
    visitor: Visitor, place: Dashboard, published: Session
) -> None:
    place.client.publish(published, [message(f"early {n}.") for n in range(200)])
    page = visitor.open(f"/s/{published.id}/activity")
    expect(page.get_by_text("early 199.")).to_be_in_viewport()
    page.get_by_role("feed").hover()
    page.mouse.wheel(0, -3000)
    expect(page.get_by_role("button", name="To the end")).to_be_visible()
    place.client.publish(published, [message(f"late {n}.") for n in range(7)])
    page.get_by_role("button", name="7 new").click()
    expect(page.get_by_text("late 6.")).to_be_in_viewport()
    place.client.publish(published, [message("latest of all")])
    expect(page.get_by_text("latest of all")).to_be_in_viewport()


def test_no_card_is_lost_or_doubled_over_cuts_and_restarts(visitor: Visitor, place: Dashboard, published: Session) -> None:
    visitor.watch.allow(*CUT_OFF)
    page = visitor.open(f"/s/{published.id}/activity")
    for breaks in (place.line.cut, place.bridge.kill, place.server.kill):
        sent = sum(event.HasField("message") for event in place.events(published))
        place.client.publish(published, [message(f"numbered {n}.") for n in range(sent, sent + 150)])
        holds(page, lambda: page.get_by_text("numbered").count() > 0)
        breaks()
        if breaks != place.server.kill:
            place.client.publish(published, [message(f"numbered {n}.") for n in range(sent + 150, sent + 200)])
        mend(place)
        connected(page)
    place.client.publish(published, [message("numbered, the last")])
    expect(page.get_by_text("numbered, the last")).to_be_visible()
    total = sum(event.HasField("message") for event in place.events(published))
    finds(page, "numbered", f"{total}")
    for n in (0, 149, 150, 199, 200, 399, total - 2):
        finds(page, f"numbered {n}.", "1")


def mend(place: Dashboard) -> None:
    """What is broken works again."""
    place.line.mend()
    for part in (place.server, place.bridge):
        if part.process.poll() is not None:
            part.start()


def test_words_of_long_ago_are_found_in_the_whole_log_and_shown(visitor: Visitor, place: Dashboard, published: Session) -> None:
    place.client.publish(published, [message("the needle in it")])
    for at in range(0, 6000, 1000):
        place.client.publish(published, [message(f"hay {n}.") for n in range(at, at + 1000)])
    until(lambda: place.client.search("needle").hits)
    page = visitor.open(f"/s/{published.id}/activity")
    expect(page.get_by_text("hay 5999.")).to_be_visible()
    page.get_by_role("searchbox", name="Search the activity").fill("needle")
    page.get_by_role("button", name="Whole log").press("Enter")
    page.get_by_role("region", name=re.compile("Found in the whole log")).get_by_role("button", name=re.compile("needle")).click()
    expect(page.get_by_role("feed").get_by_text("the needle in it")).to_be_in_viewport()
    assert "seq=" in page.url


def test_a_link_to_an_event_shows_it(visitor: Visitor, place: Dashboard, published: Session) -> None:
    place.client.publish(published, [message(f"event of text {n}.") for n in range(3000 // 3)])
    seq = next(event.seq for event in place.events(published) if event.message.text == "event of text 40.")
    page = visitor.open(f"/s/{published.id}/activity?seq={seq}")
    expect(page.get_by_text("event of text 40.")).to_be_in_viewport()
    expect(page.locator(f"article[data-seq='{seq}']")).to_be_focused()


def test_what_an_agent_writes_is_text_and_never_markup(visitor: Visitor, place: Dashboard, published: Session) -> None:
    evil = (
        "<img src=x onerror='window.ran=1'><script>window.ran=2</script> [link](javascript:window.ran=3) ![x](http://127.0.0.1:9/y)"
    )
    place.client.publish(published, [message(evil), message("**behind** it")])
    page = visitor.open(f"/s/{published.id}/activity")
    expect(page.get_by_text("behind it")).to_be_visible()
    assert page.evaluate("window.ran") is None
    assert page.locator("[role=feed] img, [role=feed] script, [role=feed] a[href^='javascript']").count() == 0

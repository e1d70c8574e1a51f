"""Activity that is long: a hundred thousand events, a result that did not fit its entry, output, events that are no longer kept."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sightline.v1.event_pb2 import Channel, Event, Message, Output, Role, ToolCall, ToolResult, ToolStatus
from sightline.v1.session_pb2 import Session
from support.browsing import Visitor, holds
from support.dashboard import Dashboard
from support.server import until

EVENTS = 100_000
LOADED_WITHIN = 90_000  # milliseconds: a hang must end; a busy machine brings a fifth of the events in ten seconds
LONG_TASKS = """new PerformanceObserver(list => (window.long ??= []).push(...list.getEntries().map(one => one.duration)))
  .observe({type: 'longtask'})"""
SCROLL_UP = """async frames => {
  const scroller = document.querySelector('[role=feed]').parentElement;
  for (let frame = 0; frame < frames; frame++) { await new Promise(requestAnimationFrame); scroller.scrollBy(0, -800); }
}"""

TWICE_IN_A_FRAME = """async kinds => {
  const scroller = document.querySelector('[role=feed]').parentElement;
  for (let times = 0; times < 3; times++) { // as the browser tells of what was written: nothing is to change by it
    scroller.dispatchEvent(new Event('scroll'));
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  }
  scroller.dispatchEvent(new Event('scroll'));
  for (const label of document.querySelectorAll('fieldset label'))
    if (kinds.includes(label.textContent)) label.querySelector('input').click();
}"""


@pytest.fixture
def published(place: Dashboard) -> Iterator[Session]:
    """A session whose events the test makes."""
    made = place.client.create_published()
    yield made
    place.client.terminate(made, grace=0.2)


def turn(at: int) -> list[Event]:
    """What an agent says and does, four events of it."""
    call = f"call-{at}"
    return [
        Event(source="agent", message=Message(role=Role.ROLE_ASSISTANT, message_id=f"m{at}", text=f"step {at}, *then*\n\n- more")),
        Event(source="agent", tool_call=ToolCall(tool_call_id=call, name="Bash", title=f"Bash: make {at}")),
        Event(
            source="agent", tool_result=ToolResult(tool_call_id=call, status=ToolStatus.TOOL_STATUS_COMPLETED, content="ok\n" * 5)
        ),
        Event(source="agent", message=Message(role=Role.ROLE_ASSISTANT, text=f"done {at}", message_id=f"d{at}")),
    ]


def tab(page: Page, name: str) -> None:
    expect(page.get_by_role("tab", name=name, exact=True)).to_be_visible(timeout=LOADED_WITHIN)


def test_a_hundred_thousand_events_are_all_there_and_few_of_them_drawn(
    visitor: Visitor, place: Dashboard, published: Session, record_property: Callable[[str, object], None]
) -> None:
    for at in range(0, EVENTS // 4, 250):
        place.client.publish(published, [event for one in range(at, at + 250) for event in turn(one)])
    page = visitor.open()
    page.add_init_script(LONG_TASKS)
    page.goto(f"{place.url}/s/{published.id}/activity")
    expect(page.get_by_text(f"done {EVENTS // 4 - 1}", exact=True)).to_be_in_viewport()
    record_property("first_card_ms", page.evaluate("Math.round(performance.now())"))
    tab(page, f"Tools {EVENTS // 4}")  # without a `+`: all of it is loaded
    expect(page.get_by_role("feed").get_by_role("article").last).to_have_attribute("aria-setsize", f"{EVENTS // 4 * 3 + 2}")
    record_property("long_tasks_while_loading_ms", page.evaluate("window.long ?? []"))
    page.evaluate("window.long = []")
    page.evaluate(SCROLL_UP, 120)
    record_property("long_tasks_while_scrolling_ms", page.evaluate("window.long"))
    assert page.get_by_role("feed").get_by_role("article").count() < 100
    page.get_by_role("feed").get_by_role("article").first.focus()
    page.keyboard.press("Home")
    expect(page.locator("article[data-seq='1']")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_text(f"done {EVENTS // 4 - 1}", exact=True)).to_be_in_viewport()


def test_what_is_read_does_not_move_while_what_came_before_is_loaded(
    visitor: Visitor, place: Dashboard, published: Session
) -> None:
    for at in range(0, 5_000, 250):
        place.client.publish(published, [event for one in range(at, at + 250) for event in turn(one)])
    seq = next(event.seq for event in place.events(published) if event.message.text == "done 2000")
    page = visitor.open(f"/s/{published.id}/activity?seq={seq}")
    card = page.locator(f"article[data-seq='{seq}']")
    expect(card).to_be_focused()
    before = card.bounding_box()
    tab(page, "Tools 5000")
    assert card.bounding_box() == before


def test_the_end_stays_in_view_when_cards_come_twice_before_they_are_painted(
    visitor: Visitor, place: Dashboard, published: Session
) -> None:
    """So they come to a page that is busy while it loads. Here a filter brings them, which does it each time."""
    place.client.publish(published, [event for one in range(250) for event in turn(one)])
    page = visitor.open(f"/s/{published.id}/activity")
    expect(page.get_by_text("done 249", exact=True)).to_be_in_viewport()
    page.get_by_role("button", name="Filter").click()
    for kind in ("Messages", "Tools"):
        page.get_by_role("checkbox", name=kind, exact=True).uncheck()
    expect(page.get_by_role("feed").get_by_role("article").last).to_have_attribute("aria-setsize", "2")
    page.evaluate(TWICE_IN_A_FRAME, ["Messages", "Tools"])
    expect(page.get_by_role("feed").get_by_role("article").last).to_have_attribute("aria-setsize", "752")
    expect(page.get_by_text("done 249", exact=True)).to_be_in_viewport()
    expect(page.get_by_role("button", name="To the end")).to_have_count(0)


def test_the_end_is_followed_in_a_tall_window_and_in_one_that_grows(visitor: Visitor, place: Dashboard, published: Session) -> None:
    place.client.publish(published, [event for one in range(50) for event in turn(one)])
    tall = {"width": 1200, "height": 1300}
    pages = [visitor.open(f"/s/{published.id}/activity", viewport=tall), visitor.open(f"/s/{published.id}/activity")]
    for page in pages:
        expect(page.get_by_text("done 49", exact=True)).to_be_in_viewport()
    pages[1].set_viewport_size({"width": 1200, "height": 1300})
    holds(pages[1], lambda: pages[1].locator("[role=tabpanel]").evaluate("panel => panel.clientHeight") > 900)
    place.client.publish(published, [event for one in range(50, 55) for event in turn(one)])
    for page in pages:
        expect(page.get_by_text("done 54", exact=True)).to_be_in_viewport()
        expect(page.get_by_role("button", name=re.compile("new|To the end"))).to_have_count(0)


def test_a_result_that_did_not_fit_is_shown_whole(visitor: Visitor, place: Dashboard, tmp_path: Path) -> None:
    content = "\n".join(f"line {n} " + "x" * 90 for n in range(15_000)) + "\nthe very last line"
    said = {
        "type": "assistant",
        "message": {"id": "m", "role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Read", "input": {}}]},
    }
    answered = {
        "type": "user",
        "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": content}]},
    }
    recording = tmp_path / "big.jsonl"
    recording.write_text("".join(json.dumps({**line, "session_id": "s"}) + "\n" for line in (said, answered)))
    session = place.client.create(["cat", str(recording)], agent="claude", cwd="/", env=dict(os.environ))
    place.client.wait(session)
    page = visitor.open(f"/s/{session.id}/activity")
    card = page.locator("article[data-kind=tool]")
    expect(card).to_contain_text("did not fit")
    card.get_by_role("button", name="Show whole").click()
    expect(card.get_by_role("button", name="Show whole")).to_have_count(0)
    search = page.get_by_role("searchbox", name="Search the activity")
    search.fill("the very last line")
    expect(page.get_by_role("search").get_by_role("status").first).to_have_text("1")


def test_output_is_text_in_its_place_each_channel_for_itself(visitor: Visitor, place: Dashboard) -> None:
    script = "printf '\\033[1mbold\\033[0m\\nplain\\n'; sleep 0.2; echo wrong >&2; exit 3"
    session = place.command(script, terminal=None)
    place.client.wait(session)
    page = visitor.open(f"/s/{session.id}/activity")
    tab(page, "Output 2")
    kinds = page.locator("article[data-kind=output]")
    expect(kinds.nth(0)).to_contain_text(re.compile("stdout.*bold\\s*plain", re.DOTALL))
    expect(kinds.nth(1)).to_contain_text(re.compile("stderr.*wrong", re.DOTALL))
    expect(page.locator("article[data-kind=completed]")).to_contain_text("exit 3")
    page.get_by_role("tab", name="Errors 1").click()
    expect(page.get_by_role("feed").get_by_role("article")).to_have_count(1)


def test_live_output_is_followed_in_its_tab(visitor: Visitor, place: Dashboard, published: Session) -> None:
    page = visitor.open(f"/s/{published.id}/activity")
    page.get_by_role("tab", name=re.compile("^Output")).click()
    expect(page.get_by_text("Nothing was printed.")).to_be_visible()
    for n in range(3):
        data = f"printed {n}\n".encode()
        place.client.publish(published, [Event(source="tool", output=Output(channel=Channel.CHANNEL_STDOUT, data=data))])
        expect(page.get_by_role("feed")).to_contain_text(f"printed {n}")
    tab(page, "Output 1")


def test_events_that_are_no_longer_kept_are_named(visitor: Visitor, place: Dashboard, published: Session) -> None:
    for at in range(0, 3000, 250):
        place.client.publish(published, [event for one in range(at, at + 250) for event in turn(one)])

    def collected() -> bool:
        place.client.collect(max_session_bytes=100_000)
        return place.client.get(published).oldest_seq > 1

    until(collected)
    oldest = place.client.get(published).oldest_seq
    page = visitor.open(f"/s/{published.id}/activity")
    expect(page.get_by_text("done 2999")).to_be_in_viewport()
    page.get_by_role("feed").get_by_role("article").last.focus()
    page.keyboard.press("Home")
    expect(page.locator("article[data-kind=gap]")).to_contain_text(f"Events 1 to {oldest - 1}: no longer kept")

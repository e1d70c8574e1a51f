"""The list of sessions: what runs, how it stands, who needs somebody; and what can be done with it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, expect
from sightline.v1.event_pb2 import Outcome, SessionState
from support import probes
from support.browsing import Visitor, holds, session_link
from support.dashboard import Dashboard

LATE_MS = 3000.0  # a state is to be seen within a second; this machine may be busy
LINKS = "nav[aria-label=Sessions] a"
NOTIFICATIONS = """
window.notified = [];
window.Notification = class extends Notification {
  constructor(title, options) { super(title, options); notified.push(`${title} ${options?.body ?? ""}`); }
};
"""


def test_a_session_that_is_started_elsewhere_appears_and_its_end_too(page: Page, place: Dashboard) -> None:
    shell = place.shell("elsewhere")
    expect(session_link(page, "elsewhere")).to_be_visible()
    place.client.terminate(shell, grace=0.2)
    expect(session_link(page, "elsewhere", "stopped")).to_be_visible()


def test_a_program_that_failed_says_so(page: Page, place: Dashboard) -> None:
    place.command("exit 3", "failing")
    expect(session_link(page, "failing", r"failed \(3\)")).to_be_visible()


def test_a_change_of_state_is_seen_at_once(page: Page, place: Dashboard) -> None:
    shell = place.shell("changing")
    expect(session_link(page, "changing", "idle")).to_be_visible()
    page.evaluate("([probe, args]) => { window.seen = eval(probe)(args) }", [probes.WHEN, [LINKS, "^changing.*waits for"]])
    place.client.send(shell, "read -p 'Continue? [y/N] ' answer", submit=True)
    place.client.wait(shell, until=[SessionState.SESSION_STATE_WAITING], timeout=20)
    changed = [event for event in place.events(shell) if event.HasField("state_changed")][-1]
    late = page.evaluate("window.seen") - changed.time.ToNanoseconds() / 1e6
    assert late < LATE_MS
    place.client.terminate(shell, grace=0.2)


def test_who_waits_is_told_by_a_notification(visitor: Visitor, place: Dashboard) -> None:
    context = visitor.context(permissions=["notifications"])
    context.add_init_script(NOTIFICATIONS)
    page = context.new_page()
    page.goto(place.ticket_url())
    shell = place.shell("needy")
    expect(session_link(page, "needy", "idle")).to_be_visible()
    page.get_by_role("button", name="Page").click()
    page.get_by_role("menuitem", name="Turn notifications on…").or_(page.get_by_text("Turn notifications on…")).first.click()
    expect(page.get_by_text("You are told when a session waits or ends.")).to_be_visible()
    page.evaluate("Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })")
    page.evaluate("document.hasFocus = () => false")
    place.client.send(shell, "read -p 'Continue? [y/N] ' answer", submit=True)
    holds(page, lambda: any("needy" in words for words in page.evaluate("notified")))
    place.client.terminate(shell, grace=0.2)


def test_the_list_is_filtered_by_what_is_typed(page: Page, place: Dashboard) -> None:
    for name in ("apple", "pear"):
        place.command("true", name)
    expect(session_link(page, "pear")).to_be_visible()
    page.get_by_role("searchbox", name="Filter sessions").fill("appl")
    expect(session_link(page, "pear")).to_have_count(0)
    expect(session_link(page, "apple")).to_be_visible()


def test_a_session_is_created_and_stopped_by_the_keyboard(page: Page, place: Dashboard) -> None:
    expect(page.get_by_role("searchbox", name="Filter sessions")).to_be_visible()
    page.keyboard.press("n")
    dialog = page.get_by_role("dialog", name="New session")
    expect(dialog.get_by_label("Command line")).to_be_focused()
    page.keyboard.type("sleep 1000")
    dialog.get_by_label("Name").focus()
    page.keyboard.type("made-here")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    link = session_link(page, "made-here")
    expect(link).to_have_attribute("aria-current", "page")
    link.focus()
    page.keyboard.press("m")
    page.get_by_role("menuitem", name="Stop…").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Stop").press("Enter")
    expect(session_link(page, "made-here", "stopped")).to_be_visible()
    made = place.client.get("made-here")
    assert list(made.argv) == ["sleep", "1000"]
    assert made.outcome == Outcome.OUTCOME_CANCELLED


def test_who_begins_a_terminal_goes_on_typing_into_it(page: Page, place: Dashboard) -> None:
    expect(page.get_by_role("searchbox", name="Filter sessions")).to_be_visible()
    page.keyboard.press("n")
    dialog = page.get_by_role("dialog", name="New session")
    expect(dialog.get_by_label("Command line")).to_be_focused()
    page.keyboard.type("cat")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("textbox", name=re.compile("^Terminal of cat"))).to_be_focused()


def test_who_goes_elsewhere_while_a_new_terminal_is_loaded_stays_there(page: Page, place: Dashboard) -> None:
    expect(page.get_by_role("searchbox", name="Filter sessions")).to_be_visible()
    held: list[Route] = []
    is_held = True

    def meet(route: Route) -> None:
        if is_held:
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile(r"/assets/.*\.js$"), meet)
    page.keyboard.press("n")
    dialog = page.get_by_role("dialog", name="New session")
    expect(dialog.get_by_label("Command line")).to_be_focused()
    page.keyboard.type("tail -f /dev/null")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    link = session_link(page, "tail")
    expect(link).to_have_attribute("aria-current", "page")
    link.focus()
    holds(page, lambda: bool(held))
    is_held = False
    for route in held:
        route.continue_()
    expect(page.get_by_role("textbox", name=re.compile("^Terminal of tail"))).to_be_attached()
    expect(link).to_be_focused()


def test_a_link_leads_to_a_session_and_its_view(visitor: Visitor, place: Dashboard) -> None:
    shell = place.shell("linked")
    page = visitor.open("/s/linked/terminal")
    for view in ("Terminal", "Activity", "Files"):
        page.goto(f"{place.url}/s/linked/{view.lower()}")
        expect(page.get_by_role("link", name=view, exact=True)).to_have_attribute("aria-current", "page")
        expect(page.get_by_role("heading", name="linked")).to_be_visible()
    page.goto(f"{place.url}/s/{shell.id}")
    expect(page.get_by_role("heading", name="linked")).to_be_visible()
    session_link(page, "linked").click()
    page.get_by_role("link", name="Files", exact=True).click()
    page.go_back()
    expect(page.get_by_role("link", name="Files", exact=True)).not_to_have_attribute("aria-current", "page")
    place.client.terminate(shell, grace=0.2)


def test_a_link_to_no_session_says_so(visitor: Visitor) -> None:
    page = visitor.open("/s/nobody/terminal")
    expect(page.get_by_text("There is no session nobody")).to_be_visible()

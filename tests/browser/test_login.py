"""Who gets in: by a ticket, once, and with nothing of it left behind where somebody else could find it."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from support.browsing import Visitor, connected
from support.dashboard import Dashboard

REFUSED = r"status of 4\d\d"  # Chromium's own words for an answer that is an error


def test_a_ticket_in_the_fragment_logs_in_and_is_gone_from_the_address_and_from_the_history(
    visitor: Visitor, place: Dashboard
) -> None:
    page = visitor.context().new_page()
    url = place.ticket_url()
    ticket = url.rpartition("=")[2]
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.goto(url)
    connected(page)
    assert page.url == f"{place.url}/"
    assert page.evaluate("history.length") == 2  # about:blank and this page, where the ticket was taken out
    assert page.evaluate("navigation.entries().map((entry) => entry.url)") == [f"{place.url}/"]
    assert not [address for address in sent if ticket in address.partition("#")[0]]
    assert ticket not in page.content()
    assert ticket not in place.bridge.log()


def test_the_token_is_in_session_storage_and_nowhere_else(visitor: Visitor, place: Dashboard) -> None:
    page = visitor.open()
    token = page.evaluate("sessionStorage.getItem('sightline.token')")
    assert token.startswith("sl1.")
    assert place.token not in token
    assert page.evaluate("Object.keys(sessionStorage)") == ["sightline.token"]
    assert token not in page.evaluate("JSON.stringify(localStorage)")
    assert page.context.cookies() == []
    assert page.evaluate("document.cookie") == ""
    assert token not in place.bridge.log()
    other = page.context.new_page()
    other.goto(place.url)
    expect(other.get_by_role("button", name="Log in")).to_be_visible()  # another tab of the same profile is another login


def test_a_reload_stays_logged_in(visitor: Visitor) -> None:
    page = visitor.open()
    page.reload()
    connected(page)


def test_a_ticket_that_was_used_lets_nobody_else_in(visitor: Visitor, place: Dashboard) -> None:
    visitor.watch.allow(REFUSED)
    url = place.ticket_url()
    first = visitor.context().new_page()
    first.goto(url)
    connected(first)
    second = visitor.context().new_page()
    second.goto(url)
    expect(second.get_by_role("alert")).to_contain_text(re.compile("ticket", re.IGNORECASE))
    assert second.evaluate("sessionStorage.length") == 0
    connected(first)


def test_who_has_no_ticket_is_told_how_to_get_one_and_can_put_it_in_by_the_keyboard(visitor: Visitor, place: Dashboard) -> None:
    page = visitor.context().new_page()
    page.goto(place.url)
    expect(page.get_by_text("sightline open")).to_be_visible()
    page.get_by_label("Address or ticket").focus()
    page.keyboard.type(place.ticket_url())
    page.keyboard.press("Enter")
    connected(page)


def test_a_token_that_is_not_known_any_more_leads_back_to_the_login(visitor: Visitor) -> None:
    page = visitor.open()
    page.evaluate("sessionStorage.setItem('sightline.token', 'sl1.9999999999.x.y')")
    page.reload()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()

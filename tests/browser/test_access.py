"""Everybody can use it: axe finds nothing serious in any view, light or dark; nothing is cut off at 380 px; it follows themes."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sightline.v1.session_pb2 import Step
from support.browsing import Visitor, session_link
from support.dashboard import Dashboard

AXE = Path(__file__).parents[2] / "clients" / "web" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => {
  const found = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
  return found.violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.impact} ${one.id}: ${one.nodes.map((node) => `${node.target} (${node.failureSummary})`).join(" | ")}`);
}"""
VIEWS = ("", "/s/shown/terminal", "/s/shown/activity", "/s/shown/files", "/s/built/recipe", "/s/asks/activity")
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def full(place: Dashboard) -> Dashboard:
    """Something of everything: a shell, an agent that asks, a recipe, what has failed."""
    shell = place.shell("shown")
    place.client.send(shell, "echo some words; touch /tmp/x", submit=True)
    place.command("exit 3", "failed")
    place.client.create(name="built", steps=[Step(source="list", script="ls /"), Step(source="fails", script="false")], cwd="/")
    place.recording("claude/ok.jsonl", "recorded")
    place.talking_agent("asks", "ask")
    return place


def opened(visitor: Visitor, path: str, **options: object) -> Page:
    """The page of a path, with its list and its view drawn."""
    page = visitor.open(path or "/", **options)
    expect(session_link(page, "asks").first).to_be_visible()
    return page


def go(page: Page, path: str) -> None:
    """Goes to a view, without loading the page again; returns when nothing is being loaded and what is there has been drawn."""
    page.evaluate("(path) => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')) }", path or "/")
    expect(page.get_by_text("Loading…")).to_have_count(0)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def judged(page: Page) -> list[str]:
    """What axe finds serious or critical."""
    page.evaluate(AXE.read_text() + "; undefined")
    return list(page.evaluate(RUN, TAGS))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious_in_any_view(visitor: Visitor, full: Dashboard, scheme: str) -> None:
    page = opened(visitor, "", color_scheme=scheme)
    found: list[str] = []
    for path in VIEWS:
        go(page, path)
        found += [f"{path or '/'}: {wrong}" for wrong in judged(page)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious_in_the_login(visitor: Visitor, place: Dashboard, scheme: str) -> None:
    page = visitor.context(color_scheme=scheme).new_page()
    page.goto(place.url)
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    assert not (found := judged(page)), "\n".join(found)


def test_nothing_is_cut_off_at_380_pixels(visitor: Visitor, full: Dashboard) -> None:
    page = visitor.open(viewport={"width": 380, "height": 700})
    widths = {}
    for path in VIEWS:
        go(page, path)
        widths[path] = page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
    assert {path: width for path, width in widths.items() if width > 380} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_is_light_or_dark_as_the_system_is(visitor: Visitor, place: Dashboard, scheme: str) -> None:
    page = visitor.open(color_scheme=scheme)
    red = page.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])")
    assert red > 200 if scheme == "light" else red < 60
    page.emulate_media(color_scheme="dark" if scheme == "light" else "light")
    other = page.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])")
    assert (red > 128) != (other > 128)

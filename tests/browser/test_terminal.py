"""A terminal in the page: what was written, what is being written, and what is typed, each once and in order, whatever breaks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sightline.v1.session_pb2 import Session
from support.browsing import CUT_OFF, Visitor, connected, holds
from support.dashboard import Dashboard
from support.terminals import lines, prompted, terminal, type_line, until_line, until_shows

COUNTED = 'for n in $(seq 1 {count}); do echo "line $n of many"; [ $((n % 20)) = 0 ] && sleep 0.05; done; echo all are written'


@pytest.fixture
def shell(place: Dashboard) -> Iterator[Session]:
    made = place.shell()
    yield made
    place.client.terminate(made, grace=0.2)


@pytest.fixture
def page(visitor: Visitor, shell: Session) -> Page:
    """At the terminal of a shell that waits."""
    made = visitor.open(f"/s/{shell.id}/terminal")
    prompted(made)
    return made


def typed(place: Dashboard, session: Session) -> int:
    """How many bytes were typed into it: a shell's line editor turns the echo off, so the log has no more of them."""
    return sum(event.input.length for event in place.events(session) if event.HasField("input"))


def test_what_is_typed_reaches_the_shell_and_its_answer_the_page(page: Page, place: Dashboard, shell: Session) -> None:
    type_line(page, "echo $((6 * 7)) ünïcödé 漢字")
    until_line(page, "42 ünïcödé 漢字")
    assert typed(place, shell) == len("echo $((6 * 7)) ünïcödé 漢字\r".encode())


def test_what_was_written_before_the_page_came_is_there(visitor: Visitor, place: Dashboard) -> None:
    session = place.command("seq -f 'early %g' 1 300; exec sleep 1000")
    holds_all = [f"early {n}" for n in range(1, 301)]
    page = visitor.open(f"/s/{session.id}/terminal")
    terminal(page)
    holds(page, lambda: lines(page)[-300:] == holds_all)
    place.client.terminate(session, grace=0.2)


def test_ctrl_c_and_the_button_interrupt_what_runs(page: Page) -> None:
    type_line(page, "sleep 1000; echo code $?")
    until_shows(page, "sleep 1000")
    page.keyboard.press("Control+c")
    prompted(page)
    type_line(page, "echo code $?")
    until_line(page, "code 130")
    type_line(page, "sleep 1000")
    until_shows(page, "$ sleep 1000")
    page.get_by_role("button", name="Interrupt").click()
    prompted(page)


def test_a_paste_arrives_whole_and_runs_nothing_by_itself(page: Page, place: Dashboard, shell: Session) -> None:
    words = "\n".join(f"echo pasted {n}" for n in range(50))
    page.evaluate(
        """(text) => {
          const data = new DataTransfer();
          data.setData("text/plain", text);
          document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        words,
    )
    until_shows(page, "echo pasted 49")
    assert b"\npasted 0" not in place.output(shell)
    page.keyboard.press("Enter")
    until_line(page, "pasted 49")
    assert [line for line in lines(page) if line.startswith("pasted ")] == [f"pasted {n}" for n in range(50)]


def test_nothing_is_lost_or_repeated_over_cuts_of_the_network(
    page: Page, visitor: Visitor, place: Dashboard, shell: Session
) -> None:
    visitor.watch.allow(*CUT_OFF)
    type_line(page, COUNTED.format(count=3000))
    for reached in (300, 900, 1500, 2100):
        until_line(page, f"line {reached} of many")
        place.line.cut()
        expect(page.get_by_role("status").filter(has_text="Not connected").first).to_be_visible()
        place.line.mend()
        connected(page)
    until_line(page, "all are written")
    assert [line for line in lines(page) if line.endswith(" of many")] == [f"line {n} of many" for n in range(1, 3001)]


def test_nothing_is_lost_or_repeated_when_server_and_bridge_are_killed(
    page: Page, visitor: Visitor, place: Dashboard, shell: Session
) -> None:
    visitor.watch.allow(*CUT_OFF)
    type_line(page, COUNTED.format(count=2000))
    until_line(page, "line 300 of many")
    place.server.kill()
    place.server.start()
    until_line(page, "line 1000 of many")
    place.bridge.kill()
    place.bridge.start()
    until_line(page, "all are written")
    assert [line for line in lines(page) if line.endswith(" of many")] == [f"line {n} of many" for n in range(1, 2001)]
    prompted(page)
    type_line(page, "echo still here")
    until_line(page, "still here")


def test_keys_that_are_typed_while_nothing_is_connected_arrive_once(
    page: Page, visitor: Visitor, place: Dashboard, shell: Session
) -> None:
    visitor.watch.allow(*CUT_OFF)
    place.line.cut()
    expect(page.get_by_role("status").filter(has_text="Not connected").first).to_be_visible()
    type_line(page, "echo dark $((6 * 7))")
    place.line.mend()
    until_line(page, "dark 42")
    assert place.output(shell).count(b"dark 42") == 1
    assert typed(place, shell) == len("echo dark $((6 * 7))\r")


def test_the_answers_of_a_terminal_to_questions_are_never_typed(visitor: Visitor, place: Dashboard) -> None:
    questions = r"\033[c\033[>c\033[6n\033[5n\033]10;?\033\\\033]11;?\007\033[?2026$p\033P+q544e\033\\\033[18t"
    session = place.command(f"stty -echo; printf '{questions}'; echo asked; exec sleep 1000")
    page = visitor.open(f"/s/{session.id}/terminal")
    until_shows(page, "asked")
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.type("x")
    holds(page, lambda: typed(place, session) > 0)  # behind any answer, which would have been typed before it
    assert typed(place, session) == 1
    place.client.terminate(session, grace=0.2)


def test_read_only_types_nothing_and_live_off_holds_the_screen(page: Page, place: Dashboard, shell: Session) -> None:
    page.get_by_role("switch", name="Read-only").click()
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.type("not typed")
    page.get_by_role("switch", name="Read-only").click()
    page.get_by_role("switch", name="Live").click()
    place.client.send(shell, "echo behind the scenes", submit=True)
    expect(page.get_by_role("status").filter(has_text="Paused")).to_contain_text("new")
    assert "behind the scenes" not in lines(page)
    page.get_by_role("switch", name="Live").click()
    until_line(page, "behind the scenes")
    assert typed(place, shell) == len("echo behind the scenes")


def test_words_are_found_in_what_was_scrolled_off(page: Page) -> None:
    type_line(page, "seq -f 'number %g' 1 500; echo top")
    until_line(page, "top")
    page.keyboard.press("Control+Shift+F")
    box = page.get_by_role("searchbox", name="Search in the terminal")
    expect(box).to_be_focused()
    box.fill("number 77")
    expect(page.get_by_role("search").get_by_role("status")).to_have_text("1 of 1")
    box.press("Escape")
    expect(page.locator(".xterm-helper-textarea")).to_be_focused()


def test_what_is_on_the_screen_can_be_copied(visitor: Visitor, shell: Session) -> None:
    context = visitor.context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(visitor.ticket_url(f"/s/{shell.id}/terminal"))
    prompted(page)
    type_line(page, "echo to be copied")
    until_line(page, "to be copied")
    page.keyboard.press("Control+Shift+C")
    holds(page, lambda: "\nto be copied\n" in page.evaluate("navigator.clipboard.readText()"))


def test_all_of_a_screen_is_seen_whatever_the_height_of_the_window(page: Page, shell: Session) -> None:
    def overhang() -> float:
        return float(
            page.evaluate(
                """() => {
                  const screen = document.querySelector(".xterm-screen");
                  const stage = screen.closest("section").getBoundingClientRect();
                  return screen.getBoundingClientRect().bottom - stage.bottom;
                }"""
            )
        )

    prompted(page)
    for height in (*range(420, 520, 9), *range(520, 420, -7)):
        page.set_viewport_size({"width": 1200, "height": height})
        page.evaluate("() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
        assert overhang() <= 0, height


def test_a_session_takes_the_size_of_the_view_where_that_is_wanted(page: Page, place: Dashboard, shell: Session) -> None:
    page.get_by_role("switch", name="Fit").click()
    holds(page, lambda: place.client.get(shell).terminal.columns > 80)
    now = place.client.get(shell).terminal
    page.locator(".xterm-helper-textarea").focus()
    type_line(page, "stty size")
    until_line(page, f"{now.rows} {now.columns}")

"""What agents say beside their stream: the lines are those that the real programs have written."""

from __future__ import annotations

from pathlib import Path

import pytest
from sightline_server.capture.agent import stderr

RECORDINGS = Path(__file__).parents[3] / "data" / "agents"
LINES = [
    ("codex", "Reading additional input from stdin...", "stdin_read"),
    ("codex", "2026-11-21T01:46:00.047696Z ERROR codex_core::tools::router: error=unsupported call: no_such_tool", "TOOL_REFUSED"),
    (
        "codex",
        "2026-11-21T01:47:21.830630Z ERROR codex_core::session: failed to record rollout items: thread 01 not found",
        "AGENT_ERROR",
    ),
    ("codex", "WARNING: proceeding, even though we could not create PATH aliases: Refusing to", "agent_warning"),
    ("codex", "error: unexpected argument '--jsno' found", "BAD_FLAGS"),
    ("claude", "Error: When using --print, --output-format=stream-json requires --verbose", "BAD_FLAGS"),
    ("gemini", "YOLO mode is enabled. All tool calls will be automatically approved.", "everything_allowed"),
    ("gemini", "Ripgrep is not available. Falling back to GrepTool.", "slower_search"),
    ("gemini", "Error executing tool read_file: File not found.", "TOOL_FAILED"),
    ("gemini", "Attempt 1 failed with status 500. Retrying with backoff... _ApiError: {", "RETRYING"),
    ("gemini", "Error when talking to Gemini API Full report available at: /var/tmp/x.json _ApiError: {", "API_ERROR"),
    ("qwen", "Ripgrep not available: spawn /opt/rg EACCES. Falling back to built-in grep.", "slower_search"),
    ("qwen", "Operation cancelled.", "cancelled"),
    ("opencode", "\x1b[91m\x1b[1mError: \x1b[0mmodel is not there", "AGENT_ERROR"),
    ("opencode", "! permission requested: bash (ls); auto-rejecting", "PERMISSION_REFUSED"),
]


@pytest.mark.parametrize(("family", "line", "code"), LINES, ids=[code for _, _, code in LINES])
def test_a_known_line_is_an_error_or_a_notice(family: str, line: str, code: str) -> None:
    [event] = stderr.messages(family, f"words before\n{line}\nwords behind\n".encode())
    assert (event.error.code or event.notice.code) == code
    assert event.source == family
    assert "\x1b" not in event.error.message + event.notice.text


@pytest.mark.parametrize("family", [*stderr.KNOWN, "blocks"])
def test_plain_words_say_nothing(family: str) -> None:
    words = b"[STARTUP] Phase 'cleanup_ops' was started but never ended.\n    at async file:///opt/x.js:1:2\n\xff\x00\n\n"
    assert not stderr.messages(family, words)


def test_a_flood_of_errors_is_told_in_part() -> None:
    assert len(stderr.messages("codex", b"error: the argument\n" * 1000)) == stderr.MAX_TOLD
    assert not stderr.messages("codex", b"error: the argument\n" * 10_000)


def test_the_last_words_are_the_last_line_that_says_something() -> None:
    assert stderr.last_words(b"first\nsecond \x1b[31mred\x1b[0m\r\n\n  \n") == "second red"
    assert not stderr.last_words(b"\n\x1b[0m\n")


RECORDED = {
    "codex": {"stdin_read", "TOOL_REFUSED", "AGENT_ERROR"},
    "gemini": {"everything_allowed", "slower_search", "TOOL_FAILED", "RETRYING", "API_ERROR"},
    "qwen": {"everything_allowed", "slower_search", "cancelled"},
}


@pytest.mark.parametrize("family", sorted(RECORDED))
def test_the_recorded_messages_are_known(family: str) -> None:
    found = set()
    for path in RECORDINGS.glob(f"{family}*/*.stderr.txt"):
        found |= {event.error.code or event.notice.code for event in stderr.messages(family, path.read_bytes())}
    assert found == RECORDED[family]

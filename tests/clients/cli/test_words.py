"""One event in one line."""

from __future__ import annotations

import pytest
from sightline.v1 import event_pb2 as e
from sightline_cli import words


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (e.Event(completed=e.Completed(outcome=e.OUTCOME_SUCCEEDED, exit_code=0)), "succeeded"),
        (e.Event(completed=e.Completed(outcome=e.OUTCOME_FAILED, exit_code=2)), "failed with exit code 2"),
        (e.Event(completed=e.Completed(outcome=e.OUTCOME_CANCELLED, signal=15)), "cancelled by signal 15"),
        (
            e.Event(completed=e.Completed(outcome=e.OUTCOME_FAILED, error="no such file", descendants_left=1)),
            "failed: no such file (1 of its processes still run)",
        ),
        (
            e.Event(state_changed=e.StateChanged(state=e.SESSION_STATE_WAITING, waiting_for=e.WAITING_FOR_INPUT)),
            "waiting for input",
        ),
        (
            e.Event(
                state_changed=e.StateChanged(
                    state=e.SESSION_STATE_WORKING, capture=e.CAPTURE_STATE_PAUSED, reason="the disk is full"
                )
            ),
            "working, capture paused (the disk is full)",
        ),
        (e.Event(input=e.Input(data=b"ls\r", length=3, author="unix")), "input by unix: 'ls\\r'"),
        (e.Event(input=e.Input(length=8, redacted=True)), "input: 8 bytes, not kept"),
        (e.Event(input=e.Input(interrupt=True)), "interrupt"),
        (e.Event(resized=e.Resized(columns=80, rows=24)), "resized to 80x24"),
        (
            e.Event(output_lost=e.OutputLost(reason="the pipe was taken over")),
            "output was lost: an unknown amount, the pipe was taken over",
        ),
        (
            e.Event(step_finished=e.StepFinished(step="git", exit_code=1, failure_allowed=True)),
            "step git: exit code 1, allowed, 0 s",
        ),
        (
            e.Event(completed=e.Completed(outcome=e.OUTCOME_FAILED, exit_code=3, error="git failed with exit code 3: no disk")),
            "git failed with exit code 3: no disk",
        ),
        (
            e.Event(completed=e.Completed(outcome=e.OUTCOME_FAILED, exit_code=124, error="git timed out after 1 s")),
            "failed with exit code 124: git timed out after 1 s",
        ),
        (e.Event(file_changed=e.FileChanged(path="/a", change=e.FILE_CHANGE_DELETED)), "file deleted: /a"),
        (e.Event(file_changed=e.FileChanged(path="/b", old_path="/a", change=e.FILE_CHANGE_MOVED)), "file moved: /b, was /a"),
        (e.Event(message=e.Message(text="two\nlines")), "message: two lines"),
        (e.Event(seq=9), "an event of a kind that this version does not know (seq 9)"),
    ],
)
def test_an_event_is_one_readable_line(event: e.Event, text: str) -> None:
    assert words.line(event) == text


@pytest.mark.parametrize("payload", [field.name for field in e.Event.DESCRIPTOR.oneofs_by_name["payload"].fields])
def test_every_kind_of_event_has_words(payload: str) -> None:
    event = e.Event()
    getattr(event, payload).SetInParent()
    line = words.line(event)
    assert line
    assert "\n" not in line


def test_a_label_is_a_source_without_its_family() -> None:
    assert [words.label(source) for source in ("script:setup", "git", "a:b:c", "odd:")] == ["setup", "git", "c", "odd:"]

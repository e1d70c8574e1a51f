"""An agent's session for people: what it says as it comes, a line for each tool call, its plan, what it asks, how it ended.

Pure: events in, text to append out; no descriptors, no clock, no cursor movement: a terminal, a pipe and a file show the same.
What an agent writes is shown without control characters: it must not steer the reader's terminal.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from sightline.v1 import event_pb2 as e
from sightline.v1.session_pb2 import Session, SessionKind

from sightline_cli import people, words
from sightline_cli.agents import SOURCES as AGENTS

SHOWN = (
    *("turn_started", "turn_finished", "agent_info", "notice", "message", "thinking", "tool_call", "tool_result", "plan"),
    *("file_changed", "progress", "usage", "request", "request_resolved", "error", "completed"),
)
"""The kinds of events that are shown, or counted."""
SCREENS = {SessionKind.SESSION_KIND_TERMINAL, SessionKind.SESSION_KIND_TMUX, SessionKind.SESSION_KIND_SCREEN}
"""What somebody can attach to."""
MAX_PROMPT = 12  # lines of what was asked
MAX_LINE = 300  # characters of a notice, an error, or of why a tool failed
SHORTEST = 0.05  # seconds below which nobody wants to know how long something took
REMEMBERED = 64  # messages under way, and calls without a result

_CONTROL = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
_EXIT_CODE = re.compile(r"exit code:? \d+\.?$", re.IGNORECASE)
_STATUS = {e.TOOL_STATUS_COMPLETED: "ok", e.TOOL_STATUS_FAILED: "failed"}
_MARKS = {e.PLAN_STATUS_COMPLETED: "✔", e.PLAN_STATUS_IN_PROGRESS: "▸"}
_OUTCOMES = {e.OUTCOME_SUCCEEDED: "green", e.OUTCOME_INTERRUPTED: "yellow", e.OUTCOME_CANCELLED: "yellow"}
_NOT_JSON = "not_json"
_NOTICES = {
    *(_NOT_JSON, "retry", "warning", "rate_limit", "interrupted", "compacted", "compact_boundary", "same_steps"),
    *("notification", "informational"),
}
"""What a person wants to know of an agent's notices: the others are frames, counts, and what is shown in another way."""

Key = tuple[str, str, str]
"""What a line that is not over belongs to: its kind, the subagent, the message or the call."""


class Talk:
    """One session's events as text.

    Args:
        session: whose events these are, as far as it is known.
        colour: with colours.
    """

    def __init__(self, session: Session | None = None, *, colour: bool = False) -> None:
        self._session = session
        self._colour = colour
        self._open: Key | None = None
        self._held = ""  # line ends of a message that goes on, or not
        self._last = ""  # the kind of block before
        self._prompt = ""
        self._said: dict[Key, str] = {}
        self._calls: dict[str, e.Event] = {}
        self._requests: set[str] = set()
        self._agent = ""
        self._turn = ""  # how the last one ended, if not well, and nothing has followed yet
        self._began: e.Event | None = None
        self._tools = self._failed_tools = 0
        self._files: set[str] = set()
        self._show: Mapping[str, Callable[[e.Event], str]] = {
            "turn_started": self._turn_started,
            "turn_finished": self._turn_finished,
            "agent_info": self._agent_info,
            "notice": self._notice,
            "message": self._message,
            "thinking": self._thinking,
            "tool_call": self._tool_call,
            "tool_result": self._tool_result,
            "plan": self._plan,
            "file_changed": self._file_changed,
            "request": self._request,
            "request_resolved": self._request_resolved,
            "error": self._error,
            "completed": self._completed,
        }

    def event(self, event: e.Event, *, still_open: bool = True) -> str:
        """What to append for this event. `still_open`: nobody else has ended the line that was not over."""
        if not still_open:
            self._open = None
        self._began = self._began or event
        show = self._show.get(event.WhichOneof("payload") or "")
        return show(event) if show else ""

    @property
    def in_text(self) -> bool:
        """A message is under way: its line is not over, and shows by itself that something happens."""
        return self._open is not None and self._open[0] != "tool"

    def end_line(self) -> str:
        """What ends the line that is not over."""
        was, self._open, self._held = self._open, None, ""
        return "\n" if was else ""

    # --- turns

    def _turn_started(self, event: e.Event) -> str:
        ended = self._turn
        self._turn = ""
        self._prompt = event.turn_started.prompt
        text = self._line("turn", ended) if ended else ""
        return text + self._asked(self._prompt)

    def _turn_finished(self, event: e.Event) -> str:
        if event.turn_finished.outcome != e.OUTCOME_SUCCEEDED:
            self._turn = self._paint(f"turn {words.outcome(event.turn_finished.outcome)}", "yellow")
        return ""

    def _asked(self, prompt: str) -> str:
        lines = clean(prompt).strip().splitlines()
        if not lines:
            return ""
        more = len(lines) - MAX_PROMPT
        if more > 0:
            lines = [*lines[:MAX_PROMPT], f"… {people.count(more, 'more line')}"]
        return self._block("turn") + self._paint("> " + "\n  ".join(lines), "bold") + "\n"

    def _agent_info(self, event: e.Event) -> str:
        info = event.agent_info
        known = clean(" · ".join(filter(None, (f"{info.agent} {info.version}".strip(), info.model, info.cwd))))
        if known == self._agent:
            return ""
        self._agent = known
        return self._line("info", self._paint(known, "dim"))

    # --- what is said

    def _message(self, event: e.Event) -> str:
        message = event.message
        if message.role == e.ROLE_USER:
            again, self._prompt = message.text.strip() == self._prompt.strip(), ""
            return "" if again else self._asked(message.text)
        key = ("message", event.parent_tool_call_id, message.message_id)
        return self._text(key, message.text, "", delta=message.delta)

    def _thinking(self, event: e.Event) -> str:
        thinking = event.thinking
        key = ("thinking", event.parent_tool_call_id, thinking.message_id)
        return self._text(key, thinking.text, "dim", delta=thinking.delta)

    def _text(self, key: Key, text: str, colour: str, *, delta: bool) -> str:
        """A piece goes behind what stands there; a whole that was shown in pieces is not shown again."""
        text = clean(text)
        said = self._said.pop(key, None)
        if delta:
            self._said[key] = (said or "") + text
            _forget(self._said)
            return self._piece(key, text, colour)
        if said and text.rstrip().endswith(said.rstrip()):  # seen from its middle on, perhaps
            return self.end_line() if self._open == key else ""
        if said and text.startswith(said) and self._open == key:
            return self._piece(key, text[len(said) :].rstrip(), colour) + self.end_line()
        text = text.strip("\n").rstrip()
        return self._piece(key, text, colour, anew=True) + self.end_line() if text else ""

    def _piece(self, key: Key, text: str, colour: str, *, anew: bool = False) -> str:
        before = ""
        if self._open != key or anew:
            text = text.lstrip("\n")
            if not text:
                return ""
            before = self._block(key[0]) + indent(key[1]) + self._paint("✻ " if key[0] == "thinking" else "● ", colour)
            self._open = key
        text = self._held + text
        shown = text.rstrip("\n")
        self._held = text[len(shown) :]
        first, *more = shown.split("\n")
        gutter = "\n" + indent(key[1]) + "  "
        text = "".join(gutter + self._paint(line, colour) if line.strip() else "\n" for line in more)
        return before + self._paint(first, colour) + text

    def _notice(self, event: e.Event) -> str:
        notice = event.notice
        said = event.raw.decode(errors="replace") if notice.code == _NOT_JSON else notice.text
        text = people.fit(one_line(said), MAX_LINE)
        if not text or notice.code == "marker" or (event.source in AGENTS and notice.code not in _NOTICES):
            return ""
        return self._line("notice", indent(event.parent_tool_call_id) + self._paint(text, "dim"))

    def _error(self, event: e.Event) -> str:
        text = people.fit(one_line(event.error.message or event.error.code), MAX_LINE)
        return self._line("error", self._paint(f"✗ {text}", "red"))

    # --- tools and plans

    def _tool_call(self, event: e.Event) -> str:
        call = event.tool_call
        self._tools += 1
        self._calls[call.tool_call_id] = event
        _forget(self._calls)
        text = self._block("tool") + indent(event.parent_tool_call_id) + self._called(call)
        self._open = ("tool", event.parent_tool_call_id, call.tool_call_id)
        return text

    def _tool_result(self, event: e.Event) -> str:
        result = event.tool_result
        called = self._calls.pop(result.tool_call_id, None)
        self._failed_tools += result.status == e.TOOL_STATUS_FAILED
        how = self._how(result, None if called is None else took(called, event))
        if self._open is not None and self._open[0] == "tool" and self._open[2] == result.tool_call_id:
            return " " + how + self.end_line()
        what = self._called(called.tool_call) if called else f"● {one_line(result.tool_call_id)}"
        return self._line("tool", f"{indent(event.parent_tool_call_id)}{what} {how}")

    def _called(self, call: e.ToolCall) -> str:
        kind = words.plain(e.ToolKind.Name(call.kind), "TOOL_KIND_") if call.kind else "other"
        return f"{self._paint('●', 'cyan')} {self._paint(kind, 'dim')} {one_line(call.title or call.name)}"

    def _how(self, result: e.ToolResult, seconds: float | None) -> str:
        status = _STATUS.get(result.status, "unknown")
        colour = {"ok": "green", "failed": "red"}.get(status, "yellow")
        notes = [f"exit code {result.exit_code}"] if result.HasField("exit_code") and result.exit_code else []
        if result.HasField("duration"):
            seconds = result.duration.ToTimedelta().total_seconds()
        if seconds is not None and seconds >= SHORTEST:
            notes.append(people.span(seconds))
        text = self._paint(f"→ {status}", colour) + self._paint("".join(f", {note}" for note in notes), "dim")
        return f"{text}: {why(result.content)}" if status == "failed" and why(result.content) else text

    def _plan(self, event: e.Event) -> str:
        entries = event.plan.entries
        done = sum(entry.status == e.PLAN_STATUS_COMPLETED for entry in entries)
        lines = [self._paint(f"plan: {done} of {len(entries)} done", "bold")]
        for entry in entries:
            mark = _MARKS.get(entry.status, "☐")
            text = f"  {mark} {one_line(entry.content)}"
            lines.append(self._paint(text, "dim") if entry.status == e.PLAN_STATUS_COMPLETED else text)
        return self._block("plan") + "\n".join(lines) + "\n"

    def _file_changed(self, event: e.Event) -> str:
        self._files.add(event.file_changed.path)
        return ""

    # --- requests

    def _request(self, event: e.Event) -> str:
        request = event.request
        self._requests.add(request.request_id)
        lines = [self._paint(f"? {asks(request)}", "yellow")]
        lines += [f"    {one_line(option.option_id)}  {one_line(option.label)}".rstrip() for option in request.options]
        lines.append(f"  {answer_with(request, self._session, several=len(self._requests) > 1)}")
        return self._block("request") + "\n".join(lines) + "\n"

    def _request_resolved(self, event: e.Event) -> str:
        resolved = event.request_resolved
        self._requests.discard(resolved.request_id)
        if resolved.cancelled:
            text = "no answer is needed any more" + (f": {one_line(resolved.text)}" if resolved.text else "")
        else:
            by = f" by {one_line(resolved.author)}" if resolved.author else ""
            text = f"answered{by}: {one_line(resolved.option_id or resolved.text)}"
        return self._line("request", self._paint(f"  {text}", "dim"))

    # --- the end

    def _completed(self, event: e.Event) -> str:
        completed = event.completed
        if not self._last and self._session is not None and not self._session.agent:
            return ""  # bytes that somebody publishes: there is nothing that this would be the end of
        how = words.completed(completed) if completed.outcome != e.OUTCOME_SUCCEEDED else "succeeded"
        counted = []
        if self._began is not None and (seconds := took(self._began, event)) and seconds >= SHORTEST:
            counted.append(people.span(seconds))
        if self._tools:
            failed = f", {self._failed_tools} failed" if self._failed_tools else ""
            counted.append(people.count(self._tools, "tool call") + failed)
        if self._files:
            counted.append(people.count(len(self._files), "file") + " changed")
        if completed.HasField("usage"):
            counted += used(completed.usage)
        text = self._paint(f"■ {one_line(how)}", _OUTCOMES.get(completed.outcome, "red"))
        return self._block("end") + text + self._paint("".join(f" · {one}" for one in counted), "dim") + "\n"

    # --- blocks

    def _line(self, kind: str, text: str) -> str:
        return self._block(kind) + text + "\n"

    def _block(self, kind: str) -> str:
        """What stands before a block: the end of the line before, and an empty line unless both are of one kind."""
        ended = self.end_line()
        apart = "\n" if self._last and not (self._last == kind and kind in {"tool", "notice", "info", "request"}) else ""
        self._last = kind
        return ended + apart

    def _paint(self, text: str, colour: str) -> str:
        return people.paint(text, colour, self._colour and bool(colour))


def progress(event: e.Event) -> str:
    """How far the agent is, on one line: `bash · 12 s · 3 tool calls · 230 output tokens`."""
    said = event.progress
    parts = [one_line(said.phase) or "working"]
    if said.total:
        parts.append(f"{said.done} of {said.total}")
    if said.HasField("elapsed"):
        parts.append(people.span(round(said.elapsed.ToTimedelta().total_seconds())))
    parts += [f"{short(said.counts[name])} {name.replace('_', ' ')}" for name in sorted(said.counts) if said.counts[name]]
    return "⋯ " + " · ".join(parts)


def used(usage: e.Usage) -> list[str]:
    """Tokens and cost: `4.6k tokens in (512 from a cache), 230 out`, `0.0084 USD`."""
    read = usage.input_tokens + usage.cached_tokens + usage.cache_written_tokens
    cached = f" ({short(usage.cached_tokens)} from a cache)" if usage.cached_tokens else ""
    found = []
    if read or usage.output_tokens:
        found.append(f"{short(read)} tokens in{cached}, {short(usage.output_tokens)} out")
    if usage.HasField("cost") and usage.cost:
        found.append(f"{usage.cost:.4g} {usage.currency}".rstrip())
    return found


def asks(request: e.Request) -> str:
    """The question, for people."""
    kind = "permission" if request.kind == e.REQUEST_KIND_PERMISSION else "question"
    return f"{kind}: {one_line(request.text or request.request_id)}"


def answer_with(request: e.Request, session: Session | None, *, several: bool = False) -> str:
    """How a request is answered; `several`: others are open, so it has to be named.

    Sightline answers for what it has started; others wait for their own person. The agent's words are quoted: people copy the line
    into a shell.
    """
    name = session.name if session else ""
    if session and session.kind in SCREENS:
        return f"answer it on its screen: sightline attach {name}"
    if session and session.kind not in {SessionKind.SESSION_KIND_COMMAND, SessionKind.SESSION_KIND_UNSPECIFIED}:
        return "answer it where it runs"
    which = [name or "NAME", *([shlex.quote(one_line(request.request_id))] if several else [])]
    option = "|".join(shlex.quote(one_line(option.option_id)) for option in request.options) or "--text '...'"
    return " ".join(["answer with: sightline answer", *which, option])


def short(number: int) -> str:
    """`980`, `4.1k`, `2.3M`."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)


def why(content: str) -> str:
    """The first line of a failed tool's answer that says more than the exit code does."""
    lines = (one_line(line) for line in content.splitlines())
    return people.fit(next((line for line in lines if line and not _EXIT_CODE.match(line)), ""), MAX_LINE)


def took(begin: e.Event, end: e.Event) -> float | None:
    """Seconds between two events: by the source's clock where both have it, else by the server's; None: not known."""
    if begin.HasField("source_time") and end.HasField("source_time"):
        return (end.source_time.ToNanoseconds() - begin.source_time.ToNanoseconds()) / 1e9
    if begin.HasField("time") and end.HasField("time"):
        return (end.time.ToNanoseconds() - begin.time.ToNanoseconds()) / 1e9
    return None


def indent(parent: str) -> str:
    """What stands before a subagent's lines."""
    return "  ┆ " if parent else ""


def clean(text: str) -> str:
    """The text without control characters but line ends and tabs."""
    return text.translate(_CONTROL)


def one_line(text: str) -> str:
    """The text on one line."""
    return " ".join(clean(text).split())


def _forget(known: dict[Any, Any]) -> None:
    """Keeps the latest: a log may hold any number of what never ends."""
    while len(known) > REMEMBERED:
        del known[next(iter(known))]

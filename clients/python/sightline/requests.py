"""Python arguments to the contract's messages: pure, no I/O beyond the process's own directory and environment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from sightline.v1.event_pb2 import Channel, EventKind
from sightline.v1.session_pb2 import Agent, Command, Cursor, Session, Step, Terminal
from sightline.v1.session_service_pb2 import (
    CreateRequest,
    Cursors,
    Filter,
    Latest,
    OnExcess,
    OnGap,
    OnSlow,
    Pacing,
    SubscribeRequest,
    View,
    WatchFiles,
)

SessionRef: TypeAlias = "str | Session"
"""A session's id, its name, or the message itself."""

AgentRef: TypeAlias = "str | Agent"
"""An agent to run: its family, such as `claude`, or the message itself."""

Kind: TypeAlias = "str | EventKind.ValueType"
"""An event kind: its number, or its name as in the payload, such as `output`."""

ChannelName: TypeAlias = "str | Channel.ValueType"
"""A channel: its number, or `terminal`, `stdout`, `stderr`."""

HolderWord = Literal["auto", "tmux", "screen", "script"]
OnGapWord = Literal["skip", "fail"]
OnSlowWord = Literal["block", "to_latest", "fail"]

ALL = "*"  # the word of the contract for every session, also those to come


def ref(session: SessionRef) -> str:
    """What the contract calls a session: its id where the message is at hand."""
    return session if isinstance(session, str) else session.id


def new_request_id() -> str:
    """An id that makes a retry safe."""
    return secrets.token_hex(16)


def kind(word: Kind) -> EventKind.ValueType:
    """Raises ValueError for a word that is no kind."""
    if not isinstance(word, str):
        return word
    try:
        return EventKind.Value(f"EVENT_KIND_{word.upper()}")
    except ValueError:
        known = ", ".join(name.removeprefix("EVENT_KIND_").lower() for name in EventKind.keys()[1:])
        raise ValueError(f"{word!r} is no kind of event: they are {known}") from None


def channel(word: ChannelName) -> Channel.ValueType:
    """Raises ValueError for a word that is no channel."""
    if not isinstance(word, str):
        return word
    try:
        return Channel.Value(f"CHANNEL_{word.upper()}")
    except ValueError:
        raise ValueError(f"{word!r} is no channel: they are terminal, stdout, stderr") from None


def event_filter(kinds: Iterable[Kind], sources: Iterable[str], channels: Iterable[ChannelName]) -> Filter | None:
    """None when nothing is filtered."""
    made = Filter(kinds=map(kind, kinds), sources=sources, channels=map(channel, channels))
    return made if made.ByteSize() else None


def duration(seconds: float | None) -> Duration | None:
    """Seconds as the contract's duration; None stays unset."""
    if seconds is None:
        return None
    made = Duration()
    made.FromMicroseconds(round(seconds * 1e6))
    return made


def pacing(min_interval: float | None, max_events_per_second: int, *, coalesce: bool, shed: bool) -> Pacing | None:
    """How fast events may come, `min_interval` in seconds; None when nothing is asked for."""
    made = Pacing(
        min_interval=duration(min_interval),
        max_events_per_second=max_events_per_second,
        coalesce=coalesce,
        on_excess=OnExcess.ON_EXCESS_SHED if shed else OnExcess.ON_EXCESS_UNSPECIFIED,
    )
    return made if made.ByteSize() else None


def absolute_or_url(path: str | os.PathLike[str]) -> str:
    """As `absolute`, but for a URL."""
    words = os.fspath(path)
    return words if words.startswith(("http://", "https://")) else absolute(words)


def configured() -> dict[str, str]:
    """What of this process's environment says where agents keep their files."""
    return {key: os.environ[key] for key in ("HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME") if os.environ.get(key)}


def absolute(path: str | os.PathLike[str]) -> str:
    """A path as the server understands it."""
    return os.path.abspath(path)


def watch_files(watch: bool | None) -> WatchFiles.ValueType:
    """Whether changes of files become events; None: the server's choice."""
    if watch is None:
        return WatchFiles.WATCH_FILES_UNSPECIFIED
    return WatchFiles.WATCH_FILES_ON if watch else WatchFiles.WATCH_FILES_OFF


def timestamp(moment: datetime) -> Timestamp:
    """Raises ValueError for a naive datetime: whose time zone it means is not ours to guess."""
    if moment.tzinfo is None:
        raise ValueError("give a datetime with a time zone, such as datetime.now(timezone.utc)")
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def environment(env: Mapping[str, str] | None) -> dict[str, str]:
    """The whole environment of a new session: the given one, else the caller's own.

    Of the caller's own, variables that are not UTF-8 are left out: the contract's strings cannot carry them.
    """
    if env is not None:
        return dict(env)
    return {name: value for name, value in os.environ.items() if _is_utf8(name) and _is_utf8(value)}


def agent(
    which: AgentRef | None, prompt: str = "", *, two_way: bool = False, progress_interval: float | None = None
) -> Agent | None:
    """The agent to run, the rest put over what the message says. None: none was named, and raises ValueError for a prompt."""
    if which is None:
        if prompt or two_way:
            raise ValueError("prompt and two_way are an agent's: name one, as in agent='claude'")
        return None
    made = Agent(name=which) if isinstance(which, str) else Agent()
    if not isinstance(which, str):
        made.CopyFrom(which)
    made.prompt = prompt or made.prompt
    made.two_way = two_way or made.two_way
    if progress_interval is not None:
        made.progress_interval.FromMicroseconds(round(progress_interval * 1e6))
    return made


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: how Python shows a byte that is no UTF-8
        return False
    return True


def create(
    argv: Sequence[str] | None,
    *,
    name: str,
    terminal: tuple[int, int] | None,
    stdin_open: bool,
    cwd: str | os.PathLike[str] | None,
    env: Mapping[str, str] | None,
    labels: Mapping[str, str] | None,
    request_id: str | None,
    recipe: CreateRequest | None = None,
    steps: Iterable[Step] = (),
    log_steps: bool = False,
    holder: HolderWord = "auto",
    host: str = "",
    agent: Agent | None = None,
    keep_raw: bool = False,
) -> CreateRequest:
    """A request for a command, or for what a recipe says with the rest put over it; see `Client.create`."""
    if isinstance(argv, str):
        raise TypeError("argv is a list of arguments, not a string: no shell will split it")
    made = CreateRequest()
    if recipe is not None:
        made.CopyFrom(recipe)
    made.name = name or made.name
    made.request_id = new_request_id() if request_id is None else request_id
    made.labels.update(labels or {})
    made.host = host or made.host
    if made.host:  # the caller's own directory and environment mean nothing there
        made.cwd = made.cwd if cwd is None else os.fspath(cwd)
        made.env.update(env or {})
    else:
        made.cwd = os.path.abspath(cwd) if cwd is not None else made.cwd or os.getcwd()
        variables = environment(None) | dict(made.env) if env is None else dict(made.env) | environment(env)
        made.env.update(variables)
        made.clear_env = True
    made.log_steps = log_steps or made.log_steps
    all_steps = [*steps, *made.steps]
    del made.steps[:]
    made.steps.extend(all_steps)
    if argv is not None:
        made.command.argv[:] = argv
    if agent is not None:
        made.agent.CopyFrom(agent)
        made.command.SetInParent()  # without words of its own: the agent's usual ones
    made.keep_raw = keep_raw or made.keep_raw
    if made.HasField("command"):
        if terminal is not None:
            made.command.terminal.CopyFrom(Terminal(columns=terminal[0], rows=terminal[1]))
        if stdin_open or not made.command.stdin:
            made.command.stdin = Command.STDIN_OPEN if stdin_open else Command.STDIN_NULL
        if holder != "auto":
            made.command.holder = Command.Holder.Value(f"HOLDER_{holder.upper()}")
            made.command.terminal.SetInParent()  # each of them holds a terminal
    return made


def subscribe(
    sessions: Iterable[SessionRef],
    *,
    after: Iterable[Cursor] | None,
    latest: bool,
    tail: int | None,
    at_time: datetime | None,
    kinds: Iterable[Kind],
    sources: Iterable[str],
    channels: Iterable[ChannelName],
    text: bool,
    omit_echo: bool,
    pacing: Pacing | None,
    snapshot: bool,
    until_caught_up: bool,
    heartbeat: float | None,
    on_gap: OnGapWord,
    on_slow: OnSlowWord,
    max_lag_bytes: int,
) -> SubscribeRequest:
    """A request to follow sessions; see `Client.subscribe`."""
    starts = {"after": after is not None, "latest": latest, "tail": tail is not None, "at_time": at_time is not None}
    if sum(starts.values()) > 1:
        raise ValueError(f"give one start only, not {' and '.join(name for name, given in starts.items() if given)}")
    named = [ref(session) for session in sessions]
    if not named:
        raise ValueError("name at least one session, or '*' for all")
    if omit_echo and not text:
        raise ValueError("omit_echo goes with text=True: of what is given as it was written nothing is left out")
    made = SubscribeRequest(
        sessions=named,
        after=None if after is None else Cursors(cursors=after),
        latest=Latest() if latest else None,
        at_time=None if at_time is None else timestamp(at_time),
        filter=event_filter(kinds, sources, channels),
        view=View.VIEW_TEXT if text else View.VIEW_UNSPECIFIED,
        pacing=pacing,
        on_slow=OnSlow.Value(f"ON_SLOW_{on_slow.upper()}"),
        max_lag_bytes=max_lag_bytes,
        on_gap=OnGap.Value(f"ON_GAP_{on_gap.upper()}"),
        snapshot=snapshot,
        until_caught_up=until_caught_up,
        heartbeat_interval=duration(heartbeat),
        omit_echo=omit_echo,
    )
    if tail is not None:  # 0 is a start too, and not the same as none
        made.tail = tail
    return made

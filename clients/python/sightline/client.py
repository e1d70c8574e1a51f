"""`connect` and `Client`: one method per RPC, Pythonic arguments in, the contract's messages out. Holds no rule of the server's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from sightline import errors, requests
from sightline import target as targets
from sightline.requests import AgentRef, ChannelName, Kind, OnGapWord, OnSlowWord, SessionRef, ref
from sightline.subscription import FIRST_PAUSE, Subscription, cancelled_by_us
from sightline.transport import Options, aio, metadata, open_channel, open_stub
from sightline.v1 import session_service_pb2 as v1
from sightline.v1.event_pb2 import Event, SessionState
from sightline.v1.session_pb2 import Cursor, Published, Screen, Session, Snapshot, Step, Terminal, Tmux, Typescript

if TYPE_CHECKING:
    from sightline.v1.session_service_pb2_grpc import SessionServiceAsyncStub

Answer = TypeVar("Answer")

RETRY_FOR = 10.0  # seconds: a server's restart takes less than one
RETRY_PAUSE = 1.0  # seconds between two tries at most
NOBODY_LISTENS = ("No such file or directory", "Connection refused")


def connect(target: str | None = None, *, token: str | None = None, retry_for: float = RETRY_FOR) -> Client:
    """A client of the server at `target`. It connects when it is first used: `async with sightline.connect() as client:`.

    Args:
        target: `unix:PATH`, `host:port`, or `https://host:port` for TLS with the system's authorities. None: `SIGHTLINE_TARGET`,
            else the socket in `SIGHTLINE_HOME` (default `${XDG_STATE_HOME:-~/.local/state}/sightline`). `SIGHTLINE_TLS_CA`, a PEM
            file, turns TLS on for `host:port`.
        token: shown to servers on TCP, never on a Unix socket. None: the content of the file that `SIGHTLINE_TOKEN_FILE` names,
            else of `token` in the home.
        retry_for: seconds for which a call that is safe to repeat is repeated while a server that was there does not answer.

    Raises:
        ValueError: the target is none of these forms, or is another machine without TLS.
    """
    return Client(targets.find(target, token, os.environ), retry_for=retry_for)


class Client:
    """One server. Made by `connect`; belongs to the event loop in which it is first used.

    Where a method takes a session it takes an id, a name, or the `Session` itself. Each method raises a `SightlineError` whose
    class says whose fault it is and whose `reason` is stable for programs; the comments in the contract say which.
    `ServerNotFound` comes at once when there is no server; once one has answered, calls that are safe to repeat are repeated for
    `retry_for` seconds. A deadline is the caller's, by `asyncio.timeout`: a cancelled call is cancelled at the server too.

    Args:
        target: where the server is.
        retry_for: as in `connect`.
        options: of gRPC's channel, beside those that every client has; for programs that hold many streams at once.

    Attributes:
        target: where the server is.
        metadata: what each call carries; pass it along with raw calls on `stub`.
        reached: the server has answered at least once.
    """

    def __init__(self, target: targets.Target, *, retry_for: float = RETRY_FOR, options: Options = ()) -> None:
        self.target = target
        self._options = options
        self.metadata = metadata(target)
        self.reached = False
        self._retry_for = retry_for
        self._subscriptions: WeakSet[Subscription] = WeakSet()
        self._closed = False
        self._channel: aio.Channel | None = None
        self._stub: SessionServiceAsyncStub | None = None

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection for good: calls under way fail with `Unavailable`, subscriptions stop."""
        self._closed = True
        for subscription in list(self._subscriptions):
            await subscription.aclose()
        if self._channel is not None:
            await self._channel.close()

    @property
    def channel(self) -> aio.Channel:
        """The gRPC channel, for services beside Sightline's own, such as health."""
        if self._closed:
            raise errors.Unavailable("the client is closed: connect another one", reason="CLIENT_CLOSED")
        if self._channel is None:
            self._channel = open_channel(self.target, self._options)
        return self._channel

    @property
    def stub(self) -> SessionServiceAsyncStub:
        """The generated stub, for raw access: its errors are gRPC's own, and on TCP its calls need `metadata=client.metadata`."""
        if self._stub is None or self._closed:
            self._stub = open_stub(self.channel)
        return self._stub

    async def wait_ready(self, timeout: float = 10.0) -> None:
        """Returns when the server answers and accepts the token.

        Raises:
            ServerNotFound: it did not within `timeout` seconds.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        error: errors.SightlineError | None = None
        while (left := deadline - loop.time()) > 0:
            try:
                await self.stub.List(v1.ListRequest(page_size=1), metadata=self.metadata, timeout=left, wait_for_ready=True)
            except aio.AioRpcError as raised:
                error = errors.from_rpc(raised)
            else:
                self.reached = True
                return
            if not (isinstance(error, errors.Unavailable) and error.broken) and error.code != "DEADLINE_EXCEEDED":
                raise error
            await asyncio.sleep(FIRST_PAUSE)
        raise errors.ServerNotFound(self.target.shown, f"waited {timeout:g} s")

    async def create(
        self,
        argv: Sequence[str] | None = None,
        *,
        name: str = "",
        terminal: tuple[int, int] | None = None,
        stdin_open: bool = False,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        request_id: str | None = None,
        tmux: Tmux | None = None,
        recipe: v1.CreateRequest | None = None,
        steps: Iterable[Step] = (),
        log_steps: bool = False,
        holder: requests.HolderWord = "auto",
        watch_files: bool | None = None,
        host: str = "",
        agent: AgentRef | None = None,
        prompt: str = "",
        two_way: bool = False,
        progress_interval: float | None = None,
        keep_raw: bool = False,
    ) -> Session:
        """Starts a command, an agent, steps and a command, or steps alone, or adopts a pane, and returns when it runs.

        Args:
            argv: the program and its arguments; no shell splits them. None: `tmux` says what to follow, the steps are all, or the
                agent is started in its usual way.
            name: unique among live sessions; empty: the server makes one from the command.
            terminal: run it in a terminal of so many columns and rows; None: in pipes, stdout and stderr apart.
            stdin_open: keep the stdin of a command in pipes open for `send`, until `eof`; False: it reads `/dev/null`.
            cwd: its directory; None: the caller's.
            env: its whole environment, as with `subprocess`; None: the caller's. Never stored. The server adds
                `SIGHTLINE_SESSION_ID`.
            labels: the caller's own marks.
            request_id: the same id gets the same session again; None: a random one, so that this call's own retries are safe.
            tmux: the pane to adopt; see `adopt`.
            recipe: what `sightline.recipes.load` gives; the other arguments are put over what it says.
            steps: done in this order, before the recipe's own and before the command. The server goes on with them whatever
                becomes of the caller.
            log_steps: the steps' output goes to the server's own log as well.
            holder: what holds the command so that it outlives the server: `tmux`, `screen` and `script` hold a terminal, of 80 by
                24 where none is given; `auto` is the server's choice.
            watch_files: changes of files below `cwd` become `file_changed` events; None: the server's choice.
            host: run it there, over ssh as the server's user has configured it; empty: on the server's own host. There `cwd` is
                one of its directories (None: the home), and `env` is added to what a login has.
            agent: what it prints is understood as this agent's (`claude`, `codex`, ...) and becomes typed events. The options for
                that are added where `argv` is None or begins with the agent's own program; anything else runs as it is.
            prompt: the agent's first prompt; never read as an option.
            two_way: keep its stdin open: `send` is the next turn, `answer` answers its requests, until `eof`.
            progress_interval: seconds between two `progress` events while it works, 0.1 to 3600; None: 5.
            keep_raw: events carry the agent's own lines in `raw`.
        """
        steps = list(steps)
        asked = requests.agent(agent, prompt, two_way=two_way, progress_interval=progress_interval)
        if (argv is None and recipe is None and not steps and asked is None) == (tmux is None):
            raise ValueError("give either argv, an agent, steps or a recipe, or tmux")
        if tmux is None:
            request = requests.create(
                argv,
                name=name,
                terminal=terminal,
                stdin_open=stdin_open,
                cwd=cwd,
                env=env,
                labels=labels,
                request_id=request_id,
                recipe=recipe,
                steps=steps,
                log_steps=log_steps,
                holder=holder,
                host=host,
                agent=asked,
                keep_raw=keep_raw,
            )
        else:
            request = v1.CreateRequest(name=name, labels=labels, tmux=tmux, host=host, request_id=_id(request_id))
        if watch_files is not None:
            request.watch_files = requests.watch_files(watch_files)
        return (await self._call(self.stub.Create, request)).session

    async def adopt(
        self,
        target: str,
        *,
        socket_path: str = "",
        host: str = "",
        name: str = "",
        labels: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> Session:
        """Follows a pane of the user's own tmux from now on, undisturbed, until it ends or `release`.

        Args:
            target: `session:window.pane`, or a pane id such as `%3`.
            socket_path: the socket of its tmux server; empty: the user's default one.
            host: where; as in `create`.
            name: as in `create`.
            labels: as in `create`.
            request_id: as in `create`.
        """
        pane = Tmux(target=target, socket_path=socket_path)
        return await self.create(tmux=pane, host=host, name=name, labels=labels, request_id=request_id)

    async def adopt_typescript(
        self,
        path: str | os.PathLike[str],
        *,
        timing_path: str | os.PathLike[str] | None = None,
        host: str = "",
        name: str = "",
        labels: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> Session:
        """Follows a typescript that `script -f` writes, from its beginning, until its last line, or nobody writes it, or `release`.

        Args:
            path: the file, on the server's host.
            host: where; as in `create`. There the path is absolute, and no timing is followed.
            timing_path: its timing, which gives the events a `source_time`; None: the one beside it, if there is one.
            name: as in `create`.
            labels: as in `create`.
            request_id: as in `create`.
        """
        typescript = Typescript(
            path=os.fspath(path) if host else requests.absolute(path),
            timing_path="" if timing_path is None else requests.absolute(timing_path),
        )
        request = v1.CreateRequest(name=name, labels=labels, typescript=typescript, host=host, request_id=_id(request_id))
        return (await self._call(self.stub.Create, request)).session

    async def adopt_screen(
        self,
        target: str,
        *,
        window: int | None = None,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> Session:
        """Follows a window of the user's own GNU screen session from now on, until it ends or `release`.

        Where `script` writes a typescript in that window, the session has the bytes of the file, from its beginning.

        Args:
            target: the screen session, `NAME` or `PID.NAME`.
            window: the window's number; None: the one that is current.
            name: as in `create`.
            labels: as in `create`.
            request_id: as in `create`.
        """
        request = v1.CreateRequest(name=name, labels=labels, screen=Screen(name=target, window=window), request_id=_id(request_id))
        return (await self._call(self.stub.Create, request)).session

    async def adopt_agent(
        self,
        agent: str = "",
        path: str | os.PathLike[str] | None = None,
        *,
        pid: int = 0,
        cwd: str | os.PathLike[str] | None = None,
        pane: str = "",
        socket_path: str = "",
        keep_raw: bool = False,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        request_id: str | None = None,
    ) -> Session:
        """Follows an agent that runs already by the transcript it writes, from its beginning, until the agent ends or `release`.

        The agent is named by one of `path`, `pid`, `cwd` and `pane`; by none of them the one that runs is meant. Unless it is named
        by a path, its tmux pane is followed with it: the session then has the terminal's bytes too, and can be typed into.

        Args:
            agent: the family: `claude`, `codex`, `gemini`, `qwen` or `opencode`; empty: the one that is found.
            path: its transcript; of opencode the URL of its server, such as `http://127.0.0.1:4096`.
            pid: its process.
            cwd: the directory it works in.
            pane: the tmux pane it runs in, or will: `session:window.pane`, or an id such as `%3`. Needs `agent`.
            socket_path: of the pane's tmux server; empty: the user's default one.
            keep_raw: events carry the agent's own lines in `raw`.
            name: as in `create`.
            labels: as in `create`.
            request_id: as in `create`.
        """
        request = v1.CreateRequest(name=name, labels=labels, keep_raw=keep_raw, request_id=_id(request_id))
        request.agent.name = agent
        if pane:
            request.tmux.CopyFrom(Tmux(target=pane, socket_path=socket_path))
        else:
            request.transcript.pid = pid
            request.env.update(requests.configured())
            if path is not None:
                request.transcript.path = requests.absolute_or_url(path)
            if cwd is not None:
                request.cwd = requests.absolute(cwd)
        return (await self._call(self.stub.Create, request)).session

    async def watch_directory(self, path: str | os.PathLike[str], *, host: str = "") -> v1.Directory:
        """Makes every typescript in a directory a session, from now on and over restarts: what is being written, and new ones."""
        request = v1.WatchDirectoryRequest(path=os.fspath(path) if host else requests.absolute(path), host=host)
        return (await self._call(self.stub.WatchDirectory, request)).directory

    async def unwatch_directory(self, path: str | os.PathLike[str], *, host: str = "") -> None:
        """Looks there no longer; the sessions go on."""
        path = os.fspath(path) if host else requests.absolute(path)
        await self._call(self.stub.UnwatchDirectory, v1.UnwatchDirectoryRequest(path=path, host=host))

    async def directories(self) -> Sequence[v1.Directory]:
        """The directories that are looked at, with what is wrong with them."""
        return (await self._call(self.stub.ListDirectories, v1.ListDirectoriesRequest())).directories

    async def get(self, session: SessionRef) -> Session:
        """The session as it is now. A name means the live session, else the newest ended one."""
        return (await self._call(self.stub.Get, v1.GetRequest(session=ref(session)))).session

    async def list(
        self,
        *,
        states: Iterable[SessionState.ValueType] = (),
        labels: Mapping[str, str] | None = None,
        name: str = "",
    ) -> AsyncIterator[Session]:
        """Sessions, newest first: in one of `states` (none given: all), with all of `labels`, of the name `name` (empty: any)."""
        request = v1.ListRequest(states=states, labels=labels, name=name)
        while True:
            page = await self._call(self.stub.List, request)
            for session in page.sessions:
                yield session
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def discover(
        self, *, hosts: Iterable[str] = (), socket_paths: Iterable[str] = (), directories: Iterable[str] = ()
    ) -> v1.DiscoverResponse:
        """What could be adopted: on `hosts` (none: the server's own), on tmux servers at `socket_paths` beside the default ones.

        Typescripts are looked for in `directories`, beside those that are watched.
        """
        request = v1.DiscoverRequest(hosts=hosts, socket_paths=socket_paths, directories=directories)
        return await self._call(self.stub.Discover, request)

    async def send(
        self,
        session: SessionRef,
        text: str = "",
        *,
        data: bytes = b"",
        keys: Iterable[str] = (),
        submit: bool = False,
        eof: bool = False,
        sensitive: bool = False,
        author: str = "",
        request_id: str | None = None,
    ) -> v1.SendResponse:
        """Types into a session, at most once: text, then `data`, then `keys`, then Enter (`submit`), then the end of stdin (`eof`).

        Args:
            session: where to.
            text: typed as UTF-8.
            data: bytes, typed as they are; at most 1 MiB in all.
            keys: named keys such as `Enter`, `Up`, `C-c`; a command in pipes takes only `Enter`.
            submit: press Enter afterwards, as a key of its own.
            eof: close the program's stdin afterwards; in a terminal the end-of-file key.
            sensitive: only the length is logged.
            author: who types, for the log; empty: the transport.
            request_id: the same id is typed once; None: a random one, so that this call's own retries are safe.

        Returns:
            The `seq` of the input event, and whether it was delivered: UNKNOWN when the server died between logging and typing.
        """
        request = v1.SendRequest(
            session=ref(session),
            text=text,
            data=data,
            keys=keys,
            submit=submit,
            eof=eof,
            sensitive=sensitive,
            author=author,
            request_id=_id(request_id),
        )
        return await self._call(self.stub.Send, request)

    async def interrupt(self, session: SessionRef, *, author: str = "") -> v1.InterruptResponse:
        """What Ctrl-C means there. Not repeated by itself: twice means something else to many programs."""
        return await self._call(self.stub.Interrupt, v1.InterruptRequest(session=ref(session), author=author), repeat=False)

    async def resize(self, session: SessionRef, columns: int, rows: int) -> v1.ResizeResponse:
        """Sets the terminal's size, in cells."""
        request = v1.ResizeRequest(session=ref(session), terminal=Terminal(columns=columns, rows=rows))
        return await self._call(self.stub.Resize, request)

    async def terminate(self, session: SessionRef, *, signal: int = 0, grace: float | None = None, author: str = "") -> Session:
        """Ends a session and its whole process tree; returns when it has ended. The log stays.

        Args:
            session: which one; an ended one stays as it is.
            signal: the signal's number; 0: SIGTERM.
            grace: SIGKILL follows after so many seconds; None: 5.
            author: who ends it, for the log; empty: the transport.
        """
        request = v1.TerminateRequest(session=ref(session), signal=signal, grace=requests.duration(grace), author=author)
        return (await self._call(self.stub.Terminate, request)).session

    async def release(self, session: SessionRef) -> Session:
        """Stops following an adopted session and leaves it running, with nothing of ours left on it."""
        return (await self._call(self.stub.Release, v1.ReleaseRequest(session=ref(session)), repeat=False)).session

    async def delete(self, session: SessionRef) -> None:
        """Forgets an ended session and its log."""
        await self._call(self.stub.Delete, v1.DeleteRequest(session=ref(session)), repeat=False)

    async def list_events(
        self,
        session: SessionRef,
        *,
        after_seq: int = 0,
        kinds: Iterable[Kind] = (),
        sources: Iterable[str] = (),
        channels: Iterable[ChannelName] = (),
        full: int = 0,
        page_size: int = 0,
    ) -> AsyncIterator[Event | v1.Gap]:
        """The events that are there, page by page; what is no longer kept is a `Gap` before the first of its page.

        Args:
            session: whose.
            after_seq: only events behind this one; 0: from the oldest kept.
            kinds: as in `subscribe`.
            sources: as in `subscribe`.
            channels: as in `subscribe`.
            full: instead the one event of this `seq`, whole, also when it was cut to fit the log (`truncated_bytes`).
            page_size: events asked for at a time; 0: the server's choice.
        """
        request = v1.ListEventsRequest(
            session=ref(session),
            after_seq=after_seq,
            filter=requests.event_filter(kinds, sources, channels),
            full=full,
            page_size=page_size,
        )
        parts: list[bytes] = []
        while True:
            page = await self._call(self.stub.ListEvents, request)
            if page.HasField("gap"):
                yield page.gap
            for event in page.events:
                yield event
            parts.append(page.part)
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        if any(parts):
            yield Event.FromString(b"".join(parts))

    async def snapshot(self, session: SessionRef) -> Snapshot:
        """The screen of a terminal session, as text and as bytes that draw it."""
        return (await self._call(self.stub.Snapshot, v1.SnapshotRequest(session=ref(session)))).snapshot

    async def search(
        self,
        query: str,
        *,
        sessions: Iterable[SessionRef] = (),
        from_time: datetime | None = None,
        to_time: datetime | None = None,
        page_size: int = 0,
        page_token: str = "",
    ) -> v1.SearchResponse:
        """One page of places, newest first; `indexed_through` says what could not be searched yet.

        Args:
            query: what one line must hold: words, `"phrases"`, beginnings (`word*`); signs mean themselves.
            sessions: only in these; none given: in all.
            from_time: only what is not older; with a time zone.
            to_time: only what is older; with a time zone.
            page_size: at most so many places; 0: 50. A page may have fewer, even none, and still be followed by another.
            page_token: `next_page_token` of the page before, which is empty on the last one.
        """
        request = v1.SearchRequest(
            query=query,
            sessions=map(ref, sessions),
            from_time=None if from_time is None else requests.timestamp(from_time),
            to_time=None if to_time is None else requests.timestamp(to_time),
            page_size=page_size,
            page_token=page_token,
        )
        return await self._call(self.stub.Search, request)

    async def create_published(
        self,
        *,
        name: str = "",
        producer_id: str = "",
        terminal: tuple[int, int] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        labels: Mapping[str, str] | None = None,
        watch_files: bool | None = None,
        request_id: str | None = None,
    ) -> Session:
        """Makes a session whose events are published, its state and its end too: by the caller, or by other programs.

        Args:
            name: as in `create`.
            producer_id: the only one that may publish into it; empty: any may.
            terminal: columns and rows of the terminal whose output is published; None: there is none.
            cwd: its directory; None: none is known.
            labels: as in `create`.
            watch_files: changes of files below `cwd` become events; None: the server's choice.
            request_id: as in `create`.
        """
        request = v1.CreateRequest(
            name=name,
            labels=labels,
            request_id=_id(request_id),
            cwd="" if cwd is None else requests.absolute(cwd),
            watch_files=requests.watch_files(watch_files),
            published=Published(
                producer_id=producer_id, terminal=None if terminal is None else Terminal(columns=terminal[0], rows=terminal[1])
            ),
        )
        return (await self._call(self.stub.Create, request)).session

    async def publish(
        self, session: SessionRef, events: Iterable[Event], *, producer_id: str | None = None, first_sequence: int = 1
    ) -> v1.PublishResponse:
        """Adds events of the caller's own to a session: all of them or none, and each once, however often the call is made.

        Args:
            session: any live one; `completed`, `state_changed` and `input` only one that `create_published` made.
            events: 1 to 1000, 4 MiB at most: payload, source, source_time, turn_id, parent_tool_call_id, raw.
            producer_id: under which they are numbered; None: a random one, so that this call's own retries are safe.
            first_sequence: the number of the first of them within `producer_id`; those that are in the log already are left out.

        Raises:
            OutOfRange: events before `first_sequence` are missing; `metadata["expected"]` says which comes next.
        """
        producer = requests.new_request_id() if producer_id is None else producer_id
        request = v1.PublishRequest(session=ref(session), producer_id=producer, first_sequence=first_sequence, events=events)
        return await self._call(self.stub.Publish, request)

    async def answer(
        self, session: SessionRef, request_id: str, *, option_id: str = "", text: str = "", author: str = ""
    ) -> v1.AnswerResponse:
        """Answers an agent's request with an option it offered, or with free text. The first writer wins."""
        request = v1.AnswerRequest(session=ref(session), request_id=request_id, option_id=option_id, text=text, author=author)
        return await self._call(self.stub.Answer, request, repeat=False)

    async def explain(self, session: SessionRef) -> v1.ExplainResponse:
        """Which rule gave the session's present state, and what it saw."""
        return await self._call(self.stub.Explain, v1.ExplainRequest(session=ref(session)))

    async def usage(self) -> v1.UsageResponse:
        """What the logs take on the server's disk, and the limits they are kept within."""
        return await self._call(self.stub.Usage, v1.UsageRequest())

    async def collect(
        self, *, max_session_bytes: int = 0, max_total_bytes: int = 0, max_age: float | None = None, dry_run: bool = False
    ) -> v1.CollectResponse:
        """Removes old events and sessions now: what is beyond the server's limits, or beyond tighter ones.

        Args:
            max_session_bytes: of one session; 0: the server's limit.
            max_total_bytes: of all sessions together; 0: the server's limit.
            max_age: seconds; None: the server's limit.
            dry_run: only say what would go.
        """
        limits = v1.RetentionLimits(
            max_session_bytes=max_session_bytes, max_total_bytes=max_total_bytes, max_age=requests.duration(max_age)
        )
        return await self._call(self.stub.Collect, v1.CollectRequest(limits=limits, dry_run=dry_run))

    async def metrics(self) -> v1.MetricsResponse:
        """Counters and gauges of the server itself, since its start."""
        return await self._call(self.stub.Metrics, v1.MetricsRequest())

    async def wait(
        self,
        session: SessionRef,
        *,
        until: Iterable[SessionState.ValueType] = (),
        after_seq: int = 0,
        timeout: float | None = None,
    ) -> v1.WaitResponse:
        """Returns when the session is in one of some states, or has ended.

        Args:
            session: which one.
            until: the states: WAITING, IDLE or ENDED; none given: ENDED. An end is always an answer.
            after_seq: only states reached behind this event; 0: the present one counts.
            timeout: seconds, after which the answer is `timed_out`, no error; None: no limit.
        """
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        request = v1.WaitRequest(session=ref(session), until=until, after_seq=after_seq)

        def with_time_left() -> v1.WaitRequest:
            if deadline is not None:
                request.timeout.FromMicroseconds(max(0, round((deadline - loop.time()) * 1e6)))
            return request

        return await self._call(self.stub.Wait, with_time_left)

    def subscribe(
        self,
        *sessions: SessionRef,
        after: Iterable[Cursor] | None = None,
        latest: bool = False,
        tail: int | None = None,
        at_time: datetime | None = None,
        kinds: Iterable[Kind] = (),
        sources: Iterable[str] = (),
        channels: Iterable[ChannelName] = (),
        text: bool = False,
        omit_echo: bool = False,
        pacing: v1.Pacing | None = None,
        snapshot: bool = False,
        until_caught_up: bool = False,
        heartbeat: float | None = None,
        on_gap: OnGapWord = "skip",
        on_slow: OnSlowWord = "block",
        max_lag_bytes: int = 0,
        resume: bool = True,
        on_disconnect: Callable[[errors.SightlineError], object] | None = None,
        on_reconnect: Callable[[], object] | None = None,
    ) -> Subscription:
        """Follows sessions; the server is asked when the first item is. See `Subscription` for the items and for resuming.

        Args:
            sessions: ids, names or `Session`s; `"*"`: all, also those to come.
            after: start behind these cursors, and at the oldest kept event of sessions without one. No start given: the oldest.
            latest: only what comes from now on.
            tail: start so many events back, counting those that pass the filter.
            at_time: start at the first event that is not older; with a time zone.
            kinds: only these, such as `"output"`; none given: all.
            sources: only these, such as `"script:setup"`; none given: all.
            channels: of output only `"terminal"`, `"stdout"`, `"stderr"`; other events pass.
            text: output as text without escape codes, each line as it would stay on a terminal; made by the server.
            omit_echo: with `text`: without the terminal's echo of what was typed through Sightline.
            pacing: how fast events may come, at most; None: as fast as they are read. Over the rate output and pieces of a message
                are merged (`Event.first_seq` to `seq`) and the rest comes later, or output, then tool calls are left out behind a
                `Gap`, if it says `ON_EXCESS_SHED`.
            snapshot: begin with the screen of each terminal session, and the events behind it; with `latest` or no start.
            until_caught_up: end when all that was there at the start has been given.
            heartbeat: a `Heartbeat` each time so many seconds have passed, 0.1 at least; None: none.
            on_gap: when events are gone that were not given yet: `skip` them with a `Gap`, or `fail` with `OutOfRange`.
            on_slow: when this reader lags by more than `max_lag_bytes`: `block` (catch up from the log), go `to_latest` behind a
                `Gap`, or `fail`.
            max_lag_bytes: bytes of log; 0: 64 MiB.
            resume: go on by itself after a break; False: a break raises `Unavailable`.
            on_disconnect: called with the error, once an outage.
            on_reconnect: called when events flow again.
        """
        request = requests.subscribe(
            sessions,
            after=after,
            latest=latest,
            tail=tail,
            at_time=at_time,
            kinds=kinds,
            sources=sources,
            channels=channels,
            text=text,
            omit_echo=omit_echo,
            pacing=pacing,
            snapshot=snapshot,
            until_caught_up=until_caught_up,
            heartbeat=heartbeat,
            on_gap=on_gap,
            on_slow=on_slow,
            max_lag_bytes=max_lag_bytes,
        )
        made = Subscription(self, request, resume=resume, on_disconnect=on_disconnect, on_reconnect=on_reconnect)
        self._subscriptions.add(made)
        return made

    def judge(self, error: errors.SightlineError) -> errors.SightlineError:
        """The error as the caller is to see it: a connection that never was is `ServerNotFound`. For wrappers of raw calls."""
        if not isinstance(error, errors.Unavailable) or error.reason:
            self.reached = True
        elif not self.reached:
            return errors.ServerNotFound(self.target.shown, _why(error.message))
        return error

    async def _call(
        self,
        method: aio.UnaryUnaryMultiCallable[Any, Answer],
        request: object,
        *,
        repeat: bool = True,
    ) -> Answer:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        deadline = 0.0
        while True:
            began = loop.time()
            try:
                answer = await method(request() if callable(request) else request, metadata=self.metadata)
            except aio.AioRpcError as raised:
                error = self.judge(errors.from_rpc(raised))
            except asyncio.CancelledError:
                if cancelled_by_us():
                    raise
                _ = self.channel  # raises when it was our own `close`
                error = errors.Unavailable("the server gave up the call")
            else:
                self.reached = True
                return answer
            if not (repeat and isinstance(error, errors.Unavailable) and error.broken):
                raise error
            now = loop.time()
            if not deadline or now - began > self._retry_for:  # a call that lived for long, such as `wait`, met a new outage
                deadline = now + self._retry_for
            if now + pause > deadline:
                raise error
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_PAUSE)


def _why(message: str) -> str:
    """What is to be added to "there is no server": nothing when nobody listens, else gRPC's words, on a certificate, say."""
    return "" if message.endswith(NOBODY_LISTENS) else message.rpartition("last error: ")[2]


def _id(given: str | None) -> str:
    return requests.new_request_id() if given is None else given

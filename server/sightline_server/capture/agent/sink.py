"""Between an agent's program and its session: stdout becomes typed events, stderr is looked at, the end is told in its words.

Each piece of stdout is in the journal before its events and the reached place are committed, in one transaction; so a server that
comes after a kill knows the same as the one before, at exactly that place, and the rest comes again from the spool.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from sightline.v1.event_pb2 import CaptureState, Channel, Completed, Event, Outcome, Output

from sightline_server.capture import processes
from sightline_server.capture.agent import account as accounts
from sightline_server.capture.agent import stderr
from sightline_server.capture.agent.account import Account, Resolution
from sightline_server.capture.agent.journal import Journal, Record
from sightline_server.capture.agent.marks import Marks
from sightline_server.capture.base import Ending, Sink
from sightline_server.capture.passing import PassingSink
from sightline_server.decode.agents.decoder import End
from sightline_server.errors import SightlineError

log = logging.getLogger(__name__)

CLOSED = "agent.closed"  # the place that says that the last events are told
ANSWERS = "agent.answers"  # the place that counts answers
STDOUT_SPOOL = "stdout"
RETRY_SECONDS = 0.2  # between looks for room on the disk
GOING_SECONDS = 0.5  # for processes that are just going, before they are called left behind
GOING_STEP = 0.05


class AgentSink(PassingSink):
    """The sink of an agent's program. See `Sink`.

    Args:
        sink: the session's.
        family: of the agent.
        here: its processes are on this host.

    Attributes:
        account: what it has said so far; there once `begin` or `resume` was called.
        over: its end is told.
        end_rest: ends what an agent has left behind that was to be ended.
    """

    def __init__(self, sink: Sink, family: str, *, here: bool) -> None:
        super().__init__(sink, sink.ended)
        self._family = family
        self.here = here
        self.account: Account
        self.marks = Marks(sink.directory)
        self.over = asyncio.Event()
        self.end_rest: Callable[[], Awaitable[None]]
        self._journal = Journal(sink.directory)
        self._owed = 0  # commits that are not done yet
        self._stderr = b""
        self._blamed = ""  # the last of its stderr's known errors

    def begin(self, account: Account) -> None:
        """A new agent. Raises OSError."""
        self.account = account
        self._journal.keep(account)

    def resume(self, fresh: Account) -> None:
        """Knows again what was committed; `fresh` where that cannot be known any more. Raises OSError."""
        try:
            kept, records = self._journal.read()
            if not isinstance(kept, Account):
                raise TypeError("the stored state is no account")
            self.account = kept
        except FileNotFoundError:  # the server went down before the agent was started
            self.begin(fresh)
            return
        except Exception:  # whatever a damaged file, or one of another version, makes unpickling raise
            log.exception("session %s: what the agent has said is not known any more", self.session_id)
            self.begin(fresh)
            return
        committed = {accounts.STDOUT: self.position(STDOUT_SPOOL), accounts.ANSWER: self.position(ANSWERS)}
        count = next((n for n, one in enumerate(records) if one.place > committed.get(one.kind, one.place)), len(records))
        for record in records[:count]:
            self.account.take(record)
        self._journal.cut(records[:count])

    def output(
        self,
        source: str,
        channel: Channel.ValueType,
        chunks: Sequence[bytes],
        position: int,
        spool: str = "",
        *,
        times: Sequence[int] = (),
    ) -> asyncio.Future[int]:
        if channel == Channel.CHANNEL_STDOUT:
            record = Record(accounts.STDOUT, position, time.time_ns(), b"".join(chunks))
            return self._commit(record, spool or source)
        if channel == Channel.CHANNEL_STDERR:
            return self._looked_at(source, chunks, position, spool)
        return self._sink.output(source, channel, chunks, position, spool, times=times)

    def _commit(self, record: Record, spool: str) -> asyncio.Future[int]:
        try:
            self._journal.append(record)
        except OSError as error:
            return asyncio.ensure_future(self._commit_later(record, spool, f"{self.directory}: {error.strerror}"))
        committed = self._sink.events(self.account.take(record), self._family, record.place, spool)
        self._owed += 1
        committed.add_done_callback(self._committed)
        return committed

    async def _commit_later(self, record: Record, spool: str, why: str) -> int:
        """The disk is full, before the log's own limit: the program waits, as it would for the log itself, and that is said."""
        paused = asyncio.ensure_future(self._sink.capture(CaptureState.CAPTURE_STATE_PAUSED, f"{why}: it waits for room"))
        while not self._is_kept(record):  # noqa: ASYNC110 - nobody tells of room
            await asyncio.sleep(RETRY_SECONDS)
        await paused
        await self._sink.capture(CaptureState.CAPTURE_STATE_FOLLOWING, "")
        return await self._sink.events(self.account.take(record), self._family, record.place, spool)

    def _is_kept(self, record: Record) -> bool:
        try:
            self._journal.append(record)
        except OSError:
            return False
        return True

    def _committed(self, _committed: asyncio.Future[int]) -> None:
        self._owed -= 1
        if not self._owed and self._journal.is_long:
            with suppress(OSError):  # there is time: the records are good as they are
                self._journal.keep(self.account)

    def _looked_at(self, source: str, chunks: Sequence[bytes], position: int, spool: str) -> asyncio.Future[int]:
        data = b"".join(chunks)
        self._stderr = (self._stderr + data)[-stderr.MAX_LINE :]
        found = stderr.messages(self._family, data)
        self._blamed = next((one.error.message for one in reversed(found) if one.HasField("error")), self._blamed)
        if not found:
            return self._sink.output(source, Channel.CHANNEL_STDERR, chunks, position, spool)
        said = [Event(source=source, output=Output(channel=Channel.CHANNEL_STDERR, data=chunk)) for chunk in chunks]
        return self._sink.events([*said, *found], source, position, spool or source)

    # --- what was resolved from here

    async def resolve(self, resolution: Resolution) -> int:
        """Tells that a request is no longer open; returns the `seq`. Raises OSError."""
        record = Record(accounts.ANSWER, self.account.answers + 1, time.time_ns(), accounts.encoded(resolution))
        self._journal.append(record)
        return await self._sink.events(self.account.take(record), self._family, record.place, ANSWERS)

    def delivered(self, number: int) -> None:
        """The agent was told its answer."""
        record = Record(accounts.DELIVERED, number, time.time_ns(), b"")
        self.account.take(record)
        with suppress(OSError):  # it is told again then
            self._journal.append(record)

    # --- the end

    async def ended(self, ending: Ending) -> None:
        left = await self._left(ending)
        said = None
        if ending.started and not ending.released:
            last = self.account.decoder.close(self._end(ending))
            said = self._last_word(last.pop().completed)
            if last and not self.position(CLOSED):
                await self._sink.events(last, self._family, 1, CLOSED)
        self._journal.close()
        self.over.set()
        await self._sink.ended(replace(ending, said=said, descendants_left=left))

    def _end(self, ending: Ending) -> End:
        return End(
            exit_code=ending.exit_code,
            signal=ending.signal,
            observed=ending.observed,
            interrupted=self._was_interrupted,
            terminated=self.marks.terminated,
            error=ending.error or self._why(ending),
        )

    @property
    def _was_interrupted(self) -> bool:
        turn = self.marks.interrupted
        if turn is None:
            return False
        return self.account.two_way is None or (bool(turn) and turn == self.account.decoder.conversation.turn_id)

    def _why(self, ending: Ending) -> str:
        words = self._blamed or stderr.last_words(self._stderr)
        if not words:
            return ""
        how = f"signal {ending.signal} ended it" if ending.signal else f"it exited with code {ending.exit_code}"
        return f"{how} before its last word; on stderr it said: {words}"

    def _last_word(self, completed: Completed) -> Completed:
        if completed.error:
            return completed
        if completed.outcome == Outcome.OUTCOME_INTERRUPTED:
            completed.error = "it was interrupted"
        elif completed.outcome == Outcome.OUTCOME_CANCELLED:
            completed.error = "it was ended by a caller"
        return completed

    async def _left(self, ending: Ending) -> int:
        """How many of its processes still run. What was to be ended is ended whole, tools in sessions of their own too."""
        if ending.released:
            return ending.descendants_left
        if self.marks.terminated or self._was_interrupted:
            try:
                await self.end_rest()
            except SightlineError as error:  # its host does not answer
                log.warning("session %s: what it left behind is not ended: %s", self.session_id, error)
                return ending.descendants_left
            if not self.here:
                return 0
        if not self.here:
            return ending.descendants_left
        left = await asyncio.to_thread(processes.tree, self.session_id, None)
        deadline = time.monotonic() + GOING_SECONDS
        while left and time.monotonic() < deadline:
            await asyncio.sleep(GOING_STEP)
            left = [one for one in left if processes.alive(one)]
        return max(len(left), ending.descendants_left if left else 0)

    def close(self) -> None:
        """The server goes."""
        self._journal.close()

"""Everything that can go wrong, as a tree: the type says whose fault it is, `rpc.status` gives each branch its status code.

    SightlineError
    ├── BadRequest          the caller's words are wrong, whatever the state of things
    ├── NotFound            what was named is not there
    ├── AlreadyThere        what was to be made exists
    ├── WrongState          right words, wrong moment
    ├── BeyondLog           a position that the log does not have
    ├── TooMuch             a limit, or no room left
    ├── NotYetBuilt         in the contract, not in this version
    ├── Unreachable         what we depend on does not answer; trying again may help
    ├── NotAllowed          the caller did not show that it may
    ├── Damaged             what was stored cannot be read any more
    ├── InternalFault       ours: a defect
    └── StartupError        the server cannot start

A class is one reason: its name in capitals is stable for programs (`ErrorInfo.reason`), its keyword arguments travel as metadata,
and `text`, filled with them, says what happened, what it means and what to do.
"""

from __future__ import annotations

import re
from typing import ClassVar


class SightlineError(Exception):
    """An error with a stable reason, variables and a text for people."""

    text: ClassVar[str] = ""

    def __init__(self, **variables: object) -> None:
        self.variables = {name: str(value) for name, value in variables.items()}
        super().__init__()

    @property
    def reason(self) -> str:
        """The class's name in capitals, such as `SESSION_NOT_FOUND`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).upper()

    def __str__(self) -> str:
        return self.text.format(**self.variables)


class BadRequest(SightlineError):
    """The caller's words are wrong, whatever the state of things."""


class NotFound(SightlineError):
    """What was named is not there."""


class AlreadyThere(SightlineError):
    """What was to be made exists."""


class WrongState(SightlineError):
    """Right words, wrong moment."""


class BeyondLog(SightlineError):
    """A position that the log does not have."""


class TooMuch(SightlineError):
    """A limit, or no room left."""


class NotYetBuilt(SightlineError):
    """In the contract, not in this version."""

    text = "{what} is part of the contract and not built yet: this server cannot do it."


class Unreachable(SightlineError):
    """What we depend on does not answer; trying again may help."""


class NotAllowed(SightlineError):
    """The caller did not show that it may."""


class Damaged(SightlineError):
    """What was stored cannot be read any more."""


class InternalFault(SightlineError):
    """Ours: a defect."""

    text = "the server failed in a way that it should not: its log has the details; please report it"


class StartupError(SightlineError):
    """The server cannot start."""


# --- BadRequest


class MalformedRequest(BadRequest):
    text = "the request's bytes are not the message that this call takes ({problem}): is the client made from this contract?"


class BadName(BadRequest):
    text = "{name!r} is no session name: use 1 to 64 of the characters A-Z a-z 0-9 . _ -"


class EmptyArgv(BadRequest):
    text = "there is no command to run: give the program and its arguments"


class CwdNotFound(BadRequest):
    text = "the directory {cwd!r} is not there, or is no directory: give one that exists on the host where the session is to run"


class ProgramNotStarted(BadRequest):
    text = "the program {program!r} cannot be started: {why}"


class BadField(BadRequest):
    text = "{field}: {problem}"


class UnknownKey(BadRequest):
    text = "{key!r} is no key: use names such as Enter, Tab, Escape, Up, F5, C-c, M-x, or send text"


class BadHost(BadRequest):
    text = "{host!r} is no host: give a name as `ssh` takes it, such as NAME or USER@NAME"


class QueryEmpty(BadRequest):
    text = 'there is nothing to look for: give words, a "phrase in quotes", or the beginning of a word with a star'


class QueryUnbalanced(BadRequest):
    text = "a quote in the query has no end: close it, or leave it out"


class QueryWithoutWords(BadRequest):
    text = "the query has signs alone, and what is looked up is words: give at least one letter or digit"


class BadPageToken(BadRequest):
    text = "the page token is not one that this call gave: start again without one"


class EventWithoutPayload(BadRequest):
    text = (
        "event {index} of the call has no payload, or one that this server is too old to know: nothing of the call was published; "
        "set one of those in its contract, or update the server"
    )


class EventTooLarge(BadRequest):
    text = "event {index} of the call takes {size} bytes in the log, and at most {limit} fit: nothing of the call was published"


class SourceReserved(BadRequest):
    text = "event {index} of the call has the source `sightline`, which means the server itself: use a name of your own"


class AgentUnknown(BadRequest):
    text = "{agent!r} is no agent whose lines are understood: take one of {known}, or run the command without an agent"


class AgentNotTwoWay(BadRequest):
    text = "{agent} reads nothing while it works: leave `two_way` out and give it a prompt"


class ScreenAmbiguous(BadRequest):
    text = "{name!r} means several screen sessions: {sessions}; name one with its pid"


class AgentNotFollowable(BadRequest):
    text = "{agent!r} is no agent that can be followed where it runs: those are {known}"


class UnknownTranscript(BadRequest):
    text = "{path} begins with nothing that a known agent writes: say whose transcript it is (`--agent NAME`), or check the path"


# --- NotFound


class SessionNotFound(NotFound):
    text = "there is no session {session!r}: `sightline ls --all` shows those that are kept"


class ProgramNotFound(NotFound):
    text = "there is no program {program!r} on the PATH: check the spelling, or give its whole path"


class AgentNotInstalled(NotFound):
    text = "{agent} cannot be run: there is no program {program!r} in the session's PATH; to install it: {install}"


class RequestNotFound(NotFound):
    text = "session {session} has no request {request!r}: take the `request_id` of its `request` event"


class PaneNotFound(NotFound):
    text = "there is no tmux pane {target!r} on {socket}: `sightline adopt` lists those that are there"


class HostUnknown(NotFound):
    text = "there is no host {host!r} ({why}): check the name, or add it to your ssh configuration"


class ScreenNotFound(NotFound):
    text = "there is no GNU screen session {name!r}: `screen -ls` lists those of the server's user, `sightline adopt` their windows"


class ScreenWindowNotFound(NotFound):
    text = (
        "the screen session {name!r} has no window {window} that could be followed; there are: {there}. A window whose program "
        "runs as another user cannot be"
    )


class TmuxServerNotFound(NotFound):
    text = "no tmux server answers on {socket}: it is not running, or its socket is elsewhere"


class DirectoryNotThere(NotFound):
    text = "there is no directory {path}: check the path; one that is watched already is looked at again as soon as it is there"


class AgentNotFound(NotFound):
    text = "{what} is no {agent} that runs here, as far as this user may see: `sightline adopt` lists those that are found"


class TranscriptNotFound(NotFound):
    text = (
        "no {agent} runs {where}, and no transcript of one is there: start it, name its process (`--pid`), or the file that it "
        "writes; one with a configuration directory of its own is found by `--pid`"
    )


class DirectoryNotWatched(NotFound):
    text = "{path} is not looked at: `sightline watch-dir` lists the directories that are"


class FileNotThere(NotFound):
    text = "there is no file {path}: check the path; one that is followed already is taken up again as soon as it is there"


# --- AlreadyThere


class NameTaken(AlreadyThere):
    text = "a live session is called {name!r} already: choose another name, or stop that one first"


class SourceFollowed(AlreadyThere):
    text = "{target!r} is followed already, by session {session!r}"


class RequestIdReused(AlreadyThere):
    text = "the request id {request_id!r} was used before for something else: use a new one for each new request"


# --- WrongState


class SessionEnded(WrongState):
    text = "session {session!r} has ended: there is nothing left to {action}"


class SessionLive(WrongState):
    text = "session {session!r} is still running: stop it before it can be forgotten"


class NoInput(WrongState):
    text = "session {session!r} takes no input: {why}"


class NoTerminal(WrongState):
    text = "session {session!r} has no terminal: its output is a stream without a screen"


class NotResizable(WrongState):
    text = "session {session!r} is a terminal of somebody's own: its size is changed where it is shown"


class StepsRunning(WrongState):
    text = "session {session!r} is still at its steps: there is nothing to {action} before its command has started"


class AgentTakesNoAnswers(WrongState):
    text = (
        "the agent in session {session} cannot be answered from here: it was not started with `two_way`, so answer it where it runs"
    )


class RequestAnswered(WrongState):
    text = "request {request!r} of session {session} was answered already, by {author}: the first answer counts (event {seq})"


class RequestVoid(WrongState):
    text = "request {request!r} of session {session} waits for no answer any more: {why} (event {seq})"


class NotAdopted(WrongState):
    text = "session {session!r} was started by Sightline and cannot be released: use `stop` to end it"


class AgentWithoutServer(WrongState):
    text = "the opencode with pid {pid} has no server that could be listened to: start it with `opencode --port 4096`"


class SeveralAgents(WrongState):
    text = "several agents are {where}: {agents}. Say which one is meant by its process (`--pid`), or by the file that it writes"


class FileUnreadable(WrongState):
    text = "{path} cannot be read: {why}; where it is followed already nothing is lost, and it is read as soon as that changes"


class OnlyForPublished(WrongState):
    text = (
        "{kind} cannot be published into session {session!r}: Sightline itself sees what happens there; "
        "only sessions created as `published` are told it by others"
    )


class ImpossibleState(WrongState):
    text = "{state} cannot be published into session {session!r}: it is {before}, and that state cannot follow"


class OtherProducer(WrongState):
    text = "session {session!r} was created for the producer {producer!r}, and takes events of no other"


class NoKeyboard(NoInput):
    text = (
        "session {session!r} is followed by its typescript alone, through which nothing reaches the program: type where it runs, "
        "or start it with `sightline run`"
    )


class NoScreen(NoTerminal):
    text = (
        "what is on the screen of session {session!r} is not known: `script` keeps what was written and no screen; "
        "its events show all of it, and a terminal held by tmux has a screen"
    )


class NotOurs(WrongState):
    text = "the program of session {session!r} cannot be ended from here: {why}; end it where it runs, or release the session"


class DirectoryFromSettings(WrongState):
    text = "{path} is named by the server's settings: change `stream_dir` there, and start the server again"


class EpochChanged(WrongState):
    text = (
        "the cursor belongs to epoch {epoch} of session {session!r}, whose log is now at epoch {current}: "
        "events may have been taken back; start again from the oldest event"
    )


class TmuxNotInstalled(WrongState):
    text = "tmux is not installed on the server's host, and terminals need it: install it (Debian: apt-get install tmux)"


class ScriptNotInstalled(WrongState):
    text = "`script` is not installed on the server's host: install it (Debian: apt-get install bsdutils), or use another holder"


class TmuxTooOld(WrongState):
    text = "tmux {version} is too old: {feature} needs {needed} or newer"


class ScreenNotInstalled(WrongState):
    text = "GNU screen is not installed on the server's host: install it (Debian: apt-get install screen)"


class ScreenLogged(WrongState):
    text = (
        "window {window} of the screen session {session!r} is logged by its owner already, and which of its files that is cannot "
        "be told: end that log (`screen -S {session} -p {window} -X log off`), then adopt it"
    )


class ScreenNotLogging(WrongState):
    text = (
        "window {window} of the screen session {session!r} writes no log although it was told to: look there for what screen says, "
        "such as a full disk"
    )


class SshNotInstalled(WrongState):
    text = (
        "there is no {program!r} on the server's host, and other hosts need it: install it (Debian: apt-get install openssh-client)"
    )


class HostKeyChanged(WrongState):
    text = (
        "the key of host {host!r} is not the one that is known: somebody may be listening in, so nothing was sent; if the host was "
        "set up anew, remove its old key with `ssh-keygen -R` and connect once with `ssh {host}`"
    )


class HostKeyUnknown(WrongState):
    text = "the key of host {host!r} is not known yet ({why}): connect once with `ssh {host}` and accept it"


class HostLoginRefused(WrongState):
    text = (
        "host {host!r} lets nobody in without asking ({why}), and nobody is there to answer: add a key that needs no passphrase to "
        "your agent, or keep a connection open (ControlMaster), which is shared then"
    )


class HostLacks(WrongState):
    text = "host {host!r} has no {what}, and {feature} needs it: install it there"


class HostTmuxTooOld(WrongState):
    text = "tmux {version} on host {host!r} is too old: {feature} needs {needed} or newer"


# --- BeyondLog


class CursorAhead(BeyondLog):
    text = "the cursor is at {seq} and the log of session {session!r} ends at {head}: it is not a cursor of this log"


class EventAhead(BeyondLog):
    text = "there is no event {seq} in session {session!r} yet: its log ends at {head}"


class SequenceGap(BeyondLog):
    text = (
        "the next event of producer {producer!r} in session {session!r} is number {expected}, and the call begins with "
        "{first_sequence}: nothing of it was published; publish those between first, or begin anew as another producer"
    )


class EventsGone(BeyondLog):
    text = "events {first} to {last} of session {session!r} are no longer kept, and the request said to fail then"


# --- TooMuch


class InputTooLarge(TooMuch):
    text = "{size} bytes in one send; at most {limit}: send it in parts"


class InputBlocked(TooMuch):
    text = "the program in session {session!r} does not read what it was sent before: nothing was typed; try again later"


class InputCut(TooMuch):
    text = "the program in session {session!r} stopped reading: {typed} of {size} bytes were typed, and the rest was not"


class WatchLimit(TooMuch):
    text = "the system allows no more watches of files: raise {setting} above {limit} with sysctl, or end other watchers"


class TooManySources(TooMuch):
    text = "session {session!r} has events of {limit} sources, which is the most: use one source for events that belong together"


class DiskFull(TooMuch):
    text = "the disk that holds {path} is full: nothing was lost, and nothing new can be taken until there is room"


class TooManySessionsNamed(TooMuch):
    text = "{count} sessions in one subscription; at most {limit}: use `*`"


# --- Unreachable


class AgentServerUnreachable(Unreachable):
    text = "no opencode answers at {url}: {why}; check the port (`opencode --port PORT`), or start it"


class Draining(Unreachable):
    text = "the server is going down: connect again when it is back"


class CannotStore(Unreachable):
    text = "nothing can be written to {path} ({problem}): nothing was lost, and it is tried again until it succeeds"


class IndexUnavailable(Unreachable):
    text = "the index of {path} cannot be used for the moment ({problem}): nothing else is touched; try again later"


class SourceGone(Unreachable):
    text = "what session {session!r} follows does not answer: {why}"


class HostUnreachable(Unreachable):
    text = "host {host!r} cannot be reached: {why}"


class HostDisconnected(Unreachable):
    text = "there is no connection to host {host!r} just now ({why}): nothing was done there; it is tried again by itself"


class StartTimeout(Unreachable):
    text = "{what} did not start within {seconds} s"


class ScreenSilent(Unreachable):
    text = "the screen session {session!r} has not answered within {seconds} s: it is stopped, or hangs"


class TmuxSilent(Unreachable):
    text = "the tmux server on {socket} does not answer: it may be stopped or very busy; try again later"


# --- NotAllowed


class TokenMissing(NotAllowed):
    text = "calls over TCP need the token: send the metadata `authorization: Bearer TOKEN` with what is in the server's token file"


# --- Damaged


class DatabaseDamaged(Damaged):
    text = (
        "{path} is damaged where this is kept ({problem}): the rest of it can be read; "
        "`sqlite3 {path} .recover` may save more, after the server was stopped"
    )


class WholeGone(Damaged):
    text = (
        "event {seq} of session {session!r} was cut to fit the log, and the {missing} bytes that were cut off are not there any "
        "more, or damaged: what fits is in the log"
    )


# --- StartupError


class BadSetting(StartupError):
    text = "{name} is {value!r}: {problem}"


class SecondServer(StartupError):
    text = "another server uses {home} (pid {pid}): stop it first, or set SIGHTLINE_HOME to another directory"


class HomeTooLong(StartupError):
    text = (
        "{socket} is {length} bytes long and a socket's path may have {limit}: "
        "set SIGHTLINE_HOME to a directory with a shorter path"
    )


class HomeNotPrivate(StartupError):
    text = "{home} belongs to somebody else, or others may enter it: make it yours with mode 0700, or set SIGHTLINE_HOME"


class TokenNotPrivate(StartupError):
    text = "others may read the token in {path}: `chmod 600 {path}`, or remove it so that a new one is made"


class AddressInUse(StartupError):
    text = "{address} is taken: set {setting} to another address, or stop what listens there"


class UnsafeBind(StartupError):
    text = (
        "{address} can be reached from other machines, and without TLS the token could be read on the way: "
        "set SIGHTLINE_TLS_CERT and SIGHTLINE_TLS_KEY, or bind to 127.0.0.1"
    )


class NoRoomToStart(StartupError):
    text = "the disk that holds {home} is full: nothing was lost; make room, then start the server again"


class CorruptDatabase(StartupError):
    text = (
        "{path} is damaged ({problem}): move it away to start afresh, or restore a backup; "
        "`sqlite3 {path} .recover` may save what is in it"
    )


class NewerDatabase(StartupError):
    text = "{path} was written by a newer Sightline (layout {found}; this one knows {known}): update Sightline, or use another home"

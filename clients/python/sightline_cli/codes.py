"""Exit codes: what a script that calls `sightline` can rely on. Knows no command."""

from __future__ import annotations

OK = 0
FAILED = 1  # what was asked for did not work; one line on stderr says why
USAGE = 2  # the command line itself is wrong
NO_SERVER = 3  # no server runs, or it does not answer
ENDED = 4  # the session has ended, and something else was waited for
TIMED_OUT = 124  # as `timeout` of coreutils says it
NOT_FOUND = 127  # as a shell says that there is no such program
BY_SIGNAL = 128  # plus the signal's number
INTERRUPTED = 130  # 128 + SIGINT


def of_ending(exit_code: int | None, signal: int) -> int:
    """The code of a session that ended, as a shell would give it: its own, or 128 + N for signal N; 1 when neither is known."""
    if signal:
        return BY_SIGNAL + signal
    return FAILED if exit_code is None else exit_code


def of_agent(outcome: str, code: int) -> int:
    """The code of an agent's session: the outcome counts (`succeeded`, `failed`, ...).

    Agents exit with 0 when they fail, and with 0 or 1 or by the signal when they are interrupted.
    """
    return {"succeeded": OK, "interrupted": INTERRUPTED}.get(outcome, code or FAILED)

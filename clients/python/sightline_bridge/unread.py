"""What is logged of requests: the faults of our own; of those that nobody can read not their bytes, which may hold a token.

aiohttp logs these whole, as errors: a stranger could fill a log, and a program with a wrong byte behind its token would publish it.
"""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

log = logging.getLogger("sightline_bridge.requests")


def _kind_only(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError | web.RequestPayloadError):
        return True
    record.msg, record.args, record.exc_info = "a request that cannot be read: %s", (type(error).__name__,), None
    return log.isEnabledFor(logging.DEBUG)


log.addFilter(_kind_only)

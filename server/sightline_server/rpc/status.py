"""The one table from errors to status codes, and how an error travels: `google.rpc.Status` with one `ErrorInfo`."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from sightline_server import errors
from sightline_server.errors import SightlineError

logger = logging.getLogger(__name__)

T = TypeVar("T")

DOMAIN = "sightline"
MAX_MESSAGE = 1024  # bytes; with the next: gRPC clients refuse an error of more than 8 KiB, and each byte may take three there
MAX_VARIABLE = 256  # bytes
DETAILS = "grpc-status-details-bin"  # the metadata key under which gRPC clients look for the Status message

CODES: Mapping[type[SightlineError], grpc.StatusCode] = {
    errors.BadRequest: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyThere: grpc.StatusCode.ALREADY_EXISTS,
    errors.WrongState: grpc.StatusCode.FAILED_PRECONDITION,
    errors.BeyondLog: grpc.StatusCode.OUT_OF_RANGE,
    errors.TooMuch: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.NotYetBuilt: grpc.StatusCode.UNIMPLEMENTED,
    errors.Unreachable: grpc.StatusCode.UNAVAILABLE,
    errors.NotAllowed: grpc.StatusCode.UNAUTHENTICATED,
    errors.Damaged: grpc.StatusCode.DATA_LOSS,
    errors.InternalFault: grpc.StatusCode.INTERNAL,
}


def code_of(error: SightlineError) -> grpc.StatusCode:
    """The status code of an error's branch."""
    return next(CODES[branch] for branch in type(error).__mro__ if branch in CODES)


def details_of(error: SightlineError) -> tuple[tuple[str, bytes], ...]:
    """The trailing metadata that carries reason and variables."""
    info = AnyMessage()
    variables = {name: shortened(value, MAX_VARIABLE) for name, value in error.variables.items()}
    info.Pack(ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=variables))
    status = Status(code=code_of(error).value[0], message=message_of(error), details=[info])
    return ((DETAILS, status.SerializeToString()),)


def message_of(error: SightlineError) -> str:
    """The text that travels."""
    return shortened(str(error), MAX_MESSAGE)


def shortened(text: str, size: int) -> str:
    """A text of at most about so many bytes: it may hold what the caller sent, however long that was."""
    encoded = text.encode(errors="replace")
    return encoded.decode() if len(encoded) <= size else encoded[:size].decode(errors="ignore") + "…"


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: SightlineError) -> NoReturn:
    """Ends a call with an error."""
    await context.abort(code_of(error), message_of(error), details_of(error))


def with_status(
    handler: Callable[[Any, Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[T]],
) -> Callable[[Any, Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[T]]:
    """A handler whose errors reach the caller as the table says; anything unforeseen is logged and says nothing of its insides."""

    @functools.wraps(handler)
    async def wrapped(service: Any, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> T:
        try:
            return await handler(service, request, context)
        except SightlineError as error:
            await abort(context, error)
        except grpc.aio.AbortError:
            raise
        except Exception:
            logger.exception("%s failed", handler.__name__)
            await abort(context, errors.InternalFault())

    return wrapped

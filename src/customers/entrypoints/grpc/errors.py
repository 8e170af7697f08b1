"""Turns errors into gRPC statuses: a code for each kind of error, and the details of google.rpc."""

from collections.abc import Iterator
from typing import Any, NoReturn

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from grpc.aio import ServicerContext

from customers.core.errors import Conflict, CustomersError, Forbidden, Invalid, NotFound, Problem
from customers.core.errors.access import Unauthenticated
from customers.core.errors.availability import Busy, Unavailable
from customers.core.errors.ledger import RefundExceedsOrder
from customers.entrypoints.observability.logs import logger

DOMAIN = "customers"
DETAILS = "grpc-status-details-bin"

# The first kind that an error belongs to decides.
_CODES: tuple[tuple[type[CustomersError], StatusCode], ...] = (
    (Invalid, StatusCode.INVALID_ARGUMENT),
    (Unauthenticated, StatusCode.UNAUTHENTICATED),
    (Forbidden, StatusCode.PERMISSION_DENIED),
    (NotFound, StatusCode.NOT_FOUND),
    (RefundExceedsOrder, StatusCode.FAILED_PRECONDITION),
    (Conflict, StatusCode.ALREADY_EXISTS),
    (Busy, StatusCode.RESOURCE_EXHAUSTED),
    (Unavailable, StatusCode.UNAVAILABLE),
)
_CODES_BY_NUMBER = {code.value[0]: code for code in StatusCode}


def status_of(error: Exception) -> Status:
    """The status of an error. An unexpected exception is logged and becomes INTERNAL."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return _status(code, str(error), *_details(error))
    logger().error("unhandled exception in call", exc_info=error)
    return _status(StatusCode.INTERNAL, "internal error; it has been logged")


async def abort(context: ServicerContext[Any, Any], status: Status) -> NoReturn:
    """Ends the call with the status, and adds it, with its details, to the trailing metadata."""
    metadata = (*context.trailing_metadata(), (DETAILS, status.SerializeToString()))
    await context.abort(_CODES_BY_NUMBER[status.code], status.message, metadata)


def _status(code: StatusCode, message: str, *details: Message) -> Status:
    status = Status(code=code.value[0], message=message)
    for detail in details:
        status.details.add().Pack(detail)
    return status


def _details(error: CustomersError) -> Iterator[Message]:
    reason = error.headline if isinstance(error, Invalid) else error.code
    yield ErrorInfo(reason=reason, domain=DOMAIN)
    if isinstance(error, Invalid):
        yield BadRequest(field_violations=map(_violation, error.problems))
    if isinstance(error, Unavailable | Busy):
        yield RetryInfo(retry_delay=Duration(seconds=error.retry_after_seconds))


def _violation(problem: Problem) -> BadRequest.FieldViolation:
    return BadRequest.FieldViolation(
        field=problem.field, description=problem.message, reason=problem.code
    )


MALFORMED = _status(
    StatusCode.INVALID_ARGUMENT,
    "the request cannot be parsed as the message of this method",
    ErrorInfo(reason="MALFORMED_MESSAGE", domain=DOMAIN),
)

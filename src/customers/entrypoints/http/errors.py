"""Turns errors into answers: the status of each error, and the three formats of error bodies.

The formats are plain, wrapped (in some routes) and RFC 9457 problem documents (for callers that
accept them).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import Any

from aiohttp import web
from attrs import frozen

from customers.core.errors import (
    Conflict,
    CustomersError,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    StaleVersion,
)
from customers.core.errors.access import InvalidToken, Unauthenticated
from customers.core.errors.availability import Busy, Unavailable
from customers.core.errors.ledger import Difference, LedgerConflict
from customers.core.errors.verification import MailNotConfigured
from customers.entrypoints.json.encode import encode

RETRY_LATER = {"Retry-After": str(Unavailable.retry_after_seconds)}
PROBLEM_TYPE = "application/problem+json"


class ErrorFormat(Enum):
    """The error format of a route."""

    PLAIN = "plain"
    WRAPPED = "wrapped"


@frozen(kw_only=True)
class ErrorResponse:
    """What an error answer says in every format; problems or differences become `details`."""

    status: int
    code: str
    message: str
    problems: Sequence[Problem] = ()
    differences: Sequence[Difference] = ()
    headers: Mapping[str, str] = {}


UNKNOWN_PATH = ErrorResponse(status=404, code="NOT_FOUND", message="no such path")
INTERNAL_ERROR = ErrorResponse(
    status=500, code="INTERNAL_ERROR", message="internal error; it has been logged"
)


def method_not_allowed(methods: Sequence[str]) -> ErrorResponse:
    allowed = ", ".join(sorted(methods))
    return ErrorResponse(
        status=405,
        code="METHOD_NOT_ALLOWED",
        message=f"the methods of this path are {allowed}",
        headers={"Allow": allowed},
    )


def error_response_of(error: CustomersError) -> ErrorResponse:
    """The answer to an error of the core."""
    response = partial(ErrorResponse, status=status_of(type(error)), message=str(error))
    if isinstance(error, Invalid):
        return response(code=error.headline, problems=error.problems)
    if isinstance(error, LedgerConflict):
        return response(code=error.code, differences=error.differences)
    return response(code=error.code, headers=_headers_of(error))


def _headers_of(error: CustomersError) -> dict[str, str]:
    if isinstance(error, Unavailable | Busy | MailNotConfigured):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, InvalidToken):
        # RFC 6750; our messages hold neither quotes nor anything of the token.
        return {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{error}"'}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}


def error_response(error: ErrorResponse, error_format: ErrorFormat, accept: str) -> web.Response:
    """The answer in the route's format, or as a problem document if the caller accepts one."""
    as_problem = accepts_problem(accept)
    body = problem_of(error) if as_problem else body_of(error, error_format)
    return web.Response(
        status=error.status,
        body=_encode(body),
        content_type=PROBLEM_TYPE if as_problem else "application/json",
        headers=error.headers,
    )


def body_of(error: ErrorResponse, error_format: ErrorFormat) -> dict[str, Any]:
    """The body in the format of a route."""
    return _BODIES[error_format](error)


def problem_of(error: ErrorResponse) -> dict[str, Any]:
    """The body as a problem document (RFC 9457)."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.message,
        "code": error.code,
    } | details_of(error)


def accepts_problem(accept: str) -> bool:
    """Whether an Accept header names problem documents with a weight above zero."""
    for media_range in accept.lower().split(","):
        name, *parameters = (part.strip() for part in media_range.split(";"))
        if name == PROBLEM_TYPE:
            return not any(_is_zero_weight(parameter) for parameter in parameters)
    return False


def status_of(error: type[CustomersError]) -> int:
    """The status of a class of errors of the core; 500 for a class without one."""
    return next((status for kind, status in _STATUSES if issubclass(error, kind)), 500)


_STATUSES: tuple[tuple[type[CustomersError], int], ...] = (
    (Invalid, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (StaleVersion, 412),
    (Conflict, 409),
    (Busy, 429),
    (Unavailable, 503),
    (MailNotConfigured, 503),
)


def _encode(body: dict[str, Any]) -> bytes:
    try:
        return encode(body)
    except UnicodeEncodeError:  # the error repeats a key of the request with an unpaired surrogate
        return json.dumps(body).encode()


def details_of(error: ErrorResponse) -> dict[str, Any]:
    """The key `details` of a body with its value; empty without `problems` and `differences`."""
    if error.differences:
        return {"details": [_difference(difference) for difference in error.differences]}
    if not error.problems:
        return {}
    return {"details": [_detail(problem) for problem in error.problems]}


def _detail(problem: Problem) -> dict[str, str]:
    detail = {"field": problem.field, "message": problem.message, "code": problem.code}
    return detail if problem.pointer is None else detail | {"pointer": problem.pointer}


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "field": difference.field,
        "message": difference.message,
        "code": "CONFLICT",
        "pointer": f"/{difference.field}",
        "given": _shortest(difference.given),
        "stored": _shortest(difference.stored),
    }


def _shortest(value: Decimal | datetime | None) -> Decimal | datetime | None:
    """The value; an amount without trailing zeros, which a storage may add."""
    if not isinstance(value, Decimal):
        return value
    return value.quantize(Decimal(1)) if value == value.to_integral() else value.normalize()


def _plain(error: ErrorResponse) -> dict[str, Any]:
    body = {"error": error.message, "message": error.message, "code": error.code}
    return body | details_of(error)


def _wrapped(error: ErrorResponse) -> dict[str, Any]:
    reason = {"code": error.code, "message": error.message} | details_of(error)
    return {"success": False, "error": reason, "message": error.message, "code": error.code}


_BODIES = {ErrorFormat.PLAIN: _plain, ErrorFormat.WRAPPED: _wrapped}


def _is_zero_weight(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip().rstrip("0") in ("", "0.", "0")

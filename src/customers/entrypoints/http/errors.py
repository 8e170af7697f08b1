"""What was refused, as an answer: kinds of errors to statuses, in the caller's error form.

Three forms are in the field: plain, wrapped (some routes) and RFC 9457 problems (when accepted).
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any

from aiohttp import web
from attrs import frozen

from customers.core.errors import (
    Conflict,
    CustomersError,
    Invalid,
    NotFound,
    Problem,
    StaleVersion,
    Unavailable,
)
from customers.entrypoints.json.encode import encode

RETRY_LATER = {"Retry-After": str(Unavailable.retry_after_seconds)}
PROBLEM_TYPE = "application/problem+json"


class Form(Enum):
    """The error form of a route."""

    PLAIN = "plain"
    WRAPPED = "wrapped"


@frozen(kw_only=True)
class ErrorResponse:
    """A status and what is said with it."""

    status: int
    code: str
    message: str
    problems: Sequence[Problem] | None = None
    headers: Mapping[str, str] = {}


UNKNOWN_PATH = ErrorResponse(status=404, code="NOT_FOUND", message="there is nothing at this path")
DEFECT = ErrorResponse(
    status=500, code="INTERNAL_ERROR", message="the service has a defect; it has been logged"
)


def method_not_allowed(allowed: Sequence[str]) -> ErrorResponse:
    listed = ", ".join(sorted(allowed))
    return ErrorResponse(
        status=405,
        code="METHOD_NOT_ALLOWED",
        message=f"this path answers {listed}",
        headers={"Allow": listed},
    )


def error_response_of(error: CustomersError) -> ErrorResponse:
    """The refusal that an error of the core becomes."""
    status = status_of(type(error))
    if isinstance(error, Invalid):
        told = error.problems
        return ErrorResponse(status=status, code=error.headline, message=str(error), problems=told)
    headers = RETRY_LATER if isinstance(error, Unavailable) else {}
    return ErrorResponse(status=status, code=error.code, message=str(error), headers=headers)


def error_response(refusal: ErrorResponse, form: Form, accept: str) -> web.Response:
    """The answer in the route's form, or as a problem document where one is accepted."""
    as_problem = accepts_problem(accept)
    body = problem_of(refusal) if as_problem else body_of(refusal, form)
    return web.Response(
        status=refusal.status,
        body=encode(body),
        content_type=PROBLEM_TYPE if as_problem else "application/json",
        headers=refusal.headers,
    )


def body_of(refusal: ErrorResponse, form: Form) -> dict[str, Any]:
    """What is said in the form of a route."""
    return _FORMS[form](refusal)


def problem_of(refusal: ErrorResponse) -> dict[str, Any]:
    """What is said as a problem document (RFC 9457)."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": refusal.message,
        "code": refusal.code,
    } | _details(refusal)


def accepts_problem(accept: str) -> bool:
    """Whether an Accept header asks for problem documents."""
    for each in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in each.split(";"))
        if kind == PROBLEM_TYPE:
            return not any(_is_zero(parameter) for parameter in parameters)
    return False


def status_of(error: type[CustomersError]) -> int:
    """The status that errors of a kind have."""
    return next((status for kind, status in _STATUSES if issubclass(error, kind)), 500)


_STATUSES: tuple[tuple[type[CustomersError], int], ...] = (
    (Invalid, 400),
    (NotFound, 404),
    (StaleVersion, 412),
    (Conflict, 409),
    (Unavailable, 503),
)


def _details(refusal: ErrorResponse) -> dict[str, Any]:
    if refusal.problems is None:
        return {}
    return {"details": [_detail(problem) for problem in refusal.problems]}


def _detail(problem: Problem) -> dict[str, str]:
    shown = {"field": problem.field, "message": problem.message, "code": problem.code}
    return shown if problem.pointer is None else shown | {"pointer": problem.pointer}


def _plain(refusal: ErrorResponse) -> dict[str, Any]:
    said = {"error": refusal.message, "message": refusal.message, "code": refusal.code}
    return said | _details(refusal)


def _wrapped(refusal: ErrorResponse) -> dict[str, Any]:
    inner = {"code": refusal.code, "message": refusal.message} | _details(refusal)
    return {"success": False, "error": inner, "message": refusal.message, "code": refusal.code}


_FORMS = {Form.PLAIN: _plain, Form.WRAPPED: _wrapped}


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip().rstrip("0") in ("", "0.", "0")

"""The error responses of a route, in its own format and as problem documents."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from customers.core.errors import UNKNOWN_PARAMETER, CustomersError, Invalid, InvalidValue, Problem
from customers.core.errors.availability import TenantBusy, Unavailable
from customers.core.errors.ledger import (
    TOO_MUCH,
    Difference,
    OrderConflict,
    RefundConflict,
    RefundExceedsOrder,
)
from customers.core.model.order import Order
from customers.entrypoints.http.body import JSON
from customers.entrypoints.http.drain import BODY_TIMEOUT
from customers.entrypoints.http.errors import (
    PROBLEM_TYPE,
    ErrorFormat,
    ErrorResponse,
    body_of,
    problem_of,
    status_of,
)
from customers.entrypoints.http.request_line import HEADERS_TOO_LARGE
from customers.entrypoints.http.routes import Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import encode
from customers.entrypoints.openapi.schemas import Schemas

_SHAPES: Final = {ErrorFormat.PLAIN: shapes.PlainError, ErrorFormat.WRAPPED: shapes.WrappedError}
_BODY_ERRORS: Final = (
    BODY_TIMEOUT,
    ErrorResponse(
        status=413,
        code="BODY_TOO_LARGE",
        message="the body must not exceed the limit of the operation",
    ),
    ErrorResponse(
        status=415,
        code="UNSUPPORTED_MEDIA_TYPE",
        message="the body must be of the operation's media type, in UTF-8",
    ),
)


def errors_of(route: Route) -> dict[int, list[ErrorResponse]]:
    """The errors that the document names for a route, by status."""
    by_status: dict[int, list[ErrorResponse]] = {}
    for error in _errors_of(route):
        by_status.setdefault(error.status, []).append(error)
    return by_status


def _errors_of(route: Route) -> Iterator[ErrorResponse]:
    if route.is_of_tenant or route.query or route.method != "GET":
        yield _example(Invalid)
    if route.query is not None:
        yield _UNKNOWN_PARAMETER
    for kind in route.all_errors:
        yield _example(kind, _difference_of(kind, route))
    if route.is_of_tenant:
        yield _example(TenantBusy)
        yield _example(Unavailable)
    if route.method != "GET":
        yield from _BODY_ERRORS
    yield HEADERS_TOO_LARGE


def describe_errors(
    errors: Sequence[ErrorResponse], error_format: ErrorFormat, schemas: Schemas
) -> dict[str, Any]:
    """The response object for errors of one status."""
    codes = "; ".join(f"`{error.code}`: {error.message}" for error in errors)
    examples = {error.code: {"value": _plain(body_of(error, error_format))} for error in errors}
    return {
        "description": f"{HTTPStatus(errors[0].status).phrase}. {codes}",
        "content": {
            JSON: {"schema": schemas.of_type(_SHAPES[error_format]), "examples": examples},
            PROBLEM_TYPE: describe_problem(errors, schemas),
        },
    }


def describe_problem(errors: Sequence[ErrorResponse], schemas: Schemas) -> dict[str, Any]:
    """The media type object for the errors as problem documents."""
    content: dict[str, Any] = {"schema": schemas.of_type(shapes.ProblemDocument)}
    if errors:
        content["examples"] = {error.code: {"value": _plain(problem_of(error))} for error in errors}
    return content


def _plain(body: dict[str, Any]) -> Any:
    """The body as it is sent, with plain numbers for decimals."""
    return json.loads(encode(body))


_MISSPELT: Final = Problem(
    field="tenat_id",
    code=UNKNOWN_PARAMETER,
    message="unknown parameter (did you mean tenant_id?); there are cursor, limit, tenant_id",
)
_UNKNOWN_PARAMETER: Final = ErrorResponse(
    status=400,
    code=UNKNOWN_PARAMETER,
    message=f"{_MISSPELT.field}: {_MISSPELT.message}",
    problems=[_MISSPELT],
)


def _difference_of(kind: type[CustomersError], route: Route) -> Sequence[Difference]:
    """What the example of a conflict names, where the operation states what can differ."""
    given, stored = Decimal("50.5"), Decimal(50)
    if kind is OrderConflict and route.body is not None and route.body.kind is Order:
        return (Difference(field="totalAmount", given=given, stored=stored),)
    if kind is RefundConflict:
        return (Difference(field="amount", given=given, stored=stored),)
    if kind is RefundExceedsOrder:
        return (Difference(field="amount", given=given, stored=stored, message=TOO_MUCH),)
    return ()


def _example(kind: type[CustomersError], differences: Sequence[Difference] = ()) -> ErrorResponse:
    problem = InvalidValue("REQUIRED", "is required").at("email", "/email")
    return ErrorResponse(
        status=status_of(kind),
        code=kind.code,
        message=kind.message,
        problems=[problem] if kind is Invalid else (),
        differences=differences,
    )

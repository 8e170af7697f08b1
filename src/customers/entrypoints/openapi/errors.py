"""What a route may refuse, as a document tells it: in the route's form, and as a problem."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from customers.core.errors import CustomersError, Invalid, InvalidValue, Unavailable
from customers.entrypoints.http.body import JSON, TOO_LARGE
from customers.entrypoints.http.drain import GIVEN_UP
from customers.entrypoints.http.errors import (
    PROBLEM_TYPE,
    ErrorResponse,
    Form,
    body_of,
    problem_of,
    status_of,
)
from customers.entrypoints.http.routes import Route
from customers.entrypoints.json import shapes
from customers.entrypoints.openapi.schemas import Schemas

_SHAPES: Final = {Form.PLAIN: shapes.PlainError, Form.WRAPPED: shapes.WrappedError}
_OF_BODIES: Final = (
    GIVEN_UP,
    TOO_LARGE,
    ErrorResponse(
        status=415,
        code="UNSUPPORTED_MEDIA_TYPE",
        message="a body must come as application/json in UTF-8",
    ),
)


def refusals_of(route: Route) -> dict[int, list[ErrorResponse]]:
    """What may be answered instead, by status."""
    errors: list[type[CustomersError]] = list(route.refuses)
    if route.is_of_tenant or route.query or route.method != "GET":
        errors.insert(0, Invalid)
    if route.is_of_tenant:
        errors.append(Unavailable)
    told = [_refusal(each) for each in errors]
    if route.method != "GET":
        told += _OF_BODIES
    by_status: dict[int, list[ErrorResponse]] = {}
    for each in told:
        by_status.setdefault(each.status, []).append(each)
    return by_status


def refusal_described(
    refusals: Sequence[ErrorResponse], form: Form, schemas: Schemas
) -> dict[str, Any]:
    """The response for refusals of one status."""
    listed = "; ".join(f"`{each.code}`: {each.message}" for each in refusals)
    examples = {each.code: {"value": body_of(each, form)} for each in refusals}
    return {
        "description": f"{HTTPStatus(refusals[0].status).phrase}. {listed}",
        "content": {
            JSON: {"schema": schemas.of_type(_SHAPES[form]), "examples": examples},
            PROBLEM_TYPE: problem_described(refusals, schemas),
        },
    }


def problem_described(refusals: Sequence[ErrorResponse], schemas: Schemas) -> dict[str, Any]:
    """The same as problem documents."""
    told: dict[str, Any] = {"schema": schemas.of_type(shapes.ProblemDocument)}
    if refusals:
        told["examples"] = {each.code: {"value": problem_of(each)} for each in refusals}
    return told


def _refusal(error: type[CustomersError]) -> ErrorResponse:
    bad = InvalidValue("REQUIRED", "is required").at("email", "/email")
    return ErrorResponse(
        status=status_of(error),
        code=error.code,
        message=error.message,
        problems=[bad] if error is Invalid else None,
    )

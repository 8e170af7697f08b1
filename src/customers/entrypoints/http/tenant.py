"""Whose request it is: the tenant it names, in up to four places, and the actor."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from aiohttp import web

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.core.model.values import IdGate, TextGate

_GATE = TextGate(max_length=255, blank=False)
_HEADERS = ("X-Tenant-ID", "x-jwt-claim-tenant-id")
_QUERIES = ("tenant_id", "tenantId")
_ACTORS = ("x-jwt-claim-sub", "X-User-ID")


def tenant_of(request: web.BaseRequest, body: Mapping[str, Any] | None) -> str:
    """The tenant; all places that name one must agree. Raises Invalid."""
    problems: list[Problem] = []
    named: set[str] = set()
    for field, pointer, raw in _mentions(request, body):
        try:
            named.add(_GATE.read(raw))
        except InvalidValue as refused:
            problems.append(refused.at(field, pointer))
    if len(named) > 1:
        problems.append(_said("TENANT_MISMATCH", "the tenants given in this request disagree"))
    if not named and not problems:
        problems.append(_said("TENANT_REQUIRED", "name the tenant in the X-Tenant-ID header"))
    if problems:
        raise Invalid(problems)
    return named.pop()


def actor_of(request: web.BaseRequest) -> UUID | None:
    """Who acts: the first header that names someone, when it holds a UUID."""
    said = next((value for name in _ACTORS if (value := request.headers.get(name, "").strip())), "")
    try:
        return IdGate().read(said)
    except InvalidValue:
        return None


def _mentions(
    request: web.BaseRequest, body: Mapping[str, Any] | None
) -> list[tuple[str, str | None, object]]:
    told: list[tuple[str, str | None, object]] = [
        (name, None, value)
        for name in _HEADERS
        for value in request.headers.getall(name, ())
        if value.strip()
    ]
    told += [(name, None, value) for name, value in _queried(request)]
    in_body = None if body is None else body.get("tenantId")
    if in_body is not None and in_body != "":
        told.append(("tenantId", "/tenantId", in_body))
    return told


def _queried(request: web.BaseRequest) -> Iterator[tuple[str, str]]:
    if not request.query_string:
        return
    for name in _QUERIES:
        values = [value for value in request.query.getall(name, ()) if value.strip()]
        if len(values) > 1:
            raise Invalid([Problem(field=name, message="must be given once", code="INVALID_VALUE")])
        yield from ((name, value) for value in values)


def _said(code: str, message: str) -> Problem:
    return Problem(field="tenantId", message=message, code=code)

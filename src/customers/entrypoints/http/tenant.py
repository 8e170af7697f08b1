"""The tenant of a request, named in up to four places, and the actor."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from aiohttp import web

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.core.model.problems import Problems
from customers.core.model.tenant import TenantGate
from customers.core.model.values import IdGate

_MISMATCH = InvalidValue("TENANT_MISMATCH", "the tenants named in this request differ")
_REQUIRED = InvalidValue("TENANT_REQUIRED", "name the tenant in the X-Tenant-ID header")
_HEADERS = ("X-Tenant-ID", "x-jwt-claim-tenant-id")
# In any letter case, with or without underscores, as all parameters.
_PARAMETER = "tenantid"
_ANY_TENANT = TenantGate()
_ACTOR_HEADERS = ("x-jwt-claim-sub", "X-User-ID")


def tenant_of(
    request: web.BaseRequest, body: Mapping[str, Any] | None, gate: TenantGate = _ANY_TENANT
) -> str:
    """The tenant. Raises Invalid without one, for a malformed one, and if several disagree."""
    tenants: set[str] = set()
    problems: list[Problem] = []
    for field, pointer, raw in _mentions(request, body):
        try:
            tenants.add(gate.read(raw))
        except InvalidValue as error:
            problems.append(error.at(field, pointer))
    if len(tenants) > 1:
        problems.append(_MISMATCH.at("tenantId"))
    if not tenants and not problems:
        problems.append(_REQUIRED.at("tenantId"))
    if problems:
        raise Invalid(tuple(Problems(problems)))
    return tenants.pop()


def actor_of(request: web.BaseRequest) -> UUID | None:
    """The user in the first header that names one; None if that is no UUID."""
    texts = (request.headers.get(name, "").strip() for name in _ACTOR_HEADERS)
    try:
        return IdGate().read(next(filter(None, texts), ""))
    except InvalidValue:
        return None


def _mentions(
    request: web.BaseRequest, body: Mapping[str, Any] | None
) -> list[tuple[str, str | None, object]]:
    """Everything that names a tenant: the field, its JSON pointer in a body, the raw value."""
    mentions: list[tuple[str, str | None, object]] = [
        (name, None, value)
        for name in _HEADERS
        for value in request.headers.getall(name, ())
        if value
    ]
    mentions += [(name, None, value) for name, value in _query_mentions(request)]
    in_body = None if body is None else body.get("tenantId")
    if in_body is not None and in_body != "":
        mentions.append(("tenantId", "/tenantId", in_body))
    return mentions


def _query_mentions(request: web.BaseRequest) -> Iterator[tuple[str, str]]:
    if not request.query_string:
        return
    names = (name for name in request.query if name.replace("_", "").lower() == _PARAMETER)
    for name in dict.fromkeys(names):
        values = [value for value in request.query.getall(name) if value]
        if len(values) > 1:
            raise Invalid([Problem(field=name, message="must be given once", code="INVALID_VALUE")])
        yield from ((name, value) for value in values)

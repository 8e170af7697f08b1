"""The tenant of a request: the one that the request names, or the only one of the principal."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from aiohttp import web
from attrs import frozen

from customers.core.errors import Invalid, InvalidValue, Problem
from customers.core.model.principal import Principal
from customers.core.model.problems import Problems
from customers.core.model.tenant import TenantGate

_MISMATCH = InvalidValue("TENANT_MISMATCH", "the tenants named in this request differ")
_REQUIRED = InvalidValue("TENANT_REQUIRED", "name the tenant in the X-Tenant-ID header")
_HEADER: Final = "X-Tenant-ID"
# Only read where nobody is authenticated; elsewhere the claim is part of the principal.
_CLAIM: Final = "x-jwt-claim-tenant-id"
# The query parameter, in any letter case, with or without underscores.
_PARAMETER: Final = "tenantid"


@frozen
class TenantReader:
    """Finds the tenant of a request. `believes_claims` is set where nobody is authenticated: there
    a claim in the headers of any caller may name the tenant.
    """

    gate: TenantGate
    believes_claims: bool

    def read(
        self, request: web.BaseRequest, body: Mapping[str, Any] | None, principal: Principal
    ) -> str:
        """The tenant. Raises Invalid if the tenant is missing, malformed or repeated in the query,
        or if the request names several; TenantForbidden if the principal may not act for it.
        """
        tenants: set[str] = set()
        problems = Problems()
        for field, pointer, raw in self._mentions(request, body):
            try:
                tenants.add(tenant := self.gate.read(raw))
            except InvalidValue as error:
                problems.extend([error.at(field, pointer)])
            else:
                principal.expect_tenant(tenant)
        if not tenants and not problems and principal.tenants.only:
            return self._only(principal)
        if len(tenants) > 1:
            problems.extend([_MISMATCH.at("tenantId")])
        if not tenants and not problems:
            problems.extend([_REQUIRED.at("tenantId")])
        problems.raise_if_any()
        return tenants.pop()

    def expect(self, tenant: str, raw: object, principal: Principal) -> None:
        """Checks the `tenantId` of a part of a body, which may be absent. Raises Invalid if it is
        malformed or is not the tenant of the request; first TenantForbidden if the principal may
        not act for it.
        """
        if raw in (None, "", tenant):
            return
        try:
            named = self.gate.read(raw)
        except InvalidValue as error:
            raise Invalid([error.at("tenantId", "/tenantId")]) from None
        principal.expect_tenant(named)
        if named != tenant:
            raise Invalid([_MISMATCH.at("tenantId", "/tenantId")])

    def _only(self, principal: Principal) -> str:
        """The only tenant of the principal. Raises Invalid if its id is malformed."""
        try:
            return self.gate.read(principal.tenants.only)
        except InvalidValue as error:
            raise Invalid([error.at("tenantId")]) from None

    def _mentions(
        self, request: web.BaseRequest, body: Mapping[str, Any] | None
    ) -> list[tuple[str, str | None, object]]:
        """Everything that names a tenant: the field, its JSON pointer in a body, the raw value."""
        headers = (_HEADER, _CLAIM) if self.believes_claims else (_HEADER,)
        mentions: list[tuple[str, str | None, object]] = [
            (name, None, value)
            for name in headers
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

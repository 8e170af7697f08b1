"""The route that makes a token for any caller that a test needs."""

from datetime import timedelta
from typing import Annotated, Final

from aiohttp import web
from attrs import frozen

from customers.core.errors import Conflict, Invalid
from customers.core.model.api_key import PermissionList
from customers.core.model.principal import PrincipalKind
from customers.core.model.tenant import Tenant
from customers.core.model.values import ChoiceGate, FlagGate, TextGate, WholeNumberGate
from customers.entrypoints.access.own_tokens import OwnTokens, TokenContent
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import Body, Route
from customers.entrypoints.testapi import shapes
from customers.entrypoints.testapi.gates import TextsGate
from customers.entrypoints.testapi.ports import ControllableIds

_HOUR: Final = 3_600
_CENTURY: Final = 100 * 366 * 24 * _HOUR
_MAX_LISTED: Final = 50
_EVERY: Final = "*"

Texts = Annotated[tuple[str, ...], TextsGate(_MAX_LISTED)]


class AuthenticationIsOff(Conflict):
    code = "AUTHENTICATION_OFF"
    message = "this service authenticates nobody: start it with --auth jwt"


class NoSigningKey(Conflict):
    code = "NO_SIGNING_KEY"
    message = (
        "this service has no key of its own to sign tokens with: start it with --auth jwt, and "
        "without JWT_ISSUER, JWT_JWKS_URL and JWT_JWKS_FILE"
    )


@frozen(kw_only=True)
class TokenRequest:
    """The caller of a new token; an empty subject becomes a new id. `expires_in` is in seconds."""

    kind: Annotated[PrincipalKind, ChoiceGate(PrincipalKind)]
    permissions: PermissionList = ()
    roles: Texts = ()
    tenant_id: Tenant | None = None
    tenants: Texts = ()
    subject: Annotated[str, TextGate(max_length=255)] = ""
    email: Annotated[str, TextGate(max_length=254)] = ""
    email_verified: Annotated[bool, FlagGate()] = False
    expires_in: Annotated[int, WholeNumberGate(-_CENTURY, _CENTURY)] = _HOUR

    def expect_consistent(self) -> None:
        """Raises Invalid if the permissions, roles or tenants do not fit the kind of caller."""
        is_permitted = bool(self.permissions or self.roles)
        if self.kind is PrincipalKind.SHOPPER and is_permitted:
            raise _invalid("/permissions", "a shopper has neither permissions nor roles")
        if self.kind is PrincipalKind.STAFF and not is_permitted:
            sentence = "staff need permissions or roles: without any they are shoppers"
            raise _invalid("/permissions", sentence)
        if self.kind is PrincipalKind.SERVICE and (self.tenants or self.tenant_id):
            raise _invalid("/tenantId", "a service acts for every tenant: calls name the tenant")
        if self.kind is not PrincipalKind.SERVICE and _EVERY in self.named_tenants:
            raise _invalid("/tenants", "only a service acts for every tenant")

    @property
    def named_tenants(self) -> tuple[str, ...]:
        if self.kind is PrincipalKind.SERVICE:
            return (_EVERY,)
        one = () if self.tenant_id is None else (self.tenant_id,)
        return tuple(dict.fromkeys((*one, *self.tenants)))

    def content(self, subject: str) -> TokenContent:
        return TokenContent(
            subject=subject,
            tenants=self.named_tenants,
            permissions=self.permissions,
            roles=self.roles,
            email=self.email,
            is_email_verified=self.email_verified,
            expires_in=timedelta(seconds=self.expires_in),
        )


@frozen
class TestTokenRoutes:
    """`tokens` is None where the service has no key of its own."""

    _tokens: OwnTokens | None
    _ids: ControllableIds
    _is_authenticating: bool

    def table(self) -> list[Route]:
        return [
            Route(
                "makeToken",
                "POST",
                "/tokens",
                self.make,
                {201: shapes.Token},
                body=Body(TokenRequest),
                errors=(AuthenticationIsOff, NoSigningKey),
            )
        ]

    async def make(self, _: RequestContext, request: TokenRequest) -> web.Response:
        """Make a token for any caller

        The token is signed with a key that the service has made for itself. A shopper has no
        permissions; a service acts for every tenant.
        """
        request.expect_consistent()
        if self._tokens is None:
            raise NoSigningKey if self._is_authenticating else AuthenticationIsOff
        token = self._tokens.issue(request.content(request.subject or self._new_subject(request)))
        body: shapes.Token = {"token": token, "authorization": f"Bearer {token}"}
        return json_response(body, status=201)

    def _new_subject(self, request: TokenRequest) -> str:
        with self._ids.scope(request.tenant_id or "", "Subject"):
            return str(self._ids.new())


def _invalid(pointer: str, sentence: str) -> Invalid:
    return Invalid.at(pointer, "INVALID_VALUE", sentence)

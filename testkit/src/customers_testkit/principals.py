"""Callers of the service: each with a token or a key of its own, for tests of 401 and 403."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from customers_testkit.caller import Caller, CustomersError
from customers_testkit.client import CustomersClient
from customers_testkit.server import Server

Kind = Literal["staff", "service", "shopper", "key"]

# Longer than a test moves the clock ahead; a test of expiry says how long its token lives.
_CENTURY = 100 * 365 * 24 * 3_600
_EVERYTHING = ("*",)
# The codes of the errors with which the service says why it makes no tokens.
_IS_OFF = "AUTHENTICATION_OFF"
_NO_KEY = "NO_SIGNING_KEY"


class NoTokens(RuntimeError):
    """The service makes no tokens; the message names the option that it needs."""


@dataclass(frozen=True)
class Principal:
    """A caller: `headers` for REST, `metadata` for gRPC, and a client that sends them."""

    client: CustomersClient
    headers: Mapping[str, str] = field(repr=False)

    @property
    def metadata(self) -> Sequence[tuple[str, str]]:
        return [(name.lower(), value) for name, value in self.headers.items()]


class Principals:
    """Makes callers. Those of the kind `key` have an API key, the others a token."""

    def __init__(self, server: Server, tenant: str) -> None:
        self._server = server
        self._controls = Caller(server.client)
        self._tenant = tenant

    def __call__(
        self,
        kind: Kind = "staff",
        permissions: Sequence[str] | None = None,
        *,
        tenant: str | None = None,
        subject: str | None = None,
        roles: Sequence[str] = (),
        email: str | None = None,
        email_verified: bool = False,
        expires_in: int = _CENTURY,
    ) -> Principal:
        """A caller, of the test's tenant unless `tenant` names another.

        Without `permissions` and `roles` it may do everything; a shopper has no permissions. With
        `email` and `email_verified`, a shopper is the customer with that address. The token expires
        after `expires_in` seconds of the service's clock; -3600 makes an expired token. A key has
        only `permissions` and a `tenant`. Raises NoTokens, ValueError for what a key cannot have,
        and CustomersError for what the service refuses.
        """
        is_unlimited = permissions is None and not roles and kind != "shopper"
        granted = list(_EVERYTHING if is_unlimited else permissions or ())
        of_tenant = tenant or self._tenant
        if kind == "key":
            if subject or roles or email or email_verified or expires_in != _CENTURY:
                raise ValueError("a key has permissions and a tenant, nothing else")
            return self._of(of_tenant, self._key(of_tenant, granted))
        request = {
            "kind": kind,
            "permissions": granted,
            "tenantId": None if kind == "service" else of_tenant,
            "subject": subject,
            "roles": list(roles),
            "email": email,
            "emailVerified": email_verified,
            "expiresIn": expires_in,
        }
        return self._of(of_tenant, self._token(request))

    def _of(self, tenant: str, authorization: str) -> Principal:
        caller = Caller(self._server.client, tenant, authorization)
        return Principal(CustomersClient(caller), {"Authorization": authorization})

    def _token(self, request: Mapping[str, Any]) -> str:
        body = {name: value for name, value in request.items() if value not in (None, [], "")}
        try:
            answer = self._controls.call("POST", "/__test/tokens", body=body)
        except CustomersError as error:
            if error.code in (_IS_OFF, _NO_KEY):
                raise NoTokens(_sentence(error)) from error
            raise
        return str(answer["authorization"])

    def _key(self, tenant: str, permissions: Sequence[str]) -> str:
        if (error := _refusal_of_tokens(self._server)) is not None and error.code == _IS_OFF:
            raise NoTokens(_sentence(error))
        body = {"tenantId": tenant, "permissions": permissions}
        return f"Bearer {self._controls.call('POST', '/__test/keys', body=body)['key']}"


def kind_for_everything(server: Server) -> Kind | None:
    """The kind of caller who may do everything: `staff`, or `key` if the service has no key to sign
    tokens with. None if it makes no tokens for another reason, such as authentication being off.
    """
    if (error := _refusal_of_tokens(server)) is None:
        return "staff"
    return "key" if error.code == _NO_KEY else None


def _refusal_of_tokens(server: Server) -> CustomersError | None:
    """The error with which the service refuses to make tokens; None if it makes them."""
    try:
        Caller(server.client).call("POST", "/__test/tokens", body={"kind": "shopper"})
    except CustomersError as error:
        return error
    return None


def _sentence(error: CustomersError) -> str:
    return (
        f"customers_principal needs a service that authenticates callers ({error.message}): "
        "set customers_options = --auth jwt in the ini file, or CUSTOMERS_OPTIONS"
    )

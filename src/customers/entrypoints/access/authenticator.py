"""Authenticates a caller by the kind of credential that the caller sends."""

from collections.abc import Sequence
from typing import Final, Protocol

from attrs import evolve

from customers.core.errors.access import InvalidToken, Unauthenticated
from customers.core.model.principal import ANYONE, Principal
from customers.entrypoints.access.caller import Caller, single_value

# These headers name the acting user where authentication is off.
_ACTOR_HEADERS: Final = ("x-jwt-claim-sub", "x-user-id")
# The acting user's e-mail address, by which a customer can be linked to the user.
_EMAIL_HEADER: Final = "x-jwt-claim-email"
_BEARER: Final = "bearer"


class Authenticator(Protocol):
    async def authenticate(self, caller: Caller) -> Principal:
        """The principal of a caller. Raises Unauthenticated, InvalidToken, Unavailable."""
        ...


class NoAuthentication:
    """Lets every caller do everything (`AUTH=none`); headers name the acting user."""

    async def authenticate(self, caller: Caller) -> Principal:
        for name in _ACTOR_HEADERS:
            if subject := _first(caller, name):
                return evolve(ANYONE, subject=subject, verified_email=_first(caller, _EMAIL_HEADER))
        return ANYONE


def _first(caller: Caller, name: str) -> str:
    return "".join(caller.values(name)[:1]).strip()


class Tokens(Protocol):
    """Verifies the bearer tokens of one kind, such as API keys."""

    def takes(self, token: str) -> bool:
        """Whether a token looks like one of this kind."""
        ...

    async def principal(self, token: str) -> Principal:
        """The principal of a caller with this token. Raises InvalidToken, Unavailable."""
        ...


class Principals(Protocol):
    """Recognises callers by something else than a bearer token, such as a client certificate."""

    def principal(self, caller: Caller) -> Principal | None:
        """The principal, or None for an unknown caller. Raises InvalidToken, Unauthenticated."""
        ...


class Authentication:
    """Authenticates by a bearer token of a known kind, else by the first of `others` that can.

    A kind that takes every token refuses other schemes than Bearer too; without such a kind, the
    header is the gateway's own matter.
    """

    def __init__(self, tokens: Sequence[Tokens], others: Sequence[Principals]) -> None:
        self._tokens = tokens
        self._others = others

    async def authenticate(self, caller: Caller) -> Principal:
        if authorization := single_value(caller, "authorization"):
            token = _bearer_token(authorization)
            for kind in self._tokens:
                if kind.takes(token):
                    return await kind.principal(token)
        for other in self._others:
            if (principal := other.principal(caller)) is not None:
                return principal
        raise Unauthenticated


def _bearer_token(authorization: str) -> str:
    """The token of an Authorization header; empty for another scheme. Raises InvalidToken."""
    scheme, _, token = authorization.partition(" ")
    if (name := scheme.lower()) != _BEARER:
        if name.startswith(_BEARER):  # a tab after it, for example
            raise InvalidToken("the token is malformed")
        return ""
    if not (token := token.strip()):
        raise InvalidToken("the token is empty")
    return token

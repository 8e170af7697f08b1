"""Authenticates callers: the credential that a caller sends decides which way."""

from collections.abc import Sequence
from typing import Final, Protocol

from attrs import evolve

from customers.core.errors.access import InvalidToken, Unauthenticated
from customers.core.model.principal import ANYONE, Principal
from customers.entrypoints.access.caller import Caller, single_value

# Who acts, where nobody is authenticated.
_ACTOR_HEADERS: Final = ("x-jwt-claim-sub", "x-user-id")
# Their e-mail address, which may be linked to them.
_EMAIL_HEADER: Final = "x-jwt-claim-email"
_BEARER: Final = "bearer"


class Authenticator(Protocol):
    async def authenticate(self, caller: Caller) -> Principal:
        """The principal of a caller. Raises Unauthenticated, InvalidToken, Unavailable."""
        ...


class NoAuthentication:
    """Everybody may do everything; the headers say who acts."""

    async def authenticate(self, caller: Caller) -> Principal:
        for name in _ACTOR_HEADERS:
            if subject := _first(caller, name):
                return evolve(ANYONE, subject=subject, verified_email=_first(caller, _EMAIL_HEADER))
        return ANYONE


def _first(caller: Caller, name: str) -> str:
    return "".join(caller.values(name)[:1]).strip()


class Tokens(Protocol):
    """Tokens of one kind."""

    def takes(self, token: str) -> bool:
        """Whether a token looks like one of this kind."""
        ...

    async def principal(self, token: str) -> Principal:
        """Raises InvalidToken, Unavailable."""
        ...


class Principals(Protocol):
    """What knows callers by who they are, rather than by a token."""

    def principal(self, caller: Caller) -> Principal | None:
        """None for a caller that it does not know. Raises InvalidToken."""
        ...


class Authentication:
    """A bearer token is verified where its kind is known; else the first that knows a caller."""

    def __init__(self, tokens: Sequence[Tokens], others: Sequence[Principals]) -> None:
        self._tokens = tokens
        self._others = others

    async def authenticate(self, caller: Caller) -> Principal:
        token = _bearer_token(caller)
        if token is not None:
            for kind in self._tokens:
                if kind.takes(token):
                    return await kind.principal(token)
        for other in self._others:
            if (principal := other.principal(caller)) is not None:
                return principal
        raise Unauthenticated


def _bearer_token(caller: Caller) -> str | None:
    """The token of the Authorization header; None without one, or with another scheme."""
    scheme, _, token = single_value(caller, "authorization").partition(" ")
    if scheme.lower() != _BEARER:
        return None
    if not (token := token.strip()):
        raise InvalidToken("the token is empty")
    return token

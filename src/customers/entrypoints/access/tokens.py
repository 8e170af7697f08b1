"""The bearer tokens of an identity provider, and the principals that follow from their claims."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from attrs import frozen

from customers.core.errors.access import InvalidToken
from customers.core.model.principal import Principal
from customers.core.model.roles import Roles
from customers.core.ports.clock import Clock
from customers.core.ports.tokens import TokenClaims, TokenVerifier
from customers.entrypoints.access.authenticator import Tokens
from customers.entrypoints.access.claims import Claims, tenants_named, texts_of

# Tokens of another kind: the keys of this service.
_KEY_PREFIX: Final = "csk_"
MAX_TOKEN_BYTES: Final = 16 * 1024
MAX_KEPT: Final = 10_000
MAX_KEPT_SECONDS: Final = 60.0
_SCOPE: Final = "scope"


@frozen(kw_only=True)
class ClaimNames:
    """Where the claims of a token are: names, or names with dots between them."""

    tenants: str = "tenant_id"
    permissions: str = "permissions"
    roles: str = "realm_access.roles"

    def read(self, claims: TokenClaims) -> Claims:
        """What the claims say of the caller; values of other types say nothing.

        Raises InvalidToken for a token without a subject.
        """
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject.strip():
            raise InvalidToken("the token has no subject")
        permissions = _claim(claims, self.permissions)
        return Claims(
            subject=subject.strip(),
            tenants=tenants_named(_texts(_claim(claims, self.tenants))),
            permissions=_words(claims.get(_SCOPE) if permissions is None else permissions),
            roles=_words(_claim(claims, self.roles)),
            verified_email=_verified_email(claims),
        )


@frozen
class _Kept:
    principal: Principal
    verified_at: datetime
    until: datetime


class JwtTokens(Tokens):
    """Every bearer token that is not a key of this service.

    The principal of a verified token is kept by the SHA-256 of the token, until the token expires,
    a minute at most: so long a token outlives its key.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        clock: Clock,
        roles: Roles,
        names: ClaimNames,
    ) -> None:
        self._verifier = verifier
        self._clock = clock
        self._roles = roles
        self._names = names
        self._kept: dict[bytes, _Kept] = {}

    def takes(self, token: str) -> bool:
        return not token.startswith(_KEY_PREFIX)

    async def principal(self, token: str) -> Principal:
        """Raises InvalidToken."""
        digest = _digest(token)
        earlier, now = self._kept.get(digest), self._clock.now()
        if earlier is not None and earlier.verified_at <= now < earlier.until:
            return earlier.principal
        claims = self._verifier.verify(token)
        principal = self._names.read(claims).principal(self._roles)
        self._keep(digest, _Kept(principal, now, _kept_until(claims, now)))
        return principal

    def claims(self, token: str) -> Claims:
        """What a token says of its bearer. Raises InvalidToken."""
        _digest(token)
        return self._names.read(self._verifier.verify(token))

    def _keep(self, digest: bytes, verified: _Kept) -> None:
        self._kept.pop(digest, None)
        if len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]  # the one that was verified first
        self._kept[digest] = verified


def _kept_until(claims: TokenClaims, now: datetime) -> datetime:
    """When the token must be verified again; `now` for one that has expired but for the leeway."""
    expires_at = claims["exp"]
    if not isinstance(expires_at, int | float):
        return now
    seconds = now.timestamp()  # compared first: an integer may be too large for a float
    if expires_at >= seconds + MAX_KEPT_SECONDS:
        return now + timedelta(seconds=MAX_KEPT_SECONDS)
    return now + timedelta(seconds=max(expires_at - seconds, 0))


def _digest(token: str) -> bytes:
    """Raises InvalidToken for a token that is too long to be read, or no text of ASCII."""
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken("the token is longer than 16 KiB")
    if not token.isascii():
        raise InvalidToken("the token is malformed")
    return sha256(token.encode()).digest()


def _claim(claims: TokenClaims, name: str) -> object:
    """The value of a claim by its whole name, else by the path that its dots make; else None."""
    if name in claims:
        return claims[name]
    value: object = claims
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _texts(value: object) -> Sequence[str]:
    """The texts of a claim that is one text, or a list of them."""
    return texts_of([value.strip()] if isinstance(value, str) else value)


def _words(value: object) -> Sequence[str]:
    """The texts of a list, or the words of a text between spaces or commas."""
    return value.replace(",", " ").split() if isinstance(value, str) else texts_of(value)


def _verified_email(claims: TokenClaims) -> str:
    """The address, if the provider says that it belongs to the subject; else empty."""
    email, is_verified = claims.get("email"), claims.get("email_verified")
    return (
        email if isinstance(email, str) and (is_verified is True or is_verified == "true") else ""
    )

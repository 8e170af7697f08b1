"""The bearer tokens of an identity provider, and the principals that follow from their claims."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from attrs import frozen

from customers.core.errors.access import InvalidToken, Unauthenticated
from customers.core.model.principal import Principal
from customers.core.model.roles import Roles
from customers.core.ports.clock import Clock
from customers.core.ports.tokens import TokenClaims, TokenVerifier
from customers.entrypoints.access.authenticator import Tokens
from customers.entrypoints.access.claims import Claims, tenants_named, texts_of

# API keys of this service begin with this prefix; every other token is taken for a JWT.
_KEY_PREFIX: Final = "csk_"
MAX_TOKEN_BYTES: Final = 16 * 1024
MAX_CACHED: Final = 10_000
MAX_CACHED_SECONDS: Final = 60.0
_SCOPE: Final = "scope"


@frozen(kw_only=True)
class ClaimNames:
    """The names of the claims with tenants, permissions and roles; dots lead into inner objects."""

    tenants: str = "tenant_id"
    permissions: str = "permissions"
    roles: str = "realm_access.roles"

    def read(self, claims: TokenClaims) -> Claims:
        """The claims about the caller; a value of an unexpected type counts as missing.

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
class _Entry:
    principal: Principal
    verified_at: datetime
    expires_at: datetime


class JwtTokens(Tokens):
    """Verifies every bearer token that is not an API key of this service.

    The principal of a verified token is cached by the SHA-256 of the token until the token expires,
    for a minute at most. So a token is accepted for up to a minute after the verifier has dropped
    its key.
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
        self._cache: dict[bytes, _Entry] = {}

    def takes(self, token: str) -> bool:
        return not token.startswith(_KEY_PREFIX)

    async def principal(self, token: str) -> Principal:
        """The principal of a caller with this token. Raises InvalidToken, and Unauthenticated for
        an empty token.
        """
        if not token:
            raise Unauthenticated
        digest = _digest(token)
        entry, now = self._cache.get(digest), self._clock.now()
        if entry is not None and entry.verified_at <= now < entry.expires_at:
            return entry.principal
        claims = self._verifier.verify(token)
        principal = self._names.read(claims).principal(self._roles)
        self._store(digest, _Entry(principal, now, _expires_at(claims, now)))
        return principal

    def claims(self, token: str) -> Claims:
        """The claims of a verified token about its bearer. Raises InvalidToken."""
        _digest(token)
        return self._names.read(self._verifier.verify(token))

    def _store(self, digest: bytes, entry: _Entry) -> None:
        self._cache.pop(digest, None)
        if len(self._cache) >= MAX_CACHED:
            del self._cache[next(iter(self._cache))]  # the one that was verified first
        self._cache[digest] = entry


def _expires_at(claims: TokenClaims, now: datetime) -> datetime:
    """When the token must be verified again; `now` if only the leeway keeps it valid."""
    expires_at = claims["exp"]
    if not isinstance(expires_at, int | float):
        return now
    seconds = (
        now.timestamp()
    )  # compared before subtracting: an integer may be too large for a float
    if expires_at >= seconds + MAX_CACHED_SECONDS:
        return now + timedelta(seconds=MAX_CACHED_SECONDS)
    return now + timedelta(seconds=max(expires_at - seconds, 0))


def _digest(token: str) -> bytes:
    """The SHA-256 of a token. Raises InvalidToken if the token is too long or not ASCII."""
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken("the token is longer than 16 KiB")
    if not token.isascii():
        raise InvalidToken("the token is malformed")
    return sha256(token.encode()).digest()


def _claim(claims: TokenClaims, name: str) -> object:
    """The value under the whole name, else under the dotted path, else None."""
    if name in claims:
        return claims[name]
    value: object = claims
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _texts(value: object) -> Sequence[str]:
    """The texts of a claim that is either one text or a list of texts."""
    return texts_of([value.strip()] if isinstance(value, str) else value)


def _words(value: object) -> Sequence[str]:
    """The texts of a list, or the words of a text that is separated by spaces or commas."""
    return value.replace(",", " ").split() if isinstance(value, str) else texts_of(value)


def _verified_email(claims: TokenClaims) -> str:
    """The e-mail address if the provider says that it is verified; else empty."""
    email = claims.get("email")
    return email if isinstance(email, str) and claims.get("email_verified") is True else ""

"""API keys, with which services without an identity provider authenticate themselves.

The text of a key is `csk_<id>_<secret>`: its id, and a secret of 64 hexadecimal digits. Only the
SHA-256 of the secret is stored; it needs no salt, because 32 random bytes cannot be guessed.
"""

import hmac
import re
from datetime import datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Annotated, Final, Self
from uuid import UUID

from attrs import define, field, frozen

from customers.core.errors import Invalid, InvalidValue
from customers.core.errors.access import InvalidToken, PermissionDenied
from customers.core.model.moments import Moment
from customers.core.model.permissions import (
    NO_PERMISSIONS,
    Permissions,
    known_permissions,
    permissions_named,
)
from customers.core.model.principal import Principal, PrincipalKind, Tenants
from customers.core.model.values import TextGate, text_of

MAX_KEYS: Final = 100
MAX_NAMES: Final = 50
SECRET_BYTES: Final = 32
KEY_PREFIX: Final = "csk_"

_TEXT: Final = re.compile(
    r"csk_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_([0-9a-f]{64})", re.ASCII
)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@frozen
class PermissionsGate:
    """The gate of lists of 1 to 50 permission names, which stay as written, without duplicates."""

    def read(self, raw: object) -> tuple[str, ...]:
        if not isinstance(raw, list | tuple):
            raise InvalidValue("INVALID_TYPE", "must be a list of permissions")
        if not raw:
            raise InvalidValue("REQUIRED", "must not be empty")
        if len(raw) > MAX_NAMES:
            raise InvalidValue("MAX_LENGTH", f"must have at most {MAX_NAMES} permissions")
        for place, name in enumerate(map(text_of, raw), start=1):
            try:
                permissions_named(name)
            except InvalidValue as error:
                raise InvalidValue(error.code, f"item {place} {error.message}") from None
        return tuple(dict.fromkeys(raw))


@frozen
class DigestGate:
    """The gate of SHA-256 digests: 64 hexadecimal digits in lower case."""

    def read(self, raw: object) -> str:
        if not _DIGEST.fullmatch(value := text_of(raw)):
            raise InvalidValue("INVALID_FORMAT", "must be 64 hexadecimal digits in lower case")
        return value


KeyName = Annotated[str, TextGate(max_length=100)]
PermissionList = Annotated[tuple[str, ...], PermissionsGate()]
Digest = Annotated[str, DigestGate()]


@frozen(kw_only=True)
class ApiKeyDetails:
    """A new key; without `expires_at` it is valid until it is revoked."""

    name: KeyName = ""
    permissions: PermissionList
    expires_at: Moment | None = None

    @property
    def granted(self) -> Permissions:
        """The permissions that the names stand for."""
        return NO_PERMISSIONS.union(*map(permissions_named, self.permissions))

    def expect_allowed(self, principal: Principal, now: datetime) -> None:
        """Raises Invalid for a key that would never be valid, and PermissionDenied for a permission
        that the principal does not have.
        """
        if self.expires_at is not None and self.expires_at <= now:
            raise Invalid.at("/expiresAt", "INVALID_VALUE", "must be in the future")
        if lacking := self.granted - principal.permissions:
            raise PermissionDenied(min(lacking))


@lru_cache(maxsize=1024)
def _id_of(text: str) -> UUID:
    return UUID(text)


@define(kw_only=True)  # every call with a key makes one: frozen would take three times as long
class Credential:
    """The id and the secret in the text of a key. Its `repr` leaves the secret out."""

    key_id: UUID
    secret: str = field(repr=False)

    @classmethod
    def of(cls, key_id: UUID, secret: bytes) -> Self:
        """The credential with this secret of SECRET_BYTES random bytes."""
        return cls(key_id=key_id, secret=secret.hex())

    @classmethod
    def parse(cls, text: str) -> Self:
        """The credential in the text of a key. Raises InvalidToken, whose message does not quote
        the text.
        """
        if not (match := _TEXT.fullmatch(text)):
            raise InvalidToken("the key is malformed")
        return cls(key_id=_id_of(match[1]), secret=match[2])

    @property
    def text(self) -> str:
        """The text of the key, which is shown once, when the key is created."""
        return f"{KEY_PREFIX}{self.key_id}_{self.secret}"

    @property
    def digest(self) -> str:
        """The SHA-256 of the secret, which is stored instead of it."""
        return sha256(self.secret.encode()).hexdigest()


@frozen(kw_only=True)
class ApiKey:
    """An API key of a tenant. `permissions` are names as they were written, wildcards included.

    `last_used_at` is truncated to the minute.
    """

    id: UUID
    tenant_id: str
    name: str = ""
    permissions: tuple[str, ...]
    secret_hash: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    @classmethod
    def new(
        cls, details: ApiKeyDetails, credential: Credential, *, tenant_id: str, now: datetime
    ) -> Self:
        return cls(
            id=credential.key_id,
            tenant_id=tenant_id,
            name=details.name,
            permissions=details.permissions,
            secret_hash=credential.digest,
            created_at=now,
            expires_at=details.expires_at,
        )

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def verify(self, credential: Credential, now: datetime) -> Principal:
        """The principal of a caller with this credential. Raises InvalidToken; its message says
        that a key is revoked or expired only to callers who have the secret.
        """
        if not hmac.compare_digest(self.secret_hash, credential.digest):
            raise unknown_key()
        if self.revoked_at is not None:
            raise InvalidToken("the key has been revoked")
        if self.has_expired(now):
            raise InvalidToken("the key has expired")
        return self.principal

    @cached_property
    def principal(self) -> Principal:
        """The principal of a caller with this key, while the key is valid."""
        return Principal(
            kind=PrincipalKind.SERVICE,
            subject=str(self.id),
            tenants=Tenants(ids=frozenset((self.tenant_id,))),
            permissions=known_permissions(self.permissions),
        )


@frozen(kw_only=True)
class NewApiKey:
    """A key that was just created, and its text, which is never shown again."""

    key: ApiKey
    text: str = field(repr=False)


def unknown_key() -> InvalidToken:
    """The error for an unknown key and for a wrong secret, which callers cannot tell apart."""
    return InvalidToken("the key is not known")

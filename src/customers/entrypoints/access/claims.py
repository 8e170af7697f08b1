"""What an identity provider says of a caller, and the principal that follows from it."""

import json
from collections.abc import Sequence

from attrs import frozen

from customers.core.model.permissions import known_permissions
from customers.core.model.principal import (
    EVERY_TENANT,
    NO_TENANTS,
    Principal,
    PrincipalKind,
    Tenants,
)
from customers.core.model.roles import Roles

_EVERY = "*"


@frozen(kw_only=True)
class Claims:
    """The claims of a token; a mesh that has verified one may say them for it."""

    subject: str = ""
    tenants: Tenants = NO_TENANTS
    permissions: Sequence[str] = ()
    roles: Sequence[str] = ()
    verified_email: str = ""

    def principal(self, roles: Roles) -> Principal:
        """The principal: a shopper without any permission, a service for every tenant."""
        known = roles.of_subject(self.subject)
        permissions = known_permissions(self.permissions)
        permissions |= roles.permissions_of((*self.roles, *known.roles))
        tenants = self.tenants | known.tenants
        return Principal(
            kind=_kind(is_permitted=bool(permissions), is_platform=tenants.is_every),
            subject=self.subject,
            tenants=tenants,
            permissions=permissions,
            verified_email=self.verified_email,
        )


def _kind(*, is_permitted: bool, is_platform: bool) -> PrincipalKind:
    if is_platform:
        return PrincipalKind.SERVICE
    return PrincipalKind.STAFF if is_permitted else PrincipalKind.SHOPPER


def tenants_named(names: Sequence[str]) -> Tenants:
    """The tenants of a claim; `*` is every one."""
    if _EVERY in names:
        return EVERY_TENANT
    return Tenants(ids=frozenset(filter(None, names)))


def listed(text: str) -> tuple[str, ...]:
    """The texts of a comma list or a JSON list; a malformed one has none."""
    if text.startswith("["):
        try:
            items = json.loads(text)
        except (ValueError, RecursionError):
            return ()
        return texts_of(items)
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def texts_of(value: object) -> tuple[str, ...]:
    """The texts of a list; other values in it are left out, and other values have none."""
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str) and item)

"""The claims of an identity provider about a caller, and the principal made from them."""

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
    """The claims about a caller, from a token or from the gateway that verified the token."""

    subject: str = ""
    tenants: Tenants = NO_TENANTS
    permissions: Sequence[str] = ()
    roles: Sequence[str] = ()
    verified_email: str = ""

    def principal(self, roles: Roles) -> Principal:
        """The principal: a service if it has every tenant, else staff if it has permissions, else a
        shopper.
        """
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
    """The tenants with these names; the name `*` means every tenant."""
    if _EVERY in names:
        return EVERY_TENANT
    return Tenants(ids=frozenset(filter(None, names)))


def listed(text: str) -> tuple[str, ...]:
    """The texts of a comma-separated list or a JSON list; none if the JSON is malformed."""
    if text.startswith("["):
        try:
            items = json.loads(text)
        except (ValueError, RecursionError):
            return ()
        return texts_of(items)
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def texts_of(value: object) -> tuple[str, ...]:
    """The non-empty texts among the items of a list; none if `value` is not a list."""
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str) and item)

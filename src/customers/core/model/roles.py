"""Roles: named sets of permissions, which a deployment gives to people and services."""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import field, frozen

from customers.core.model.permissions import (
    ALL_PERMISSIONS,
    NO_PERMISSIONS,
    Permission,
    Permissions,
)
from customers.core.model.principal import NO_TENANTS, Tenants

_VIEWER: Final = frozenset(
    (Permission.CUSTOMERS_VIEW, Permission.ORDERS_VIEW, Permission.SEGMENTS_VIEW)
)
BUILT_IN_ROLES: Final[Mapping[str, Permissions]] = {
    "viewer": _VIEWER,
    "support": _VIEWER
    | {
        Permission.CUSTOMERS_CREATE,
        Permission.CUSTOMERS_EDIT,
        Permission.CUSTOMERS_LOCK,
        Permission.NOTES_MANAGE,
        Permission.COMMUNICATIONS_MANAGE,
        Permission.PAYMENTS_MANAGE,
    },
    "marketing": _VIEWER
    | {
        Permission.CUSTOMERS_EXPORT,
        Permission.SEGMENTS_MANAGE,
        Permission.COMMUNICATIONS_MANAGE,
    },
    "admin": ALL_PERMISSIONS,
    "orders-service": frozenset(
        (Permission.CUSTOMERS_VIEW, Permission.CUSTOMERS_CREATE, Permission.ORDERS_RECORD)
    ),
}


@frozen(kw_only=True)
class SubjectRoles:
    """The roles and tenants that a deployment adds to those of a subject's credential."""

    roles: tuple[str, ...] = ()
    tenants: Tenants = NO_TENANTS


@frozen(kw_only=True)
class Roles:
    """The permissions of roles, and the roles and tenants of subjects."""

    permissions: Mapping[str, Permissions] = BUILT_IN_ROLES
    subjects: Mapping[str, SubjectRoles] = field(factory=dict)

    def permissions_of(self, roles: Iterable[str]) -> Permissions:
        """The permissions of all these roles together; an unknown role has none."""
        return NO_PERMISSIONS.union(*(self.permissions.get(role, NO_PERMISSIONS) for role in roles))

    def of_subject(self, subject: str) -> SubjectRoles:
        return self.subjects.get(subject, SubjectRoles())

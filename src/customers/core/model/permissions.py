"""Permissions: what a caller may do. `docs/security.md` says which one each operation needs."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from customers.core.errors import InvalidValue


class Permission(StrEnum):
    CUSTOMERS_VIEW = "customers:view"
    CUSTOMERS_CREATE = "customers:create"
    CUSTOMERS_EDIT = "customers:edit"
    CUSTOMERS_DELETE = "customers:delete"
    CUSTOMERS_ERASE = "customers:erase"
    CUSTOMERS_LOCK = "customers:lock"
    CUSTOMERS_EXPORT = "customers:export"
    CUSTOMERS_IMPORT = "customers:import"
    ORDERS_VIEW = "orders:view"
    ORDERS_RECORD = "orders:record"
    SEGMENTS_VIEW = "segments:view"
    SEGMENTS_MANAGE = "segments:manage"
    NOTES_MANAGE = "notes:manage"
    COMMUNICATIONS_MANAGE = "communications:manage"
    PAYMENTS_MANAGE = "payments:manage"
    EVENTS_READ = "events:read"
    WEBHOOKS_MANAGE = "webhooks:manage"
    KEYS_MANAGE = "keys:manage"
    SERVICE_OBSERVE = "service:observe"


Permissions = frozenset[Permission]

NO_PERMISSIONS: Final[Permissions] = frozenset()
ALL_PERMISSIONS: Final[Permissions] = frozenset(Permission)

_BY_NAME: Final[dict[str, Permissions]] = {
    **{permission.value: frozenset((permission,)) for permission in Permission},
    "*": ALL_PERMISSIONS,
    "customers:*": frozenset(
        permission for permission in Permission if permission.startswith("customers:")
    ),
    # The names that the staff service uses.
    "customers:segments:manage": frozenset((Permission.SEGMENTS_MANAGE,)),
    "customers:notes:manage": frozenset((Permission.NOTES_MANAGE,)),
}
PERMISSION_NAMES: Final = tuple(_BY_NAME)
"""Every name that stands for permissions, with wildcards and the names of the staff service."""


def known_permissions(names: Iterable[str]) -> Permissions:
    """The permissions with these names; names that this service does not know grant nothing."""
    return NO_PERMISSIONS.union(*(_BY_NAME.get(name, NO_PERMISSIONS) for name in names))


def permissions_named(name: str) -> Permissions:
    """The permissions that a name stands for. Raises InvalidValue for an unknown name."""
    try:
        return _BY_NAME[name]
    except KeyError:
        names = ", ".join(_BY_NAME)
        raise InvalidValue(
            "INVALID_VALUE", f"is not a permission; the permissions are {names}"
        ) from None

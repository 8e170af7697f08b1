"""Permissions and roles: what a name allows."""

import pytest

from customers.core.errors import InvalidValue
from customers.core.model.permissions import (
    ALL_PERMISSIONS,
    Permission,
    known_permissions,
    permissions_named,
)
from customers.core.model.roles import Roles


@pytest.mark.parametrize(
    ("name", "permissions"),
    [
        ("customers:view", {Permission.CUSTOMERS_VIEW}),
        ("segments:manage", {Permission.SEGMENTS_MANAGE}),
        ("customers:segments:manage", {Permission.SEGMENTS_MANAGE}),
        ("customers:notes:manage", {Permission.NOTES_MANAGE}),
        ("*", ALL_PERMISSIONS),
    ],
)
def test_a_name_stands_for_permissions(name: str, permissions: set[Permission]) -> None:
    assert permissions_named(name) == permissions
    assert known_permissions([name, "something:else"]) == permissions


def test_the_wildcard_of_customers_allows_nothing_else() -> None:
    permissions = permissions_named("customers:*")
    assert {permission.partition(":")[0] for permission in permissions} == {"customers"}
    assert Permission.CUSTOMERS_ERASE in permissions


@pytest.mark.parametrize("name", ["", "customers", "orders:*", "Customers:view", "customers:view "])
def test_an_unknown_name_allows_nothing(name: str) -> None:
    assert not known_permissions([name])
    with pytest.raises(InvalidValue):
        permissions_named(name)


def test_only_an_admin_may_do_everything() -> None:
    roles = Roles()
    assert roles.permissions_of(["admin"]) == ALL_PERMISSIONS
    assert roles.permissions_of(["unknown"]) == frozenset()
    for role in ("viewer", "support", "marketing", "orders-service"):
        permissions = roles.permissions_of([role])
        assert Permission.CUSTOMERS_VIEW in permissions
        assert not permissions & {
            Permission.CUSTOMERS_DELETE,
            Permission.CUSTOMERS_ERASE,
            Permission.KEYS_MANAGE,
        }

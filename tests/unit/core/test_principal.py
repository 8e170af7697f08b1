"""The principal: the tenants it may act for, what it may do, and the actor that is recorded."""

from uuid import UUID

import pytest

from customers.core.errors.access import PermissionDenied, TenantForbidden
from customers.core.model.permissions import Permission
from customers.core.model.principal import (
    ANYONE,
    EVERY_TENANT,
    NO_TENANTS,
    Principal,
    PrincipalKind,
    Tenants,
)

USER = "0190a6b0-0000-7000-8000-00000000000A"
SHOP, MALL = Tenants(ids=frozenset(("shop",))), Tenants(ids=frozenset(("mall",)))


def a_principal(**fields: object) -> Principal:
    return Principal(kind=PrincipalKind.STAFF, **fields)  # type: ignore[arg-type]


def test_nobody_may_act_for_a_tenant_that_is_not_theirs() -> None:
    principal = a_principal(tenants=SHOP)
    principal.expect_tenant("shop")
    for other in ("mall", "", "SHOP", "*"):
        with pytest.raises(TenantForbidden):
            principal.expect_tenant(other)


def test_the_only_tenant_need_not_be_named() -> None:
    assert SHOP.only == "shop"
    assert [tenants.only for tenants in (NO_TENANTS, EVERY_TENANT, SHOP | MALL)] == ["", "", ""]


def test_tenants_add_up() -> None:
    assert {"shop", "mall"} == (SHOP | MALL).ids
    assert "any" in (SHOP | EVERY_TENANT)
    assert "shop" not in NO_TENANTS


def test_a_missing_permission_is_named() -> None:
    principal = a_principal(permissions=frozenset((Permission.CUSTOMERS_VIEW,)))
    principal.expect(Permission.CUSTOMERS_VIEW)
    with pytest.raises(PermissionDenied, match="customers:lock"):
        principal.expect(Permission.CUSTOMERS_LOCK)


def test_the_actor_is_the_subject_if_it_is_a_uuid() -> None:
    assert a_principal(subject=USER).actor == UUID(USER)
    assert a_principal(subject="orders-service").actor is None
    assert ANYONE.actor is None

"""Who is a shopper: by a storefront's headers behind a gateway, and without authentication."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve, field, frozen

from customers.core.errors.access import InvalidToken, ShopperRequired, Unauthenticated
from customers.core.model.permissions import NO_PERMISSIONS
from customers.core.model.principal import Principal, PrincipalKind, Tenants
from customers.core.model.roles import Roles
from customers.core.model.shopper import Shopper
from customers.entrypoints.access.authenticator import NoAuthentication
from customers.entrypoints.access.claims import Claims
from customers.entrypoints.access.gateway import Gateway
from customers.entrypoints.access.guard import Guard
from customers.entrypoints.config.access_values import Networks
from customers.entrypoints.config.settings import Settings
from customers.entrypoints.container import Container
from tests.support.api_steps import USER

GATEWAY = Gateway(
    Networks.parse("10.0.0.0/8").ranges,
    None,
    Roles(),
    ("storefront",),
)
STOREFRONT = (("x-internal-service", "storefront"), ("x-user-id", USER), ("x-tenant-id", "shop"))


@frozen(kw_only=True)
class FakeCaller:
    peer: str = "10.1.2.3"
    headers: tuple[tuple[str, str], ...] = field(default=())
    certificate_names: tuple[str, ...] = ()

    def values(self, name: str) -> Sequence[str]:
        return [value for key, value in self.headers if key == name]


def test_a_storefront_behind_the_gateway_is_the_shopper_it_names() -> None:
    principal = GATEWAY.principal(FakeCaller(headers=STOREFRONT))
    assert principal is not None
    assert (principal.kind, principal.subject) == (PrincipalKind.SHOPPER, USER)
    assert (principal.tenants, principal.permissions) == (
        Tenants(ids=frozenset(("shop",))),
        NO_PERMISSIONS,
    )
    assert principal.verified_email == ""


def test_a_storefront_elsewhere_is_nobody() -> None:
    assert GATEWAY.principal(FakeCaller(peer="192.0.2.1", headers=STOREFRONT)) is None


@pytest.mark.parametrize("header", STOREFRONT, ids=lambda header: header[0])
def test_a_header_of_a_storefront_is_given_once(header: tuple[str, str]) -> None:
    with pytest.raises(InvalidToken):
        GATEWAY.principal(FakeCaller(headers=(*STOREFRONT, header)))


@pytest.mark.parametrize("user", [(), (("x-user-id", "  "),)])
def test_a_storefront_without_a_shopper_is_not_authenticated(
    user: tuple[tuple[str, str], ...],
) -> None:
    with pytest.raises(Unauthenticated) as raised:
        GATEWAY.principal(FakeCaller(headers=(STOREFRONT[0], *user)))
    assert not isinstance(raised.value, InvalidToken)


def test_the_verified_email_beside_a_storefront_is_that_of_the_shopper() -> None:
    headers = (*STOREFRONT, ("x-jwt-claim-email", "ada@example.test"))
    principal = GATEWAY.principal(FakeCaller(headers=headers))
    assert principal is not None
    assert (principal.kind, principal.subject) == (PrincipalKind.SHOPPER, USER)
    assert (principal.verified_email, principal.tenants.only) == ("ada@example.test", "shop")


@pytest.mark.parametrize("claim", ["sub", "tenant-id", "roles", "permissions"])
def test_a_storefront_does_not_act_for_others_beside_other_claims(claim: str) -> None:
    headers = (*STOREFRONT, ("x-jwt-claim-email", "a@b"), (f"x-jwt-claim-{claim}", "["))
    principal = GATEWAY.principal(FakeCaller(headers=headers))
    assert principal is not None
    assert principal.subject != USER


def test_claims_win_over_the_headers_of_a_storefront() -> None:
    headers = (*STOREFRONT, ("x-jwt-claim-sub", "somebody"))
    principal = GATEWAY.principal(FakeCaller(headers=headers))
    assert principal is not None
    assert principal.subject == "somebody"
    assert principal.tenants == Tenants()


@pytest.mark.parametrize("text", ["ada\0@example.test", "ada\udcff@example.test", "a" * 2_000])
def test_a_text_that_can_be_no_address_is_none(text: str) -> None:
    principal = Principal(kind=PrincipalKind.SHOPPER, subject=USER, verified_email=text)
    assert Shopper.of(principal).verified_email_key == ""


async def test_where_nobody_is_authenticated_the_headers_name_the_shopper() -> None:
    guard = Guard(NoAuthentication(), is_open=True)
    headers = (("x-user-id", USER), ("x-jwt-claim-email", "ada@example.test"))
    principal = await guard.admit_shopper(FakeCaller(headers=headers))
    assert (principal.kind, principal.subject) == (PrincipalKind.SHOPPER, USER)
    assert (principal.permissions, principal.verified_email) == (
        NO_PERMISSIONS,
        "ada@example.test",
    )
    with pytest.raises(Unauthenticated):
        await guard.admit_shopper(FakeCaller())


async def test_staff_is_no_shopper_where_callers_are_authenticated() -> None:
    principal = Claims(subject=USER, permissions=["customers:view"]).principal(Roles())
    with pytest.raises(ShopperRequired):
        principal.expect_shopper()
    with pytest.raises(Unauthenticated):
        Claims().principal(Roles()).expect_shopper()


def test_a_route_that_does_not_say_who_may_call_it_refuses_the_start() -> None:
    container = Container(settings=Settings(storage="memory", data_dir=Path("unused")), dsn="")
    [shopper] = [
        route
        for resource in container.resources()
        for route in resource.table()
        if route.operation == "getOwnProfile"
    ]
    with pytest.raises(ValueError, match="getOwnProfile names no permission"):
        _ = evolve(shopper, is_for_shoppers=False).own_permission

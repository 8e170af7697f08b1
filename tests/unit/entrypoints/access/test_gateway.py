"""The gateway's claims: believed from its addresses, and from nobody else."""

from collections.abc import Mapping, Sequence

import pytest
from attrs import field, frozen

from customers.core.errors.access import InvalidToken
from customers.core.model.permissions import Permission, known_permissions
from customers.core.model.principal import Principal, PrincipalKind, Tenants
from customers.core.model.roles import Roles, SubjectRoles
from customers.entrypoints.access.authenticator import Authentication
from customers.entrypoints.access.certificates import Certificates
from customers.entrypoints.access.gateway import Gateway, Platform
from customers.entrypoints.config.access_values import Networks

CLAIMS = {"x-jwt-claim-sub": ("ada",), "x-jwt-claim-tenant-id": ("shop",)}


@frozen(kw_only=True)
class FakeCaller:
    peer: str = "10.1.2.3"
    headers: Mapping[str, Sequence[str]] = field(factory=dict)
    certificate_names: Sequence[str] = ()

    def values(self, name: str) -> Sequence[str]:
        return self.headers.get(name, ())


def a_gateway(
    peers: str = "10.0.0.0/8,fd00::/8", secret: bytes | None = None, roles: Roles | None = None
) -> Gateway:
    return Gateway(Networks.parse(peers).ranges, secret, roles or Roles())


def a_platform(gateway: Gateway) -> Platform:
    return Platform(gateway, frozenset((Permission.ORDERS_RECORD,)))


def principal_of(headers: Mapping[str, Sequence[str]], roles: Roles | None = None) -> Principal:
    gateway, caller = a_gateway(roles=roles), FakeCaller(headers=headers)
    principal = gateway.principal(caller) or a_platform(gateway).principal(caller)
    assert principal is not None
    return principal


def test_claims_make_a_principal() -> None:
    principal = principal_of(
        {
            **CLAIMS,
            "x-jwt-claim-email": ("ada@example.test",),
            "x-jwt-claim-roles": ("viewer, unknown",),
            "x-jwt-claim-permissions": ("customers:lock,nonsense",),
        }
    )
    assert principal == Principal(
        kind=PrincipalKind.STAFF,
        subject="ada",
        tenants=Tenants(ids=frozenset(("shop",))),
        permissions=known_permissions(
            ["customers:view", "orders:view", "segments:view", "customers:lock"]
        ),
        verified_email="ada@example.test",
    )


@pytest.mark.parametrize("text", ["viewer,admin", '["viewer", "admin"]', " viewer , admin "])
def test_roles_are_a_comma_list_or_a_json_list(text: str) -> None:
    principal = principal_of({**CLAIMS, "x-jwt-claim-roles": (text,)})
    assert principal.may(Permission.CUSTOMERS_ERASE)


@pytest.mark.parametrize("text", ['["admin"', "[" * 10_000, "[1]", '[{"admin": 1}]', "Admin"])
def test_malformed_roles_allow_nothing(text: str) -> None:
    principal = principal_of({**CLAIMS, "x-jwt-claim-roles": (text,)})
    assert (principal.kind, principal.permissions) == (PrincipalKind.SHOPPER, frozenset())


def test_without_claims_the_gateway_is_the_platform_itself() -> None:
    principal = principal_of({})
    assert principal.permissions == {Permission.ORDERS_RECORD}
    assert "any-tenant" in principal.tenants


async def test_a_known_certificate_comes_before_the_platform() -> None:
    roles = Roles(
        subjects={"orders.internal": SubjectRoles(tenants=Tenants(ids=frozenset(("shop",))))}
    )
    gateway = a_gateway(roles=roles)
    authentication = Authentication((), (gateway, Certificates(roles), a_platform(gateway)))
    caller = FakeCaller(certificate_names=("orders.internal",))
    assert (await authentication.authenticate(caller)).subject == "orders.internal"
    caller = FakeCaller(certificate_names=("orders.internal",), headers=CLAIMS)
    assert (await authentication.authenticate(caller)).subject == "ada"
    caller = FakeCaller(certificate_names=("unknown.internal",))
    assert (await authentication.authenticate(caller)).subject == "gateway"


@pytest.mark.parametrize("name", ["sub", "tenant-id", "email", "roles", "permissions"])
def test_any_claim_ends_the_permissions_of_the_platform(name: str) -> None:
    principal = principal_of({f"x-jwt-claim-{name}": ("something",)})
    assert not principal.may(Permission.ORDERS_RECORD)


def test_claims_without_a_tenant_are_for_no_tenant() -> None:
    principal = principal_of({"x-jwt-claim-sub": ("ada",), "x-jwt-claim-roles": ("admin",)})
    assert "shop" not in principal.tenants


def test_a_file_gives_roles_and_tenants_to_a_subject() -> None:
    mall = Tenants(ids=frozenset(("mall",)))
    roles = Roles(subjects={"ada": SubjectRoles(roles=("admin",), tenants=mall)})
    principal = principal_of(CLAIMS, roles=roles)
    assert principal.may(Permission.CUSTOMERS_ERASE)
    assert principal.tenants.ids == {"shop", "mall"}


@pytest.mark.parametrize(
    "peer", ["11.0.0.1", "::1", "", "unix", "10.1.2.3, 10.0.0.1", "fe80::1%eth0", "010.1.2.3"]
)
def test_claims_of_other_addresses_are_as_if_absent(peer: str) -> None:
    gateway, caller = a_gateway(), FakeCaller(peer=peer, headers=CLAIMS)
    assert gateway.principal(caller) is a_platform(gateway).principal(caller) is None


@pytest.mark.parametrize("peer", ["10.255.0.1", "::ffff:10.0.0.1", "fd12::1"])
def test_its_addresses_are_known_in_every_form(peer: str) -> None:
    assert a_gateway().principal(FakeCaller(peer=peer, headers=CLAIMS)) is not None


@pytest.mark.parametrize(
    "secrets", [(), ("",), ("wrong",), ("of the gateway ",), ("of the ", "gateway")]
)
def test_without_the_secret_it_is_not_the_gateway(secrets: Sequence[str]) -> None:
    gateway = a_gateway(secret=b"of the gateway")
    headers = {**CLAIMS, "x-gateway-secret": secrets}
    assert gateway.principal(FakeCaller(headers=headers)) is None
    headers = {**CLAIMS, "x-gateway-secret": ("of the gateway",)}
    assert gateway.principal(FakeCaller(headers=headers)) is not None


@pytest.mark.parametrize("name", ["sub", "tenant-id", "email", "roles", "permissions"])
def test_a_claim_that_is_given_twice_is_refused(name: str) -> None:
    with pytest.raises(InvalidToken, match=f"x-jwt-claim-{name} is given more than once"):
        principal_of({**CLAIMS, f"x-jwt-claim-{name}": ("shop", "mall")})
